//! `SessionService.RefreshSession`.

use std::sync::{Arc, OnceLock};

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{PrincipalKind, RefreshSessionRequest, RefreshSessionResponse, SessionEndReason};

use crate::api::Auth;
use crate::domain::refresh::{Presented, Ticket, Verdict, judge};
use crate::error::Refusal;
use crate::store::session::SessionRow;
use crate::store::{device, session};
use crate::work::{sessions, tokens};

/// A collision with another refresh of the same session is tried again so often.
const MOST_TRIES: usize = 5;

/// One refresh. It remembers that an old token came back: the answer is a refusal, which undoes its transaction, so
/// that the session is ended by another.
pub struct Refresh {
    auth: Arc<Auth>,
    reused: OnceLock<Ticket>,
}

impl Refresh {
    /// A refresh that is about to be handled.
    pub fn new(auth: Arc<Auth>) -> Self {
        Self {
            auth,
            reused: OnceLock::new(),
        }
    }

    /// Ends the session if an old token came back.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn punish(&self) -> Result<(), Error> {
        let Some(ticket) = self.reused.get() else { return Ok(()) };
        for _ in 0..MOST_TRIES {
            match end_family(&self.auth, *ticket).await {
                Err(error) if error.reason == "CONFLICT" => {}
                done => return done,
            }
        }
        Err(Error::unavailable(
            "SESSION_BUSY",
            "the session is being used too fast; try again",
        ))
    }
}

/// Gives the next pair.
///
/// # Errors
/// `SESSION_ENDED`, the same for every cause.
pub async fn handle(
    refresh: &Refresh,
    unit: &mut UnitOfWork,
    request: &RefreshSessionRequest,
) -> Result<RefreshSessionResponse, Error> {
    let auth = &*refresh.auth;
    let ended = || Error::from(Refusal::SessionEnded);
    let presented = Presented::read(&request.refresh_token).ok_or_else(ended)?;
    let ticket = presented.ticket;
    unit.conn().await?;
    unit.enter(ticket.tenant_id);
    let now = unit.now();
    let conn = unit.conn().await?;
    let mut row = session::get(conn, ticket.tenant_id, ticket.session_id)
        .await?
        .ok_or_else(ended)?;
    if !presented.is_genuine(&auth.refresh_key, &row.seed) || row.ended_at.is_some() {
        return Err(ended());
    }
    let holder = tokens::holder(unit, &row).await?;
    if holder.lifetime().is_over(row.began_at, row.seen_at, now) {
        return Err(ended());
    }
    match judge(row.family(), ticket.generation, now) {
        Verdict::Rotate(next) => {
            let conn = unit.conn().await?;
            session::rotate(conn, ticket.tenant_id, row.session_id, ticket.generation, next).await?;
            if row.kind() == PrincipalKind::Device {
                device::touch(conn, ticket.tenant_id, row.principal_id, now).await?;
            }
            row = SessionRow {
                generation: next.generation.into(),
                rotated_at: now,
                seen_at: now,
                ..row
            };
        }
        Verdict::Repeat => {}
        Verdict::Reused => {
            // Set once: a second run of this handler finds the same.
            let _ = refresh.reused.set(ticket);
            return Err(ended());
        }
    }
    Ok(RefreshSessionResponse {
        tokens: Some(tokens::pair(auth, unit, &holder, &row)?),
    })
}

async fn end_family(auth: &Auth, ticket: Ticket) -> Result<(), Error> {
    let mut unit = UnitOfWork::system(auth.deps.db.clone(), auth.deps.world.clone(), "auth");
    unit.enter(ticket.tenant_id);
    let row = session::get(unit.conn().await?, ticket.tenant_id, ticket.session_id).await?;
    let Some(row) = row.filter(|row| row.ended_at.is_none()) else {
        return Ok(());
    };
    sessions::end(&mut unit, &row, SessionEndReason::TokenReused).await?;
    tracing::warn!(session = %row.session_id, principal = %row.principal_id, "an old refresh token came back; the session was ended");
    metrics::counter!("muster_auth_refresh_reused_total").increment(1);
    unit.finish().await?;
    auth.deps.bell.ring();
    Ok(())
}
