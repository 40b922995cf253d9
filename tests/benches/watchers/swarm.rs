//! Many screens in few bytes and little time: HTTP/2 by hand, since what the screens cost is taken from the servers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use muster_proto::orders::v1::WatchKitchenRequest;
use prost::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::times::Recorder;

/// What comes before the moment of sending, in an order's notes.
pub const MARK: &[u8] = b"@t=";
/// The moment has so many digits.
const DIGITS: usize = 16;
/// Screens that use one address of the loopback network.
const AT_ONE_ADDRESS: usize = 200;
/// So many connect at once.
const AT_ONCE: usize = 64;

/// What is watched.
#[derive(Clone)]
pub struct Target {
    /// The gateway.
    pub address: SocketAddr,
    /// Of whoever watches.
    pub token: String,
    /// The kitchen.
    pub location_id: String,
}

/// Open screens.
#[derive(Default)]
pub struct Swarm {
    /// What they received.
    pub times: Arc<Recorder>,
    tasks: JoinSet<()>,
    count: usize,
    open: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
}

impl Swarm {
    /// How many were opened.
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many of them were closed by the other side.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    /// Opens more, and waits until each has its first message.
    pub async fn open(&mut self, target: &Target, more: usize) {
        let from = self.count;
        self.count += more;
        let mut sockets = futures::stream::iter(from..from + more)
            .map(|number| connect(target, address(number), 1 << 30))
            .buffer_unordered(AT_ONCE);
        while let Some(socket) = sockets.next().await {
            let (times, open, lost) = (Arc::clone(&self.times), Arc::clone(&self.open), Arc::clone(&self.lost));
            let socket = socket.expect("the gateway lets a screen in");
            self.tasks.spawn(async move {
                let mut screen = Screen::new(socket, times, open);
                // It ends only when the other side closes or breaks the protocol.
                let _ = screen.watch().await;
                lost.fetch_add(1, Ordering::Relaxed);
            });
        }
        let wait = async {
            while self.open.load(Ordering::Relaxed) < self.count && self.lost() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .unwrap_or_else(|_| panic!("{} of {} screens opened", self.open.load(Ordering::Relaxed), self.count));
        assert_eq!(self.lost(), 0, "a screen was refused");
    }
}

/// The address of a screen: addresses are bounded, so they share only a few.
fn address(number: usize) -> Ipv4Addr {
    let network = number / AT_ONE_ADDRESS;
    Ipv4Addr::new(127, 200, (network / 250) as u8, (network % 250) as u8 + 1)
}

/// Connects from this address, and asks to watch. `window` is what the stream may have on its way.
pub async fn connect(target: &Target, from: Ipv4Addr, window: u32) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(target.address).await?;
    stream.write_all(&opening(target, window)).await?;
    Ok(stream)
}

fn opening(target: &Target, window: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let mut settings = vec![0, 4];
    settings.extend(window.to_be_bytes());
    frame(&mut bytes, 4, 0, 0, &settings);
    frame(&mut bytes, 8, 0, 0, &(1_u32 << 30).to_be_bytes());
    let mut headers = vec![0x83, 0x86];
    let authorization = format!("Bearer {}", target.token);
    for (name, value) in [
        (":path", "/muster.orders.v1.KitchenService/WatchKitchen"),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("authorization", authorization.as_str()),
    ] {
        headers.push(0);
        text(&mut headers, name);
        text(&mut headers, value);
    }
    frame(&mut bytes, 1, 4, 1, &headers);
    let request = WatchKitchenRequest {
        location_id: target.location_id.clone(),
        ..WatchKitchenRequest::default()
    };
    let request = request.encode_to_vec();
    let mut message = vec![0];
    message.extend((request.len() as u32).to_be_bytes());
    message.extend(request);
    frame(&mut bytes, 0, 1, 1, &message);
    bytes
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    to.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    to.extend([kind, flags]);
    to.extend(stream.to_be_bytes());
    to.extend(payload);
}

