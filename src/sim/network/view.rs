//! What a laptop on the simulated network sees: its own place there, and the stand-ins. Nothing else is asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::check::question::{Asked, Question};
use crate::check::seen::{Interface, Lease, NameServer, NotRun, Seen, Wifi};
use crate::flow::port::{Boxed, Probes, Witnessed};

/// Who tells of the simulated laptop.
const TOLD_BY: &str = "the simulated site";
/// Its interface, address and router (RFC 5737).
const INTERFACE: &str = "sim0";
const ADDRESS: &str = "192.0.2.20/24";
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const LEASE_SECS: u64 = 86_400;

/// The network of the simulated site, as a check looks at it.
pub(super) struct SimulatedProbes {
    /// Asks the stand-ins.
    pub(super) inner: Arc<dyn Probes>,
    pub(super) name_server: SocketAddr,
    /// Name of the access point.
    pub(super) ssid: String,
}

impl Probes for SimulatedProbes {
    fn ask(&self, question: Question, seen: mpsc::Sender<Witnessed>) -> Boxed<'_, ()> {
        let told = match &question {
            Question::Surroundings => self.surroundings(),
            Question::Wifi { .. } => vec![self.air()],
            question if leaves(question) => vec![outside()],
            _ => return self.inner.ask(question, seen),
        };
        Box::pin(async move {
            for one in told {
                // Nobody listens any more: then nobody needs it.
                let _ = seen.send(Witnessed { at_unix_micros: now_micros(), took_micros: 0, seen: one }).await;
            }
        })
    }
}

impl SimulatedProbes {
    fn surroundings(&self) -> Vec<Seen> {
        let interface = Interface {
            name: INTERFACE.into(),
            addresses: vec![ADDRESS.into()],
            routers: vec![ROUTER],
            is_up: true,
            is_wifi: true,
            is_default: true,
            is_tunnel: false,
        };
        let lease = Lease {
            interface: INTERFACE.into(),
            by_dhcp: Some(true),
            address: Some(ADDRESS.into()),
            server: Some(ROUTER),
            routers: vec![ROUTER],
            name_servers: vec![self.name_server.ip()],
            seconds: Some(LEASE_SECS),
            portal: None,
            told_by: TOLD_BY.into(),
        };
        let server = NameServer {
            entry: self.name_server.to_string(),
            address: Some(self.name_server),
            from: TOLD_BY.into(),
            is_stub: false,
            ignored: String::new(),
        };
        let system = Seen::System { name: std::env::consts::OS.into() };
        vec![system, Seen::Interface(interface), Seen::Lease(lease), Seen::NameServer(server)]
    }

    fn air(&self) -> Seen {
        Seen::Wifi(Wifi {
            ssid: self.ssid.clone(),
            band: "2.4GHz".into(),
            security: "wpa2".into(),
            ciphers: vec!["ccmp".into()],
        })
    }
}

/// Whether a question would leave this computer, or ask its system what lies outside.
fn leaves(question: &Question) -> bool {
    let to = match question {
        Question::Surroundings | Question::Wifi { .. } | Question::SystemTrust { .. } => return false,
        Question::Lookup(lookup) => match &lookup.asked {
            Asked::System => return true,
            Asked::Server { address, .. } => address.ip(),
        },
        Question::Route { to } | Question::Ping { to, .. } => *to,
        Question::Talk(talk) => talk.to.ip(),
        Question::Time { server, .. } => server.ip(),
        Question::Trace { to, .. } | Question::Fetch { to, .. } => to.ip(),
    };
    !to.is_loopback()
}

fn outside() -> Seen {
    let detail = "It isn't part of the simulated site, so it wasn't asked".to_owned();
    Seen::NotRun { what: None, why: NotRun::NothingToAsk, detail }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::check::question::{Carrier, Lookup, Purpose, Shape, Talk};

    /// Writes down what it is asked.
    #[derive(Default)]
    struct Outside(Mutex<Vec<Question>>);

    impl Probes for Outside {
        fn ask(&self, question: Question, _seen: mpsc::Sender<Witnessed>) -> Boxed<'_, ()> {
            self.0.lock().unwrap().push(question);
            Box::pin(async {})
        }
    }

    #[tokio::test]
    async fn nothing_outside_of_this_computer_is_asked() {
        let limit = Duration::from_secs(1);
        let address: SocketAddr = "192.0.2.7:443".parse().unwrap();
        let lookup =
            |asked| Question::Lookup(Lookup { name: "api.example".into(), asked, purpose: Purpose::Row, limit });
        let talk =
            |to| Question::Talk(Talk { to, host: "api.example".into(), steps: Vec::new(), shape: Shape::Plain, limit });
        let questions = [
            lookup(Asked::System),
            lookup(Asked::Server { address, by: Carrier::Udp }),
            talk(address),
            Question::Route { to: address.ip() },
            Question::Time { server: address, limit },
            Question::Ping { to: address.ip(), limit },
            Question::Trace { to: address, transport: Carrier::Tcp, limit },
            Question::Fetch { url: "http://api.example/".into(), to: address, limit },
        ];
        let outside = Arc::new(Outside::default());
        let inner: Arc<dyn Probes> = Arc::<Outside>::clone(&outside);
        let probes = SimulatedProbes { inner, name_server: "127.0.0.1:53".parse().unwrap(), ssid: "plant".into() };
        let ask = async |question| {
            let (tell, mut told) = mpsc::channel(16);
            probes.ask(question, tell).await;
            let mut all = Vec::new();
            while let Some(witnessed) = told.recv().await {
                all.push(witnessed.seen);
            }
            all
        };
        for question in questions {
            assert!(matches!(&ask(question).await[..], [Seen::NotRun { why: NotRun::NothingToAsk, .. }]));
        }
        assert!(ask(Question::Surroundings).await.iter().any(|seen| matches!(seen, Seen::Lease(_))));
        assert!(matches!(&ask(Question::Wifi { ssid: None }).await[..], [Seen::Wifi(_)]));
        assert_eq!(*outside.0.lock().unwrap(), []);
        ask(talk("127.0.0.1:8443".parse().unwrap())).await;
        assert_eq!(outside.0.lock().unwrap().len(), 1, "stand-ins are asked");
    }
}
