//! A wire between two parts of an installation that can be slow, deaf, torn or led elsewhere while connections live.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Dice, dice};

/// What may be on its way in one direction: 64 pieces of up to 16 KiB.
const UNDERWAY: usize = 64;
const PIECE: usize = 16 * 1024;

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From who connects to who listens: requests.
    There,
    /// Answers.
    Back,
}

/// How a wire carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As it should.
    Pass,
    /// Later, each way: by so much, give or take up to `jitter`. Order is kept.
    Delay {
        /// By so much.
        by: Duration,
        /// Give or take.
        jitter: Duration,
    },
    /// So many bytes a second, each way.
    Throttle(u64),
    /// Nothing these ways; connections stay. What was sent comes when the wire is well again, as TCP would send it again.
    Blackhole {
        /// Nothing there.
        there: bool,
        /// Nothing back.
        back: bool,
    },
}

/// Neither requests nor answers pass.
pub const DEAF: Mode = Mode::Blackhole {
    there: true,
    back: true,
};

#[derive(Debug, Clone)]
struct Sky {
    to: String,
    mode: Mode,
    /// How often everything was torn, and each way closed. A connection looks at what it has not seen yet.
    resets: u64,
    fins: [u64; 2],
}

/// A listening port that leads to another address. It ends when it is dropped, and its connections with it.
pub struct Wire {
    here: SocketAddr,
    sky: watch::Sender<Sky>,
    shared: Arc<Shared>,
    listening: tokio::task::JoinHandle<()>,
}

struct Shared {
    seed: u64,
    accepted: AtomicUsize,
    live: AtomicUsize,
    carried: [AtomicI64; 2],
    /// Bytes that may still pass before the wire is cut; negative for "as many as there are".
    left: [AtomicI64; 2],
}

impl Wire {
    /// A wire to this host and port. The seed decides its jitter.
    pub async fn to(address: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let here = listener.local_addr().expect("an address");
        let sky = Sky {
            to: address.to_owned(),
            mode: Mode::Pass,
            resets: 0,
            fins: [0; 2],
        };
        let (sky, forecast) = watch::channel(sky);
        let shared = Arc::new(Shared {
            seed,
            accepted: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
            carried: [const { AtomicI64::new(0) }; 2],
            left: [const { AtomicI64::new(-1) }; 2],
        });
        let (tear, with) = (sky.clone(), Arc::clone(&shared));
        let listening = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                tokio::spawn(carry(client, forecast.clone(), tear.clone(), Arc::clone(&with)));
            }
        });
        Self {
            here,
            sky,
            shared,
            listening,
        }
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> String {
        self.here.to_string()
    }

    /// How it carries from now on, also for connections that live.
    pub fn set(&self, mode: Mode) {
        self.sky.send_modify(|sky| sky.mode = mode);
    }

    /// Back to normal.
    pub fn heal(&self) {
        self.cut_after(Way::There, -1);
        self.cut_after(Way::Back, -1);
        self.set(Mode::Pass);
    }

    /// New connections go there. Those that live stay where they are; [`reset`](Self::reset) moves them.
    pub fn lead_to(&self, address: &str) {
        self.sky.send_modify(|sky| address.clone_into(&mut sky.to));
    }

    /// Tears every live connection, both ends, with RST.
    pub fn reset(&self) {
        self.sky.send_modify(|sky| sky.resets += 1);
    }

    /// Says goodbye one way (FIN) on every live connection, and leaves the other way open.
    pub fn half_close(&self, way: Way) {
        self.sky.send_modify(|sky| {
            if let Some(fins) = sky.fins.get_mut(way as usize) {
                *fins += 1;
            }
        });
    }

    /// Tears every connection once so many more bytes went this way, counted over all of them; a negative number: never.
    pub fn cut_after(&self, way: Way, bytes: i64) {
        if let Some(left) = self.shared.left.get(way as usize) {
            left.store(bytes, Ordering::SeqCst);
        }
    }

    /// Connections since the beginning.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Connections now.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::SeqCst)
    }

    /// Bytes carried one way since the beginning.
    pub fn carried(&self, way: Way) -> i64 {
        self.shared
            .carried
            .get(way as usize)
            .map_or(0, |bytes| bytes.load(Ordering::SeqCst))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
        self.reset();
    }
}

/// Stops the wires one by one in a random order, and starts them again in another: swizzle-clog. Each stays stopped for
/// some part of `length`; all are well at its end.
pub async fn swizzle(wires: &[&Wire], length: Duration, dice: &mut Dice) {
    let pause = length / (2 * u32::try_from(wires.len()).unwrap_or(u32::MAX).max(1));
    for mode in [DEAF, Mode::Pass] {
        let mut order: Vec<&&Wire> = wires.iter().collect();
        while !order.is_empty() {
            let next = order.swap_remove(dice.random_range(0..order.len()));
            next.set(mode);
            sleep(pause).await;
        }
    }
}

