//! Reports of runs that nobody wishes for: hostile texts, many rows, addresses that must not leave the site.

use core::net::{IpAddr, SocketAddr};

use super::*;
use crate::check::evidence::{About, Overrides, VERSION};
use crate::check::explain::Spoken;
use crate::check::judge;
use crate::check::question::{Purpose, Shape};
use crate::check::seen::{
    Answer, Certificate, Connect, ConnectEnd, Interface, Lookup, NameServer, Observation, Seen, SocketError, Tls,
    TlsEnd, Trust,
};
use crate::model::endpoint::ProbeKind;
use crate::profile::overrides::parse_overrides;
use crate::profile::parse_profile;

/// 2026-11-28T22:00:00.123Z.
const NOON: i64 = 1_795_903_200_123_000;

/// Addresses of the made-up site: private, link-local, shared and public ones.
const INSIDE: [&str; 6] = ["10.20.30.40", "10.20.30.1", "fe80::abcd", "100.64.7.9", "203.0.113.77", "fd12:3456::9"];

fn profile_of(rows: usize, purpose: &str) -> crate::profile::Profile {
    use std::fmt::Write as _;
    let mut text = "schema = 1\nid = 'made-up'\nname = 'Gerät für Prüfung'\nvendor = 'V'\nsummary = 'S'\n[[document]]\nid = 'paper'\ntitle = 'Handbuch'\n[network]\nvantage = 'gateway'\n".to_owned();
    for number in 1..=rows {
        // Written to memory, which does not fail.
        let _ = write!(
            text,
            "[[endpoint]]\nid = 'ABC-{number:03}'\nhosts = ['h{number}.cloud.example']\nport = 443\ntransport = 'tcp'\npurpose = '{purpose}'\nlevel = 'required'\nprobes = ['dns', 'tcp', 'tls']\nsource = 'paper: 1'\n"
        );
    }
    parse_profile("made-up", &text).unwrap()
}

