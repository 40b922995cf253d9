//! The fault lab's own short set: a crash, a torn and a deaf wire under load, and proof that the judge would notice.
//! The long ones are scenarios: `make chaos`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use muster_tests::lab::acts::{Kind, Mix};
use muster_tests::lab::books::{Effects, Happened};
use muster_tests::lab::crew::Signal;
use muster_tests::lab::history::{Call, Told, Try};
use muster_tests::lab::judge::weigh;
use muster_tests::lab::load::Plan;
use muster_tests::lab::scenarios::Stage;
use muster_tests::lab::site::{Options, Site, Store};
use muster_tests::lab::stalled::Stalled;
use muster_tests::lab::watch::{Change, Seen, faults};
use muster_tests::lab::wire::{DEAF, Mode, Way, Wire};
use muster_tests::town::{Shape, Town};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tonic::Code;
use uuid::Uuid;

const SEED: u64 = 20_260_302;

async fn stage(store: Store, folder: &Path) -> Stage {
    let site = Site::open(store, SEED, folder, Options::default()).await;
    Stage::set(site, 10, 2).await
}

/// in small: the wire to the gateway is torn and deaf for a moment, every process is killed once.
async fn a_bad_minute(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(store, folder.path()).await;
    let load = tokio::spawn(stage.load.clone().run(Plan::shift(30.0, Duration::from_secs(5))));
    sleep(Duration::from_millis(500)).await;
    stage.site.wire("client", "gateway").reset();
    for roles in stage.site.crew.roles() {
        sleep(Duration::from_millis(500)).await;
        stage.site.crew.kill(roles).await;
    }
    let deaf = stage.site.wire("client", "gateway");
    deaf.set(DEAF);
    sleep(Duration::from_millis(500)).await;
    deaf.set(Mode::Pass);
    load.await.unwrap();
    let verdict = stage.judge().await;
    assert!(
        verdict.findings.is_empty(),
        "seed {SEED}: {:#?}\n{:#?}",
        verdict.findings,
        verdict.figures
    );
    let calls = stage.load.history().calls();
    let acknowledged = calls.iter().filter(|call| call.is_acknowledged()).count();
    assert!(
        acknowledged > 50,
        "only {acknowledged} calls were acknowledged: {:#?}",
        verdict.figures
    );
    let broken = stage
        .watchers
        .iter()
        .filter(|watcher| !watcher.diary().breaks.is_empty())
        .count();
    assert_eq!(broken, 2, "every screen lost its stream and came back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_minute_on_sqlite() {
    a_bad_minute(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_minute_on_postgres() {
    a_bad_minute(Store::Postgres).await;
}

/// A planted fault, end to end: the database forgets what it had acknowledged. The judge must say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_judge_sees_acknowledged_writes_that_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(Store::Sqlite, folder.path()).await;
    let data = stage.site.town.folder().join("data");
    let short = || Plan::shift(20.0, Duration::from_millis(1_500));
    stage.load.clone().run(short()).await;
    let files = |suffix: &str| data.join(format!("orders.db{suffix}"));
    stage.site.crew.rest("all", Signal::Terminate).await;
    std::fs::copy(files(""), folder.path().join("earlier.db")).unwrap();
    stage.site.crew.wake("all");
    stage.site.serves(Duration::from_secs(30)).await.unwrap();
    stage.load.clone().run(short()).await;
    stage.site.crew.rest("all", Signal::Kill).await;
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(files(suffix));
    }
    std::fs::copy(folder.path().join("earlier.db"), files("")).unwrap();
    stage.site.crew.wake("all");
    let verdict = stage.judge().await;
    let lost = verdict
        .findings
        .iter()
        .filter(|finding| finding.starts_with("I-03"))
        .count();
    assert!(lost > 0, "the judge saw nothing: {:#?}", verdict.findings);
}

/// what the gateway holds for screens that read nothing is theirs alone; everybody else's calls go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_nobody_reads_stop_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = stage(Store::Postgres, folder.path()).await;
    let placing = Plan {
        mix: Mix(vec![(Kind::Place, 1)]),
        ..Plan::shift(40.0, Duration::from_secs(2))
    };
    stage.load.clone().run(placing).await;
    let opening = Stalled::open(&stage.site, &stage.token, 100);
    let stalled = tokio::time::timeout(Duration::from_secs(20), opening)
        .await
        .unwrap()
        .unwrap();
    let from = stage.load.now();
    stage.load.clone().run(Plan::shift(20.0, Duration::from_secs(2))).await;
    let mut calls = stage.load.history().calls();
    calls.retain(|call| call.due >= from);
    let failed: Vec<_> = calls
        .iter()
        .filter(|call| call.is_unknown())
        .flat_map(Call::answers)
        .collect();
    assert!(
        calls.len() >= 40 && failed.is_empty(),
        "{} of {} calls: {failed:?}",
        failed.len(),
        calls.len()
    );
    drop(stalled);
    let verdict = stage.judge().await;
    assert!(verdict.findings.is_empty(), "{:#?}", verdict.findings);
}

