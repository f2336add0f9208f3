//! [`NetProbes`]: asks the network from this computer. One file a probe; nothing is judged here.
//!
//! Each answer is bounded in time by its question and in bytes by its probe. Dropping the future of a question closes its
//! sockets; only a look-up by the operating system cannot be called back, and ends by itself.

mod connect;
mod dns;
mod errors;
mod fetch;
mod http;
mod leases;
mod mqtt;
mod name_servers;
mod ping;
mod proxies;
mod roots;
mod settings;
mod sockets;
mod surroundings;
mod talk;
mod time;
mod tls;
mod trace;
mod wifi;

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::check::question::{From, Question};
use crate::check::seen::{Certificate, NotRun, Seen, Trust};
use crate::flow::port::{self, Boxed, Probes, Witnessed};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
pub use dns::read_wire as read_dns_answer;
pub use fetch::kind as content_kind;
use roots::{Chains, Roots};
pub use surroundings::refuse_source;
pub use tls::shown as show_certificate;

/// Longest text of a detail.
const DETAIL_CHARS: usize = 300;

/// Asks the network from this computer.
pub struct NetProbes {
    from: From,
    /// Name servers to tell of instead of the system's.
    name_servers: Option<Vec<SocketAddr>>,
    roots: Roots,
    chains: Chains,
}

impl NetProbes {
    /// Asks from there. `name_servers` stand in for the system's, and `extra_roots` (DER) are trusted beside those the profile
    /// expects: both only for a test site.
    pub fn new(from: From, name_servers: Option<Vec<SocketAddr>>, extra_roots: Vec<Vec<u8>>) -> Self {
        Self { from, name_servers, roots: Roots::new(extra_roots), chains: Chains::default() }
    }

    async fn answer(&self, question: Question, teller: &Teller) {
        match question {
            Question::Surroundings => surroundings::look(self.name_servers.as_deref(), teller).await,
            Question::Route { to } => teller.time(async { surroundings::route(&self.from, to) }).await,
            Question::Wifi { ssid } => wifi::look(ssid.as_deref(), teller).await,
            Question::Lookup(lookup) => dns::look_up(&self.from, lookup, teller).await,
            Question::Talk(talk) => talk::talk(&self.from, &self.roots, &self.chains, talk, teller).await,
            Question::Time { server, limit } => teller.time(time::ask(&self.from, server, limit)).await,
            Question::Ping { to, limit } => teller.time(ping::ping(&self.from, to, limit)).await,
            Question::Trace { to, transport, limit } => {
                teller.time(trace::trace(&self.from, to, transport, limit)).await;
            }
            Question::SystemTrust { host, leaf_sha256, limit } => {
                teller.time(roots::ask_system(&self.chains, &host, &leaf_sha256, limit)).await;
            }
            Question::Fetch { url, to, limit } => teller.time(fetch::fetch(&self.from, &url, to, limit)).await,
        }
    }
}

impl Probes for NetProbes {
    fn ask(&self, question: Question, seen: mpsc::Sender<Witnessed>) -> Boxed<'_, ()> {
        Box::pin(async move { self.answer(question, &Teller { seen }).await })
    }
}

/// Reads chains that a program on a gateway printed, as those this computer sees itself.
pub struct ChainReader {
    roots: Roots,
}

impl ChainReader {
    /// `extra_roots` (DER) are trusted beside those the profile expects: only for a test site.
    pub fn new(extra_roots: Vec<Vec<u8>>) -> Self {
        Self { roots: Roots::new(extra_roots) }
    }
}

impl port::Chains for ChainReader {
    fn read(&self, host: &str, chain: &[Vec<u8>], expected: &[String]) -> (Vec<Certificate>, Option<Trust>) {
        tls::read(&self.roots, host, chain, expected)
    }
}

/// Tells what was seen, with its times.
struct Teller {
    seen: mpsc::Sender<Witnessed>,
}

/// When something was begun.
#[derive(Clone, Copy)]
struct Began {
    at: SystemTime,
    instant: Instant,
}

impl Began {
    fn now() -> Self {
        Self { at: SystemTime::now(), instant: Instant::now() }
    }
}

impl Teller {
    /// Tells what comes of that, and how long it took.
    async fn time(&self, seen: impl Future<Output = Seen> + Send) {
        let began = Began::now();
        let seen = seen.await;
        self.tell(began, seen).await;
    }

    /// Tells what was seen since then. That nobody listens any more is no concern of ours: the question is dropped.
    async fn tell(&self, began: Began, seen: Seen) {
        let at = began.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let witnessed = Witnessed {
            at_unix_micros: i64::try_from(at).unwrap_or(i64::MAX),
            took_micros: micros(began.instant.elapsed()),
            seen,
        };
        let _ = self.seen.send(witnessed).await;
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A probe that could not be run.
fn not_run(what: impl Into<Option<ProbeKind>>, why: NotRun, detail: &str) -> Seen {
    Seen::NotRun { what: what.into(), why, detail: visible(detail, DETAIL_CHARS) }
}
