//! The network of the simulated site: foreign clients take its stand-ins for what they stand for, and a check of every vendor's
//! profile finds what is done to its rows and nothing else. All of it is on loopback.

mod blackbox;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use linesman::check::evidence::About;
use linesman::check::plan::{Outlook, Subject, Vantage};
use linesman::check::question::From;
use linesman::check::{Judged, Plan, Reason, RowState, RowVerdict};
use linesman::flow::check::{Setup, run};
use linesman::io::probe::NetProbes;
use linesman::model::endpoint::ProbeKind;
use linesman::msg::check::{CheckCommand, CheckEvent};
use linesman::profile::{Catalog, Profile};
use linesman::sim::network::{CA_FILE, Does, Network, Trouble};
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::program::{Place, Running};
use crate::{linux_console, mosquitto, peers};

const SSID: &str = "Site-Office";
const LIMIT: Duration = Duration::from_secs(30);

/// The five vendors, each with the places from which its rows can be tried.
const VISITS: [(&str, Vantage); 6] = [
    ("casambi-cloud-gateway", Vantage::SiteNetwork),
    ("kis-me", Vantage::SiteNetwork),
    ("kis-me", Vantage::Gateway),
    ("cloud-connector", Vantage::SimNetwork),
    ("biot", Vantage::SiteNetwork),
    ("calms", Vantage::Vpn),
];

fn profile(id: &str) -> Profile {
    Catalog::built_in().find(id).unwrap().clone()
}

/// Checks a profile's rows at its simulated network.
async fn check(profile: &Profile, network: &Network, vantage: Vantage) -> (Arc<Plan>, Arc<Judged>) {
    let about = About { profile: Some(profile.id.clone()), vantage, has_consent: true, ..About::default() };
    let mut about = about.at_site(network.site());
    about.overrides = network.override_file().lines();
    let mut plan = Plan::new(profile, about);
    for row in &mut plan.rows {
        // Nobody waits for a minute of silence.
        if let Subject::Endpoint(endpoint) = &mut row.subject {
            endpoint.idle_secs = endpoint.idle_secs.map(|_| 1);
        }
    }
    let overrides = network.overrides();
    let inner = NetProbes::new(From::Anywhere, Some(overrides.name_servers.clone()), overrides.roots.clone());
    let (_commands, command_rx) = mpsc::channel::<CheckCommand>(1);
    let (_stop, stop_rx) = watch::channel(false);
    let (progress, mut events) = mpsc::channel(10_000);
    let setup = Setup {
        plan,
        overrides,
        saved: None,
        probes: network.probes(Arc::new(inner)),
        watch: None,
        progress,
        clock: Arc::new(|| jiff::Timestamp::now().as_microsecond()),
        random: Arc::new(|| 7),
    };
    let running = tokio::spawn(run(setup, command_rx, stop_rx));
    let mut plan = None;
    loop {
        match events.recv().await.expect("the check goes on") {
            CheckEvent::Planned(planned) => plan = Some(planned),
            CheckEvent::RoundEnded { judged, .. } => {
                running.abort();
                return (plan.unwrap(), judged);
            }
            _ => {}
        }
    }
}

/// What is wrong with a verdict.
fn misjudged(plan: &Plan, row: &RowVerdict, troubles: &[Trouble]) -> Option<String> {
    let planned = plan.row(&row.row).unwrap();
    let has = |reason: Reason| row.reason == reason || row.notes.iter().any(|note| note.reason == reason);
    let is_right = match (planned.outlook, troubles.iter().find(|trouble| trouble.id == row.row)) {
        (Outlook::Run, Some(trouble)) => has(trouble.reason),
        (Outlook::Run, None) => {
            // Whether echo requests may be sent depends on the system that runs the test.
            let is_ping = planned.subject.endpoint().is_some_and(|row| row.probes.contains(&ProbeKind::Icmp));
            row.state.is_good() || row.reason == Reason::OnlyResolved || (is_ping && row.state != RowState::Fail)
        }
        _ => row.state != RowState::Fail && row.state != RowState::Pending,
    };
    (!is_right).then(|| format!("{row:?}"))
}