/// `muster check` turns red over keys, families and copies that are not as they should be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_sees_what_was_tampered_with() {
    let mut town = Town::with_demo(Shape::AllInOne).await;
    town.kill("all").await;
    town.check().await.unwrap();
    for (service, tampering, finding) in [
        ("auth", "UPDATE session SET generation = 0", "I-11 auth"),
        ("orders", "UPDATE locations SET version = version + 5", "I-12 orders"),
    ] {
        let path = town.folder().join("data").join(format!("{service}.db"));
        let options = SqliteConnectOptions::new().filename(path);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(tampering).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let told = town.check().await.err().unwrap_or_default();
        assert!(told.contains(finding), "{tampering}: {told}");
    }
}

fn told(code: Code, digest: u8) -> Option<Told> {
    let (reason, message, digest) = (String::new(), String::new(), [digest; 32]);
    Some(Told {
        says_when: false,
        code,
        reason,
        message,
        digest,
    })
}

fn call(kind: Kind, answers: Vec<Option<Told>>) -> Call {
    let tries = (1..).zip(answers).map(|(number, answer)| Try {
        request: format!("run-7-{number}"),
        sent: Duration::ZERO,
        done: Duration::ZERO,
        answer,
    });
    Call {
        number: 7,
        kind,
        client: 0,
        key: "key".to_owned(),
        body: Vec::new(),
        order: Some(Uuid::from_u128(1)),
        item: Some(Uuid::from_u128(2)),
        due: Duration::ZERO,
        tries: tries.collect(),
    }
}

/// Every rule of the judge turns red over the fault that it is for, and over nothing else.
#[test]
fn the_judge_weighs() {
    let order = |lines: Vec<&str>| {
        let lines = lines.into_iter().map(str::to_owned).collect();
        BTreeMap::from([(Uuid::from_u128(1), lines)])
    };
    let line = Uuid::from_u128(2).to_string();
    let there = order(vec![line.as_str()]);
    let effects =
        |all: &[(&str, i64)]| -> Effects { all.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect() };
    let (ok, other) = (told(Code::Ok, 1), told(Code::Ok, 2));
    let (lost, refused) = (told(Code::Unavailable, 0), told(Code::FailedPrecondition, 3));
    let once = effects(&[("run-7-1", 1)]);
    let verdict = |kind, answers, effects: &Effects, orders: &BTreeMap<_, _>| {
        weigh(&[call(kind, answers)], "run", effects, orders).join("; ")
    };
    assert_eq!(verdict(Kind::Add, vec![ok.clone()], &once, &there), "");
    assert_eq!(
        verdict(
            Kind::Add,
            vec![lost.clone(), None, ok.clone(), ok.clone()],
            &once,
            &there
        ),
        ""
    );
    assert_eq!(verdict(Kind::Add, vec![refused.clone()], &Effects::new(), &there), "");
    // Acknowledged before it was committed.
    assert!(verdict(Kind::Add, vec![ok.clone()], &Effects::new(), &there).contains("I-03"));
    assert!(verdict(Kind::Place, vec![ok.clone()], &once, &BTreeMap::new()).contains("I-03"));
    assert!(verdict(Kind::Add, vec![ok.clone()], &once, &order(vec![])).contains("I-03"));
    // Carried out twice, under one request or under two.
    assert!(verdict(Kind::Add, vec![ok.clone()], &effects(&[("run-7-1", 2)]), &there).contains("I-04"));
    let twice = effects(&[("run-7-1", 1), ("run-7-2", 1)]);
    assert!(verdict(Kind::Add, vec![lost.clone(), ok.clone()], &twice, &there).contains("I-04"));
    assert!(
        verdict(
            Kind::Add,
            vec![ok.clone()],
            &once,
            &order(vec![line.as_str(), line.as_str()])
        )
        .contains("I-04")
    );
    assert!(verdict(Kind::Add, vec![refused.clone()], &once, &there).contains("I-04"));
    // Never resolved, or answered in two ways.
    assert!(verdict(Kind::Add, vec![lost.clone(), None], &once, &there).contains("I-05"));
    assert!(verdict(Kind::Add, vec![ok.clone(), other], &once, &there).contains("I-05"));
    assert!(verdict(Kind::Add, vec![refused, ok], &once, &there).contains("I-05"));
}