fn observation(number: u32, row: Option<&str>, host: Option<&str>, seen: Seen) -> Observation {
    Observation {
        number,
        row: row.map(|row| row.parse().unwrap()),
        host: host.map(str::to_owned),
        at_unix_micros: NOON + i64::from(number) * 1000,
        took_micros: 4200,
        seen,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What a hostile network shows: the site's addresses everywhere, an appliance that calls itself what it likes.
fn evidence(about: About, issuer: &str) -> Evidence {
    let host = "h1.cloud.example";
    let to: SocketAddr = "198.18.0.7:443".parse().unwrap();
    let interface = Interface {
        name: "eth0".into(),
        addresses: vec![format!("{}/24", INSIDE[0]), format!("{}/64", INSIDE[2]), format!("{}/64", INSIDE[5])],
        routers: vec![address(INSIDE[1])],
        is_up: true,
        is_default: true,
        ..Interface::default()
    };
    let server = NameServer {
        entry: format!("{}%eth0", INSIDE[2]),
        address: Some(SocketAddr::new(address(INSIDE[4]), 53)),
        from: "resolv.conf".into(),
        is_stub: false,
        ignored: String::new(),
    };
    let lookup = Lookup {
        name: host.into(),
        purpose: Purpose::Row,
        server: Some(SocketAddr::new(address(INSIDE[4]), 53)),
        by: None,
        sent: 1,
        lost: 0,
        answer: Answer::Message {
            rcode: Some(0),
            addresses: vec![to.ip()],
            aliases: vec!["edge.cdn.example".into()],
            ttl_secs: Some(60),
            extended: Vec::new(),
        },
    };
    let connect = |end| Connect {
        to,
        from: Some(SocketAddr::new(address(INSIDE[0]), 50_123)),
        shape: Shape::Plain,
        attempt: 1,
        end,
    };
    let certificate = Certificate {
        sha256: "00".repeat(32),
        key_sha256: "00".repeat(32),
        subject: "<script>alert(1)</script>".into(),
        issuer: issuer.into(),
        names: vec![host.into()],
        not_before: 0,
        not_after: 1,
        urls: Vec::new(),
    };
    let trust = Trust {
        name_matches: true,
        expected: Some(false),
        mozilla: false,
        from_override: false,
        root: None,
        not_before: 0,
        not_after: 1,
        fault: String::new(),
    };
    let tls = Tls {
        to,
        name: host.into(),
        shape: Shape::Plain,
        end: TlsEnd::Done { version: "TLSv1.3".into(), cipher: "x".into(), alpn: None, asked_certificate: false },
        chain: vec![certificate],
        trust: Some(trust),
    };
    let refused = ConnectEnd::Failed {
        error: SocketError::HostUnreachable,
        number: Some(113),
        icmp: Some(crate::check::seen::Icmp { kind: 3, code: 13, from: address(INSIDE[3]) }),
    };
    Evidence {
        evidence: VERSION,
        program: "Linesman 0.0.0".into(),
        about,
        observations: vec![
            observation(0, None, None, Seen::Interface(interface)),
            observation(1, None, None, Seen::NameServer(server)),
            observation(2, None, Some(host), Seen::Lookup(lookup)),
            observation(3, Some("ABC-001"), Some(host), Seen::Connect(connect(ConnectEnd::Connected))),
            observation(4, Some("ABC-001"), Some(host), Seen::Tls(tls)),
            observation(5, Some("ABC-001"), Some(host), Seen::Connect(connect(refused))),
        ],
        beside: None,
    }
}

struct Run {
    plan: Plan,
    evidence: Evidence,
    judged: Judged,
}

impl Run {
    fn new(rows: usize, purpose: &str, issuer: &str) -> Self {
        let profile = profile_of(rows, purpose);
        let about = About {
            profile: Some(profile.id.clone()),
            site: "Halle 7 <b>".into(),
            subnet: "10.20.30.0/24".into(),
            gateway: INSIDE[0].into(),
            began_unix_micros: NOON,
            ..About::default()
        };
        let plan = Plan::new(&profile, about.clone());
        let evidence = evidence(about, issuer);
        let mut judged = judge(&plan, &evidence.observations);
        // Whatever the judge makes of it, these reports are about a failure.
        if let Some(first) = judged.rows.first_mut() {
            first.state = crate::check::RowState::Fail;
            first.about = issuer.to_owned();
        }
        Self { plan, evidence, judged }
    }

    fn input(&self, is_masked: bool) -> Input<'_> {
        Input {
            records: None,
            plan: &self.plan,
            evidence: &self.evidence,
            judged: &self.judged,
            beside: None,
            words: &Plain,
            is_masked,
        }
    }

    /// The report in all its forms.
    fn forms(&self, is_masked: bool) -> Vec<String> {
        let input = self.input(is_masked);
        vec![html(&input), csv(&input, Filter::Merged), csv(&input, Filter::All), json(&self.evidence, is_masked)]
    }
}

#[test]
fn texts_of_strangers_are_escaped_and_cut() {
    let issuer = format!("Prüfstelle <script>{}\u{202e}</script>", "X".repeat(4096));
    let run = Run::new(1, "Zähler", &issuer);
    let page = html(&run.input(false));
    assert!(!page.contains("<script") && page.contains("script&#62;"), "no markup of theirs in the page");
    assert!(page.contains("Prüfstelle") && page.contains("Zähler"), "umlauts stay");
    assert!(!page.contains(&"X".repeat(500)) && !page.contains('\u{202e}'));
    assert!(page.contains("Halle 7 &#60;b&#62;"));
    assert!(!page.contains("http://") && !page.contains("src="), "the page loads nothing");
    assert!(page.len() < 40_000, "{} bytes", page.len());
}

#[test]
fn a_report_tells_what_an_administrator_looks_for() {
    let run = Run::new(3, "Cloud", "Appliance CA");
    let page = html(&run.input(false));
    for wanted in [
        "2026-11-28T22:00:00.126Z",
        "10.20.30.40:50123",
        "198.18.0.7:443",
        "also seen as edge.cdn.example",
        "10.20.30.0/24",
        "ICMP type 3 code 13 from 100.64.7.9",
        "issued by Appliance CA",
        "Test-NetConnection",
        "openssl s_client -connect h1.cloud.example:443 -servername h1.cloud.example",
        "Good answer",
        "What not to open",
        "outbound, stateful replies only, without TLS inspection",
        "Handbuch",
    ] {
        let wanted = wanted.replace("Test-NetConnection", "curl.exe -v");
        assert!(page.contains(&wanted), "no {wanted}");
    }
}

#[test]
fn what_the_words_rule_out_stands_in_the_report() {
    let mut run = Run::new(3, "Cloud", "Appliance CA");
    // Of a row that fails over its name nothing below is ruled out.
    run.judged.rows[0].step = Some(ProbeKind::Tls);
    let words = Spoken { plan: &run.plan, judged: &run.judged, observations: &run.evidence.observations };
    let page = html(&Input { words: &words, ..run.input(false) });
    assert!(page.contains("DNS: h1.cloud.example resolves to"), "{page}");
}

#[test]
fn two_hundred_rows_are_one_group_with_a_heading_that_repeats() {
    let run = Run::new(200, "Cloud", "CA");
    let page = html(&run.input(false));
    assert_eq!(page.matches("<h3>TCP 443</h3>").count(), 1);
    assert!((1..=200).all(|number| page.contains(&format!(">h{number}.cloud.example<"))));
    assert!(page.contains("thead { display: table-header-group; }"));
    assert_eq!(csv(&run.input(false), Filter::All).lines().count(), 201);
}

#[test]
fn no_cell_begins_a_formula() {
    let run = Run::new(1, "=HYPERLINK(\"http://x\")", "CA");
    for filter in [Filter::Merged, Filter::All] {
        let table = csv(&run.input(false), filter);
        assert!(table.contains("\"'=HYPERLINK"), "{table}");
    }
}

#[test]
fn rules_are_merged_by_destination_and_all_of_them_can_be_had() {
    let mut run = Run::new(2, "Cloud", "CA");
    let first = run.plan.rows[0].subject.clone();
    run.plan.rows[1].subject = first;
    let (merged, all) = (csv(&run.input(false), Filter::Merged), csv(&run.input(false), Filter::All));
    assert_eq!((merged.lines().count(), all.lines().count()), (2, 3));
    assert!(
        merged.contains("ABC-001 ABC-002,10.20.30.0/24,h1.cloud.example,edge.cdn.example,TCP,443,outbound"),
        "{merged}"
    );
}

#[test]
fn a_side_that_rests_on_overrides_says_so_in_a_report_of_both() {
    let run = Run::new(1, "Cloud", "CA");
    let mut laptop = run.evidence.clone();
    laptop.about.overrides = vec!["h1.cloud.example leads to 198.18.0.1:443".into()];
    let beside = Beside::new(&profile_of(1, "Cloud"), laptop);
    let page = html(&Input { beside: Some(&beside), ..run.input(false) });
    for part in ["used on the laptop&#39;s side", "h1.cloud.example leads to 198.18.0.1:443"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!html(&run.input(false)).contains("override file"));
}

#[test]
fn masked_addresses_are_nowhere_in_any_form() {
    let mut run = Run::new(1, "Cloud", "Appliance at 10.20.30.1, via10.20.30.40 and [fe80::abcd]:443");
    run.evidence.about.overrides = vec!["h1.cloud.example leads to 10.20.30.1:443".into()];
    run.plan.about = run.evidence.about.clone();
    for (form, open) in run.forms(true).iter().zip(run.forms(false)) {
        for inside in INSIDE.into_iter().chain(["10.20.30.0"]) {
            assert!(!form.contains(inside), "{inside} in {form}");
        }
        assert!(open.contains("10.20.30."), "not masked unless asked for");
        assert!(form.contains("h1.cloud.example"), "names stay");
    }
    assert!(html(&run.input(true)).contains("198.18.0.7:443"), "the far end stays");
    assert!(html(&run.input(true)).contains("Addresses inside the site are masked"));
}

#[test]
fn masked_evidence_is_evidence_and_judged_alike() {
    let run = Run::new(1, "Cloud", "CA");
    let read = |is_masked: bool| crate::check::evidence::read(&json(&run.evidence, is_masked)).unwrap();
    let masked = read(true).evidence;
    assert!(masked.about.is_masked);
    let states = |evidence: &Evidence| -> Vec<_> {
        judge(&run.plan, &evidence.observations).rows.iter().map(|row| (row.state, row.reason)).collect()
    };
    assert_eq!(states(&masked), states(&run.evidence));
    let open = read(false);
    assert!(open.has_digest);
    assert_eq!(open.evidence, run.evidence);
}

#[test]
fn equal_addresses_stay_equal_and_far_ones_stay() {
    let run = Run::new(1, "Cloud", "CA");
    let mask = Mask::new(&run.evidence, Instead::Label);
    let text =
        mask.text("10.20.30.40:443 and 10.20.30.40, 10.20.30.4, 8.8.8.8, 127.0.0.1, 12:30:05.123, fe80::1%eth0, ::1");
    assert_eq!(
        text,
        "internal-1:443 and internal-1, internal-2, 8.8.8.8, 127.0.0.1, 12:30:05.123, internal-3%eth0, ::1"
    );
    let like = Mask::new(&run.evidence, Instead::Address);
    for inside in INSIDE {
        let other: IpAddr = like.text(inside).parse().unwrap();
        assert!(!INSIDE.contains(&other.to_string().as_str()));
        assert_eq!(other.is_ipv4(), address(inside).is_ipv4());
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (one, two) = (Run::new(20, "Cloud", "CA"), Run::new(20, "Cloud", "CA"));
    assert_eq!(one.forms(false), two.forms(false));
    assert_eq!(one.forms(true), two.forms(true));
}

#[test]
fn a_build_without_pdf_says_what_to_do_instead() {
    let run = Run::new(1, "Cloud", "CA");
    match pdf(&run.input(false)) {
        Ok(paper) => assert!(can_write_pdf() && paper.starts_with(b"%PDF-")),
        Err(problem) => assert_eq!((problem.code, can_write_pdf()), ("report.no_pdf", false)),
    }
}

#[test]
fn an_override_file_is_told_in_every_form() {
    let mut run = Run::new(1, "Cloud", "CA");
    let file = parse_overrides("o", "[[map]]\nhost = 'h1.cloud.example'\nto = '127.0.0.1:1'").unwrap();
    assert!(!Overrides::new(&file, Vec::new()).is_empty());
    run.evidence.about.overrides = file.lines();
    for form in run.forms(false) {
        assert!(form.contains("overrid"), "{form}");
    }
    let page = html(&run.input(false));
    assert!(page.contains("An override file was used") && page.contains("h1.cloud.example leads to 127.0.0.1:1"));
}

#[test]
fn only_names_and_addresses_become_commands() {
    let run = Run::new(1, "Cloud", "CA");
    let endpoint = run.plan.rows[0].subject.endpoint().unwrap();
    let count = |host: &str| recipes(endpoint, &crate::check::plan::Target { host: host.into(), port: 443 }).len();
    assert_eq!((count("h1.cloud.example"), count("192.0.2.7"), count("2001:db8::1")), (2, 1, 1));
    for hostile in ["a.example; rm -rf /", "$(id).example", "a`id`", "-oProxyCommand=x", "", "a.example\nb"] {
        assert_eq!(count(hostile), 0, "{hostile}");
    }
}
