//! The service behind the door, and the bugs that the model has to find.

use std::sync::Mutex;

use futures::FutureExt;
use muster_kernel::db::Reach;
use muster_kernel::door::Visit;
use muster_kernel::identity::{Caller, Principal};
use muster_kernel::testing::{Lab, owner};
use muster_kernel::uow::UnitOfWork;
use muster_kernel::{Error, exec, on};
use muster_proto::auth::v1::DisablePersonRequest;
use tonic::Request;
use tonic_types::StatusExt;
use uuid::Uuid;

use super::book::{Answer, Book, Call, How};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plant {
    /// Another person's key counts as one's own.
    CallerForgotten,
    /// A key of another method counts as well.
    MethodForgotten,
    /// The same key is answered whatever is asked.
    BodyForgotten,
    /// A refusal is not kept, and the second try takes effect.
    VerdictForgotten,
    /// Records are forgotten some hours early.
    ForgottenEarly,
    /// The effect is committed apart from the answer.
    EffectApart,
    /// Looked up first, kept afterwards, and nothing in between: two at once both take effect.
    CheckThenAct,
}

/// The service behind the door, and the bugs that are planted in front of it.
pub(super) struct Shop<'l> {
    pub(super) lab: &'l Lab,
    pub(super) tenant: Uuid,
    pub(super) plant: Option<Plant>,
    /// The records of [`Plant::CheckThenAct`].
    pub(super) apart: Mutex<Book>,
}

struct Handler<'s> {
    shop: &'s Shop<'s>,
    call: &'s Call,
}

impl Shop<'_> {
    fn is(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    pub(super) async fn call(&self, call: &Call) -> Answer {
        let key = call.key.filter(|_| self.is(Plant::CheckThenAct) && !call.dry);
        if let Some(key) = key.map(|key| (call.who, call.method, key)) {
            if self.apart.lock().unwrap().kept.contains_key(&key) {
                return self.apart.lock().unwrap().call(call);
            }
            let keyless = Call {
                key: None,
                ..call.clone()
            };
            let answer = self.send(&keyless).await;
            let _ = self.apart.lock().unwrap().call(call);
            return answer;
        }
        self.send(call).await
    }

    async fn send(&self, call: &Call) -> Answer {
        let who = if self.is(Plant::CallerForgotten) { 0 } else { call.who };
        let caller = Caller {
            principal: Principal::Person(Uuid::from_u128(u128::from(who) + 1)),
            ..owner(self.tenant)
        };
        let body = if self.is(Plant::BodyForgotten) { 0 } else { call.body };
        let mut request = Request::new(DisablePersonRequest {
            person_id: format!("00000000-0000-7000-8000-00000000000{body}"),
            validate_only: call.dry,
        });
        request.extensions_mut().insert(caller);
        let method = if self.is(Plant::MethodForgotten) {
            0
        } else {
            call.method
        };
        request.extensions_mut().insert(Visit {
            method: ["/test/one", "/test/two"][method],
            request_id: "test".into(),
        });
        let forgotten = self.is(Plant::VerdictForgotten) && call.how == How::Verdict;
        if let Some(key) = call.key.filter(|_| !forgotten) {
            let key = format!("key {key}").replace(' ', "-");
            request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        }
        let handler = Handler { shop: self, call };
        let outcome = self
            .lab
            .deps
            .door
            .mutate(&handler, request, |handler, unit, _| handler.handle(unit).boxed());
        match outcome.await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => {
                let reason = status
                    .get_details_error_info()
                    .map(|info| info.reason)
                    .unwrap_or_default();
                let own = matches!(reason.as_str(), "SAID_NO" | "NOT_NOW");
                Err(if own { status.message().to_owned() } else { reason })
            }
        }
    }

    /// The calls that took effect.
    pub(super) async fn effects(&self) -> Vec<String> {
        let mut conn = self.lab.deps.db.read(Reach::Tenant(self.tenant)).await.unwrap();
        let sql = "SELECT name FROM things WHERE tenant_id = $1 ORDER BY name";
        let rows: Result<Vec<(String,)>, _> = on!(&mut conn, |c| sqlx::query_as(sql).bind(self.tenant).fetch_all(c));
        conn.rollback().await;
        rows.unwrap().into_iter().map(|(name,)| name).collect()
    }
}

impl Handler<'_> {
    async fn handle(&self, unit: &mut UnitOfWork) -> Result<String, Error> {
        let (shop, tag) = (self.shop, self.call.tag.to_string());
        let sql = "INSERT INTO things (tenant_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        if shop.is(Plant::EffectApart) {
            let mut apart = shop.lab.unit_of(shop.tenant);
            exec!(
                apart.conn().await?,
                sqlx::query(sql).bind(shop.tenant).bind(tag.as_str())
            )?;
            apart.finish().await?;
        }
        let conn = unit.conn().await?;
        exec!(conn, sqlx::query(sql).bind(shop.tenant).bind(tag.as_str()))?;
        match self.call.how {
            How::Well => Ok(tag),
            How::Verdict => Err(Error::failed_precondition("SAID_NO", format!("no, {tag}"))),
            How::Refusal => Err(Error::permission_denied("NOT_NOW", format!("not now, {tag}"))),
        }
    }
}
