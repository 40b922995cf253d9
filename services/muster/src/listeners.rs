//! The sockets of a process. They are bound before anything starts, so that nobody races for a port.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use anyhow::Context;
use muster_kernel::config::Config;
use tokio::net::TcpListener;

use crate::role::Role;

/// Bound sockets by what they are for.
#[derive(Debug, Default)]
pub struct Listeners {
    roles: HashMap<Role, TcpListener>,
    ops: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the settings say. A service role has a socket only where another process may need it.
    ///
    /// # Errors
    /// If an address is taken.
    pub async fn bind(config: &Config, roles: &BTreeSet<Role>) -> anyhow::Result<Self> {
        let mut listeners = Self::default();
        let alone = Role::ALL.iter().all(|role| roles.contains(role));
        for role in roles {
            let address = match role {
                Role::Gateway => config.gateway.listen,
                _ if alone => continue,
                _ => config
                    .roles
                    .get(role.name())
                    .map(|role| role.listen)
                    .context("a role has no address")?,
            };
            listeners.roles.insert(*role, bind(address).await?);
        }
        listeners.ops = Some(bind(config.ops.listen).await?);
        Ok(listeners)
    }

    /// Gives a role this socket.
    #[must_use]
    pub fn with(mut self, role: Role, listener: TcpListener) -> Self {
        self.roles.insert(role, listener);
        self
    }

    /// Where a role listens.
    pub fn address(&self, role: Role) -> Option<SocketAddr> {
        self.roles.get(&role).and_then(|listener| listener.local_addr().ok())
    }

    pub(crate) fn take(&mut self, role: Role) -> Option<TcpListener> {
        self.roles.remove(&role)
    }

    pub(crate) fn take_ops(&mut self) -> Option<TcpListener> {
        self.ops.take()
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on; is Muster running already?"))
}
