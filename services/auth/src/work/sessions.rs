//! Sessions: how they begin and end, and how they are shown.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{PrincipalKind, Session, SessionEndReason, SessionEnded, SessionStarted};
use uuid::Uuid;

use super::revoking;
use crate::domain::lifetime::Lifetime;
use crate::domain::time::stamp;
use crate::events::event;
use crate::store::session::{self, SessionRow};

/// So many sessions are read at once when all of a principal end.
const BATCH: i64 = 200;

/// Begins a session.
///
/// # Errors
/// If the database is out of reach.
pub async fn begin(
    unit: &mut UnitOfWork,
    kind: PrincipalKind,
    principal_id: Uuid,
    label: &str,
    lifetime: Lifetime,
) -> Result<SessionRow, Error> {
    let (tenant, now) = (unit.tenant()?, unit.now());
    let row = SessionRow {
        session_id: unit.new_id(),
        principal_kind: kind.into(),
        principal_id,
        device_label: crate::domain::names::tidy(label),
        seed: unit.world().random::<32>().to_vec(),
        generation: 1,
        rotated_at: now,
        began_at: now,
        seen_at: now,
        auth_time: now,
        ended_at: None,
        version: 1,
    };
    session::insert(unit.conn().await?, tenant, &row).await?;
    unit.append(event(
        row.session_id,
        1,
        &SessionStarted {
            session: Some(show(&row, lifetime, None)),
        },
    ));
    Ok(row)
}

/// Ends a session that has not ended, and voids its access tokens.
///
/// # Errors
/// `CONFLICT` if it was changed meanwhile, or if the database is out of reach.
pub async fn end(unit: &mut UnitOfWork, row: &SessionRow, reason: SessionEndReason) -> Result<(), Error> {
    let (tenant, now) = (unit.tenant()?, unit.now());
    session::end(unit.conn().await?, tenant, row, now).await?;
    let ended = SessionEnded {
        session_id: row.session_id.to_string(),
        principal_kind: row.principal_kind,
        principal_id: row.principal_id.to_string(),
        reason: reason.into(),
    };
    unit.append(event(row.session_id, row.version + 1, &ended));
    revoking::session(unit, row.session_id).await
}

/// Ends every session of a principal except one, and tells how many those were.
///
/// # Errors
/// `CONFLICT` if one was changed meanwhile, or if the database is out of reach.
pub async fn end_all(
    unit: &mut UnitOfWork,
    principal_id: Uuid,
    except: Option<Uuid>,
    reason: SessionEndReason,
) -> Result<i32, Error> {
    let tenant = unit.tenant()?;
    // Also those that slept too long: ended is ended.
    let since = chrono::DateTime::UNIX_EPOCH;
    let (mut before, mut ended) = (None, 0);
    loop {
        let rows = session::open_of(unit.conn().await?, tenant, principal_id, before, since, BATCH).await?;
        for row in rows.iter().filter(|row| Some(row.session_id) != except) {
            end(unit, row, reason).await?;
            ended += 1;
        }
        before = rows.last().map(|row| row.session_id);
        if i64::try_from(rows.len()).unwrap_or(BATCH) < BATCH {
            return Ok(ended);
        }
    }
}

/// A session as the contract shows it.
pub fn show(row: &SessionRow, lifetime: Lifetime, current: Option<Uuid>) -> Session {
    Session {
        session_id: row.session_id.to_string(),
        principal_kind: row.principal_kind,
        principal_id: row.principal_id.to_string(),
        device_label: row.device_label.clone(),
        create_time: Some(stamp(row.began_at)),
        last_seen_time: Some(stamp(row.seen_at)),
        auth_time: Some(stamp(row.auth_time)),
        idle_expire_time: Some(stamp(lifetime.idle_end(row.began_at, row.seen_at))),
        expire_time: Some(stamp(lifetime.end(row.began_at))),
        current: current == Some(row.session_id),
    }
}
