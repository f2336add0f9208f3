//! What holds for any evidence, made at random from good and bad observations of a plan's rows.

use std::sync::LazyLock;

use linesman::check::evidence::About;
use linesman::check::plan::Vantage;
use linesman::check::{Observation, Plan, Reason, RowState, Seen, explain, judge};
use linesman::model::endpoint::ProbeKind;
use linesman::model::word::Word;
use proptest::prelude::*;

use super::{notation, plan};

const ROWS: [&str; 4] = ["CAS-01", "CAS-03", "CAS-05", "CAS-08"];

/// A line of a row: good, or bad at some layer.
const LINES: [&str; 34] = [
    "ROW good ADDR",
    "ROW good ADDR through=tls",
    "ROW good ADDR through=tcp",
    "ROW lookup HOST ADDR",
    "ROW lookup HOST server=192.168.1.1 nxdomain",
    "ROW lookup HOST server=192.168.1.2 silent",
    "ROW lookup HOST 0.0.0.0",
    "ROW lookup HOST 10.1.1.1",
    "ROW lookup HOST server=192.168.1.1 servfail ede=17",
    "* lookup a1b2.invalid server=192.168.1.1 ADDR purpose=control",
    "ROW connect ADDR silent",
    "ROW connect ADDR ok",
    "ROW connect ADDR refused icmp=3/13@10.9.1.1",
    "ROW connect [2001:db9::1]:443 ok",
    "ROW connect [2001:db9::1]:443 network-unreachable took=0",
    "ROW tls ADDR ok expected",
    "ROW tls ADDR ok unexpected private issuer=\"CN=FortiGate\"",
    "ROW tls ADDR silent",
    "ROW tls ADDR ok shape=neutral-name",
    "ROW tls ADDR ok shape=through-proxy",
    "ROW tls ADDR ok unseen",
    "ROW tls ADDR ok expected begins-at=1d",
    "ROW http ADDR 200",
    "ROW http ADDR 511",
    "ROW http ADDR silent",
    "ROW http ADDR 200 shape=through-proxy",
    "ROW websocket ADDR 403",
    "ROW mqtt ADDR connack=5",
    "ROW time ADDR ok",
    "ROW time ADDR ok offset=99999",
    "ROW time ADDR alarm",
    "ROW not-run tls no-program",
    "* route ADDR tun0 tunnel",
    "* clock 20000d",
];

static PLAN: LazyLock<Plan> =
    LazyLock::new(|| plan("casambi-cloud-gateway", About { vantage: Vantage::SiteNetwork, ..About::default() }));

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = (0..ROWS.len(), 0..LINES.len(), 1_u8..4).prop_map(|(row, line, address)| {
        let (row, port) = (ROWS[row], if LINES[line].contains("time") { "" } else { ":443" });
        let host = match row {
            "CAS-01" => "0.debian.pool.ntp.org",
            "CAS-03" => "api.casambi.com",
            "CAS-05" => "iot-gateway-prod-westeuropa.azure-devices.net",
            _ => "hosted-mender-artifacts.s3.amazonaws.com",
        };
        let is_bare = ["good", "lookup", "route", "time"].iter().any(|word| LINES[line].contains(word));
        let address = if is_bare { format!("20.50.1.{address}") } else { format!("20.50.1.{address}{port}") };
        LINES[line].replace("ROW", row).replace("HOST", host).replace("ADDR", &address)
    });
    prop::collection::vec(line, 0..24)
}

