//! A town in which every method has something to act on: two tenants, three kitchens, and callers of every kind.

mod build;
mod doors;
mod fresh;
mod people;
mod who;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use muster::demo::{NEIGHBOUR, SLUG};
use muster_auth::domain::role::{device_permissions, role_permissions};
use muster_proto::auth::v1::{DeviceKind, Role};
use tonic::transport::Channel;

pub use build::NEW_PASSWORD;
pub use doors::Door;
pub use people::Signed;
pub use who::{Principal, Who};

use crate::client::Caller;
use crate::forge::Forge;
use crate::requests::Things;
use crate::town::{Shape, Town};

/// How a thing stands to the caller who asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// The caller's own, or one at the caller's own location.
    Own,
    /// Somebody else's at the caller's own location.
    Peer,
    /// At another location of the caller's tenant.
    Elsewhere,
    /// Another tenant's.
    Foreign,
    /// Nobody's: there is no such thing.
    Missing,
}

/// The fixture.
pub struct World {
    /// The installation.
    pub town: Town,
    /// The gateway.
    pub gateway: Channel,
    /// The owner of the tenant that is looked at.
    pub owner: Caller,
    /// The owner of the other tenant.
    pub neighbour: Caller,
    /// Makes tokens that no sign-in gives.
    pub forge: Forge,
    /// At East, where everybody of [`Who`] works.
    pub ours: Things,
    /// Other people's things at East.
    pub peers: Things,
    /// At West.
    pub elsewhere: Things,
    /// Of the other tenant.
    pub theirs: Things,
    /// Well-formed ids of nothing.
    pub missing: Things,
    /// Everybody who calls.
    pub principals: BTreeMap<Who, Principal>,
    counter: AtomicU32,
}

impl World {
    /// Fills a town. Takes about three seconds.
    pub async fn of(town: Town) -> Self {
        let gateway = town.channel().await;
        let owner = Caller::sign_in(gateway.clone(), SLUG, "olive").await;
        let neighbour = Caller::sign_in(gateway.clone(), NEIGHBOUR, "olive").await;
        let forge = Forge::open(&town).await.expect("the town's keys");
        let mut world = Self {
            town,
            gateway,
            owner,
            neighbour,
            forge,
            ours: Things::default(),
            peers: Things::default(),
            elsewhere: Things::default(),
            theirs: Things::default(),
            missing: Things::default(),
            principals: BTreeMap::new(),
            counter: AtomicU32::new(1),
        };
        world.furnish().await;
        world.hire().await;
        world
    }

    /// A word that was not used before.
    pub fn tag(&self) -> String {
        format!("n{}", self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// The things that stand in this relation to somebody.
    pub fn related(&self, who: Who, relation: Relation) -> Things {
        let principal = self.principals.get(&who).expect("everybody is hired");
        let things = match relation {
            Relation::Own => Things {
                person: principal.person.clone(),
                session: principal.session.clone(),
                ..self.ours.clone()
            },
            Relation::Peer => self.peers.clone(),
            Relation::Elsewhere => self.elsewhere.clone(),
            Relation::Foreign => self.theirs.clone(),
            Relation::Missing => self.missing.clone(),
        };
        // Codes and secrets belong to no tenant until they are decided on.
        Things {
            code: self.ours.code.clone(),
            sign_in: self.ours.sign_in.clone(),
            tag: self.ours.tag.clone(),
            ..things
        }
    }

    /// A caller with somebody's token on another connection.
    pub fn caller(&self, who: Who, channel: &Channel) -> Caller {
        let token = self
            .principals
            .get(&who)
            .map(|principal| principal.token.clone())
            .unwrap_or_default();
        Caller {
            channel: channel.clone(),
            token,
        }
    }

    /// The way to auth that no limit by address counts: round the gateway where that is possible.
    async fn inner(&self) -> Channel {
        match self.town.shape {
            Shape::AllInOne | Shape::Together => self.gateway.clone(),
            Shape::Split => self.town.channel_to("auth").await,
        }
    }
}

/// The rights of somebody who signs in.
pub fn rights(who: Who) -> Vec<i32> {
    let of_role = |role| role_permissions(role).into_iter().collect();
    match who {
        Who::Anonymous | Who::Garbage | Who::Expired | Who::Suspended | Who::Service => Vec::new(),
        Who::Staff => of_role(Role::Staff),
        Who::Kitchen => of_role(Role::Kitchen),
        Who::Manager => of_role(Role::Manager),
        Who::Admin => of_role(Role::Admin),
        Who::Owner | Who::Stale => of_role(Role::Owner),
        Who::Screen => device_permissions(DeviceKind::KitchenScreen),
    }
}
