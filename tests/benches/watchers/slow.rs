//! Screens that do not read.

use std::net::Ipv4Addr;

use tokio::net::TcpStream;

use crate::swarm::{Target, connect};

/// Opens so many, each of which lets a few KiB come and then nothing more, and keeps its connection.
pub async fn open(target: &Target, count: usize) -> Vec<TcpStream> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        let from = Ipv4Addr::new(127, 201, 0, 1);
        sockets.push(connect(target, from, 4096).await.expect("a slow screen is let in"));
    }
    sockets
}
