//! What must be true when the faults are over. The judge believes the databases and what clients were told, never the
//! service's own opinion (RELIABILITY 2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, sleep};
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

use super::acts::Kind;
use super::books::{Books, Effects};
use super::history::{Call, Told};
use super::load::Load;
use super::site::Site;
use super::watch::{Watcher, faults, fresh};

/// After the faults everything must be normal within.
const HEALED_WITHIN: Duration = Duration::from_secs(60);
/// So many acknowledged calls are asked again, to see whether the answer is still the same.
const ASKED_AGAIN: usize = 200;
/// A spike on SQLite leaves a hundred thousand calls to be asked again, which are written in groups.
const AT_ONCE: usize = 64;
const DEADLINE: Duration = Duration::from_secs(5);
/// A try with a number from here on is the judge's own.
const OWN_TRIES: u32 = 100;

/// What came of a run.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Broken promises. None, and the run is good.
    pub findings: Vec<String>,
    /// What was counted and measured.
    pub figures: Vec<(String, String)>,
}

impl Verdict {
    /// Adds something measured.
    pub fn figure(&mut self, name: impl Into<String>, value: impl ToString) {
        self.figures.push((name.into(), value.to_string()));
    }

    /// Adds a finding unless this holds.
    pub fn must(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds {
            self.findings.push(finding());
        }
    }

    /// Takes another verdict in.
    pub fn and(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.figures.extend(other.figures);
    }
}

/// Heals the site, asks again what is unknown, and judges.
pub async fn judge(site: &mut Site, load: &Arc<Load>, watchers: &[Watcher], token: &str) -> Verdict {
    let mut verdict = Verdict::default();
    site.heal();
    match site.serves(HEALED_WITHIN).await {
        Ok(after) => verdict.figure("serves after the faults", format!("{} ms", after.as_millis())),
        Err(why) => verdict.findings.push(format!("I-18: {why}")),
    }
    let books = Books::of(&site.town).await;
    // Before anybody asks again: who asks for what was lost has it done anew.
    match acknowledged(load, &books).await {
        Ok(lost) => verdict.findings.extend(lost),
        Err(error) => verdict.findings.push(format!("the databases cannot be read: {error}")),
    }
    ask_again(site, load, &mut verdict).await;
    if let Err(error) = read_books(site, load, &books, watchers, token, &mut verdict).await {
        verdict.findings.push(format!("the databases cannot be read: {error}"));
    }
    books.close().await;
    if let Err(text) = site.town.check().await {
        verdict.findings.push(format!("muster check: {}", text.trim()));
    }
    for end in site.crew.ends().into_iter().filter(|end| !end.wanted) {
        verdict
            .findings
            .push(format!("{} ended by itself: {}", end.roles, end.status));
    }
    let panics = site
        .town
        .logs()
        .lines()
        .filter(|line| line.contains("panicked at"))
        .count();
    verdict.must(panics == 0, || format!("{panics} panics in the logs"));
    count(&load.history().calls(), &mut verdict);
    load.history().flush();
    site.keep_logs();
    verdict
}

/// I-03, of what was acknowledged so far.
async fn acknowledged(load: &Arc<Load>, books: &Books) -> anyhow::Result<Vec<String>> {
    let mut calls = load.history().calls();
    calls.retain(Call::is_acknowledged);
    let (effects, orders) = (books.effects(load.run_id()).await?, books.orders().await?);
    Ok(weigh(&calls, load.run_id(), &effects, &orders))
}