/// Whether a row was answered in its own protocol.
fn is_answer(seen: &Observation, row: &str) -> bool {
    let is_own = seen.row.as_ref().is_some_and(|own| own.as_str() == row);
    is_own
        && matches!(
            seen.seen,
            Seen::Http(_)
                | Seen::WebSocket(_)
                | Seen::Mqtt(_)
                | Seen::Time(_)
                | Seen::Ping(_)
                | Seen::Fetch(_)
                | Seen::Tls(_)
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pass_rests_on_an_answer_in_the_rows_own_protocol(lines in lines()) {
        let plan = &*PLAN;
        let seen = notation::read(plan, &lines.join("\n"));
        for verdict in judge(plan, &seen).rows.iter().filter(|verdict| verdict.state.is_good()) {
            let about_rows = ["CAS-11", "CAS-12"].contains(&verdict.row.as_str());
            let answered = verdict.facts.iter().any(|fact| {
                seen.iter().any(|seen| seen.number == *fact && is_answer(seen, verdict.row.as_str()))
            });
            prop_assert!(answered || about_rows, "{verdict:?}\n{}", lines.join("\n"));
        }
    }

    #[test]
    fn more_evidence_turns_no_failure_into_a_pass_without_an_answer(lines in lines(), more in lines()) {
        let plan = &*PLAN;
        let before = judge(plan, &notation::read(plan, &lines.join("\n")));
        let all = notation::read(plan, &[lines.clone(), more.clone()].concat().join("\n"));
        let after = judge(plan, &all);
        for (before, after) in before.rows.iter().zip(&after.rows) {
            if before.state == RowState::Fail && after.state.is_good() && before.row.as_str() != "CAS-12" {
                let answered = all.iter().any(|seen| is_answer(seen, after.row.as_str()));
                prop_assert!(answered, "{before:?} {after:?}");
            }
        }
    }

    #[test]
    fn a_lie_about_the_name_survives_an_answer_as_a_note(at in 0..3_usize) {
        let (line, reason) = [
            ("CAS-03 lookup api.casambi.com server=192.168.1.1 nxdomain", Reason::DnsDisagree),
            ("CAS-03 lookup api.casambi.com server=192.168.1.1 0.0.0.0", Reason::DnsDisagree),
            ("CAS-03 lookup api.casambi.com server=192.168.1.1 20.50.1.1 lost=1", Reason::DnsLost),
        ][at];
        let plan = &*PLAN;
        let judged = judge(plan, &notation::read(plan, &format!("CAS-03 good 20.50.1.1\n{line}")));
        let verdict = judged.row(&"CAS-03".parse().unwrap()).unwrap();
        prop_assert_eq!(verdict.state, RowState::PassWithNote);
        prop_assert!(verdict.notes.iter().any(|note| note.reason == reason), "{:?}", verdict);
    }

    #[test]
    fn any_evidence_is_judged_and_explained(lines in lines(), cut in 0..64_usize, twist in any::<u32>()) {
        let plan = &*PLAN;
        let mut seen = notation::read(plan, &lines.join("\n"));
        if !seen.is_empty() {
            let at = cut % seen.len();
            seen[at].number = twist;
            seen[at].at_unix_micros = i64::from(twist).wrapping_mul(i64::MAX / 3);
            seen.rotate_left(at);
        }
        let judged = judge(plan, &seen);
        prop_assert_eq!(judged.rows.len(), plan.rows.len());
        for verdict in &judged.rows {
            let text = explain::row(plan, &judged, &seen, verdict);
            prop_assert!(!text.what.is_empty() && !text.what.contains('{'), "{text:?}");
            prop_assert!(text.next.chars().count() < 120, "{}", text.next);
            prop_assert!(RowState::ALL.contains(&verdict.state));
        }
        for finding in &judged.findings {
            prop_assert!(!explain::finding(plan, &judged, &seen, finding).what.is_empty());
        }
    }
}

#[test]
fn all_steps_of_a_conversation_fail_by_a_name_of_their_own() {
    let plan = &*PLAN;
    let mut reasons = Vec::new();
    for (before, line) in [
        ("", "CAS-03 lookup api.casambi.com server=192.168.1.1 nxdomain"),
        ("through=dns", "CAS-03 connect 20.50.1.1 silent"),
        ("through=tcp", "CAS-03 tls 20.50.1.1 silent"),
        ("through=tls", "CAS-03 http 20.50.1.1 silent"),
    ] {
        let good = if before.is_empty() { String::new() } else { format!("CAS-03 good 20.50.1.1 {before}\n") };
        let judged = judge(plan, &notation::read(plan, &format!("{good}{line}")));
        let verdict = judged.row(&"CAS-03".parse().unwrap()).unwrap();
        assert_eq!(verdict.state, RowState::Fail);
        reasons.push((verdict.step.unwrap(), verdict.reason));
    }
    let expected = [
        (ProbeKind::Dns, Reason::DnsNoSuchName),
        (ProbeKind::Tcp, Reason::TcpSilent),
        (ProbeKind::Tls, Reason::TlsSilent),
        (ProbeKind::Http, Reason::HttpSilent),
    ];
    assert_eq!(reasons, expected);
}
