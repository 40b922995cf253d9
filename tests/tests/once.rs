//! The same key, one effect and the same answer, for every method that changes something (L-02, L-03, R-03, R-14).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

use std::sync::Arc;

use futures::future::join_all;
use muster_proto::RULES;
use muster_tests::both_shapes;
use muster_tests::client::Caller;
use muster_tests::contract::{decode, rule_of, variations};
use muster_tests::journal::{Journal, Tally};
use muster_tests::proxy::Wire;
use muster_tests::raw::Raw;
use muster_tests::requests::{self, Case, Things};
use muster_tests::town::Town;
use muster_tests::world::World;
use prost::Message;
use tonic::Code;

/// Every method that changes something.
fn mutating() -> impl Iterator<Item = &'static str> {
    RULES.iter().filter(|rule| rule.mutating).map(|rule| rule.method)
}

/// Changes that the log does not tell: what comes before there is a tenant, and what only turns a session's tokens over.
fn is_silent(method: &str) -> bool {
    ["/StartPairing", "/RefreshSession"]
        .iter()
        .any(|end| method.ends_with(end))
}

/// After it, the caller's token is refused before anything else is looked at.
fn ends_the_caller(method: &str) -> bool {
    method.ends_with("/SignOut")
}

async fn once(caller: &Caller, case: &Case, key: &str) -> Raw {
    caller
        .patiently(&case.method, &case.body, &[("idempotency-key", key)])
        .await
}