/// I-17 turns red over a lost, a doubled and a disordered change, and over an event that was never shown.
#[test]
fn the_judge_reads_diaries() {
    let place = |seq: i64| format!("0.{seq}").parse().unwrap();
    let change = |number, seq| {
        Seen::Change(Change {
            number,
            position: place(seq),
            order: format!("order {seq}"),
            version: Some(1),
        })
    };
    let early = "2026-03-02T17:00:00Z".parse().unwrap();
    let late = "2026-03-02T18:00:00Z".parse().unwrap();
    let happened: Vec<Happened> = (1..=6)
        .map(|seq| Happened {
            position: place(seq),
            at: late,
            order: format!("order {seq}"),
            version: 1,
        })
        .collect();
    let snapshot = Seen::Snapshot(place(2), early);
    let read = |middle: &[Seen]| {
        let mut seen = vec![Seen::Opened(None), snapshot.clone(), change(1, 3)];
        seen.extend_from_slice(middle);
        faults(&seen, &happened).join("; ")
    };
    let resumed = [
        change(2, 4),
        Seen::Broke(None),
        Seen::Opened(Some(place(4))),
        change(1, 5),
        Seen::Beat(place(5)),
    ];
    assert_eq!(read(&resumed), "");
    assert!(read(&[change(3, 4)]).contains("after change 1"), "a number is missing");
    assert!(read(&[change(2, 3)]).contains("had been seen"), "a change came twice");
    assert!(
        read(&[change(2, 5), change(3, 4)]).contains("had been seen"),
        "changes came in another order"
    );
    assert!(
        read(&[change(2, 5)]).contains("never shown"),
        "an event was passed over"
    );
    assert!(
        read(&[Seen::Beat(place(4))]).contains("never shown"),
        "a heartbeat says more than was shown"
    );
    assert!(
        read(&[Seen::Snapshot(place(1), early)]).contains("a snapshot of"),
        "a snapshot goes back"
    );
}

/// Echoes what it gets; answers where.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    here
}

async fn says(socket: &mut TcpStream, word: &[u8]) -> std::io::Result<Vec<u8>> {
    socket.write_all(word).await?;
    let mut heard = vec![0; word.len()];
    socket.read_exact(&mut heard).await?;
    Ok(heard)
}

/// Each fault of a wire does what it says, also to a connection that lives.
#[tokio::test]
async fn wires_fail_as_they_are_told() {
    let wire = Wire::to(&echo().await, SEED).await;
    let mut socket = TcpStream::connect(wire.address()).await.unwrap();
    assert_eq!(says(&mut socket, b"hello").await.unwrap(), b"hello");

    let by = Duration::from_millis(60);
    wire.set(Mode::Delay {
        by,
        jitter: Duration::from_millis(10),
    });
    let began = Instant::now();
    assert_eq!(says(&mut socket, b"late").await.unwrap(), b"late");
    assert!(
        began.elapsed() >= Duration::from_millis(100),
        "there and back, each 50 ms at least"
    );

    wire.set(Mode::Throttle(10_000));
    let began = Instant::now();
    for _ in 0..3 {
        says(&mut socket, &[7; 1000]).await.unwrap();
    }
    assert!(
        began.elapsed() >= Duration::from_millis(200),
        "3,000 bytes at 10,000 a second"
    );

    wire.set(DEAF);
    let silent = tokio::time::timeout(Duration::from_millis(200), says(&mut socket, b"hm")).await;
    assert!(silent.is_err(), "nothing passes");
    wire.heal();
    let mut late = [0; 2];
    socket.read_exact(&mut late).await.unwrap();
    assert_eq!(&late, b"hm", "what was sent comes when the wire is well");

    wire.half_close(Way::Back);
    assert_eq!(socket.read(&mut late).await.unwrap(), 0, "the other side says goodbye");
    socket.write_all(b"still open this way").await.unwrap();

    wire.reset();
    let mut second = TcpStream::connect(wire.address()).await.unwrap();
    assert_eq!(says(&mut second, b"new").await.unwrap(), b"new");
    wire.cut_after(Way::Back, 10);
    assert_eq!(says(&mut second, b"12345").await.unwrap(), b"12345");
    assert!(says(&mut second, b"1234567890").await.is_err(), "cut after ten bytes");

    wire.lead_to(&echo().await);
    let mut third = TcpStream::connect(wire.address()).await.unwrap();
    assert_eq!(says(&mut third, b"elsewhere").await.unwrap(), b"elsewhere");
}
