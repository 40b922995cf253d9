//! Whoever hangs up in the middle leaves all of a change or none of it, no lock, and every connection to the others.
//!
//! Twenty moments of every method: `CANCELS=20 cargo nextest run -p muster-tests --test cancels`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell what they threw"
)]

use std::time::Duration;

use muster_kernel::db::Place;
use muster_proto::RULES;
use muster_tests::both_shapes;
use muster_tests::client::Caller;
use muster_tests::journal::{Journal, Tally};
use muster_tests::lab;
use muster_tests::requests::{self, Case};
use muster_tests::town::Town;
use muster_tests::world::World;
use rand::RngExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::time::Instant;
use tonic::Code;

/// Within this time nothing is left of a request whose caller has gone.
const SOON: Duration = Duration::from_secs(1);

/// A number from the environment.
fn asked_for<T: std::str::FromStr>(name: &str, usual: T) -> T {
    let text = std::env::var(name).ok();
    text.map_or(usual, |text| text.parse().ok().expect("a number"))
}

/// The same key until it is not told that the first try is still at work.
async fn settled(caller: &Caller, case: &Case, key: &str) -> Code {
    for _ in 0..50 {
        let answer = caller
            .patiently(&case.method, &case.body, &[("idempotency-key", key)])
            .await;
        if answer.code != Code::Aborted {
            return answer.code;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Code::Aborted
}

/// What was written since, once it is all or nothing and stays so; what it is after a second at the latest.
async fn at_rest(journal: &Journal, before: Tally, whole: Tally) -> Result<Tally, Tally> {
    let started = Instant::now();
    let nothing = Tally { events: 0, records: 0 };
    let mut last = None;
    loop {
        let wrote = journal.tally().await.since(before);
        if last == Some(wrote) && (wrote == whole || wrote == nothing) {
            return Ok(wrote);
        }
        if started.elapsed() > SOON {
            return Err(wrote);
        }
        last = Some(wrote);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether, within a second, no transaction is open in the town's databases.
async fn nothing_is_held(town: &Town) -> Result<(), String> {
    if let Some(url) = town.setting("MUSTER_DATABASE__OWNER_URL") {
        let options: PgConnectOptions = url.parse().unwrap();
        let mut conn = options.connect().await.unwrap();
        // A background reader holds one for an instant too: only what stays is held by somebody who has gone.
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                   AND state <> 'idle' AND now() - xact_start > interval '1 second'";
        let started = Instant::now();
        loop {
            let (held,): (i64,) = sqlx::query_as(sql).fetch_one(&mut conn).await.unwrap();
            if held == 0 {
                return Ok(());
            }
            if started.elapsed() > SOON {
                return Err(format!("{held} transactions of callers who have gone"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    for place in town.places.values() {
        let Place::Sqlite(path) = place else { continue };
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(SOON);
        let mut conn = options.connect().await.unwrap();
        conn.execute("BEGIN IMMEDIATE; ROLLBACK")
            .await
            .map_err(|error| error.to_string())?;
        conn.close().await.unwrap();
    }
    Ok(())
}

both_shapes!(a_caller_who_hangs_up_leaves_all_or_nothing, async |town: Town| {
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let (seed, times) = (asked_for("SEED", 26_u64), asked_for("CANCELS", 1_u32));
    println!("SEED={seed} CANCELS={times}");
    let mut dice = lab::dice(seed, 26);
    let (mut faults, mut whole_ones, mut cancels) = (Vec::new(), 0, 0);
    let methods = RULES.iter().filter(|rule| rule.mutating).map(|rule| rule.method);
    for method in methods {
        // What it writes, and how long it takes, when nobody hangs up.
        let (caller, things) = world.fresh(method).await;
        let case = requests::of(method, &things);
        let (before, started) = (journal.tally().await, Instant::now());
        let code = settled(&caller, &case, &format!("stays-{}", things.tag)).await;
        let took = started.elapsed().min(SOON);
        let whole = journal.tally().await.since(before);
        assert_eq!(code, Code::Ok, "{method}");
        // One address may ask for so many codes in a minute, and each of these needs a new one; and a sign-in that was given
        // up counts as a try.
        let is_rationed = method.contains("DeviceService") || method.ends_with("/SignIn");
        let times = if is_rationed { times.min(2) } else { times };
        for _ in 0..times {
            let (caller, things) = world.fresh(method).await;
            let (case, key) = (requests::of(method, &things), format!("goes-{}", things.tag));
            let before = journal.tally().await;
            let moment = took.mul_f64(dice.random_range(0.0..1.2));
            let metadata = [("idempotency-key", key.as_str())];
            let _ = tokio::time::timeout(moment, caller.raw(method, &case.body, &metadata)).await;
            cancels += 1;
            match at_rest(&journal, before, whole).await {
                Ok(wrote) => whole_ones += usize::from(wrote == whole),
                Err(wrote) => faults.push(format!("{method} after {moment:?}: {wrote:?} of {whole:?}")),
            }
            // After it, a caller who has signed out is refused, and that is what was wanted.
            let ends = method.ends_with("/SignOut");
            let again = settled(&caller, &case, &key).await;
            if again != Code::Ok && !(ends && again == Code::Unauthenticated) {
                faults.push(format!("{method} after {moment:?}, asked again: {again:?}"));
            }
            let wrote = journal.tally().await.since(before);
            if wrote != whole {
                faults.push(format!(
                    "{method} after {moment:?}, asked again: {wrote:?} of {whole:?}"
                ));
            }
        }
        if let Err(held) = nothing_is_held(&world.town).await {
            faults.push(format!("{method}: {held}"));
        }
    }
    println!("{cancels} callers hung up; {whole_ones} changes were made all the same");
    assert!(
        faults.is_empty(),
        "{} faults:\n{}\n{}",
        faults.len(),
        faults.join("\n"),
        world.town.logs()
    );
    assert!(whole_ones > 0 && whole_ones < cancels, "no moment was in the middle");
    assert_eq!(world.town.check().await.unwrap().trim(), "every promise is kept");
});
