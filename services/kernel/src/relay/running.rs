//! What a relay and the calls on it share: what is to be sent, who runs, and how much of each may be on its way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::task::AbortHandle;

use super::wire::Frame;
use super::{MUCH, PIECE, WINDOW};

/// What the relay and the calls on it share.
#[derive(Default)]
pub(super) struct Shared(Mutex<State>);

#[derive(Default)]
pub(super) struct State {
    pub(super) out: BytesMut,
    /// The relay's own, where it waits for something to send.
    pub(super) sender: Option<Waker>,
    /// Those who wait until less is waiting to be sent.
    pub(super) held_up: Vec<Waker>,
    pub(super) running: HashMap<u64, Running>,
}

/// A call on its way.
#[derive(Default)]
pub(super) struct Running {
    pub(super) task: Option<AbortHandle>,
    /// So much of the answer was sent beyond what was granted.
    owed: usize,
    waits: Option<Waker>,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, call: u64, frame: &Frame) {
        self.send_from(self.state(), call, frame);
    }

    /// The last frame of a call.
    pub(super) fn end(&self, call: u64, frame: &Frame) {
        let mut state = self.state();
        state.running.remove(&call);
        self.send_from(state, call, frame);
    }

    fn send_from(&self, mut state: MutexGuard<'_, State>, call: u64, frame: &Frame) {
        frame.put(call, &mut state.out);
        let sender = state.sender.take();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// Until a piece of this call's answer may be sent.
    pub(super) fn poll_room(&self, call: u64, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.out.len() >= MUCH {
            state.held_up.push(context.waker().clone());
            return Poll::Pending;
        }
        let Some(running) = state.running.get_mut(&call) else {
            return Poll::Ready(());
        };
        if running.owed + PIECE > WINDOW {
            running.waits = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    pub(super) fn owe(&self, call: u64, bytes: usize) {
        if let Some(running) = self.state().running.get_mut(&call) {
            running.owed += bytes;
        }
    }

    pub(super) fn grant(&self, call: u64, bytes: u32) {
        let mut state = self.state();
        let waits = state.running.get_mut(&call).and_then(|running| {
            running.owed = running.owed.saturating_sub(bytes as usize);
            running.waits.take()
        });
        drop(state);
        if let Some(waits) = waits {
            waits.wake();
        }
    }

    pub(super) fn cancel(&self, call: u64) {
        let running = self.state().running.remove(&call);
        if let Some(task) = running.and_then(|running| running.task) {
            task.abort();
        }
    }
}
