//! The bench broker: gateways are pointed at this computer, with no internet. Plain MQTT, TLS, mutual TLS and WebSocket, for
//! MQTT 3.1.1 and 5, on loopback unless a person picks another address, with a test CA of its own.
//!
//! The broker itself is [`crate::proto::mqtt::broker`]; here are its ports, which tell who came and why someone was refused. It
//! runs on a thread of its own, keeps messages in memory only, and lets everyone in: it is for a bench, not for a site.

mod ca;
mod desk;
mod error;
mod front;
mod interfaces;
mod lines;
mod tls;
mod visit;
mod wires;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::Digest as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use self::ca::TestCa;
use self::desk::Desk;
pub use self::error::BenchError;
use self::front::{Front, Way};
use self::lines::Lines;
use crate::model::mqtt::bench::{BenchFacts, BenchPlan, Sighting};
use crate::model::mqtt::url::{BrokerUrl, Scheme};
use crate::model::problem::{Explain as _, Problem};
use crate::model::text::hex;
use crate::proto::mqtt::broker::Limits;

/// Lines that may wait to be read.
const LINES: usize = 256;
/// Clients have that long to read that the broker stops.
const FAREWELL: Duration = Duration::from_millis(200);

/// A bench broker that runs. It ends when this is dropped.
pub struct BenchBroker {
    lines: mpsc::Receiver<Sighting>,
    _stop: oneshot::Sender<()>,
}

impl BenchBroker {
    /// Starts the broker. The test CA is kept in `folder`.
    pub async fn start(plan: &BenchPlan, folder: &Path) -> Result<(Self, BenchFacts), Problem> {
        let (plan, folder) = (plan.clone(), folder.to_owned());
        let (started, starting) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (sender, lines) = mpsc::channel(LINES);
        // A thread of its own: whoever floods the broker must not slow the workers down.
        let thread = std::thread::Builder::new().name("bench broker".into()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(BenchError::broker(error)))),
            };
            runtime.block_on(async move {
                let lines = Lines::new(sender);
                match Running::start(&plan, &folder, lines).await {
                    Ok((running, facts)) => {
                        if started.send(Ok(facts)).is_ok() {
                            // Dropped without a word, or told to stop: the same.
                            let _ = stopped.await;
                        }
                        running.stop().await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
            runtime.shutdown_background();
        });
        thread.map_err(|error| BenchError::broker(error).explain())?;
        let facts = starting.await.map_err(|_| BenchError::broker("it crashed").explain())?;
        let facts = facts.map_err(|error| error.explain())?;
        Ok((Self { lines, _stop: stop }, facts))
    }

    /// What happened next: a client came, went or was refused. `None` when the broker has ended.
    pub async fn seen(&mut self) -> Option<Sighting> {
        self.lines.recv().await
    }
}

/// The broker and its ports, on their thread.
struct Running {
    desk: Arc<Desk>,
}

impl Running {
    /// Tells all clients, and gives them a moment to be told.
    async fn stop(self) {
        self.desk.stop();
        tokio::time::sleep(FAREWELL).await;
    }

    async fn start(plan: &BenchPlan, folder: &Path, lines: Lines) -> Result<(Self, BenchFacts), BenchError> {
        let address = listening_address(&plan.address)?;
        let names = certificate_names(plan, address)?;
        let listeners = Listeners::open(plan, address).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let ca = TestCa::open(folder, &names, now)?;
        let identity = ca.server(&names, now)?;
        let (tls, mutual_tls) = (tls::acceptor(&identity, None)?, tls::acceptor(&identity, Some(&ca.certificate))?);
        if let Some(why) = ca.made_because {
            lines.note(format!("A new test CA was made: {why}. Gateways need its file"));
        }
        let (keep_alive_secs, refused) = (plan.most_keep_alive_secs, plan.refused.clone());
        let limits = Limits { keep_alive_secs, refused, ..Limits::default() };
        // Different from run to run is all that it has to be.
        let desk = Arc::new(Desk::new(limits, u32::try_from(now & 0xffff_ffff).unwrap_or_default()));
        let (clock, told) = (Arc::clone(&desk), lines.clone());
        tokio::spawn(async move { clock.keep_time(&told).await });
        let urls = listeners.urls(&names);
        let front = Front::new(Arc::clone(&desk), tls, mutual_tls, lines);
        for (listener, way) in listeners.0 {
            tokio::spawn(Arc::clone(&front).serve(listener, way));
        }
        let facts = BenchFacts {
            urls,
            ca_sha256: hex(&sha2::Sha256::digest(&ca.certificate)),
            client_paths: Some(ca.client_paths),
            ca_path: ca.path,
            interfaces: interfaces::addresses().iter().map(ToString::to_string).collect(),
        };
        Ok((Self { desk }, facts))
    }
}

