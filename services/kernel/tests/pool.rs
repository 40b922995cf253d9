//! Z-09: one connection, two tenants in turn, and every way in which a request may end. No row of the other is ever seen,
//! though no statement here names a tenant.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::time::Duration;

use muster_kernel::db::migrate::Step;
use muster_kernel::db::{Conn, Db, DbError, Place, Reach};
use muster_kernel::testing::{Engine, Lab};
use muster_kernel::{exec, on};
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

const THINGS: &[Step] = &[Step {
    name: "0001_things",
    up: "CREATE TABLE things (tenant_id UUID NOT NULL, id UUID NOT NULL, name TEXT NOT NULL, PRIMARY KEY (tenant_id, id));",
    down: "DROP TABLE things;",
}];
const HERE: Uuid = Uuid::from_u128(0xa);
const THERE: Uuid = Uuid::from_u128(0xb);
/// The same text each time, so that it is prepared once on a connection and planned once for both tenants.
const ALL: &str = "SELECT tenant_id FROM things WHERE name LIKE $1";

/// A database with three rows of each tenant, opened with one connection.
async fn one_connection(lab: &Lab) -> Db {
    for tenant in [HERE, THERE] {
        let mut conn = lab.deps.db.write(Reach::Tenant(tenant)).await.unwrap();
        for number in 0..3 {
            let sql = "INSERT INTO things (tenant_id, id, name) VALUES ($1, $2, 'thing')";
            exec!(&mut conn, sqlx::query(sql).bind(tenant).bind(Uuid::from_u128(number))).unwrap();
        }
        conn.commit().await.unwrap();
    }
    let Place::Postgres { url, .. } = lab.place.clone() else {
        panic!("PostgreSQL was asked for")
    };
    Db::open("things", &Place::Postgres { url, connections: 1 })
        .await
        .unwrap()
}

/// How many rows a tenant sees, and how many of them are not its own.
async fn look(conn: &mut Conn, tenant: Uuid) -> Result<(usize, usize), DbError> {
    let rows: Vec<(Uuid,)> = on!(conn, |c| sqlx::query_as(ALL).bind("th%").fetch_all(c))?;
    Ok((rows.len(), rows.iter().filter(|(row,)| *row != tenant).count()))
}

/// Leaves while a statement runs that takes so many seconds.
async fn leave(mut conn: Conn, seconds: f64) {
    let sleep = async { exec!(&mut conn, sqlx::query("SELECT pg_sleep($1)").bind(seconds)) };
    assert!(tokio::time::timeout(Duration::from_millis(5), sleep).await.is_err());
}

async fn backend(conn: &mut Conn) -> i32 {
    let asked: Result<(i32,), DbError> = on!(conn, |c| sqlx::query_as("SELECT pg_backend_pid()").fetch_one(c));
    asked.unwrap().0
}

/// A connection goes to who sees the same rows, so that nobody has to say anew whose they are.
#[tokio::test]
async fn who_looks_again_gets_the_connection_that_shows_his_rows() {
    let lab = Lab::new(Engine::Postgres, "things", THINGS).await;
    let db = one_connection(&lab).await;
    let (here, there) = (Reach::Tenant(HERE), Reach::Tenant(THERE));
    let (mut one, mut other) = (db.glance(here).await.unwrap(), db.glance(there).await.unwrap());
    let (of_here, of_there) = (backend(&mut one).await, backend(&mut other).await);
    one.rollback().await;
    other.rollback().await;
    for (reach, tenant, shows) in [(here, HERE, of_here), (there, THERE, of_there), (here, HERE, of_here)] {
        let mut conn = db.glance(reach).await.unwrap();
        assert_eq!(backend(&mut conn).await, shows);
        assert_eq!(look(&mut conn, tenant).await.unwrap(), (3, 0));
        conn.rollback().await;
    }
}

/// Whoever looks at everything there is, as `muster check` does, may take an hour; the next one on that connection may not.
#[tokio::test]
async fn a_survey_takes_its_time_and_nobody_after_it_does() {
    let lab = Lab::new(Engine::Postgres, "things", THINGS).await;
    let db = one_connection(&lab).await;
    let mut survey = db.survey(Reach::System).await.unwrap();
    let surveyed = (backend(&mut survey).await, patience(&mut survey).await, survey.limit());
    survey.rollback().await;
    let mut read = db.read(Reach::System).await.unwrap();
    let usual = (backend(&mut read).await, patience(&mut read).await, read.limit());
    assert_eq!((surveyed.0, surveyed.1.as_str()), (usual.0, "0"));
    assert_ne!(usual.1, "0");
    assert!(surveyed.2 > usual.2 * 100, "{:?} and {:?}", surveyed.2, usual.2);
}

