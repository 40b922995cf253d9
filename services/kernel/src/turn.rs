//! Lets whoever is ready go first.
//!
//! A connection is woken by the first of many calls that have something to send. Woken at once it would write a packet for
//! each; one turn later it writes one for all of them.

use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that, woken, waits for its next turn before it works.
pub(crate) struct NextTurn<F> {
    inner: F,
    has_waited: bool,
}

impl<F> NextTurn<F> {
    pub(crate) fn new(inner: F) -> Self {
        let has_waited = false;
        Self { inner, has_waited }
    }
}

impl<F: Future + Unpin> Future for NextTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.has_waited = !self.has_waited;
        if self.has_waited {
            // The runtime puts who wakes itself behind those who are ready already.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn who_is_ready_goes_first() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let write = |what: &'static str| {
            let order = Arc::clone(&order);
            Box::pin(async move { order.lock().unwrap().push(what) })
        };
        let connection = tokio::spawn(NextTurn::new(write("connection")));
        let calls: Vec<_> = ["one", "two", "three"].map(|call| tokio::spawn(write(call))).into();
        connection.await.unwrap();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["one", "two", "three", "connection"]);
    }
}
