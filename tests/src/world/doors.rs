//! The ways in: the gateway, and each service where it is a process of its own.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::Code;
use tonic::transport::Channel;

use super::World;
use crate::client::Caller;
use crate::contract::role_of;
use crate::town::Shape;

/// A method of each role that everybody may call who is let in at all.
const HARMLESS: [&str; 2] = [
    "/muster.auth.v1.DirectoryService/ListLocations",
    "/muster.orders.v1.MenuService/GetMenu",
];

/// One way in.
pub struct Door {
    /// What it is called in a message.
    pub name: String,
    /// A connection to it.
    pub channel: Channel,
    /// The one role that it serves; none at the gateway, which serves all.
    role: Option<&'static str>,
}

impl Door {
    /// Whether a method can be reached here.
    pub fn serves(&self, method: &str) -> bool {
        self.role.is_none_or(|role| role == role_of(method))
    }

    /// Waits until whoever has this token is let in here no more.
    ///
    /// # Panics
    /// When that takes longer than `limit` from `started`, or when another answer comes than before.
    pub async fn shuts_out(&self, who: &str, token: &str, started: Instant, limit: Duration) {
        let caller = Caller {
            channel: self.channel.clone(),
            token: token.to_owned(),
        };
        for method in HARMLESS.into_iter().filter(|method| self.serves(method)) {
            loop {
                let answer = caller.raw(method, &[], &[]).await;
                if answer.code == Code::Unauthenticated {
                    break;
                }
                let (name, after) = (&self.name, started.elapsed());
                assert_eq!(answer.code, Code::Ok, "{who} at {name}: {}", answer.reason());
                assert!(
                    after < limit,
                    "{who} at {name}: still let in at {method} after {after:?}"
                );
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

impl World {
    /// Every way in.
    pub async fn doors(&self) -> Vec<Door> {
        let mut doors = vec![Door {
            name: "gateway".to_owned(),
            channel: self.town.channel().await,
            role: None,
        }];
        if self.town.shape == Shape::Split {
            for role in ["auth", "orders"] {
                doors.push(Door {
                    name: format!("service {role}"),
                    channel: self.town.channel_to(role).await,
                    role: Some(role),
                });
            }
        }
        doors
    }
}