/// How long a statement may take, as the server has it.
async fn patience(conn: &mut Conn) -> String {
    let asked: Result<(String,), DbError> = on!(conn, |c| sqlx::query_as("SHOW statement_timeout").fetch_one(c));
    asked.unwrap().0
}

/// G-02: who asks and leaves again and again does not make us close and open connections all day, nor wait for him.
#[tokio::test]
async fn g_02_who_leaves_takes_the_connection_with_him_only_where_his_statement_lasts() {
    let lab = Lab::new(Engine::Postgres, "things", THINGS).await;
    let db = one_connection(&lab).await;
    let mut conn = db.write(Reach::Tenant(HERE)).await.unwrap();
    let first = backend(&mut conn).await;
    let sql = "INSERT INTO things (tenant_id, id, name) VALUES ($1, $2, 'half')";
    exec!(&mut conn, sqlx::query(sql).bind(HERE).bind(Uuid::from_u128(9))).unwrap();
    leave(conn, 0.02).await;
    let mut conn = db.write(Reach::Tenant(HERE)).await.unwrap();
    assert_eq!(
        backend(&mut conn).await,
        first,
        "what was quick to end left the connection"
    );
    let half: Vec<(Uuid,)> = on!(&mut conn, |c| sqlx::query_as(ALL).bind("half").fetch_all(c)).unwrap();
    assert!(half.is_empty(), "and nothing of what he did");
    leave(conn, 5.0).await;
    let left = tokio::time::Instant::now();
    let mut conn = db.write(Reach::Tenant(HERE)).await.unwrap();
    assert_ne!(backend(&mut conn).await, first, "nobody waits for what lasts");
    assert!(left.elapsed() < Duration::from_secs(1));
    conn.commit().await.unwrap();
}

/// One request of a tenant, ended in the way of its number. Answers how many rows of another it saw.
async fn request(db: &Db, tenant: Uuid, number: usize) -> usize {
    let mut conn = db.write(Reach::Tenant(tenant)).await.unwrap();
    let (seen, foreign) = look(&mut conn, tenant).await.unwrap();
    assert_eq!(seen, 3 + foreign, "its own rows are all seen");
    match number % 40 {
        // Cancelled while the database is at work, as a request whose client is gone. Mostly that soon ends by itself.
        7 => leave(conn, if number % 400 == 7 { 5.0 } else { 0.02 }).await,
        17 => drop(conn),
        27 => {
            let panics = tokio::spawn(async move {
                let _held = conn;
                std::panic::resume_unwind(Box::new("planted"));
            });
            assert!(panics.await.unwrap_err().is_panic());
        }
        // A statement fails, and the transaction with it.
        37 => {
            assert!(exec!(&mut conn, sqlx::query("SELECT 1 / 0")).is_err());
            conn.rollback().await;
        }
        even if even % 2 == 0 => conn.commit().await.unwrap(),
        _ => conn.rollback().await,
    }
    foreign
}

#[tokio::test]
async fn z_09_no_tenant_leaks_through_the_pool() {
    let lab = Lab::new(Engine::Postgres, "things", THINGS).await;
    let db = one_connection(&lab).await;
    let started = tokio::time::Instant::now();
    let (mut foreign, mut turns) = (0, 0);
    for number in 0..10_000 {
        foreign += request(&db, if number % 2 == 0 { HERE } else { THERE }, number).await;
        // Both tenants come after every way of ending.
        turns += 1;
        if number % 10 == 7 {
            foreign += request(&db, if number % 20 == 7 { THERE } else { HERE }, 1).await;
            turns += 1;
        }
    }
    println!(
        "Z-09: {turns} turns on one connection in {:?}: {foreign} rows of the other",
        started.elapsed()
    );
    assert_eq!(foreign, 0);
}

/// The same look finds the fault that it is for: a tenant that is set for the connection rather than the transaction.
#[tokio::test]
async fn z_09_a_tenant_set_for_the_connection_would_be_noticed() {
    let lab = Lab::new(Engine::Postgres, "things", THINGS).await;
    drop(one_connection(&lab).await);
    let Place::Postgres { url, .. } = lab.place.clone() else {
        panic!("PostgreSQL was asked for")
    };
    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    let set = "SELECT set_config('search_path', 'things', false), set_config('app.tenant', $1, false)";
    sqlx::query(set).bind(HERE.to_string()).execute(&pool).await.unwrap();
    // The next request, of the other tenant, begins a transaction and forgets to say whose it is.
    let mut transaction = pool.begin().await.unwrap();
    let rows: Vec<(Uuid,)> = sqlx::query_as(ALL)
        .bind("th%")
        .fetch_all(&mut *transaction)
        .await
        .unwrap();
    assert_eq!(rows.iter().filter(|(row,)| *row != THERE).count(), 3);
}
