//! A listener with a service that does what its path says, and counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use muster_kernel::clock::World;
use muster_kernel::edge::{self, Limits, OverShare, ReloadingTls};
use muster_kernel::testing::eventually;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

/// What the service saw.
#[derive(Default)]
pub struct Counts {
    pub started: AtomicUsize,
    pub running: AtomicUsize,
    pub most: AtomicUsize,
}

pub struct Server {
    pub address: String,
    pub counts: Arc<Counts>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

struct Running(Arc<Counts>);

impl Running {
    fn start(counts: &Arc<Counts>) -> Self {
        counts.started.fetch_add(1, SeqCst);
        let running = counts.running.fetch_add(1, SeqCst) + 1;
        counts.most.fetch_max(running, SeqCst);
        Self(Arc::clone(counts))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::start_with(limits, None).await
    }

    /// Behind TLS, with a certificate of the test's own.
    pub async fn start_tls(limits: Limits) -> Self {
        let folder = std::env::temp_dir().join(format!("muster-tls-{}", World::system().new_id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let made = std::process::Command::new("openssl")
            .args(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
                    .split(' '),
            )
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl is there");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let tls = ReloadingTls::from_files(certificate, key).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        Self::start_with(limits, Some(tls)).await
    }

    async fn start_with(limits: Limits, tls: Option<ReloadingTls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (counts, stop) = (Arc::<Counts>::default(), CancellationToken::new());
        let seen = Arc::clone(&counts);
        let service = tower::service_fn(move |request: Request<Body>| {
            let running = Running::start(&seen);
            async move {
                let response = answer(request).await;
                drop(running);
                Ok::<_, Infallible>(response)
            }
        });
        let task = tokio::spawn(edge::serve(listener, service, limits, tls, stop.clone()));
        Self {
            address,
            counts,
            stop,
            task,
        }
    }

    pub fn started(&self) -> usize {
        self.counts.started.load(SeqCst)
    }

    pub fn running(&self) -> usize {
        self.counts.running.load(SeqCst)
    }

    pub fn most(&self) -> usize {
        self.counts.most.load(SeqCst)
    }

    /// Waits until so many requests have started; fails after five seconds.
    pub async fn has_started(&self, count: usize) {
        eventually(|| self.started() >= count).await;
    }
}

async fn answer(request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let mut words = path.trim_start_matches('/').split('/');
    let (what, number) = (
        words.next().unwrap_or_default(),
        words.next().and_then(|word| word.parse().ok()),
    );
    tokio::time::sleep(Duration::from_millis(number.unwrap_or_default())).await;
    let text = match what {
        "read" => match request.into_body().collect().await {
            Ok(body) => body.to_bytes().len().to_string(),
            Err(status) => format!("broken: {status}"),
        },
        "hold" => std::future::pending().await,
        _ => "ok".to_owned(),
    };
    let mut response = Response::new(Body::new(http_body_util::Full::from(text)));
    response.headers_mut().insert("grpc-status", "0".parse().unwrap());
    if what == "over" {
        response.extensions_mut().insert(OverShare);
    }
    response
}
