//! How the process gets memory, and gives back what nobody needs any more.
//!
//! A huge page is in use as a whole as soon as a byte of it is: with them a screen cost a third more and a gateway at work
//! had 55 MiB in place of 32, and calls were no quicker. The allocator is built so that it asks for none (`no_thp`), and
//! where the system gives them to everybody, it is asked not to.
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

/// From here on memory comes in pages of the usual size. Where the system cannot be asked for it, all goes on as it does.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

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
