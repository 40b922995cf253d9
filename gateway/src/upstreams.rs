//! Which role serves which gRPC service.

use muster_kernel::transport::{Peers, Transport};

/// The name of the role behind a path such as `/muster.orders.v1.OrderService/PlaceOrder`.
///
/// The package names the role. What roles use among themselves has no way through the gateway.
pub(crate) fn role_of(path: &str) -> Option<&str> {
    let service = path.strip_prefix("/muster.")?;
    let (role, rest) = service.split_once('.')?;
    (rest.starts_with('v') && role != "log").then_some(role)
}

/// The way to the role behind a path.
pub(crate) fn upstream(peers: &Peers, path: &str) -> Option<Transport> {
    peers.connect(role_of(path)?).ok()
}

#[cfg(test)]
mod tests {
    use super::role_of;

    #[test]
    fn the_package_names_the_role() {
        assert_eq!(role_of("/muster.orders.v1.OrderService/PlaceOrder"), Some("orders"));
        for none in [
            "/muster.log.v1.LogService/Tail",
            "/other.v1.X/Y",
            "/",
            "",
            "/muster.orders",
            "/muster.orders.x/y",
        ] {
            assert_eq!(role_of(none), None, "{none}");
        }
    }
}
