//! Hashing of passwords: slow on purpose, so never on the threads that answer, and never more than a few at once.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use chrono::TimeDelta;
use muster_kernel::Error;
use muster_kernel::clock::World;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::domain::password::normalise;
use crate::error::Refusal;
use crate::hash_room::{Room, Rooms};
use crate::threads::{Manner, Threads};

/// Memory in KiB, passes, lanes: the least that OWASP and NIST accept. Raise it when the machine can.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes at once, at most: half of the processors, so that orders always find one that does not hash (RELIABILITY A-14).
const MOST_SLOTS: usize = 4;
/// Hashes that may wait for a slot.
const QUEUE: usize = 32;
/// With more than this many waiting it is a storm.
const STORM: usize = QUEUE / 2;
/// Who finds the queue full comes again after so many milliseconds, and up to so many more: five hundred who came together
/// would come together again.
const SOON: i64 = 1_000;
const SPREAD: i64 = 3_000;

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Hasher {
    argon: Argon2<'static>,
    threads: Threads,
    slots: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    rooms: Rooms,
    world: World,
    /// Checked in place of the hash of somebody who does not exist.
    dummy: Arc<str>,
}

/// A place in the queue of those whose password is hashed next.
pub struct Place(OwnedSemaphorePermit);

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// It is the password.
    pub right: bool,
    /// It is the password, and its hash is weaker than it should be by now: keep this one instead.
    pub stronger: Option<String>,
}

impl Hasher {
    /// A hasher with the parameters of today.
    ///
    /// # Errors
    /// `INTERNAL` if the parameters are not usable.
    pub async fn new(world: World) -> Result<Self, Error> {
        let params = Params::new(MEMORY, PASSES, LANES, None).map_err(Error::internal)?;
        Self::with(world, params).await
    }

    pub(crate) async fn with(world: World, params: Params) -> Result<Self, Error> {
        let slots = slots();
        let mut hasher = Self {
            argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            threads: Threads::start(slots)?,
            slots: Arc::new(Semaphore::new(slots)),
            queue: Arc::new(Semaphore::new(slots + QUEUE)),
            rooms: Rooms::default(),
            dummy: "".into(),
            world,
        };
        hasher.dummy = hasher.hash("nobody has this password".to_owned()).await?.into();
        Ok(hasher)
    }

    /// Lines up. Whoever has much to do before the password is looked at lines up first: in a storm nobody is refused who
    /// has cost anything yet.
    ///
    /// # Errors
    /// `SIGN_IN_BUSY` when too many wait.
    pub fn line_up(&self) -> Result<Place, Error> {
        let place = Arc::clone(&self.queue).try_acquire_owned();
        Ok(Place(place.map_err(|_| Refusal::SignInBusy(self.later()))?))
    }

    /// When to come again: not all of those who came together at the same moment.
    fn later(&self) -> TimeDelta {
        let chance = u16::from_le_bytes(self.world.random());
        TimeDelta::milliseconds(SOON + i64::from(chance) % SPREAD)
    }

    /// The hash of a password in its normal form.
    ///
    /// # Errors
    /// `SIGN_IN_BUSY` when too many wait.
    pub async fn hash(&self, normal: String) -> Result<String, Error> {
        let (argon, salt) = (self.argon.clone(), self.world.random::<16>());
        self.work(self.line_up()?, move |_| {
            let hash: PasswordHash = argon
                .hash_password_with_salt(normal.as_bytes(), &salt)
                .map_err(Error::internal)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Checks a password as typed against a hash; against nobody's when there is none, in the same time.
    ///
    /// # Errors
    /// `SIGN_IN_BUSY` when too many wait to hash it anew where its hash is weak.
    pub async fn check(&self, place: Place, typed: &str, hash: Option<&str>) -> Result<Checked, Error> {
        // What is too long to have been accepted is wrong, and costs as much as any other.
        let normal = normalise(typed);
        let known = hash.is_some() && normal.is_some();
        let (normal, hash) = (normal.unwrap_or_default(), hash.unwrap_or(&self.dummy).to_owned());
        let (argon, kept) = (self.argon.clone(), normal.clone());
        let (right, weak) = self
            .work(place, move |room| {
                let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
                let right = room.is_right(&normal, &hash)?;
                Ok((right && known, is_weaker(&hash, argon.params())))
            })
            .await?;
        let stronger = if right && weak {
            Some(self.hash(kept).await?)
        } else {
            None
        };
        Ok(Checked { right, stronger })
    }

    async fn work<T: Send + 'static>(
        &self,
        Place(place): Place,
        work: impl FnOnce(&mut Room) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(Error::internal)?;
        let (queue, rooms, runtime) = (Arc::clone(&self.queue), self.rooms.clone(), Handle::current());
        let manner = if is_storm(&queue) {
            Manner::Humble
        } else {
            Manner::Polite
        };
        // The permits go with the work: a caller who gives up does not make room before the work has ended.
        let done = self.threads.run(manner, move || {
            let began = Instant::now();
            let mut room = rooms.take();
            let outcome = work(&mut room);
            drop(place);
            if is_storm(&queue) {
                rooms.keep(room);
                runtime.spawn(rest(began.elapsed(), slot));
            } else {
                rooms.clear();
                drop(slot);
            }
            outcome
        });
        done.await?
    }
}

/// In a storm nobody has the slot for as long again: the processors and their memory are left to the others
/// (RELIABILITY A-14).
async fn rest(took: Duration, slot: OwnedSemaphorePermit) {
    sleep(took).await;
    drop(slot);
}

fn is_storm(queue: &Semaphore) -> bool {
    queue.available_permits() < QUEUE - STORM
}

fn slots() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, MOST_SLOTS)
}

