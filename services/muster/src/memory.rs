//! Memory that nobody needs any more goes back to the system.
//!
//! The allocator keeps what was freed for a second, in case it is needed again, and after that it gives it back with the
//! next large piece that is freed. A process that has come to rest frees none: 19 MiB for each password that was hashed
//! a minute ago would stay with it over night.

use std::hint::black_box;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
/// Large enough for the allocator to look after what else was freed. It is never touched, so it costs no memory itself.
const LARGE: usize = 1024 * 1024;

/// Runs until the process stops.
pub(crate) async fn give_back(stop: CancellationToken) {
    let often = async {
        loop {
            tokio::time::sleep(EVERY).await;
            drop(black_box(Vec::<u8>::with_capacity(LARGE)));
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = often => {}
    }
}