/// The ports that are open, each with what it speaks.
struct Listeners(Vec<(TcpListener, Way)>);

impl Listeners {
    async fn open(plan: &BenchPlan, address: IpAddr) -> Result<Self, BenchError> {
        let ways = [
            (plan.plain, Way::Plain),
            (plan.tls, Way::Tls),
            (plan.mutual_tls, Way::MutualTls),
            (plan.websocket, Way::WebSocket),
        ];
        let mut open = Vec::new();
        for (port, way) in ways {
            let Some(port) = port else { continue };
            let listener = TcpListener::bind((address, port)).await;
            open.push((listener.map_err(|error| BenchError::bind(address, port, &error))?, way));
        }
        if open.is_empty() { Err(BenchError::NoPort) } else { Ok(Self(open)) }
    }

    /// Where they are, the plain one first. The port of WebSocket stands there twice: it takes both.
    fn urls(&self, names: &[String]) -> Vec<String> {
        let mut urls = Vec::new();
        for (listener, way) in &self.0 {
            let Ok(address) = listener.local_addr() else { continue };
            // An address of all interfaces is none to connect to: the first name is.
            let host = if address.ip().is_unspecified() {
                names.first().cloned().unwrap_or_else(|| "localhost".into())
            } else {
                address.ip().to_string()
            };
            let schemes: &[Scheme] = match way {
                Way::Plain => &[Scheme::Mqtt],
                Way::Tls | Way::MutualTls => &[Scheme::Mqtts],
                Way::WebSocket => &[Scheme::Ws, Scheme::Wss],
            };
            for scheme in schemes.iter().copied() {
                let path = if scheme.is_websocket() { "/mqtt".to_owned() } else { String::new() };
                urls.push(BrokerUrl { scheme, host: host.clone(), port: address.port(), path }.to_string());
            }
        }
        urls
    }
}

fn listening_address(text: &str) -> Result<IpAddr, BenchError> {
    let text = text.trim();
    if text == "localhost" {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.trim_matches(['[', ']']).parse().map_err(|_| BenchError::BadAddress { address: text.into() })
}

/// What the certificate is good for: the address, or all of them; the names; and this computer itself.
fn certificate_names(plan: &BenchPlan, address: IpAddr) -> Result<Vec<String>, BenchError> {
    let mut names = Vec::new();
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    if address.is_unspecified() {
        for address in interfaces::addresses() {
            add(address.to_string());
        }
    } else {
        add(address.to_string());
    }
    for name in plan.names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let is_name = |name: &str| {
            name.len() <= 253
                && name.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                })
        };
        if name.parse::<IpAddr>().is_err() && !is_name(name) {
            return Err(BenchError::BadName { name: name.into() });
        }
        add(name.to_owned());
    }
    for name in ["localhost", "127.0.0.1", "::1"] {
        add(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_good_for_what_gateways_call_this_computer() {
        let plan = BenchPlan { names: vec!["broker.lan".into(), " ".into()], ..BenchPlan::default() };
        let names = certificate_names(&plan, "192.168.1.5".parse().unwrap()).unwrap();
        assert_eq!(names, ["192.168.1.5", "broker.lan", "localhost", "127.0.0.1", "::1"]);
        let bad = BenchPlan { names: vec!["bro ker".into()], ..BenchPlan::default() };
        assert!(matches!(certificate_names(&bad, IpAddr::from([127, 0, 0, 1])), Err(BenchError::BadName { .. })));
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        assert_eq!(listening_address("localhost").unwrap(), IpAddr::from([127, 0, 0, 1]));
        assert_eq!(listening_address("[::1]").unwrap().to_string(), "::1");
        assert!(matches!(listening_address("laptop"), Err(BenchError::BadAddress { .. })));
    }
}