/// A text of HPACK, not compressed.
fn text(to: &mut Vec<u8>, text: &str) {
    let length = text.len();
    if length < 127 {
        to.push(length as u8);
    } else {
        to.push(127);
        let mut rest = length - 127;
        while rest >= 128 {
            to.push((rest % 128 + 128) as u8);
            rest /= 128;
        }
        to.push(rest as u8);
    }
    to.extend(text.as_bytes());
}

struct Screen {
    socket: TcpStream,
    times: Arc<Recorder>,
    /// Given up once it is counted.
    open: Option<Arc<AtomicUsize>>,
    /// The frame's header, as far as it has come.
    header: [u8; 9],
    known: usize,
    /// Bytes of the frame that are still to come.
    left: usize,
    /// A PING's content.
    ping: Vec<u8>,
    /// Bytes of the mark, then of the moment, that have come.
    matched: usize,
    moment: u64,
    last: u64,
}

impl Screen {
    fn new(socket: TcpStream, times: Arc<Recorder>, open: Arc<AtomicUsize>) -> Self {
        Self {
            socket,
            times,
            open: Some(open),
            header: [0; 9],
            known: 0,
            left: 0,
            ping: Vec::new(),
            matched: 0,
            moment: 0,
            last: 0,
        }
    }

    async fn watch(&mut self) -> io::Result<()> {
        loop {
            self.socket.readable().await?;
            self.drain()?;
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0_u8; 16 << 10];
        loop {
            let count = match self.socket.try_read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.take(&buffer[..count])?;
            if count < buffer.len() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.known < 9 {
                let (more, rest) = bytes.split_at(bytes.len().min(9 - self.known));
                self.header[self.known..self.known + more.len()].copy_from_slice(more);
                self.known += more.len();
                bytes = rest;
                if self.known < 9 {
                    return Ok(());
                }
                let [a, b, c, ..] = self.header;
                self.left = u32::from_be_bytes([0, a, b, c]) as usize;
            }
            let (payload, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= payload.len();
            bytes = rest;
            self.part(payload)?;
            if self.left == 0 {
                self.known = 0;
            }
        }
        Ok(())
    }

    fn part(&mut self, payload: &[u8]) -> io::Result<()> {
        let (kind, flags) = (self.header[3], self.header[4]);
        match kind {
            0 if flags & 1 == 0 => self.data(payload),
            // An answer that ends, RST_STREAM, GOAWAY: nothing more comes.
            0 | 3 | 7 => return Err(io::ErrorKind::ConnectionAborted.into()),
            1 if flags & 1 != 0 => return Err(io::ErrorKind::ConnectionRefused.into()),
            4 if flags & 1 == 0 && self.left == 0 => self.say(4, &[]),
            6 if flags & 1 == 0 => {
                self.ping.extend(payload);
                if self.left == 0 {
                    let ping = std::mem::take(&mut self.ping);
                    self.say(6, &ping);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Acknowledges. A few bytes always find room.
    fn say(&mut self, kind: u8, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame(&mut bytes, kind, 1, 0, payload);
        let _ = self.socket.try_write(&bytes);
    }

    fn data(&mut self, mut bytes: &[u8]) {
        if let Some(open) = self.open.take() {
            open.fetch_add(1, Ordering::Relaxed);
        }
        while let Some((first, rest)) = bytes.split_first() {
            if self.matched == 0 {
                let Some(place) = bytes.iter().position(|byte| *byte == MARK[0]) else {
                    return;
                };
                bytes = &bytes[place + 1..];
                (self.matched, self.moment) = (1, 0);
                continue;
            }
            let fits = match self.matched.checked_sub(MARK.len()) {
                None => *first == MARK[self.matched],
                Some(_) => first.is_ascii_digit(),
            };
            if !fits {
                self.matched = 0;
                continue;
            }
            if self.matched >= MARK.len() {
                self.moment = self.moment * 10 + u64::from(first - b'0');
            }
            self.matched += 1;
            bytes = rest;
            if self.matched == MARK.len() + DIGITS {
                self.matched = 0;
                // The same order is on several tickets, and comes again when it changes.
                if self.moment != self.last {
                    self.last = self.moment;
                    self.times.arrived(self.moment);
                }
            }
        }
    }
}
