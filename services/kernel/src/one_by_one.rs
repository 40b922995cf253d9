//! Those of a process who change the same thing go one after the other.
//!
//! Who reads, decides and writes over what was read fails where somebody else was quicker, and has to do it again. Within a
//! process nobody needs to: he waits for his turn. Between processes the database decides, as before.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Seat, OwnedMutexGuard};

type Seats<K> = Arc<Mutex<HashMap<K, Arc<Seat<()>>>>>;

/// Turns at things, by their key. Cheap to clone.
pub struct OneByOne<K: Eq + Hash>(Seats<K>);

/// Somebody's turn at a thing, until it is dropped.
pub struct Turn<K: Eq + Hash> {
    guard: Option<OwnedMutexGuard<()>>,
    key: K,
    seats: Seats<K>,
}

impl<K: Eq + Hash + Clone> OneByOne<K> {
    /// Waits for a turn, in the order of those who came. Whoever has one and waits for another must take them in the order of
    /// their keys, or two wait for each other.
    pub async fn turn(&self, key: K) -> Turn<K> {
        // Leaves nothing behind where the caller goes away while he waits.
        let mut turn = Turn {
            guard: None,
            key: key.clone(),
            seats: Arc::clone(&self.0),
        };
        let seat = Arc::clone(lock(&self.0).entry(key).or_default());
        turn.guard = Some(seat.lock_owned().await);
        turn
    }

    /// How many things somebody has a turn at, or waits for one.
    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Nobody has a turn at anything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn lock<K>(seats: &Mutex<HashMap<K, Arc<Seat<()>>>>) -> std::sync::MutexGuard<'_, HashMap<K, Arc<Seat<()>>>> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut seats = lock(&self.seats);
        // Whoever waits holds on to the seat too, and takes hold of it under this lock only.
        if seats.get(&self.key).is_some_and(|seat| Arc::strong_count(seat) == 1) {
            seats.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash> Default for OneByOne<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash> Clone for OneByOne<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash> fmt::Debug for Turn<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use futures::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_at_a_time_for_each_thing_and_nothing_is_kept() {
        let turns = OneByOne::default();
        let busy: Arc<[AtomicUsize; 3]> = Arc::default();
        let tasks = (0..300_usize).map(|number| {
            let (turns, busy) = (turns.clone(), Arc::clone(&busy));
            tokio::spawn(async move {
                let thing = &busy[number % 3];
                let _turn = turns.turn(number % 3).await;
                assert_eq!(thing.fetch_add(1, Ordering::SeqCst), 0);
                yield_now().await;
                assert_eq!(thing.fetch_sub(1, Ordering::SeqCst), 1);
            })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }
        assert!(turns.is_empty());
    }

    #[tokio::test]
    async fn who_goes_away_while_he_waits_leaves_nothing() {
        let turns = OneByOne::default();
        let first = turns.turn("thing").await;
        let mut second = Box::pin(turns.turn("thing"));
        let mut third = Box::pin(turns.turn("thing"));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        drop(second);
        drop(first);
        assert!(third.as_mut().now_or_never().is_some(), "it is his turn");
        drop(third);
        assert!(turns.is_empty());
    }
}
