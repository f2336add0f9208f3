//! The same targets by Prometheus' `blackbox_exporter`: what it fails we fail with a reason, what it passes we pass or explain.

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::Child;

use linesman::model::endpoint::{Endpoint, RowId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const PACKAGE: &str = "prometheus-blackbox-exporter";
/// What the stand-ins answer where a row expects nothing in particular.
const USUAL_STATUS: u16 = 404;

/// A running exporter; it ends with the value.
struct Exporter {
    child: Child,
    at: SocketAddr,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    fn start(folder: &Path, modules: &Value) -> Option<Self> {
        let installed = Path::new("/usr/bin").join(PACKAGE);
        let program = if installed.is_file() {
            installed
        } else {
            linux_console::unpacked(PACKAGE)?.join("usr/bin").join(PACKAGE)
        };
        let config = folder.join("blackbox.yml");
        // What is JSON is YAML as well.
        std::fs::write(&config, json!({ "modules": modules }).to_string()).unwrap();
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut command = std::process::Command::new(program);
        command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={free}"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut told = Vec::new();
        let is_ready = lines.by_ref().any(|line| {
            let is_it = line.contains("Listening on");
            told.push(line);
            is_it
        });
        assert!(is_ready, "{command:?} ended: {told:?}");
        // What it goes on to say is read, so that it does not stall.
        let reader = std::thread::Builder::new().name("swallow".into());
        reader.spawn(move || lines.for_each(drop)).unwrap();
        Some(Self { child, at: free })
    }

    async fn connected(&self) -> TcpStream {
        loop {
            match TcpStream::connect(self.at).await {
                Ok(stream) => return stream,
                // It says so before it listens.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Whether it takes the target for reachable.
    async fn passes(&self, asked: &Asked) -> bool {
        let path = format!("/probe?target={}&module={}", asked.target, asked.module);
        let mut stream = timeout(LIMIT, self.connected()).await.unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.at);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        timeout(LIMIT, stream.read_to_string(&mut page)).await.unwrap().unwrap();
        let success = page.lines().find_map(|line| line.strip_prefix("probe_success "));
        success.unwrap_or_else(|| panic!("{path}: {page}")) == "1"
    }
}

/// A target of a row as the exporter is asked for it.
struct Asked {
    row: RowId,
    target: String,
    module: String,
    config: Value,
}

/// How the exporter probes the far end of a row.
fn module(endpoint: &Endpoint, host: &str, ca: &str) -> Value {
    let has = |probe| endpoint.probes.contains(&probe);
    let tls = json!({ "ca_file": ca, "server_name": host });
    if has(ProbeKind::Http) || has(ProbeKind::WebSocket) {
        let statuses =
            if endpoint.expect_status.is_empty() { vec![USUAL_STATUS] } else { endpoint.expect_status.clone() };
        let http = json!({
            "method": "GET", "valid_status_codes": statuses, "follow_redirects": false,
            "preferred_ip_protocol": "ip4", "headers": { "Host": host }, "tls_config": tls,
        });
        return json!({ "prober": "http", "timeout": "5s", "http": http });
    }
    let tcp = json!({ "preferred_ip_protocol": "ip4", "tls": has(ProbeKind::Tls), "tls_config": tls });
    json!({ "prober": "tcp", "timeout": "5s", "tcp": tcp })
}

/// What stands in front of the address of a page; nothing for other servers.
fn scheme(endpoint: &Endpoint) -> &'static str {
    let has = |probe| endpoint.probes.contains(&probe);
    match (has(ProbeKind::Http) || has(ProbeKind::WebSocket), has(ProbeKind::Tls)) {
        (true, true) => "https://",
        (true, false) => "http://",
        (false, _) => "",
    }
}

/// What the exporter can be asked of a plan: names that are denied, and everything behind a TCP port.
fn asked(plan: &Plan, network: &Network, ca: &str) -> Vec<Asked> {
    let mut all = Vec::new();
    for row in plan.to_run() {
        let Some(endpoint) = row.subject.endpoint().filter(|row| row.probes.contains(&ProbeKind::Tcp)) else {
            continue;
        };
        for target in &row.targets {
            let mut map = network.override_file().map.iter();
            let mapped = map.find(|mapping| mapping.host == target.host && mapping.port == Some(target.port));
            let (target, config) = if let Some(mapping) = mapped {
                (format!("{}{}", scheme(endpoint), mapping.to), module(endpoint, &target.host, ca))
            } else {
                let dns = json!({ "query_name": target.host, "query_type": "A", "preferred_ip_protocol": "ip4" });
                let server = network.override_file().name_servers[0].to_string();
                (server, json!({ "prober": "dns", "timeout": "5s", "dns": dns }))
            };
            all.push(Asked { row: row.id.clone(), target, module: format!("m{}", all.len()), config });
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_blackbox_exporter_fails_we_fail_with_a_reason_and_what_it_passes_we_pass_or_explain() {
    for (id, vantage) in VISITS {
        let profile = profile(id);
        let folder = tempfile::tempdir().unwrap();
        let (network, ca) = offered(id, folder.path()).await;
        let (plan, judged) = check(&profile, &network, vantage).await;
        let all = asked(&plan, &network, &ca);
        let modules: serde_json::Map<_, _> =
            all.iter().map(|asked| (asked.module.clone(), asked.config.clone())).collect();
        let Some(exporter) = Exporter::start(folder.path(), &Value::Object(modules)) else { return };
        for asked in &all {
            let ours = judged.row(&asked.row).unwrap();
            let named = |reason: Reason| format!("{id} {} at {}: {reason}, {}", asked.row, asked.target, ours.state);
            if exporter.passes(asked).await {
                // It does not speak MQTT, and holds no certificate against the roots that a device has.
                let is_explained = matches!(
                    ours.reason,
                    Reason::MqttSilent | Reason::WrongRoot | Reason::UntrustedIssuer | Reason::OnlyResolved
                );
                assert!(ours.state.is_good() || is_explained, "{}", named(ours.reason));
            } else {
                // What another row of its group does as well need not be let through.
                let is_found = matches!(ours.state, RowState::Fail | RowState::NotNeeded);
                assert!(is_found, "{}", named(ours.reason));
            }
        }
        assert!(!all.is_empty(), "{id}");
    }
}