async fn carry(client: TcpStream, mut sky: watch::Receiver<Sky>, tear: watch::Sender<Sky>, shared: Arc<Shared>) {
    let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
    let (seen, to) = {
        let sky = sky.borrow_and_update();
        (sky.clone(), sky.to.clone())
    };
    let Ok(server) = TcpStream::connect(to).await else {
        let _ = client.set_zero_linger();
        return;
    };
    shared.live.fetch_add(1, Ordering::SeqCst);
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let number = u64::try_from(number).unwrap_or_default();
    let pipe = |way| Pipe {
        way,
        seen: seen.clone(),
        sky: sky.clone(),
        tear: tear.clone(),
        shared: Arc::clone(&shared),
        dice: dice(shared.seed, number * 2 + way as u64),
    };
    let (there, back) = (pipe(Way::There), pipe(Way::Back));
    let torn = async {
        let _ = sky.wait_for(|sky| sky.resets != seen.resets).await;
    };
    let ended_well = tokio::select! {
        both = async { tokio::try_join!(there.run(&from_client, to_server), back.run(&from_server, to_client)) } => both.is_ok(),
        () = torn => false,
    };
    if !ended_well {
        let _ = (
            AsRef::<TcpStream>::as_ref(&from_client).set_zero_linger(),
            AsRef::<TcpStream>::as_ref(&from_server).set_zero_linger(),
        );
    }
    shared.live.fetch_sub(1, Ordering::SeqCst);
}

/// One direction of one connection.
struct Pipe {
    way: Way,
    seen: Sky,
    sky: watch::Receiver<Sky>,
    tear: watch::Sender<Sky>,
    shared: Arc<Shared>,
    dice: Dice,
}

impl Pipe {
    async fn run(self, from: &OwnedReadHalf, to: OwnedWriteHalf) -> std::io::Result<()> {
        let (sender, receiver) = mpsc::channel(UNDERWAY);
        let sky = self.sky.clone();
        let (way, seen) = (self.way, self.seen.clone());
        tokio::try_join!(self.take(from, sender), give(to, receiver, sky, way, &seen)).map(drop)
    }

    /// Takes what comes, and says when it is due on the other side.
    async fn take(mut self, from: &OwnedReadHalf, out: mpsc::Sender<(Instant, Vec<u8>)>) -> std::io::Result<()> {
        loop {
            from.readable().await?;
            let mut piece = vec![0; PIECE];
            let count = match from.try_read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            piece.truncate(count);
            if self.count(i64::try_from(count).unwrap_or(i64::MAX)) {
                // The cut ends this; what crosses the limit must not be quicker.
                return std::future::pending().await;
            }
            let late = match self.sky.borrow().mode {
                Mode::Delay { by, jitter } => {
                    (by + jitter.mul_f64(2.0 * self.dice.random::<f64>())).saturating_sub(jitter)
                }
                _ => Duration::ZERO,
            };
            if out.send((Instant::now() + late, piece)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Counts what came. Whether the wire is cut here.
    fn count(&self, bytes: i64) -> bool {
        let counted = |counters: &[AtomicI64; 2], by| {
            counters
                .get(self.way as usize)
                .map(|at| at.fetch_add(by, Ordering::SeqCst))
        };
        counted(&self.shared.carried, bytes);
        let left = self.shared.left.get(self.way as usize);
        let is_cut = left.is_some_and(|left| left.load(Ordering::SeqCst) >= 0)
            && counted(&self.shared.left, -bytes).is_some_and(|before| before <= bytes);
        if is_cut {
            left.into_iter().for_each(|left| left.store(-1, Ordering::SeqCst));
            self.tear.send_modify(|sky| sky.resets += 1);
        }
        is_cut
    }
}

/// Gives what is due, if the wire lets it pass.
async fn give(
    mut to: OwnedWriteHalf,
    mut pieces: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut sky: watch::Receiver<Sky>,
    way: Way,
    seen: &Sky,
) -> std::io::Result<()> {
    let mut closing = sky.clone();
    let closed = async {
        closing
            .wait_for(|sky| sky.fins.get(way as usize) != seen.fins.get(way as usize))
            .await
            .map(drop)
    };
    let giving = async {
        while let Some((due, piece)) = pieces.recv().await {
            // A timer that is due already still takes its millisecond.
            if Instant::now() < due {
                sleep_until(due).await;
            }
            let mode = match sky.wait_for(|sky| passes(sky.mode, way)).await {
                Ok(sky) => sky.mode,
                Err(_) => return Ok(()),
            };
            to.write_all(&piece).await?;
            if let Mode::Throttle(rate) = mode {
                let micros = piece.len() as u64 * 1_000_000 / rate.max(1);
                sleep(Duration::from_micros(micros)).await;
            }
        }
        Ok::<_, std::io::Error>(())
    };
    tokio::select! {
        given = giving => given?,
        _ = closed => {}
    }
    to.shutdown().await
}

fn passes(mode: Mode, way: Way) -> bool {
    match (mode, way) {
        (Mode::Blackhole { there, .. }, Way::There) => !there,
        (Mode::Blackhole { back, .. }, Way::Back) => !back,
        _ => true,
    }
}
