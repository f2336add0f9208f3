//! `linesman check` by the built program, against stand-ins on loopback. Every name is mapped: nothing leaves this computer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::program::{Place, Ran, text_of};

pub(crate) const HOST: &str = "api.casambi.com";
pub(crate) const ROW: &str = "CAS-03";

/// A web server that answers every request with 404, behind a certificate of a CA of its own.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
}

impl Web {
    pub(crate) fn start(name: &str) -> Self {
        Self::of(name, serve)
    }

    fn of(name: &str, serve: fn(TcpStream, Arc<ServerConfig>)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                spawn(move || serve(stream, config));
            }
        });
        Self { address, ca_pem }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name("stand-in".into()).spawn(work).unwrap();
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>) {
    let Ok(session) = ServerConnection::new(config) else { return };
    let mut stream = StreamOwned::new(session, stream);
    let mut heard = Vec::new();
    let mut piece = [0; 2048];
    // A client that has seen enough goes, and so does this.
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        heard.extend_from_slice(&piece[..count]);
        while let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") {
            heard.drain(..end + 4);
            if stream.write_all(b"HTTP/1.1 404 Not Found\r\nServer: stand-in\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    }
}

/// A server that knows GET and nothing else, as small devices do: it says nothing to HEAD.
fn serve_get_only(stream: TcpStream, config: Arc<ServerConfig>) {
    let Ok(session) = ServerConnection::new(config) else { return };
    let mut stream = StreamOwned::new(session, stream);
    let mut piece = [0; 2048];
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        if piece[..count].starts_with(b"GET ") {
            let _ = stream.write_all(b"HTTP/1.0 200 ok\r\n\r\nhello");
            return;
        }
        if piece[..count].starts_with(b"HEAD ") {
            return;
        }
    }
}

/// An override file that leads the row's host there.
pub(crate) fn overrides(place: &Place, to: SocketAddr, ca_pem: Option<&str>) -> String {
    let trust = ca_pem.map(|pem| {
        place.write("ca.pem", pem);
        "[trust]\nroots = [\"ca.pem\"]\n"
    });
    place.write("override.toml", format!("[[map]]\nhost = \"{HOST}\"\nto = \"{to}\"\n{}", trust.unwrap_or_default()))
}

fn check(place: &Place, overrides: &str, more: &[&str]) -> Ran {
    let common = ["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", overrides];
    place.run_json(&[&common, more].concat())
}

/// How the row stands at the end.
#[track_caller]
pub(crate) fn row(ran: &Ran) -> Value {
    ran.lines().into_iter().rfind(|line| line["kind"] == "row").unwrap_or_else(|| panic!("no row: {ran:?}"))
}

#[test]
fn a_row_passes_when_a_trusted_peer_answers_in_its_own_protocol() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let ran = check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &[]);
    let row = row(&ran);
    assert!(row["state"] == "pass" || row["state"] == "pass-with-note", "{row}");
    assert_eq!(row["step"], "http");
    ran.expect(0);
}

#[test]
fn a_peer_with_an_unknown_certificate_never_passes() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let ran = check(&place, &overrides(&place, web.address, None), &[]);
    assert_eq!(row(&ran)["state"], "fail");
    assert_eq!(row(&ran)["step"], "tls");
    ran.expect(1);
}

#[test]
fn a_certificate_for_another_name_never_passes() {
    let (place, web) = (Place::new(), Web::start("other.example"));
    let ran = check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &[]);
    assert_eq!((row(&ran)["state"].clone(), row(&ran)["reason"].clone()), ("fail".into(), "wrong-name".into()));
    ran.expect(1);
}

#[test]
fn a_closed_port_fails_and_says_that_it_was_refused() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = check(&place, &overrides(&place, free, None), &[]);
    assert_eq!((row(&ran)["state"].clone(), row(&ran)["step"].clone()), ("fail".into(), "tcp".into()));
    ran.expect(1);
}