#[tokio::test]
async fn a_check_of_every_vendor_finds_what_is_done_to_its_rows_and_nothing_else() {
    let visits = VISITS.map(async |(id, vantage)| {
        let profile = profile(id);
        let network = Network::start(&profile, SSID).await.unwrap();
        let (plan, judged) = check(&profile, &network, vantage).await;
        let wrong = judged.rows.iter().filter_map(|row| misjudged(&plan, row, network.troubles()));
        wrong.map(|wrong| format!("{id} {vantage}: {wrong}")).collect::<Vec<_>>()
    });
    let wrong = futures_util::future::join_all(visits).await.concat();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_way_of_being_in_trouble_is_shown_by_a_row_of_some_vendor() {
    let (_, troubles) = linesman::sim::network::tour().unwrap();
    for does in <Does as linesman::model::word::Word>::ALL.iter().filter(|does| **does != Does::Nothing) {
        assert!(troubles.iter().any(|trouble| trouble.does == *does), "{does}");
    }
}

#[test]
fn the_built_program_offers_the_network_and_checks_it_by_its_site_file() {
    let place = Place::new();
    let profile = "kis-me";
    let mut sim = Running::start(place.linesman(&["sim", "--network", "--profile", profile]).arg("--json"));
    let ready = sim.until(|line| line["kind"] == "sim-network");
    let ran = place.run_json(&[
        "check",
        "--profile",
        profile,
        "--site",
        ready["site"].as_str().unwrap(),
        "--rows",
        "KIS-05,KIS-08",
    ]);
    let lines = ran.expect(1).lines();
    let row = |id: &str| lines.iter().rfind(|line| line["kind"] == "row" && line["id"] == id).unwrap();
    assert!(row("KIS-05")["state"].as_str().unwrap().starts_with("pass"), "{}", row("KIS-05"));
    let promised = ready["rows"].as_array().unwrap().iter().find(|row| row["id"] == "KIS-08").unwrap();
    assert_eq!((&row("KIS-08")["state"], &row("KIS-08")["reason"]), (&"fail".into(), &promised["reason"]));
}

#[test]
fn a_demo_is_given_no_files_of_a_real_site() {
    use linesman::backend::{Config, DemoPlan};
    use linesman::model::ids::{JobId, ProfileId};
    use linesman::msg::check::CheckStart;
    use linesman::msg::{Command, Event, JobEnd};

    let place = Place::new();
    let config = Config { data_dir: Some(place.data()), is_verbose: false, demo: Some(DemoPlan::in_a_hurry()) };
    let (mut handle, backend) = linesman::backend::start(config).unwrap();
    let about = About { profile: Some(ProfileId::new("kis-me")), ..About::default() };
    let overrides = Some(place.path("override.toml"));
    let start = CheckStart { about, evidence: None, site: None, overrides, watch: None, via: None, beside: None };
    handle.send_blocking(Command::Check { job: JobId(1), command: CheckCommand::Start(Box::new(start)) }).unwrap();
    let end = loop {
        if let Event::JobFinished { job: JobId(1), end } = handle.recv_blocking().unwrap() {
            break end;
        }
    };
    let JobEnd::Failed(problem) = end else { panic!("{end:?}") };
    assert_eq!(problem.code, "check.demo_only");
    drop(handle);
    backend.finish();
}

// Foreign clients.

/// Where a host and port of the network are.
fn at(network: &Network, host: &str, port: u16) -> SocketAddr {
    let mut map = network.override_file().map.iter();
    map.find(|mapping| mapping.host == host && mapping.port == Some(port)).unwrap().to
}

/// The network of a profile, and the file with its CA.
async fn offered(id: &str, folder: &Path) -> (Network, String) {
    let network = Network::start(&profile(id), SSID).await.unwrap();
    let [(_, ca), ..] = network.files();
    let path = folder.join(CA_FILE);
    std::fs::write(&path, ca).unwrap();
    (network, path.to_str().unwrap().to_owned())
}

async fn output(command: &mut Command) -> Output {
    let command = command.stdin(Stdio::null()).kill_on_drop(true);
    timeout(LIMIT, command.output()).await.unwrap().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Whether this computer has all of the programs.
fn has_all(programs: &[&str]) -> bool {
    let has = |program| peers::require(program, peers::has_program(program), "the simulated network is proven with it");
    programs.iter().all(|program| has(program))
}

/// curl, which finds the host at the stand-in and is told to ask nothing else.
fn curl(network: &Network, ca: &str, url: &str, host: &str, port: u16) -> Command {
    let mut command = Command::new("curl");
    let to = at(network, host, port);
    command.args(["-sS", "-q", "-i", "--noproxy", "*", "--max-time", "20", "--cacert", ca]);
    command.args(["--connect-to", &format!("{host}:{port}:{}:{}", to.ip(), to.port()), url]);
    command
}

#[tokio::test]
async fn curl_takes_the_web_servers_for_what_they_are() {
    if !has_all(&["curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (network, ca) = offered("kis-me", folder.path()).await;
    let host = "iotrafi.centersightcloud.com";
    let told = text(&output(&mut curl(&network, &ca, &format!("https://{host}/"), host, 443)).await);
    assert!(told.starts_with("HTTP/1.1 404") && told.contains("linesman-simulated"), "{told}");
    let told = text(&output(curl(&network, &ca, &format!("https://{host}/"), host, 443).arg("--head")).await);
    assert!(told.starts_with("HTTP/1.1 404"), "{told}");
    let host = "crt.sectigo.com";
    let told = text(&output(&mut curl(&network, &ca, &format!("http://{host}/a.crt"), host, 80)).await);
    assert!(
        told.starts_with("HTTP/1.1 302") && told.to_ascii_lowercase().contains("location: http://portal."),
        "{told}"
    );

    let (network, ca) = offered("casambi-cloud-gateway", folder.path()).await;
    for (host, trouble) in [
        ("hosted.mender.io", "certificate"),
        ("hosted-mender-artifacts.s3.amazonaws.com", "connect"),
        ("c271964d41749feb10da762816c952ee.r2.cloudflarestorage.com", "reset"),
    ] {
        let refused = output(&mut curl(&network, &ca, &format!("https://{host}/"), host, 443)).await;
        assert!(!refused.status.success(), "{host}");
        assert!(text(&refused).to_lowercase().contains(trouble), "{host}: {}", text(&refused));
    }
    let host = "iot-gateway-prod-westeuropa.azure-devices.net";
    let mut upgrade = curl(&network, &ca, &format!("https://{host}/$iothub/websocket"), host, 443);
    upgrade.args([
        "--http1.1",
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
    ]);
    upgrade.args(["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Sec-WebSocket-Protocol: mqtt"]);
    let told = text(&output(upgrade.args(["--max-time", "2"])).await);
    // The key and its answer of RFC 6455, section 1.3.
    assert!(told.starts_with("HTTP/1.1 101") && told.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{told}");
}

#[tokio::test]
async fn openssl_verifies_the_chain_and_the_list_of_revoked_certificates() {
    if !has_all(&["openssl", "curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (network, ca) = offered("kis-me", folder.path()).await;
    let host = "connect.centersightcloud.com";
    let to = at(&network, host, 443).to_string();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-brief", "-verify_return_error", "-verify_hostname", host, "-servername", host]);
    let done = output(client.args(["-CAfile", &ca, "-connect", &to])).await;
    assert!(done.status.success() && text(&done).contains("Verification: OK"), "{}", text(&done));
    let host = "crl.simulated.example";
    let list = folder.path().join("ca.crl").to_str().unwrap().to_owned();
    let mut fetch = curl(&network, &ca, &format!("http://{host}/ca.crl"), host, 80);
    let fetched = output(fetch.args(["--no-include", "--output", &list])).await;
    assert!(fetched.status.success(), "{}", text(&fetched));
    let mut verify = Command::new("openssl");
    let verified = output(verify.args(["crl", "-inform", "DER", "-noout", "-CAfile", &ca, "-in", &list])).await;
    assert!(text(&verified).contains("verify OK"), "{}", text(&verified));
}

#[tokio::test]
async fn mosquitto_s_client_hears_the_broker_refuse_it() {
    let Some(clients) = mosquitto::Clients::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (network, ca) = offered("cloud-connector", folder.path()).await;
    let to = at(&network, "198.18.8.3", 1883);
    let mut client = clients.command("mosquitto_sub");
    let refused = output(client.args(["-h", "127.0.0.1", "-p", &to.port().to_string(), "-t", "#"])).await;
    assert!(text(&refused).to_lowercase().contains("not authorised"), "{}", text(&refused));
    // The one inside TLS shows a certificate of the box in between.
    let to = at(&network, "198.18.8.3", 8883);
    let mut client = clients.command("mosquitto_sub");
    client.args(["-h", "127.0.0.1", "-p", &to.port().to_string(), "-t", "#", "--insecure", "--cafile", &ca]);
    let refused = output(&mut client).await;
    assert!(!refused.status.success() && !text(&refused).contains("authorised"), "{}", text(&refused));
}

#[tokio::test]
async fn chronyd_sets_its_clock_by_the_time_server() {
    let Some(root) = linux_console::unpacked("chrony") else { return };
    let network = Network::start(&profile("kis-me"), SSID).await.unwrap();
    let port = at(&network, "0.europe.pool.ntp.org", 123).port();
    let mut chronyd = Command::new(root.join("usr/sbin/chronyd"));
    chronyd.args(["-Q", "-U", "-t", "20", "-u", "root", &format!("server 127.0.0.1 port {port} iburst maxsamples 1")]);
    let told = text(&output(&mut chronyd).await);
    let is_loaded = !told.contains("error while loading shared libraries");
    if !peers::require("chronyd", is_loaded, "its libraries are missing (tests/run.sh installs them)") {
        return;
    }
    let wrong = told.lines().find_map(|line| line.split_once("System clock wrong by ")?.1.split_once(' '));
    let wrong: f64 = wrong.unwrap_or_else(|| panic!("{told}")).0.parse().unwrap();
    // As the simulated network does it to the row.
    assert!((wrong - 90.0).abs() < 1.0, "{told}");
}

#[tokio::test]
async fn drill_asks_the_name_server_by_both_transports() {
    let (Some(root), Some(library)) = (linux_console::unpacked("ldnsutils"), linux_console::unpacked("libldns3"))
    else {
        return;
    };
    let folders = std::fs::read_dir(library.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
    let libraries = std::env::join_paths(folders).unwrap();
    let network = Network::start(&profile("kis-me"), SSID).await.unwrap();
    let port = network.override_file().name_servers[0].port().to_string();
    let ask = async |arguments: &[&str]| {
        let mut drill = Command::new(root.join("usr/bin/drill"));
        drill.env("LD_LIBRARY_PATH", &libraries).args(["-p", &port]).args(arguments).arg("@127.0.0.1");
        text(&output(&mut drill).await)
    };
    let told = ask(&["connect.centersightcloud.com"]).await;
    let is_loaded = !told.contains("error while loading shared libraries");
    if !peers::require("drill", is_loaded, "its libraries are missing (Debian: ldnsutils)") {
        return;
    }
    assert!(told.contains("NOERROR") && told.contains("127.0.0.1"), "{told}");
    let told = ask(&["-t", "connect.centersightcloud.com"]).await;
    assert!(told.contains("NOERROR") && told.contains("127.0.0.1"), "{told}");
    // As the simulated network does it to the row, and to every name that no row needs.
    for name in ["fonts.googleapis.com", "example.com"] {
        assert!(ask(&[name]).await.contains("NXDOMAIN"), "{name}");
    }
}
