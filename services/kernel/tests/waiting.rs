//! Calls that wait for the database together: that it is slow is no reason to refuse anybody (RELIABILITY R-07).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use muster_kernel::db::Reach;
use muster_kernel::exec;
use muster_kernel::log::NewEvent;
use muster_kernel::testing::{Engine, Lab, keyed};
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::DisablePersonRequest;
use tokio::time::sleep;
use tonic::Status;
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(0xA);

async fn happens(unit: &mut UnitOfWork) -> Result<String, muster_kernel::Error> {
    let id = unit.new_id();
    unit.append(NewEvent::new("test.acted", id, 1, &()));
    Ok(id.to_string())
}

async fn call(lab: &Lab, key: u32) -> Result<(), Status> {
    let message = DisablePersonRequest {
        person_id: TENANT.to_string(),
        validate_only: false,
    };
    let request = keyed(message, TENANT, &format!("key-{key}"));
    let door = &lab.deps.door;
    door.mutate(lab, request, |_, unit, _| happens(unit).boxed())
        .await
        .map(drop)
}

/// Nobody is answered for more than a second, since somebody holds a table. Whoever comes meanwhile waits with the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_while_a_lock_is_held_is_not_refused() {
    const CROWD: u32 = 16;
    let lab = Lab::new(Engine::Postgres, "things", &[]).await;
    let mut holder = lab.deps.db.write(Reach::System).await.unwrap();
    let lock = "LOCK TABLE idempotency IN SHARE ROW EXCLUSIVE MODE";
    exec!(&mut holder, sqlx::query(lock)).unwrap();
    let all = join_all((0..CROWD + 24).map(async |number| {
        sleep(Duration::from_millis(50) * number.saturating_sub(CROWD)).await;
        call(&lab, number).await
    }));
    let release = async {
        sleep(Duration::from_millis(1_300)).await;
        holder.rollback().await;
    };
    let ((), answers) = tokio::join!(release, all);
    for answer in answers {
        answer.unwrap();
    }
}
