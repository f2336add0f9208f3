//! Every row of the five vendors comes out as the vendor's page of endpoints says: with good evidence, with bad, with none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use linesman::check::evidence::About;
use linesman::check::plan::{Outlook, Vantage};
use linesman::check::{Judged, Plan, Reason, RowState, judge};
use linesman::model::endpoint::ProbeKind;

use super::{notation, plan};

const VENDORS: [&str; 5] = ["casambi-cloud-gateway", "kis-me", "cloud-connector", "biot", "calms"];

/// All that a person can know.
fn about(vantage: Vantage) -> About {
    let hosts = [
        ("*.hosted.mender.io", "us.hosted.mender.io"),
        ("*.blob.core.windows.net", "account.blob.core.windows.net"),
        ("broker", "broker.example.com"),
        ("vpn-gateway", "vpn.example.com"),
        ("cloud", "cloud.example.com"),
        ("aws-iot-endpoint", "a.iot.example.com"),
        ("azure-iot-hub", "hub.example.com"),
        ("mqtt-broker", "mqtt.example.com:1883"),
        ("management-api", "api.example.com"),
    ];
    let hosts: BTreeMap<String, Vec<String>> =
        hosts.iter().map(|(word, name)| ((*word).to_owned(), vec![(*name).to_owned()])).collect();
    About { vantage, hosts, ssid: "plant".into(), gateway: "192.168.1.50".into(), ..About::default() }
}

/// What is seen of the place where all is well.
const PLACE: &str = "
* interface eth0 192.168.1.20/24 default router=192.168.1.1
* lease eth0 192.168.1.20/24 router=192.168.1.1 dns=192.168.1.1
* wifi plant 2.4GHz wpa2 cipher=ccmp
";
/// The same where nothing is.
const BAD_PLACE: &str = "
* interface eth0 192.168.1.20/24 default router=192.168.1.1
* lease eth0 192.168.1.20/24
* wifi plant 5GHz wpa3
* connect 20.50.1.1:443 silent shape=through-proxy
";

fn evidence(plan: &Plan, place: &str, of_row: impl Fn(&str, &[ProbeKind]) -> String) -> String {
    let mut text = place.to_owned();
    for row in plan.to_run() {
        if let Some(endpoint) = row.subject.endpoint() {
            text.push_str(&of_row(row.id.as_str(), &endpoint.probes));
            text.push('\n');
        }
    }
    text
}

fn judged(plan: &Plan, text: &str) -> Judged {
    judge(plan, &notation::read(plan, text))
}

#[test]
fn every_row_with_good_evidence_is_good_or_says_why_it_cannot_be() {
    let mut page = String::new();
    for vendor in VENDORS {
        for vantage in [Vantage::SiteNetwork, Vantage::Gateway, Vantage::SimNetwork, Vantage::Vpn] {
            let plan = plan(vendor, about(vantage));
            let text = evidence(&plan, PLACE, |row, _| format!("{row} good 20.50.1.1"));
            let judged = judged(&plan, &text);
            for (planned, verdict) in plan.rows.iter().zip(&judged.rows) {
                write!(page, "{vantage} {}: {} {}", verdict.row, verdict.state, verdict.reason).unwrap();
                for note in &verdict.notes {
                    write!(page, " +{}", note.reason).unwrap();
                }
                page.push('\n');
                let is_expected = match planned.outlook {
                    Outlook::Run => verdict.state.is_good() || verdict.reason == Reason::OnlyResolved,
                    Outlook::NotTestable(_) => verdict.state == RowState::NotTestable,
                    Outlook::NotApplicable(_) => verdict.state == RowState::NotApplicable,
                    Outlook::Advice => verdict.state == RowState::Advice,
                };
                assert!(is_expected, "{vantage}: {verdict:?}");
                assert!(judged.findings.is_empty(), "{vendor} {vantage}: {:?}", judged.findings);
            }
        }
    }
    insta::assert_snapshot!("rows_with_good_evidence", page);
}

#[test]
fn every_row_with_bad_evidence_fails_with_a_reason() {
    for vendor in VENDORS {
        let plan = plan(vendor, about(Vantage::Gateway));
        for row in plan.to_run() {
            let Some(endpoint) = row.subject.endpoint() else { continue };
            let id = row.id.as_str();
            for step in &endpoint.probes {
                let bad = bad(id, *step, row.targets.is_empty());
                let before = format!("{id} good 20.50.1.1 through={step}\n");
                let mut of_step = notation::read(&plan, &before);
                // The step itself gives way to a bad one.
                of_step.retain(|seen| step_of(seen) != Some(*step));
                of_step.extend(notation::read(&plan, &bad));
                (0_u32..).zip(&mut of_step).for_each(|(number, seen)| seen.number = number);
                let judged = judge(&plan, &of_step);
                let verdict = judged.row(&row.id).unwrap();
                let (state, reason) = (verdict.state, verdict.reason);
                match step {
                    ProbeKind::Icmp => assert_eq!((state, reason), (RowState::NotTestable, Reason::PingSilent), "{id}"),
                    ProbeKind::Idle => assert_eq!(state, RowState::PassWithNote, "{id} {step}: {verdict:?}"),
                    ProbeKind::Revocation if endpoint.probes.len() > 1 => {
                        assert_eq!(state, RowState::PassWithNote, "{id} {step}: {verdict:?}");
                    }
                    _ => {
                        assert_eq!(state, RowState::Fail, "{id} {step}: {verdict:?}");
                        assert_eq!(verdict.step, Some(*step), "{id} {step}: {verdict:?}");
                        assert!(!verdict.facts.is_empty(), "{id} {step} names no fact");
                    }
                }
            }
        }
    }
}

