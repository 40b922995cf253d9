//! What is lost on the way to another part, and who notices: connections to PostgreSQL (RELIABILITY R-06) and to a role
//! that runs elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use http::Request;
use muster_kernel::db::{Db, DbError, Reach};
use muster_kernel::on;
use muster_kernel::testing::{Engine, Lab};
use muster_kernel::transport::Transport;
use sqlx::{ConnectOptions, Executor};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tonic::body::Body;
use tower::ServiceExt;

async fn ask(db: &Db) -> Result<i32, DbError> {
    let mut conn = db.read(Reach::System).await?;
    let answer: Result<(i32,), _> = on!(&mut conn, |c| sqlx::query_as("SELECT 1").fetch_one(c));
    conn.rollback().await;
    answer.map(|(one,)| one)
}

/// Each connection of the pool is dropped by the server while it lies idle: one failure, not one for each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broken_connection_warns_of_the_others() {
    let lab = Lab::new(Engine::Postgres, "things", &[]).await;
    let db = &lab.deps.db;
    let admin = std::env::var("MUSTER_TEST_POSTGRES_URL").unwrap();
    let mut admin = admin
        .parse::<sqlx::postgres::PgConnectOptions>()
        .unwrap()
        .connect()
        .await
        .unwrap();
    let muster_kernel::db::Place::Postgres { url, .. } = &lab.place else {
        panic!("PostgreSQL was asked for")
    };
    let database = url.rsplit('/').next().unwrap();
    for round in 0..3 {
        let together: Vec<_> = (0..8).map(|_| db.read(Reach::System)).collect();
        for conn in futures::future::join_all(together).await {
            conn.unwrap().rollback().await;
        }
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        let ended = admin
            .execute(sqlx::query(end).bind(database))
            .await
            .unwrap()
            .rows_affected();
        assert!(ended >= 8, "round {round}: only {ended} connections were there");
        let first = ask(db).await;
        let reason = muster_kernel::Error::from(first.expect_err("the first finds out")).reason;
        assert_eq!(reason, "CONNECTION_LOST", "round {round}");
        for _ in 0..20 {
            assert_eq!(ask(db).await.expect("nobody else does"), 1);
        }
    }
}

async fn call(transport: &Transport) -> (Result<tonic::Code, String>, Duration) {
    let request = Request::post("http://here/muster.orders.v1.OrderService/GetOrder");
    let started = Instant::now();
    let answer = transport.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    let code = answer.map(|response| tonic::Status::from_header_map(response.headers()).unwrap().code());
    (code.map_err(|error| error.to_string()), started.elapsed())
}

/// A peer that accepts connections and never says a word.
#[tokio::test]
async fn a_silent_peer_is_given_up_within_two_seconds_and_then_refused_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = Transport::remote(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut sink = [0; 4096];
                while socket.read(&mut sink).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    let started = Instant::now();
    let mut waits = Vec::new();
    let opened = loop {
        let (answer, waited) = call(&transport).await;
        assert!(waited < Duration::from_millis(2_000), "a call waited {waited:?}");
        if waited < Duration::from_millis(20) {
            assert_eq!(answer, Ok(tonic::Code::Unavailable));
            break started.elapsed();
        }
        waits.push(waited);
    };
    assert!(
        opened < Duration::from_secs(5),
        "calls were refused only after {opened:?}"
    );
    println!("R-09: calls to a silent peer waited {waits:?}, and were refused at once after {opened:?}");
}
