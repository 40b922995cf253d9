//! Calls that come again, among others that come for the first time: each gets its own answer, and none holds the others up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::join_all;
use muster_kernel::db::Reach;
use muster_kernel::log::NewEvent;
use muster_kernel::testing::{Lab, keyed};
use muster_kernel::uow::UnitOfWork;
use muster_kernel::{Error, both_engines, on};
use muster_proto::auth::v1::DisablePersonRequest;
use tonic::Status;
use tonic_types::StatusExt;
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(0xA);

/// A service that does one thing: it says that it happened, and answers with a new id.
struct Shop {
    lab: Lab,
    runs: AtomicUsize,
}

impl Shop {
    fn new(lab: Lab) -> Self {
        let runs = AtomicUsize::new(0);
        Self { lab, runs }
    }

    async fn act(&self, unit: &mut UnitOfWork) -> Result<String, Error> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let id = unit.new_id();
        unit.append(NewEvent::new("test.acted", id, 1, &()));
        Ok(id.to_string())
    }

    async fn call(&self, key: u32, person: u32) -> Result<String, Status> {
        let message = DisablePersonRequest {
            person_id: Uuid::from_u128(u128::from(person)).to_string(),
            validate_only: false,
        };
        let request = keyed(message, TENANT, &format!("key-{key}"));
        let door = &self.lab.deps.door;
        let answer = door.mutate(self, request, |shop, unit, _| shop.act(unit).boxed());
        answer.await.map(tonic::Response::into_inner)
    }

    async fn all(&self, keys: impl Iterator<Item = u32>) -> Vec<String> {
        let answers = join_all(keys.map(|key| self.call(key, 1))).await;
        answers.into_iter().map(Result::unwrap).collect()
    }

    async fn events(&self) -> HashSet<String> {
        let mut conn = self.lab.deps.db.read(Reach::Tenant(TENANT)).await.unwrap();
        let sql = "SELECT aggregate_id FROM events WHERE tenant_id = $1";
        let events: Result<Vec<(Uuid,)>, _> = on!(&mut conn, |c| sqlx::query_as(sql).bind(TENANT).fetch_all(c));
        conn.rollback().await;
        events.unwrap().into_iter().map(|(id,)| id.to_string()).collect()
    }

    fn runs(&self) -> usize {
        self.runs.swap(0, Ordering::SeqCst)
    }
}

both_engines!(who_comes_again_holds_nobody_up, "things", &[], async |lab: Lab| {
    let shop = Shop::new(lab);
    let before = shop.all(0..32).await;
    assert_eq!(shop.runs(), 32);
    // Every second one of them was answered before.
    let again = shop.all(0..64).await;
    assert_eq!(before[..], again[..32], "the same key, the same answer");
    assert_eq!(shop.runs(), 64, "each of them is tried once");
    assert_eq!(shop.events().await, again.into_iter().collect());
});

both_engines!(who_comes_twice_at_once_acts_once, "things", &[], async |lab: Lab| {
    let shop = Shop::new(lab);
    let answers = shop.all((0..64).map(|number| number % 16)).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, answers[number % 16]);
    }
    assert_eq!(shop.events().await, answers.into_iter().collect());
});

both_engines!(
    another_request_under_a_key_is_told_so,
    "things",
    &[],
    async |lab: Lab| {
        let shop = Shop::new(lab);
        shop.all(0..8).await;
        let calls = (0..16).map(|key| shop.call(key, 2));
        for (key, answer) in join_all(calls).await.into_iter().enumerate() {
            let refused = answer.err().and_then(|status| status.get_details_error_info());
            let reason = refused.map(|info| info.reason);
            assert_eq!(reason.as_deref(), (key < 8).then_some("IDEMPOTENCY_MISMATCH"));
        }
        assert_eq!(shop.events().await.len(), 16);
    }
);