fn step_of(seen: &linesman::check::Observation) -> Option<ProbeKind> {
    use linesman::check::Seen;
    match seen.seen {
        Seen::Lookup(_) => Some(ProbeKind::Dns),
        Seen::Connect(_) => Some(ProbeKind::Tcp),
        Seen::Tls(_) => Some(ProbeKind::Tls),
        Seen::Http(_) => Some(ProbeKind::Http),
        Seen::WebSocket(_) => Some(ProbeKind::WebSocket),
        Seen::Mqtt(_) => Some(ProbeKind::Mqtt),
        Seen::Idle(_) => Some(ProbeKind::Idle),
        Seen::Time(_) => Some(ProbeKind::Ntp),
        Seen::Ping(_) => Some(ProbeKind::Icmp),
        Seen::Fetch(_) => Some(ProbeKind::Revocation),
        _ => None,
    }
}

/// One bad observation for each host of a row.
fn bad(id: &str, step: ProbeKind, is_resolver: bool) -> String {
    let line = match step {
        ProbeKind::Dns if is_resolver => "lookup api.example server=192.168.1.1 silent",
        ProbeKind::Dns => "lookup HOST server=192.168.1.1 nxdomain",
        ProbeKind::Tcp => "connect @HOST 20.50.1.1 silent",
        ProbeKind::Tls => "tls @HOST 20.50.1.1 ok unexpected private issuer=\"CN=FortiGate CA\"",
        ProbeKind::Http => "http @HOST 20.50.1.1 reset",
        ProbeKind::WebSocket => "websocket @HOST 20.50.1.1 101 stripped",
        ProbeKind::Mqtt => "mqtt @HOST 20.50.1.1 silent",
        ProbeKind::Idle => "idle @HOST 20.50.1.1 cut=31",
        ProbeKind::Ntp => "time @HOST 20.50.1.1 silent",
        ProbeKind::Icmp => "ping 192.168.1.50 silent",
        ProbeKind::Revocation => "fetch http://HOST/list.crl html",
    };
    let hosts = hosts(id);
    let lines: Vec<String> = hosts.iter().map(|host| format!("{id} {}", line.replace("HOST", host))).collect();
    lines.join("\n")
}

/// The hosts of a row, whichever profile it belongs to.
fn hosts(id: &str) -> Vec<String> {
    for vendor in VENDORS {
        let plan = plan(vendor, about(Vantage::Gateway));
        if let Some(row) = plan.rows.iter().find(|row| row.id.as_str() == id) {
            let mut hosts: Vec<String> = row.targets.iter().map(|target| target.host.clone()).collect();
            if hosts.is_empty() {
                hosts.push("resolver.example".into());
            }
            return hosts;
        }
    }
    Vec::new()
}

#[test]
fn rows_that_no_endpoint_stands_for_fail_where_the_place_does_not_offer_them() {
    let check = |vendor: &str, row: &str, reason: Reason| {
        let plan = plan(vendor, about(Vantage::SiteNetwork));
        let judged = judged(&plan, BAD_PLACE);
        let verdict = judged.row(&row.parse().unwrap()).unwrap();
        assert_eq!((verdict.state, verdict.reason), (RowState::Fail, reason), "{row}");
    };
    check("casambi-cloud-gateway", "CAS-11", Reason::LeaseIncomplete);
    check("kis-me", "KIS-03", Reason::LeaseIncomplete);
    check("kis-me", "KIS-16", Reason::WifiBand);
}

#[test]
fn a_row_of_which_nothing_was_seen_is_not_judged() {
    for vendor in VENDORS {
        let plan = plan(vendor, about(Vantage::Gateway));
        for (planned, verdict) in plan.rows.iter().zip(&judge(&plan, &[]).rows) {
            if planned.outlook == Outlook::Run {
                assert!(matches!(verdict.state, RowState::Pending | RowState::NotTestable), "{verdict:?}");
                assert_ne!(verdict.state, RowState::Fail, "{verdict:?}");
            }
        }
    }
}

#[test]
fn verdicts_stand_in_the_order_of_the_plan() {
    for vendor in VENDORS {
        let plan = plan(vendor, about(Vantage::Gateway));
        let judged = judge(&plan, &[]);
        let rows: Vec<_> = judged.rows.iter().map(|verdict| &verdict.row).collect();
        assert_eq!(rows, plan.rows.iter().map(|row| &row.id).collect::<Vec<_>>());
    }
}
