//! Who a request comes from, in terms of network.

use std::net::{IpAddr, Ipv4Addr};

use http::Request;
use muster_kernel::edge::Peer;
use tonic::body::Body;

/// The client's address: that of the connection, or, behind so many trusted proxies, the one that the outermost of them
/// saw. What a client itself writes into `x-forwarded-for` stands further left and is not looked at.
pub(crate) fn client_address(request: &Request<Body>, trusted_hops: usize) -> IpAddr {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let peer = peer.to_canonical();
    if trusted_hops == 0 {
        return peer;
    }
    let values = request.headers().get_all("x-forwarded-for");
    let hops: Vec<&str> = values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(','))
        .collect();
    let seen = hops.len().checked_sub(trusted_hops).and_then(|index| hops.get(index));
    seen.and_then(|hop| hop.trim().parse::<IpAddr>().ok())
        .map_or(peer, |address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(forwarded: &str) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(Peer("10.0.0.9:1".parse().unwrap()));
        request
            .headers_mut()
            .insert("x-forwarded-for", forwarded.parse().unwrap());
        request
    }

    #[test]
    fn only_trusted_hops_are_believed() {
        let address = |forwarded, hops| client_address(&request(forwarded), hops).to_string();
        assert_eq!(address("1.2.3.4", 0), "10.0.0.9");
        assert_eq!(address("6.6.6.6, 1.2.3.4", 1), "1.2.3.4");
        assert_eq!(address("6.6.6.6, 1.2.3.4, 10.0.0.1", 2), "1.2.3.4");
        assert_eq!(address("nonsense", 1), "10.0.0.9");
        assert_eq!(address("1.2.3.4", 3), "10.0.0.9");
    }
}