#[test]
fn a_saved_run_is_judged_again_to_the_same_verdict_without_a_network() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let report = text_of(&place.path("run.json"));
    let ran = check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &["--report", &report]).expect(0);
    let again = place.run_json(&["check", "--rejudge", &report]).expect(0);
    let (first, second) = (row(&ran), row(&again));
    assert_eq!(
        (&first["state"], &first["reason"], &first["notes"]),
        (&second["state"], &second["reason"], &second["notes"])
    );
}

#[test]
fn a_report_does_not_replace_a_file_unasked() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let report = place.write("run.json", "mine");
    let ran = check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &["--report", &report]);
    assert_ne!(ran.code, Some(0));
    assert_eq!(std::fs::read_to_string(&report).unwrap(), "mine");
}

#[test]
fn an_override_file_with_a_mistake_is_refused_with_its_place() {
    let place = Place::new();
    let file = place.write("override.toml", "[[map]]\nhost = \"a.example\"\nto = \"nowhere\"\n");
    let ran = check(&place, &file, &[]);
    let problem = ran.result();
    assert_eq!(problem["kind"], "problem");
    assert!(problem.to_string().contains("override.toml"), "{problem}");
    ran.expect(2);
}

#[test]
fn rows_of_another_profile_are_refused_by_name() {
    let place = Place::new();
    let ran = place.run_json(&["check", "--profile", "casambi-cloud-gateway", "--rows", "KIS-05"]);
    ran.expect_problem(2, "check.unknown_rows");
}

#[test]
fn hosts_and_sources_that_do_not_exist_are_refused_before_anything_is_sent() {
    let place = Place::new();
    let refused = |more: &[&str], code: &str| {
        let ran = place.run_json(&[&["check", "--profile", "biot"], more].concat());
        ran.expect_problem(2, code);
    };
    refused(&["--host", "broker=a b:70000"], "check.bad_host");
    refused(&["--host", "brokr=broker.example"], "check.unknown_host_word");
    refused(&["--host", "broker=broker.example", "--from", "no-such-0"], "check.unknown_source");
    refused(&["--host", "broker=broker.example", "--from", "203.0.113.9"], "check.unknown_source");
}

#[test]
fn what_only_the_sim_network_reaches_is_not_applicable_from_a_site() {
    let place = Place::new();
    let ran = place.run_json(&["check", "--profile", "cloud-connector", "--rows", "ASV-01"]);
    assert_eq!(row(&ran)["state"], "not-applicable");
    // Nothing was found out.
    ran.expect(4);
}

#[test]
fn two_saved_runs_are_compared_row_by_row() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [before, after] = ["before.json", "after.json"].map(|name| text_of(&place.path(name)));
    check(&place, &overrides(&place, free, None), &["--report", &before]).expect(1);
    check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &["--report", &after]).expect(0);
    let ran = place.run_json(&["check", "--compare", &before, &after]).expect(0);
    let compared = ran.lines().into_iter().find(|line| line["kind"] == "compared").unwrap();
    assert_eq!((compared["id"].as_str(), compared["change"].as_str()), (Some(ROW), Some("better")));
}

#[test]
fn a_run_that_was_edited_is_refused() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let report = text_of(&place.path("run.json"));
    check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &["--report", &report]).expect(0);
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::write(&report, &text[..text.len() / 2]).unwrap();
    let ran = place.run_json(&["check", "--rejudge", &report]).expect(2);
    assert!(ran.result()["code"].as_str().unwrap_or_default().starts_with("evidence."), "{ran:?}");
}

