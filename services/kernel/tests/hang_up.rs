//! Whoever hangs up while a unit of work begins leaves the database as it was, for everybody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::pin::pin;
use std::task::Poll;

use futures::poll;
use muster_kernel::both_engines;
use muster_kernel::db::Reach;
use muster_kernel::testing::Lab;

both_engines!(
    a_write_that_is_dropped_while_it_begins_harms_nobody,
    "things",
    &[],
    async |lab: Lab| {
        for patience in 0..400 {
            {
                let mut beginning = pin!(lab.deps.db.write(Reach::System));
                for _ in 0..patience % 40 {
                    match poll!(beginning.as_mut()) {
                        Poll::Ready(begun) => {
                            begun.unwrap().rollback().await;
                            break;
                        }
                        Poll::Pending => tokio::task::yield_now().await,
                    }
                }
            }
            if patience % 10 == 0 {
                let conn = lab.deps.db.write(Reach::System).await;
                conn.unwrap_or_else(|error| panic!("after {patience}: {error}"))
                    .commit()
                    .await
                    .unwrap();
            }
        }
    }
);
