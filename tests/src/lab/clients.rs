//! Those who make the load: waiters and cooks, signed in, some to a connection.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use muster::demo::{PASSWORD, SLUG};
use muster_proto::auth::v1::{SignInRequest, SignInResponse};
use prost::Message;
use tokio::sync::Semaphore;
use tonic::transport::Channel;

use super::acts::Trade;
use super::site::Site;
use crate::client::Caller;

const WAITERS: [&str; 3] = ["sam", "priya", "tomasz"];
const COOKS: [&str; 2] = ["kenji", "rosa"];
const SIGN_IN: &str = "/muster.auth.v1.SessionService/SignIn";
/// Auth hashes so many passwords at once here.
const AT_THE_DOOR: usize = 4;
/// A connection carries so many clients, so that the load costs the processors that it shares with Muster less: with one for
/// each, ten times as much as can be done cost the spike a third of what is served.
const SHARED_BY: usize = 10;
/// So many calls may be on their way over it, as the gateway allows. The next waits for its turn, and is not sent where none
/// comes within its deadline: a client that sent it all the same would take it back at once, which is an attack where hundreds
/// do so (G-02).
const ON_THEIR_WAY: usize = 128;

/// Somebody who has signed in.
pub struct Client {
    /// With which name.
    pub login: &'static str,
    /// The connection, which others share.
    pub channel: Channel,
    /// Calls that may be sent over it now.
    pub turns: Arc<Semaphore>,
    /// What he may do.
    pub trade: Trade,
    /// His token.
    pub token: Mutex<String>,
    /// What renews it.
    pub refresh: tokio::sync::Mutex<String>,
}

impl Client {
    /// So many sign in at a site, three waiters to two cooks. Takes about 40 ms of processor time each.
    pub async fn come(site: &Site, clients: usize) -> Vec<Self> {
        let connections: Vec<(Channel, Arc<Semaphore>)> = (0..clients.div_ceil(SHARED_BY))
            .map(|_| (site.channel(), Arc::new(Semaphore::new(ON_THEIR_WAY))))
            .collect();
        let plain = site.plain_channel();
        let signing = (0..clients).map(|number| {
            let (login, trade) = match number % 5 {
                place @ 0..=2 => (WAITERS.get(place), Trade::Waiter),
                place => (COOKS.get(place - 3), Trade::Cook),
            };
            let own = connections.get(number / SHARED_BY).expect("a connection").clone();
            Self::sign_in(plain.clone(), own, login.copied().expect("a login"), trade)
        });
        futures::stream::iter(signing).buffered(AT_THE_DOOR).collect().await
    }

    /// Somebody signs in over `plain` and asks over his own connection from then on.
    pub async fn sign_in(
        plain: Channel,
        (channel, turns): (Channel, Arc<Semaphore>),
        login: &'static str,
        trade: Trade,
    ) -> Self {
        let request = SignInRequest {
            tenant_slug: SLUG.to_owned(),
            login: login.to_owned(),
            password: PASSWORD.to_owned(),
            ..SignInRequest::default()
        };
        let nobody = Caller::nobody(plain);
        let answer = nobody.patiently(SIGN_IN, &request.encode_to_vec(), &[]).await;
        let tokens = answer.decode::<SignInResponse>().tokens.expect("tokens");
        Self {
            login,
            channel,
            turns,
            trade,
            token: Mutex::new(tokens.access_token),
            refresh: tokio::sync::Mutex::new(tokens.refresh_token),
        }
    }
}