#[test]
fn a_changed_run_is_refused_with_its_place_and_one_without_a_digest_is_pointed_out() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let report = text_of(&place.path("run.json"));
    check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &["--report", &report]).expect(0);
    let text = std::fs::read_to_string(&report).unwrap();
    let again = place.run_json(&["check", "--rejudge", &report]).expect(0);
    assert!(!again.lines().iter().any(|line| line["kind"] == "warning"), "{again:?}");
    assert!(text.contains("\"status\": 404"));
    let changed = place.write("changed.json", text.replace("\"status\": 404", "\"status\": 200"));
    let ran = place.run_json(&["check", "--rejudge", &changed]);
    let problem = ran.result();
    assert!(problem["detail"].as_str().unwrap().contains("observations["), "{problem}");
    ran.expect_problem(2, "evidence.changed");
    let mut tree: Value = serde_json::from_str(&text).unwrap();
    tree.as_object_mut().unwrap().remove("digest");
    let without = place.write("without.json", tree.to_string());
    let ran = place.run_json(&["check", "--rejudge", &without]).expect(0);
    let warning = ran.lines().into_iter().find(|line| line["kind"] == "warning").expect("it is pointed out");
    assert_eq!(warning["code"], "evidence.no_digest");
}

#[test]
fn reports_say_that_an_override_was_in_force_and_hold_the_rule_to_add() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [page, rules] = ["run.html", "run.csv"].map(|name| text_of(&place.path(name)));
    check(&place, &overrides(&place, free, None), &["--report", &page, "--report", &rules]).expect(1);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("leads to 127.0.0.1") && page.contains(HOST), "{page}");
    let rules = std::fs::read_to_string(rules).unwrap();
    assert!(rules.lines().any(|line| line.contains(HOST) && line.contains("443")), "{rules}");
}

#[test]
fn people_read_what_happened_why_and_what_to_do() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = overrides(&place, free, None);
    let ran = place.run(&["check", "--profile", "casambi-cloud-gateway", "--rows", ROW, "--override", &file]).expect(1);
    for part in ["Override in force", ROW, "Possible causes: ", "Next: "] {
        assert!(ran.out.contains(part), "no {part}: {}", ran.out);
    }
}

#[test]
fn a_port_that_one_host_answers_on_is_not_called_blocked() {
    let (place, web) = (Place::new(), Web::start(HOST));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.write("ca.pem", &web.ca_pem);
    let map = |host: &str, to: SocketAddr| format!("[[map]]\nhost = \"{host}\"\nto = \"{to}\"\n");
    let text = format!("{}{}[trust]\nroots = [\"ca.pem\"]\n", map(HOST, web.address), map("hosted.mender.io", free));
    let file = place.write("two.toml", text);
    let ran = place.run_json(&[
        "check",
        "--profile",
        "casambi-cloud-gateway",
        "--rows",
        "CAS-03,CAS-06,CAS-11",
        "--override",
        &file,
    ]);
    let lines = ran.expect(1).lines();
    assert!(!lines.iter().any(|line| line["kind"] == "finding" && line["reason"] == "port-blocked"), "{lines:#?}");
    let summary = lines.last().unwrap();
    assert!(summary["states"].get("pending").is_none(), "{summary}");
}

#[test]
fn a_server_that_knows_no_head_is_asked_by_get() {
    let (place, web) = (Place::new(), Web::of(HOST, serve_get_only));
    let ran = check(&place, &overrides(&place, web.address, Some(&web.ca_pem)), &[]);
    assert!(row(&ran)["state"].as_str().is_some_and(|state| state.starts_with("pass")), "{ran:?}");
    ran.expect(0);
}

#[cfg(feature = "pdf")]
#[test]
fn a_report_can_be_a_pdf() {
    let place = Place::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = text_of(&place.path("run.pdf"));
    check(&place, &overrides(&place, free, None), &["--report", &report]).expect(1);
    assert!(std::fs::read(report).unwrap().starts_with(b"%PDF-"));
}

#[cfg(not(feature = "pdf"))]
#[test]
fn a_form_this_build_cannot_write_is_refused_before_anything_is_checked() {
    let place = Place::new();
    let report = text_of(&place.path("run.pdf"));
    let ran = place.run_json(&["check", "--profile", "casambi-cloud-gateway", "--rows", "CAS-07", "--report", &report]);
    ran.expect_problem(2, "report.no_pdf");
}
