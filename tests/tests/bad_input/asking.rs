//! Asking many bad things, some at a time, and judging the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};
use muster_kernel::clock::World as Chance;
use muster_proto::authz::v1::Scope;
use muster_tests::bad::cases::{Bad, Expect};
use muster_tests::bad::quiet;
use muster_tests::client::Caller;
use muster_tests::contract::{role_of, rule_of};
use muster_tests::raw::Raw;
use muster_tests::town::Shape;
use muster_tests::world::{Who, World};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Longer than any answer may take.
pub const HANGS: Duration = Duration::from_secs(10);

/// A way in: the gateway, or round it to a service.
pub struct Door {
    pub name: String,
    pub role: &'static str,
    pub caller: Caller,
    pub service: Option<String>,
}

/// The doors of a town, each with a channel of the owner's.
pub async fn doors(world: &World) -> Vec<Door> {
    let mut doors = vec![Door {
        name: "gateway".to_owned(),
        role: "",
        caller: world.caller(Who::Owner, &world.gateway),
        service: None,
    }];
    if world.town.shape == Shape::Split {
        for role in ["auth", "orders"] {
            let channel = world.town.channel_to(role).await;
            doors.push(Door {
                name: format!("service {role}"),
                role,
                caller: world.caller(Who::Owner, &channel),
                service: Some(world.forge.service("gateway")),
            });
        }
    }
    doors
}

impl Door {
    /// Whether this door lets a good request to the method through.
    pub fn opens(&self, method: &str) -> bool {
        match self.role {
            "" => rule_of(method).scope != Scope::Platform,
            role => role_of(method) == role,
        }
    }

    /// Asks, as whoever may.
    pub async fn ask(&self, method: &str, body: &[u8]) -> Raw {
        let platform = rule_of(method).scope == Scope::Platform;
        let service = self.service.as_deref().filter(|_| platform);
        let metadata: Vec<(&'static str, &str)> = service.map(|token| ("muster-service", token)).into_iter().collect();
        if platform {
            return Caller::nobody(self.caller.channel.clone())
                .raw(method, body, &metadata)
                .await;
        }
        self.caller.raw(method, body, &metadata).await
    }
}

/// A seed: given, or new. It is printed, and chooses the same part again.
pub fn seed() -> u64 {
    let given = std::env::var("MUSTER_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from_le_bytes(Chance::system().random::<8>()));
    println!("MUSTER_TEST_SEED={seed} chooses the same again");
    seed
}

/// Of so many, one in `of`, chosen by the seed; all of them where that is asked for.
pub fn chosen(seed: u64, number: usize, of: u64) -> bool {
    let all = std::env::var("MUSTER_TEST_BAD_INPUT").is_ok_and(|how| how == "all");
    let mixed = (seed ^ u64::try_from(number).unwrap()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    all || (mixed >> 17).is_multiple_of(of)
}

/// What came of many questions.
#[derive(Default)]
pub struct Outcome {
    pub codes: BTreeMap<String, usize>,
    pub faults: Vec<String>,
    pub refused: usize,
}

impl Outcome {
    pub fn asked(&self) -> usize {
        self.codes.values().sum()
    }

    pub fn add(&mut self, other: Self) {
        for (code, count) in other.codes {
            *self.codes.entry(code).or_default() += count;
        }
        self.faults.extend(other.faults);
        self.refused += other.refused;
    }
}

/// Asks all of these at one door and judges each answer.
pub async fn ask_all(door: &Door, all: Vec<(String, Bad)>) -> Outcome {
    let asks = all.into_iter().map(|(method, bad)| async move {
        let answer = tokio::time::timeout(HANGS, door.ask(&method, &bad.body)).await;
        (method, bad, answer.ok())
    });
    let mut outcome = Outcome::default();
    let mut answers = stream::iter(asks).buffer_unordered(12);
    while let Some((method, bad, answer)) = answers.next().await {
        let (code, fault) = match answer {
            None => ("hangs".to_owned(), Some("no answer".to_owned())),
            Some(answer) => {
                outcome.refused += usize::from(answer.code != Code::Ok);
                (format!("{:?}", answer.code), fault(&answer, &bad))
            }
        };
        *outcome.codes.entry(code).or_default() += 1;
        if let Some(fault) = fault {
            outcome
                .faults
                .push(format!("{} {method} {}: {fault}", door.name, bad.what));
        }
    }
    outcome
}

/// What is wrong with an answer.
pub fn fault(answer: &Raw, bad: &Bad) -> Option<String> {
    let told = || format!("{:?} {} {}", answer.code, answer.reason(), answer.message);
    if let Some(word) = quiet::leak(answer, &bad.body) {
        return Some(format!("tells {word:?}: {}", told()));
    }
    // Too many tries at passwords and codes are refused before they are looked at.
    if answer.code == Code::ResourceExhausted
        && answer.reason() != ""
        && [Expect::Honest, Expect::Anything].contains(&bad.expect)
    {
        return None;
    }
    let named = named_fields(answer);
    let good = match &bad.expect {
        Expect::Field(name) => answer.code == Code::InvalidArgument && named.contains(name),
        Expect::Unreadable => answer.code == Code::InvalidArgument && !answer.reason().is_empty(),
        Expect::Honest => {
            let ours = [
                Code::Internal,
                Code::Unknown,
                Code::DataLoss,
                Code::DeadlineExceeded,
                Code::Unavailable,
                Code::Unimplemented,
            ];
            !ours.contains(&answer.code)
                && (answer.code == Code::Ok || !answer.reason().is_empty())
                && (answer.code != Code::InvalidArgument || !named.is_empty())
        }
        Expect::Anything => {
            ![Code::Internal, Code::Unknown, Code::DataLoss, Code::DeadlineExceeded].contains(&answer.code)
                && (answer.code == Code::Ok || !answer.reason().is_empty())
        }
    };
    (!good).then(|| format!("{} names {named:?}, expected {:?}", told(), bad.expect))
}

fn named_fields(answer: &Raw) -> Vec<String> {
    let status = Status::with_details(answer.code, "", answer.details.clone().into());
    let details = status.get_details_bad_request();
    details
        .map(|bad| bad.field_violations.into_iter().map(|field| field.field).collect())
        .unwrap_or_default()
}
