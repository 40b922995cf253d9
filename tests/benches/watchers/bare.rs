//! A bare tonic server with the same messages, as one would write it first: the rival.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::BufRead;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use muster_proto::orders::v1::watch_kitchen_response::Message;
use muster_proto::orders::v1::{
    KitchenChange, KitchenSnapshot, Ticket, TicketItem, WatchKitchenRequest, WatchKitchenResponse,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use uuid::Uuid;

use crate::memory::Memory;
use crate::swarm::{Swarm, Target};
use crate::{AT_ONE_KITCHEN, Figures, RATE, WINDOW, times};

/// Tells this program that it is the server, and where to listen.
pub const ADDRESS: &str = "MUSTER_BENCH_BARE";

type Sent = Pin<Box<dyn Stream<Item = Result<WatchKitchenResponse, Status>> + Send>>;

#[derive(Clone, Default)]
struct Bare(Arc<Mutex<HashMap<String, broadcast::Sender<WatchKitchenResponse>>>>);

impl Bare {
    fn kitchen(&self, location_id: &str) -> broadcast::Sender<WatchKitchenResponse> {
        let mut kitchens = self.0.lock().unwrap();
        kitchens
            .entry(location_id.to_owned())
            .or_insert_with(|| broadcast::channel(256).0)
            .clone()
    }
}

impl ServerStreamingService<WatchKitchenRequest> for Bare {
    type Response = WatchKitchenResponse;
    type ResponseStream = Sent;
    type Future = std::future::Ready<Result<Response<Sent>, Status>>;

    fn call(&mut self, request: Request<WatchKitchenRequest>) -> Self::Future {
        let changes = BroadcastStream::new(self.kitchen(&request.into_inner().location_id).subscribe());
        let first = message(Message::Snapshot(KitchenSnapshot::default()));
        let changes = changes.filter_map(|change| std::future::ready(change.ok().map(Ok)));
        let all: Sent = Box::pin(futures::stream::iter([Ok(first)]).chain(changes));
        std::future::ready(Ok(Response::new(all)))
    }
}

impl NamedService for Bare {
    const NAME: &'static str = "muster.orders.v1.KitchenService";
}

impl tonic::codegen::Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let bare = self.clone();
        let codec = ProstCodec::<WatchKitchenResponse, WatchKitchenRequest>::default();
        Box::pin(async move { Ok(Grpc::new(codec).server_streaming(bare, request).await) })
    }
}

/// Serves, and publishes as standard input says: kitchens, then messages, on one line.
#[tokio::main]
pub async fn serve() {
    let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let bare = Bare::default();
    let publisher = bare.clone();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let numbers: Vec<usize> = line.split(' ').map(|word| word.parse().unwrap()).collect();
            runtime.block_on(publish(&publisher, numbers[0], numbers[1]));
        }
        std::process::exit(0);
    });
    tonic::transport::Server::builder()
        .add_service(bare)
        .serve(address)
        .await
        .unwrap();
}

async fn publish(bare: &Bare, kitchens: usize, count: usize) {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / RATE);
    for number in 0..count {
        tick.tick().await;
        let change = message(Message::Change(change()));
        // Somebody watches each.
        let _ = bare.kitchen(&location(number % kitchens)).send(change);
    }
}

fn message(message: Message) -> WatchKitchenResponse {
    let message = Some(message);
    WatchKitchenResponse { message }
}

/// As long as that of the real order: a ticket at the stove and one at the pass.
fn change() -> KitchenChange {
    let id = || Uuid::from_u128(7).to_string();
    let item = TicketItem {
        item_id: id(),
        menu_item_id: id(),
        name: "Soup of the day".to_owned(),
        quantity: 2,
        ..TicketItem::default()
    };
    let ticket = Ticket {
        id: format!("{}/{}", id(), id()),
        order_id: id(),
        station_id: id(),
        number: 1,
        table: "12".to_owned(),
        server_name: "Olive".to_owned(),
        notes: format!("@t={:016}", times::now()),
        channel: "pos".repeat(30),
        items: vec![item],
        ..Ticket::default()
    };
    KitchenChange {
        number: 1,
        resume_token: "1.1-0123456789abcdef".to_owned(),
        order_id: id(),
        tickets: vec![ticket.clone(), ticket],
        ..KitchenChange::default()
    }
}

fn location(number: usize) -> String {
    format!("kitchen-{number}")
}

/// Measures the bare server at these sizes.
pub async fn measure(sizes: &[usize]) -> Vec<Figures> {
    let address: SocketAddr = "127.202.0.1:8080".parse().unwrap();
    let mut child = start(address).await;
    let memory = Memory::of_children();
    let before = memory.used();
    let (mut swarm, mut all) = (Swarm::default(), Vec::new());
    for &size in sizes {
        while swarm.len() < size {
            let target = Target {
                address,
                token: "x".repeat(400),
                location_id: location(swarm.len() / AT_ONE_KITCHEN),
            };
            swarm.open(&target, AT_ONE_KITCHEN.min(size - swarm.len())).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let kib = memory.used().saturating_sub(before) as f64 / size as f64;
        let (kitchens, count) = (size.div_ceil(AT_ONE_KITCHEN), WINDOW.as_secs() as usize * RATE as usize);
        let busy = memory.cpu();
        swarm.times.begin();
        let said = child.stdin.as_mut().unwrap();
        said.write_all(format!("{kitchens} {count}\n").as_bytes())
            .await
            .unwrap();
        let expected = count * (size / kitchens);
        let times = swarm.times.wait_for(expected, WINDOW + Duration::from_secs(20)).await;
        let name = format!("bare tonic, {size}");
        let cpu = (memory.cpu() - busy).as_secs_f64() * 1e6 / times.received.max(1) as f64;
        println!("  {name}: {kib:.1} KiB each; {times}, {cpu:.1} us of processor a message");
        all.push(Figures {
            name,
            kib,
            times,
            beside_slow: None,
        });
    }
    child.kill().await.unwrap();
    all
}

async fn start(address: SocketAddr) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .env(ADDRESS, address.to_string())
        .stdin(std::process::Stdio::piped())
        .kill_on_drop(true);
    let child = command.spawn().expect("the bare server starts");
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child
}