/// Asks until it is not told that it is being done at this moment.
async fn until_settled(caller: &Caller, case: &Case, key: &str) -> Raw {
    for _ in 0..50 {
        let answer = once(caller, case, key).await;
        if answer.code != Code::Aborted {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    once(caller, case, key).await
}

struct Faults(Vec<String>);

impl Faults {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "{} faults:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// What the town says of faults of its own.
fn broken(town: &Town) -> String {
    let logs = town.logs();
    let faults: Vec<&str> = logs
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARN"))
        .collect();
    faults.join("\n")
}

fn show(answer: &Raw) -> String {
    format!(
        "{:?} {} {} ({} bytes)",
        answer.code,
        answer.reason(),
        answer.message,
        answer.body.len()
    )
}

both_shapes!(
    the_same_key_gives_the_same_answer_also_after_a_restart,
    async |town: Town| {
        let mut world = World::of(town).await;
        let journal = Journal::of(&world.town).await;
        let (mut faults, mut done) = (Faults(Vec::new()), Vec::new());
        for method in mutating() {
            let (caller, things) = world.fresh(method).await;
            let (case, key) = (requests::of(method, &things), format!("twice-{}", things.tag));
            let before = journal.tally().await;
            let first = once(&caller, &case, &key).await;
            let wrote = journal.tally().await.since(before);
            faults.check(first.code == Code::Ok, || format!("{method}: {}", show(&first)));
            faults.check(wrote.records == 1, || format!("{method}: {wrote:?}"));
            faults.check((wrote.events > 0) != is_silent(method), || {
                format!("{method}: no effect to look at, {wrote:?}")
            });
            let second = once(&caller, &case, &key).await;
            let same = second.verdict() == first.verdict()
                || (ends_the_caller(method) && second.code == Code::Unauthenticated);
            faults.check(same, || format!("{method}: {} then {}", show(&first), show(&second)));
            let after = journal.tally().await.since(before);
            faults.check(after == wrote, || {
                format!("{method}: wrote {wrote:?}, and {after:?} with the repetition")
            });
            done.push((caller, case, key, first));
        }
        world.town.restart().await;
        let (gateway, before) = (world.town.channel().await, journal.tally().await);
        for (caller, case, key, first) in done.into_iter().filter(|(_, case, ..)| !ends_the_caller(&case.method)) {
            let caller = Caller {
                channel: gateway.clone(),
                ..caller
            };
            let again = once(&caller, &case, &key).await;
            faults.check(again.verdict() == first.verdict(), || {
                format!(
                    "{} after a restart: {} then {}",
                    case.method,
                    show(&first),
                    show(&again)
                )
            });
        }
        let after = journal.tally().await.since(before);
        faults.check(after == Tally { events: 0, records: 0 }, || {
            format!("repetitions after a restart wrote {after:?}")
        });
        faults.none();
        assert_eq!(world.town.check().await.unwrap().trim(), "every promise is kept");
    }
);

both_shapes!(a_key_for_another_request_is_refused, async |town: Town| {
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let (mut faults, mut refused) = (Faults(Vec::new()), 0);
    for method in mutating().filter(|method| !ends_the_caller(method)) {
        let (caller, things) = world.fresh(method).await;
        let (case, key) = (requests::of(method, &things), format!("other-{}", things.tag));
        let first = once(&caller, &case, &key).await;
        faults.check(first.code == Code::Ok, || format!("{method}: {}", show(&first)));
        let (before, mut mismatches) = (journal.tally().await, 0);
        for (field, message) in variations(&decode(method, &case.body)) {
            let other = Case {
                body: message.encode_to_vec(),
                ..case.clone()
            };
            let answer = once(&caller, &other, &key).await;
            // What breaks the rules of a field is refused before anybody looks at the key.
            let as_it_should = answer.code == Code::InvalidArgument
                && matches!(answer.reason().as_str(), "IDEMPOTENCY_MISMATCH" | "INVALID_FIELDS");
            faults.check(as_it_should, || {
                format!("{method} with another {field}: {}", show(&answer))
            });
            mismatches += usize::from(answer.reason() == "IDEMPOTENCY_MISMATCH");
        }
        faults.check(mismatches > 0, || format!("{method}: no other request was tried"));
        refused += mismatches;
        let wrote = journal.tally().await.since(before);
        faults.check(wrote == Tally { events: 0, records: 0 }, || {
            format!("{method}: the other requests wrote {wrote:?}")
        });
        let again = once(&caller, &case, &key).await;
        faults.check(again.verdict() == first.verdict(), || {
            format!("{method}: {} then {}", show(&first), show(&again))
        });
    }
    println!("{refused} other requests refused");
    faults.none();
});

both_shapes!(many_at_once_with_one_key_are_one, async |town: Town| {
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let mut faults = Faults(Vec::new());
    for method in mutating() {
        // What one alone writes is what all together may write.
        let (caller, things) = world.fresh(method).await;
        let before = journal.tally().await;
        once(
            &caller,
            &requests::of(method, &things),
            &format!("alone-{}", things.tag),
        )
        .await;
        let alone = journal.tally().await.since(before);
        let (caller, things) = world.fresh(method).await;
        let (case, key) = (requests::of(method, &things), format!("many-{}", things.tag));
        let callers = if method.ends_with("/PlaceOrder") { 50 } else { 8 };
        let before = journal.tally().await;
        let answers = join_all((0..callers).map(|_| once(&caller, &case, &key))).await;
        let settled = if ends_the_caller(method) {
            answers[0].clone()
        } else {
            until_settled(&caller, &case, &key).await
        };
        let wrote = journal.tally().await.since(before);
        faults.check(wrote == alone, || {
            format!("{method}: {callers} wrote {wrote:?}, one {alone:?}")
        });
        for answer in &answers {
            let same = answer.verdict() == settled.verdict()
                || answer.code == Code::Aborted
                || (ends_the_caller(method) && matches!(answer.code, Code::Ok | Code::Unauthenticated));
            faults.check(same, || format!("{method}: {} and {}", show(&settled), show(answer)));
        }
        faults.check(settled.code == Code::Ok, || format!("{method}: {}", show(&settled)));
    }
    faults.none();
});

both_shapes!(a_refusal_is_an_answer_too, async |town: Town| {
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let (mut faults, mut refusals) = (Faults(Vec::new()), 0);
    for method in mutating() {
        let (caller, things) = world.fresh(method).await;
        // About things that are not there, except for those by which a caller is known.
        let nothing = Things {
            tag: things.tag.clone(),
            sign_in: things.sign_in.clone(),
            refresh: things.refresh.clone(),
            ..world.missing.clone()
        };
        let (case, key) = (requests::of(method, &nothing), format!("no-{}", things.tag));
        let before = journal.tally().await;
        let first = once(&caller, &case, &key).await;
        if first.code == Code::Ok {
            continue;
        }
        refusals += 1;
        let wrote = journal.tally().await.since(before);
        faults.check(wrote == Tally { events: 0, records: 1 }, || {
            format!("{method}: {} wrote {wrote:?}", show(&first))
        });
        let second = once(&caller, &case, &key).await;
        faults.check(second.verdict() == first.verdict(), || {
            format!("{method}: {} then {}", show(&first), show(&second))
        });
        // Also when it would go well by now, and also for another request.
        let good = once(&caller, &requests::of(method, &things), &key).await;
        faults.check(good.reason() == "IDEMPOTENCY_MISMATCH", || {
            format!("{method}: another request {}", show(&good))
        });
        let after = journal.tally().await.since(before);
        faults.check(after == wrote, || format!("{method}: {wrote:?}, then {after:?}"));
    }
    println!("{refusals} refusals repeated");
    faults.none();
    assert!(refusals > 30);
});

both_shapes!(an_answer_that_is_lost_can_be_asked_for_again, async |town: Town| {
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let mut faults = Faults(Vec::new());
    for method in mutating().filter(|method| !ends_the_caller(method)) {
        let (caller, things) = world.fresh(method).await;
        let before = journal.tally().await;
        once(
            &caller,
            &requests::of(method, &things),
            &format!("heard-{}", things.tag),
        )
        .await;
        let heard = journal.tally().await.since(before);
        let (caller, things) = world.fresh(method).await;
        let (case, key) = (Arc::new(requests::of(method, &things)), format!("lost-{}", things.tag));
        let wire = Wire::to(&world.town.gateway).await;
        let far = Caller {
            channel: wire.channel.clone(),
            token: caller.token.clone(),
        };
        let keys = far.raw("/muster.auth.v1.SessionService/GetSigningKeys", &[], &[]).await;
        assert_eq!(keys.code, Code::Ok, "the wire stands");
        let before = journal.tally().await;
        wire.swallow();
        let lost = tokio::spawn({
            let (case, key) = (Arc::clone(&case), key.clone());
            async move { far.raw(&case.method, &case.body, &[("idempotency-key", &key)]).await }
        });
        wire.cut_after_answer().await;
        let lost = lost.await.unwrap();
        faults.check(lost.code != Code::Ok, || {
            format!("{method}: nothing was lost, {}", show(&lost))
        });
        let did = journal.tally().await.since(before);
        faults.check(did == heard, || {
            format!("{method}: the answer was lost, and it wrote {did:?}, not {heard:?}")
        });
        let answers = join_all((0..5).map(|_| until_settled(&caller, &case, &key))).await;
        let after = journal.tally().await.since(before);
        faults.check(after == heard, || {
            format!("{method}: asked again, it wrote {after:?}, not {heard:?}")
        });
        for answer in &answers {
            let same = answer.code == Code::Ok && answer.verdict() == answers[0].verdict();
            faults.check(same, || format!("{method}: {} and {}", show(&answers[0]), show(answer)));
        }
    }
    faults.none();
});

both_shapes!(a_caller_who_hangs_up_may_ask_again, async |town: Town| {
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let mut faults = Faults(Vec::new());
    for (round, method) in mutating().filter(|method| rule_of(method).scope as i32 > 1).enumerate() {
        if ends_the_caller(method) {
            continue;
        }
        let (caller, things) = world.fresh(method).await;
        let before = journal.tally().await;
        once(
            &caller,
            &requests::of(method, &things),
            &format!("waits-{}", things.tag),
        )
        .await;
        let alone = journal.tally().await.since(before);
        let (caller, things) = world.fresh(method).await;
        let (case, key) = (requests::of(method, &things), format!("hangs-{}", things.tag));
        let before = journal.tally().await;
        // At another moment of the work each time.
        let patience = std::time::Duration::from_micros(500 * (1 + round as u64 % 12));
        let _ = tokio::time::timeout(patience, caller.raw(method, &case.body, &[("idempotency-key", &key)])).await;
        let again = until_settled(&caller, &case, &key).await;
        let more = until_settled(&caller, &case, &key).await;
        let wrote = journal.tally().await.since(before);
        faults.check(again.code == Code::Ok && again == more, || {
            format!("{method}: {} and {}", show(&again), show(&more))
        });
        faults.check(wrote == alone, || {
            format!("{method}: hung up and asked again, it wrote {wrote:?}, not {alone:?}")
        });
    }
    let well = faults.0.is_empty();
    faults.check(well, || broken(&world.town));
    faults.none();
});
