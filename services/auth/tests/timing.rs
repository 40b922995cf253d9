//! Who exists cannot be told from how long a refusal takes (RELIABILITY A-11). Needs a quiet machine: run with `--ignored`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement, in a test"
)]

mod common;

use std::time::{Duration, Instant};

use common::House;
use muster_auth::STEPS;
use muster_kernel::testing::{Engine, Lab};

const SAMPLES: usize = 150;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures time; needs a quiet machine"]
async fn a_wrong_password_and_nobody_take_the_same_time() {
    let house = House::new(Lab::new(Engine::Sqlite, "auth", STEPS).await).await;
    let (mut wrong, mut nobody) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        for (login, times) in [("staff", &mut wrong), ("ghost", &mut nobody)] {
            let began = Instant::now();
            assert!(house.try_sign_in(login, "this is not the password", "").await.is_err());
            times.push(began.elapsed());
        }
        house.advance(1_000);
    }
    let (wrong, nobody) = (median(wrong), median(nobody));
    let difference = wrong.abs_diff(nobody).as_secs_f64() / wrong.as_secs_f64();
    assert!(
        difference <= 0.05,
        "wrong {wrong:?}, nobody {nobody:?}: {:.1} % apart",
        difference * 100.0
    );
}
