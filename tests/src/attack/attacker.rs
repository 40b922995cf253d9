//! One attacker, as a program of its own: its processor time is not the victim's, and it works with the lowest priority, as
//! if it had a machine to itself. It has one connection at a time, and as soon as that is cut, the next one.

use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::wire::Client;
use super::{floods, resets, sign_ins};

/// It comes from another address than everybody else.
const FROM: &str = "127.0.0.9:0";

/// Resets of both kinds, by name.
pub const RESETS: [&str; 2] = ["resets at once", "patient resets"];

/// The attack of many who sign in.
pub const SIGN_INS: &str = "sign-ins";

/// What an attacker is told, on the command line and back.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which attack: one of [`RESETS`], a flood, or [`SIGN_INS`].
    pub attack: String,
    /// The victim.
    pub address: String,
    /// For so long.
    pub length: Duration,
    /// What a patient attacker asks: path, token, and the message in hexadecimal.
    pub asks: (String, String, String),
}

impl Plan {
    /// Starts an attacker that does this, from the program that is running.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&self) -> std::io::Result<Child> {
        let (path, token, body) = &self.asks;
        Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe()?)
            .arg(format!("ATTACK={}", self.attack))
            .arg(format!("ADDRESS={}", self.address))
            .arg(format!("MILLIS={}", self.length.as_millis()))
            .args([format!("PATH={path}"), format!("TOKEN={token}"), format!("BODY={body}")])
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
    }

    /// A plan as it stands on the command line; none where it is not there.
    pub fn of(words: &std::collections::BTreeMap<String, String>) -> Option<Self> {
        let word = |name: &str| words.get(name).cloned().unwrap_or_default();
        Some(Self {
            attack: words.get("ATTACK")?.clone(),
            address: word("ADDRESS"),
            length: Duration::from_millis(word("MILLIS").parse().ok()?),
            asks: (word("PATH"), word("TOKEN"), word("BODY")),
        })
    }

    /// Attacks; what it did, for people.
    pub async fn carry_out(&self) -> String {
        let end = Instant::now() + self.length;
        if self.attack == SIGN_INS {
            return format!("{:?}", sign_ins::storm(&self.address, end).await);
        }
        let (path, token, body) = &self.asks;
        let flood = floods::all(path).into_iter().find(|flood| flood.what == self.attack);
        let (mut connections, mut requests) = (0_u32, 0);
        while Instant::now() < end {
            let Ok(socket) = dial(&self.address).await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            connections += 1;
            match (&flood, self.attack.as_str()) {
                (Some(flood), _) => _ = flood.pour(socket, end.saturating_duration_since(Instant::now())).await,
                (None, "patient resets") => {
                    let request = || (authorized(path, token), unhex(body));
                    requests += resets::patiently(socket, request, end).await;
                }
                (None, _) => requests += resets::at_once(socket, path, end).await,
            }
        }
        format!("{connections} connections, {requests} requests taken back")
    }
}

async fn dial(address: &str) -> std::io::Result<TcpStream> {
    let other = |cause| std::io::Error::other(format!("{cause}"));
    let socket = TcpSocket::new_v4()?;
    socket.bind(FROM.parse().map_err(|cause: std::net::AddrParseError| other(cause))?)?;
    socket
        .connect(
            address
                .parse()
                .map_err(|cause: std::net::AddrParseError| other(cause))?,
        )
        .await
}

fn authorized(path: &str, token: &str) -> http::Request<()> {
    let mut request = Client::request(path);
    let value = format!("Bearer {token}").parse().expect("a token is ASCII");
    request.headers_mut().insert("authorization", value);
    request
}

/// Bytes as they stand on the command line.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs.filter_map(|pair| u8::from_str_radix(&pair, 16).ok()).collect()
}
