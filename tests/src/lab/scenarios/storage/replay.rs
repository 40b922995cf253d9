//! a restart forgets nothing. Rotated refresh tokens stay dead when auth was killed and Redis is empty.

use std::time::Duration;

use muster::demo::{PASSWORD, SLUG};
use muster_proto::auth::v1::{RefreshSessionRequest, RefreshSessionResponse};
use tokio::time::sleep;
use tonic::{Code, Status};

use super::{Broken, Run};
use crate::client::{Caller, sign_in};
use crate::lab::crew::Signal;
use crate::lab::judge::Verdict;

/// A client that lost the answer gets the same successor for so long; later, the old token is a stolen one.
const GRACE: Duration = Duration::from_secs(10);

/// With tokens rotated twice, and with one rotated once and out of grace.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, &[]).await;
    let mut verdict = part(&mut broken, run.wish("FAMILIES", 6), true).await;
    verdict.and(broken.judge().await);
    verdict
}

/// So many families. `patient`: half of them are rotated once only, and the grace is waited for.
pub async fn part(broken: &mut Broken, families: usize, patient: bool) -> Verdict {
    let (mut verdict, site) = (Verdict::default(), &broken.stage.site);
    let channel = site.plain_channel();
    let mut stolen = Vec::new();
    for number in 0..families {
        let tokens = sign_in(&channel, SLUG, "mara", PASSWORD)
            .await
            .expect("the sign-in is good")
            .tokens;
        let first = tokens.expect("tokens").refresh_token;
        let mut last = refresh(&channel, &first).await.expect("it is fresh");
        if !patient || number % 2 == 0 {
            last = refresh(&channel, &last).await.expect("it is fresh");
        }
        stolen.push((first, last));
    }
    if patient {
        sleep(GRACE + Duration::from_secs(1)).await;
    }
    site.crew.signal("auth", Signal::Kill).await;
    broken.cluster.redis.flush().await;
    if let Err(why) = site.serves(Duration::from_secs(30)).await {
        verdict.findings.push(format!("A-06: {why}"));
    }
    let mut refused = 0;
    for (first, last) in &stolen {
        for (token, what) in [
            (first, "a rotated token"),
            (last, "a token of a family that was abused"),
        ] {
            match refresh(&channel, token).await {
                Err(status) if status.code() == Code::Unauthenticated => refused += 1,
                other => verdict
                    .findings
                    .push(format!("A-06: {what} was answered {:?}", other.map(drop))),
            }
        }
    }
    verdict.figure(
        "A-06",
        format!(
            "{refused} of {} old tokens refused after SIGKILL of auth and FLUSHALL",
            families * 2
        ),
    );
    verdict
}

async fn refresh(channel: &tonic::transport::Channel, token: &str) -> Result<String, Status> {
    let request = RefreshSessionRequest {
        refresh_token: token.to_owned(),
    };
    let nobody = Caller::nobody(channel.clone());
    // Just after the restart the gateway may still have the old connection in hand.
    for _ in 0..40 {
        let answer: Result<RefreshSessionResponse, Status> = nobody
            .call("/muster.auth.v1.SessionService/RefreshSession", request.clone())
            .await;
        match answer {
            Err(status) if status.code() == Code::Unavailable => sleep(Duration::from_millis(100)).await,
            answer => return answer.map(|answer| answer.tokens.unwrap_or_default().refresh_token),
        }
    }
    Err(Status::unavailable("auth does not come back"))
}