/// I-05: what is unknown is asked again with its key until the answer is final, and once more; some of what was
/// acknowledged is asked again too.
async fn ask_again(site: &Site, load: &Arc<Load>, verdict: &mut Verdict) {
    let calls = load.history().calls();
    let mutating = |call: &&Call| call.kind.is_mutating();
    let those = |of: fn(&Call) -> bool| -> Vec<Call> {
        let all = calls.iter().filter(mutating);
        all.filter(|call| of(call)).cloned().collect()
    };
    let (unknown, acknowledged) = (those(Call::is_unknown), those(Call::is_acknowledged));
    let every = acknowledged.len().div_ceil(ASKED_AGAIN).max(1);
    let sample: Vec<Call> = acknowledged.into_iter().step_by(every).collect();
    verdict.figure("unknown, asked again", unknown.len());
    verdict.figure("acknowledged, asked again", sample.len());
    let channels: Vec<Channel> = (0..AT_ONCE).map(|_| site.plain_channel()).collect();
    let numbered = unknown.into_iter().chain(sample).zip(channels.into_iter().cycle());
    let asked = numbered.map(|(call, plain)| async move {
        let until = Instant::now() + Duration::from_secs(20);
        let mut number = OWN_TRIES;
        let mut finals = 0;
        while finals < 2 && Instant::now() < until {
            let answer = load.ask(&call, number, DEADLINE, Some(&plain)).await;
            number += 1;
            match answer {
                Some(raw) if !Told::of(&raw).is_passing() => finals += 1,
                Some(raw) if raw.code == Code::Unauthenticated => load.sign_in_again(&call, &plain).await,
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    });
    futures::stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

async fn read_books(
    site: &Site,
    load: &Arc<Load>,
    books: &Books,
    watchers: &[Watcher],
    token: &str,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let (effects, orders) = (books.effects(load.run_id()).await?, books.orders().await?);
    verdict
        .findings
        .extend(weigh(&load.history().calls(), load.run_id(), &effects, &orders));
    let stuck = books.stuck().await?;
    verdict.must(stuck == 0, || format!("I-18: {stuck} transactions are stuck"));
    let unheard = books.unheard().await?;
    verdict.must(unheard.is_empty(), || {
        format!("I-12: orders and auth disagree about locations {unheard:?}")
    });
    let happened = books.happened(site.town.demo.location_id.parse()?).await?;
    for (number, watcher) in watchers.iter().enumerate() {
        let mut wrong = settle(site, watcher, token).await;
        wrong.extend(faults(&watcher.diary().seen, &happened));
        wrong.truncate(5);
        verdict
            .findings
            .extend(wrong.into_iter().map(|wrong| format!("I-17, screen {number}: {wrong}")));
    }
    if !watchers.is_empty() {
        let diaries: Vec<_> = watchers.iter().map(Watcher::diary).collect();
        let mut breaks: Vec<Duration> = diaries.iter().flat_map(|diary| diary.breaks.clone()).collect();
        verdict.figure(
            "screens / their breaks",
            format!("{} / {}", watchers.len(), breaks.len()),
        );
        if !breaks.is_empty() {
            verdict.figure("break to first message", spread(&mut breaks));
        }
    }
    Ok(())
}

/// Waits until a screen shows what one that is opened now shows.
async fn settle(site: &Site, watcher: &Watcher, token: &str) -> Vec<String> {
    let mut differs = Some("no snapshot can be had".to_owned());
    for _ in 0..40 {
        if let Some(board) = fresh(site, token).await {
            differs = watcher.diary().board.differs_from(&board);
            if differs.is_none() {
                return Vec::new();
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
    differs
        .into_iter()
        .map(|differs| format!("the board is not the server's: {differs}"))
        .collect()
}

/// I-03, I-04 and I-05 over a history: every acknowledged effect once in the databases, nothing twice, nothing left unknown,
/// one answer to one key. What is wrong, in words.
pub fn weigh(calls: &[Call], run: &str, effects: &Effects, orders: &BTreeMap<Uuid, Vec<String>>) -> Vec<String> {
    let mut done: BTreeMap<u32, i64> = BTreeMap::new();
    for (request, count) in effects {
        let number = request
            .strip_prefix(run)
            .and_then(|rest| rest.split('-').nth(1)?.parse().ok());
        number
            .into_iter()
            .for_each(|number| *done.entry(number).or_default() += count);
    }
    let mut wrong = Vec::new();
    for call in calls.iter().filter(|call| call.kind.is_mutating()) {
        let what = format!("{} {}", call.kind.name(), call.number);
        let count = done.get(&call.number).copied().unwrap_or_default();
        if count > 1 {
            wrong.push(format!("I-04: {what} was carried out {count} times"));
        }
        if call.is_unknown() {
            wrong.push(format!("I-05: {what} stays unknown"));
            continue;
        }
        if call.is_acknowledged() && call.kind.leaves_an_event() && count == 0 {
            wrong.push(format!("I-03: {what} was acknowledged and is not there"));
        }
        if !call.is_acknowledged() && count > 0 {
            wrong.push(format!("I-04: {what} was refused and carried out"));
        }
        let mut finals = call.answers().filter(|told| !told.is_passing());
        let first = finals.next();
        if finals.any(|told| Some(told) != first) {
            wrong.push(format!("I-05: {what} was answered differently"));
        }
        if call.is_acknowledged() {
            wrong.extend(effect(call, &what, orders));
        }
    }
    wrong.truncate(40);
    wrong
}

/// The very thing that was acknowledged, by the id that the client gave it.
fn effect(call: &Call, what: &str, orders: &BTreeMap<Uuid, Vec<String>>) -> Option<String> {
    let lines = call.order.and_then(|order| orders.get(&order));
    match (call.kind, lines) {
        (Kind::Place | Kind::Add | Kind::Move | Kind::Bump, None) => {
            Some(format!("I-03: the order of {what} is not there"))
        }
        (Kind::Add, Some(lines)) => {
            let item = call.item.map(|item| item.to_string()).unwrap_or_default();
            let count = lines.iter().filter(|line| **line == item).count();
            (count != 1).then(|| format!("I-03, I-04: the line of {what} is there {count} times"))
        }
        _ => None,
    }
}

fn count(calls: &[Call], verdict: &mut Verdict) {
    let mutating: Vec<&Call> = calls.iter().filter(|call| call.kind.is_mutating()).collect();
    verdict.figure(
        "calls (changing something)",
        format!("{} ({})", calls.len(), mutating.len()),
    );
    let acknowledged = mutating.iter().filter(|call| call.is_acknowledged()).count();
    verdict.figure("acknowledged changes", acknowledged);
    let mut codes: BTreeMap<String, u32> = BTreeMap::new();
    for told in calls
        .iter()
        .flat_map(Call::answers)
        .filter(|told| told.code != Code::Ok)
    {
        *codes
            .entry(format!("{:?} {}", told.code, told.reason).trim().to_owned())
            .or_default() += 1;
    }
    let internal = calls
        .iter()
        .flat_map(Call::answers)
        .filter(|told| told.code == Code::Internal)
        .count();
    verdict.must(internal == 0, || format!("INTERNAL was answered {internal} times"));
    let silent = calls
        .iter()
        .flat_map(|call| &call.tries)
        .filter(|each| each.answer.is_none())
        .count();
    verdict.must(silent == 0, || {
        format!("{silent} calls had no answer a second after their deadline")
    });
    verdict.figure("answers other than OK", format!("{codes:?}"));
    let mut times: Vec<Duration> = calls.iter().filter_map(Call::latency).collect();
    verdict.figure("latency from the schedule", spread(&mut times));
}

/// Percentiles in words.
pub fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = times.len().saturating_sub(1) * percent / 100;
        times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    format!(
        "p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, most {:.1} ms of {}",
        at(50),
        at(95),
        at(99),
        at(100),
        times.len()
    )
}