fn is_weaker(hash: &PasswordHash, params: &Params) -> bool {
    Params::try_from(hash).map_or(true, |old| {
        old.m_cost() < params.m_cost() || (old.m_cost() == params.m_cost() && old.t_cost() < params.t_cost())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_TENTH: Duration = Duration::from_millis(100);

    fn cheap(passes: u32) -> Params {
        Params::new(64, passes, 1, None).unwrap()
    }

    #[tokio::test]
    async fn right_wrong_and_nobody() {
        let hasher = Hasher::with(World::system(), cheap(1)).await.unwrap();
        let hash = hasher.hash(normalise("zażółć gęślą jaźń").unwrap()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let check = async |typed: &str, hash| {
            hasher
                .check(hasher.line_up().unwrap(), typed, hash)
                .await
                .unwrap()
                .right
        };
        assert!(check("zażółć gęślą jaźń", Some(hash.as_str())).await);
        assert!(!check("zazolc gesla jazn", Some(hash.as_str())).await);
        assert!(!check("nobody has this password", None).await);
        assert!(!check("", None).await);
        assert!(!check(&"x".repeat(5000), Some(hash.as_str())).await);
    }

    #[tokio::test]
    async fn a_weak_hash_is_replaced_when_the_password_is_right() {
        let old = Hasher::with(World::system(), cheap(1)).await.unwrap();
        let new = Hasher::with(World::system(), cheap(3)).await.unwrap();
        let hash = old.hash("a password of some length".into()).await.unwrap();
        let check = async |typed: &str, hash: &str| new.check(new.line_up().unwrap(), typed, Some(hash)).await.unwrap();
        let wrong = check("another of some length", &hash).await;
        assert_eq!(
            wrong,
            Checked {
                right: false,
                stronger: None
            }
        );
        let stronger = check("a password of some length", &hash).await.stronger.unwrap();
        assert!(stronger.contains("t=3"));
        assert_eq!(check("a password of some length", &stronger).await.stronger, None);
    }

    #[tokio::test]
    async fn in_a_storm_it_rests_after_each_hash_and_keeps_nothing_when_it_is_over() {
        let hasher = Hasher::new(World::system()).await.unwrap();
        let check = async || {
            let place = hasher.line_up().unwrap();
            assert!(!hasher.check(place, "whatever it is", None).await.unwrap().right);
        };
        let (dummy, mut room) = (PasswordHash::new(&hasher.dummy).unwrap(), Room::default());
        let least = (0..5).map(|_| {
            let began = Instant::now();
            room.is_right("whatever it is", &dummy).unwrap();
            began.elapsed()
        });
        let least = least.min().unwrap();
        let began = Instant::now();
        let rounds = u32::try_from((slots() + QUEUE) / slots()).unwrap();
        futures::future::join_all((0..slots() + QUEUE).map(|_| check())).await;
        let took = began.elapsed();
        assert!(
            took > least.mul_f64(1.25) * rounds,
            "{took:?} for {rounds} of {least:?}"
        );
        assert!(hasher.rooms.is_empty(), "memory is kept");
    }

    #[tokio::test]
    async fn refuses_at_once_when_too_many_wait() {
        let hasher = Hasher::new(World::system()).await.unwrap();
        let tries = (0..100).map(|_| async {
            let place = hasher.line_up()?;
            hasher.check(place, "whatever it is", None).await
        });
        let outcomes = futures::future::join_all(tries).await;
        let busy = outcomes
            .iter()
            .filter(|outcome| outcome.as_ref().is_err_and(|error| error.reason == "SIGN_IN_BUSY"));
        let waits: Vec<Duration> = busy.filter_map(|outcome| outcome.as_ref().err()?.retry_after).collect();
        assert_eq!(waits.len(), 100 - slots() - QUEUE);
        let at_the_same_moment =
            |wait: &Duration| waits.iter().filter(|other| wait.abs_diff(**other) < A_TENTH).count();
        assert!(
            waits.iter().all(|wait| at_the_same_moment(wait) < waits.len() / 3),
            "{waits:?}"
        );
    }
}
