//! The sockets of a process. They are bound before anything starts, so that nobody races for a port.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use anyhow::Context;
use muster_kernel::config::Config;
use tokio::net::{TcpListener, TcpSocket};

use crate::role::Role;

/// So many may stand at the door of a socket until they are let in; the system may allow fewer (`net.core.somaxconn`). With
/// what is usual, 128, most of those who come together after an outage would be dropped without a word.
const AT_THE_DOOR: u32 = 4096;

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
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn bind(config: &Config, roles: &BTreeSet<Role>) -> anyhow::Result<Self> {
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
            listeners.roles.insert(*role, bind(address)?);
        }
        listeners.ops = Some(bind(config.ops.listen)?);
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

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| format!("{address} cannot be listened on; is Muster running already?"))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // A successor may listen at once, though connections of the one before are still being closed.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(AT_THE_DOOR)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn five_hundred_may_stand_at_the_door() {
        let door = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = door.local_addr().unwrap();
        let all = join_all((0..500).map(|_| timeout(Duration::from_secs(5), TcpStream::connect(address))));
        let connected = all.await.into_iter().filter(|one| matches!(one, Ok(Ok(_)))).count();
        assert_eq!(connected, 500);
    }
}
