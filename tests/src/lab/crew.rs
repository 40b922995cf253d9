//! Keeps the processes of a town running: whoever dies is started again, as a supervisor of a real installation would.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// A supervisor waits so long before it starts a process again.
const BREATH: Duration = Duration::from_millis(50);

/// A signal that the lab sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// As a crash, a power switch or the kernel's memory killer.
    Kill,
    /// As an operator who stops it.
    Terminate,
    /// Alive, and not answering.
    Stop,
    /// Goes on after [`Stop`](Self::Stop).
    Continue,
}

impl Signal {
    fn option(self) -> &'static str {
        match self {
            Self::Kill => "-KILL",
            Self::Terminate => "-TERM",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone)]
pub struct End {
    /// Its roles.
    pub roles: &'static str,
    /// What it said.
    pub status: ExitStatus,
    /// Whether the lab had told it to.
    pub wanted: bool,
}

/// How a process is started, by its name.
pub type Start = Arc<dyn Fn(&str) -> Child + Send + Sync>;

/// The processes of one installation. They are killed when it is dropped.
pub struct Crew {
    members: BTreeMap<&'static str, Member>,
    start: Start,
    tell: mpsc::UnboundedSender<End>,
    ends: mpsc::UnboundedReceiver<End>,
}

struct Member {
    /// Its process id while it runs, and how often it was started.
    state: watch::Receiver<(Option<u32>, u32)>,
    orders: watch::Sender<Orders>,
    work: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    /// Its end is our doing.
    expected: u32,
    /// It is not to be started again.
    rests: bool,
}

impl Crew {
    /// Starts these processes, each as `start` says.
    pub fn start(roles: &[&'static str], start: Start) -> Self {
        let (tell, ends) = mpsc::unbounded_channel();
        let mut crew = Self {
            members: BTreeMap::new(),
            start,
            tell,
            ends,
        };
        roles.iter().for_each(|roles| crew.add(roles));
        crew
    }

    /// Starts one more process.
    pub fn add(&mut self, roles: &'static str) {
        let (orders, obeys) = watch::channel(Orders::default());
        let (told, state) = watch::channel((None, 0));
        let (start, tell) = (Arc::clone(&self.start), self.tell.clone());
        let work = tokio::spawn(keep(roles, start, obeys, told, tell));
        self.members.insert(roles, Member { state, orders, work });
    }

    /// The roles of each process.
    pub fn roles(&self) -> Vec<&'static str> {
        self.members.keys().copied().collect()
    }

    /// The process id, once it runs.
    pub async fn pid(&self, roles: &str) -> u32 {
        let mut state = self.member(roles).state.clone();
        let running = timeout(Duration::from_secs(30), state.wait_for(|(pid, _)| pid.is_some())).await;
        let running = running.expect("it is started again").expect("it is kept");
        running.0.expect("it runs")
    }

    /// How often it was started.
    pub fn starts(&self, roles: &str) -> u32 {
        self.member(roles).state.borrow().1
    }

    /// Kills a process and waits until it has been started again.
    pub async fn kill(&self, roles: &str) {
        let mut state = self.member(roles).state.clone();
        let before = state.borrow_and_update().1;
        self.signal(roles, Signal::Kill).await;
        let again = timeout(
            Duration::from_secs(30),
            state.wait_for(|(pid, starts)| *starts > before && pid.is_some()),
        );
        assert!(again.await.is_ok(), "{roles} is not started again");
    }

    /// Sends a signal; a process that ends by it is started again.
    pub async fn signal(&self, roles: &str, signal: Signal) {
        let pid = self.pid(roles).await;
        if matches!(signal, Signal::Kill | Signal::Terminate) {
            self.member(roles).orders.send_modify(|orders| orders.expected += 1);
        }
        let sent = Command::new("kill")
            .args([signal.option(), &pid.to_string()])
            .status()
            .await;
        assert!(
            sent.expect("kill is there").success(),
            "{roles} was not there to be told"
        );
    }

    /// Stops a process with this signal, waits until it has ended and leaves it so. Answers how long it took.
    pub async fn rest(&self, roles: &str, signal: Signal) -> Duration {
        let started = Instant::now();
        self.member(roles).orders.send_modify(|orders| orders.rests = true);
        self.signal(roles, signal).await;
        let mut state = self.member(roles).state.clone();
        let ended = timeout(Duration::from_secs(60), state.wait_for(|(pid, _)| pid.is_none())).await;
        assert!(ended.is_ok(), "{roles} does not end");
        started.elapsed()
    }

    /// Starts a process again that rests.
    pub fn wake(&self, roles: &str) {
        self.member(roles).orders.send_modify(|orders| orders.rests = false);
    }

    /// The ends since this was last asked.
    pub fn ends(&mut self) -> Vec<End> {
        std::iter::from_fn(|| self.ends.try_recv().ok()).collect()
    }

    /// Memory that a process has in use (resident), in KiB.
    pub async fn memory(&self, roles: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid(roles).await);
        let text = tokio::fs::read_to_string(path).await.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
            .unwrap_or_default()
    }

    /// Processor time that a process has used, all threads, since it was started.
    pub async fn cpu(&self, roles: &str) -> Duration {
        crate::bench::process::cpu_of(self.pid(roles).await).unwrap_or_default()
    }

    fn member(&self, roles: &str) -> &Member {
        self.members.get(roles).expect("a process of this installation")
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // The child dies with the task that holds it.
        self.members.values().for_each(|member| member.work.abort());
    }
}

async fn keep(
    roles: &'static str,
    start: Start,
    mut obeys: watch::Receiver<Orders>,
    told: watch::Sender<(Option<u32>, u32)>,
    tell: mpsc::UnboundedSender<End>,
) {
    let mut explained = 0;
    loop {
        if obeys.wait_for(|orders| !orders.rests).await.is_err() {
            return;
        }
        let mut child = start(roles);
        told.send_modify(|(pid, starts)| (*pid, *starts) = (child.id(), *starts + 1));
        let ended = child.wait().await;
        told.send_modify(|(pid, _)| *pid = None);
        let expected = obeys.borrow().expected;
        if let Ok(status) = ended {
            let wanted = expected > explained;
            let _ = tell.send(End { roles, status, wanted });
        }
        explained = expected;
        sleep(BREATH).await;
    }
}
