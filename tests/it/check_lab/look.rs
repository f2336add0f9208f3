//! The look after a join, at a real second host: another network namespace at the end of a veth pair, whose hardware address this
//! computer learns by ARP as it does in a site's network.

use std::sync::Arc;

use linesman::flow::commission::{Setup, run};
use linesman::flow::port::{Boxed, GattLink, Link, LinkError, Links, Neighbourhood, Sight};
use linesman::flow::report::Report;
use linesman::flow::transcript::SharedTranscript;
use linesman::io::neighbourhood::OwnNetwork;
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiKey};
use linesman::model::gateway::PortFacts;
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::mac;
use linesman::model::outcome::{Evidence, EvidenceKind};
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::model::wifi::{WifiRules, parse_ssid};
use linesman::msg::{Progress, Request};
use linesman::sim::SimulatedLinks;
use tokio::sync::{mpsc, watch};

use super::{Lab, in_lab, ip, within};
use crate::support::{MemoryRecords, PASSPHRASE, SSID, ble_address, ble_gateway, ble_links};

/// What the simulated network leases to the gateway, and this computer beside it.
const LEASED: &str = "198.51.100.17";
const OURS: &str = "198.51.100.2/24";
/// Of the chip whose Bluetooth address is the gateway's, and of another one.
const OF_ITS_CHIP: &str = "c4:4f:33:00:12:ad";
const OF_ANOTHER: &str = "02:00:00:00:00:99";

/// A simulated gateway on the air, in the real network of this computer.
struct Site(SimulatedLinks);

impl Links for Site {
    fn neighbourhood(&self) -> Option<&dyn Neighbourhood> {
        Some(&OwnNetwork)
    }

    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        self.0.ports()
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        self.0.open(address)
    }

    fn connect<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        self.0.connect(address)
    }
}

/// Commissions the gateway; what was seen of the address that it reports.
async fn seen_after_a_join() -> Evidence {
    let (events, mut told) = mpsc::channel(512);
    let (requests, request_rx) = mpsc::channel(4);
    let (_stop, stopped) = watch::channel(false);
    let setup = Setup {
        link: ble_address(),
        driver: DriverId::Improv,
        access: Access::default(),
        settings: None,
        credentials: Vec::new(),
        rules: WifiRules::standard(),
        intent: JobIntent {
            action: "commission".into(),
            gateway: "gateway".into(),
            link: ble_address().to_string(),
            profile: None,
            driver: Some("improv".into()),
            operator: "tester".into(),
            // Its radio is simulated; the network that is looked into is not.
            is_simulated: false,
        },
        links: Arc::new(Site(ble_links(ble_gateway(&[])))),
        records: Arc::new(MemoryRecords::default()),
        report: Report::new(events),
        transcript: SharedTranscript::new("look"),
    };
    let running = tokio::spawn(run(setup, request_rx, stopped));
    let mut until = async |is_it: fn(&Progress) -> bool| {
        while let Some((_, progress)) = told.recv().await {
            if is_it(&progress) {
                return progress;
            }
        }
        panic!("the session ended before");
    };
    until(|progress| matches!(progress, Progress::Ready)).await;
    let key = WifiKey::Passphrase(Secret::new(PASSPHRASE.into()));
    let credentials = WifiCredentials::new(parse_ssid(SSID).unwrap(), key, false);
    requests.send(Request::Push(credentials)).await.unwrap_or_else(|_| panic!("the session takes requests"));
    let Progress::Pushed(outcome) = until(|progress| matches!(progress, Progress::Pushed(_))).await else {
        unreachable!()
    };
    running.abort();
    let seen = outcome.evidence.iter().find(|seen| seen.text.contains(LEASED) && seen.text.contains("this computer"));
    seen.unwrap_or_else(|| panic!("nobody looked: {:#?}", outcome.evidence)).clone()
}

/// The second host takes this hardware address, and this computer forgets what it learnt.
fn be(lab: &Lab, mac: &str) {
    let ip_within = |arguments: &[&str]| {
        let mut command = within(&lab.router, std::path::Path::new("ip"));
        assert!(command.args(arguments).status().unwrap().success(), "{arguments:?}");
    };
    ip_within(&["link", "set", "lan", "address", mac]);
    ip(&["neighbour", "flush", "dev", "eth0"]);
}

#[test]
fn a_second_host_is_told_from_the_gateway_by_its_hardware_address() {
    in_lab("look::a_second_host_is_told_from_the_gateway_by_its_hardware_address", async |lab| {
        ip(&["address", "add", OURS, "dev", "eth0"]);
        let second = |act: &str| {
            let mut command = within(&lab.router, std::path::Path::new("ip"));
            let status = command.args(["address", act, &format!("{LEASED}/24"), "dev", "lan"]).status();
            assert!(status.unwrap().success(), "{act}");
        };
        second("add");

        be(&lab, OF_ITS_CHIP);
        let seen = seen_after_a_join().await;
        assert_eq!(seen.kind, EvidenceKind::Observed, "{seen:?}");
        let expected =
            format!("{LEASED} answers this computer on eth0, with the MAC {OF_ITS_CHIP}, which is of the same chip");
        assert!(seen.text.starts_with(&expected), "{seen:?}");
        let its = mac::read(OF_ITS_CHIP).unwrap();
        assert_eq!(OwnNetwork.learnt(&[its]), [LEASED.parse::<core::net::IpAddr>().unwrap()], "a removal asks so");

        be(&lab, OF_ANOTHER);
        let seen = seen_after_a_join().await;
        assert!(seen.text.contains(OF_ANOTHER) && seen.text.contains("another device answers there"), "{seen:?}");
        assert!(OwnNetwork.learnt(&[its]).is_empty(), "what another one has now is not the gateway's");

        // It drops what comes: then the list still has who it was, and that is no answer.
        lab.rules(
            Some(&lab.router),
            "table inet lab { chain input { type filter hook input priority 0; tcp dport { 80, 443 } drop\n}\n}",
        );
        let seen = seen_after_a_join().await;
        assert_eq!(seen.kind, EvidenceKind::NotChecked, "{seen:?}");
        assert!(seen.text.contains("no answer on eth0") && !seen.text.contains(OF_ANOTHER), "{seen:?}");
        let sight = OwnNetwork.look(LEASED.parse().unwrap()).await;
        let mac = mac::read(OF_ANOTHER);
        assert_eq!(sight, Sight::Here { interface: "eth0".into(), has_answered: false, mac });
        lab.rules(Some(&lab.router), "");

        second("del");
        be(&lab, OF_ITS_CHIP);
        let seen = seen_after_a_join().await;
        assert_eq!(seen.kind, EvidenceKind::NotChecked, "nobody has the address: {seen:?}");
        assert!(seen.text.contains("no answer on eth0"), "{seen:?}");
    });
}
