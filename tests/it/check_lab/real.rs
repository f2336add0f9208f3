//! Real servers, each unpacked from its Debian package and started by the test, on loopback of a namespace without any way out.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use linesman::check::seen::{Mqtt, MqttEnd};

use super::*;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server; it ends with the value.
struct Running(Child, #[expect(dead_code, reason = "its files go with it")] tempfile::TempDir);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a program of a Debian package is, which needs the libraries of others; `None` when it is missing and may be.
fn program(package: &str, path: &str, needs: &[&str], version: &str) -> Option<Command> {
    let installed = Path::new("/").join(path);
    let path = if installed.is_file() { installed } else { linux_console::unpacked(package)?.join(path) };
    let libraries = libraries(needs);
    let tried = Command::new(&path)
        .arg(version)
        .env("LD_LIBRARY_PATH", &libraries)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Asked for its version, whatever can be loaded ends with something else than 127.
    let is_there = tried.is_ok_and(|status| status.code().is_some_and(|code| code < 100));
    if !peers::require(package, is_there, "libraries that it needs are missing (tests/run.sh installs them)") {
        return None;
    }
    let mut command = Command::new(path);
    command.env("LD_LIBRARY_PATH", libraries);
    Some(command)
}

/// Starts a server that says in a line that it runs.
fn start(mut command: Command, folder: tempfile::TempDir, says: &str) -> Running {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ready = says.is_empty() || lines.by_ref().map_while(Result::ok).any(|line| line.contains(says));
    assert!(is_ready, "{command:?} ended");
    // Whatever else it says is read, so that it does not stall.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Running(child, folder)
}

/// A server that writes to its error output when it runs.
fn start_by_errors(mut command: Command, folder: tempfile::TempDir, says: &str) -> Running {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = Vec::new();
    let is_ready = lines.by_ref().map_while(Result::ok).any(|line| {
        let is_it = line.contains(says);
        told.push(line);
        is_it
    });
    assert!(is_ready, "{command:?} ended: {told:?}");
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Running(child, folder)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file into a folder and gives its path.
fn write(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn time(limit: Duration) -> TimeEnd {
    match ask(Question::Time { server: SocketAddr::new(LOCAL, 123), limit }).await.pop() {
        Some(Seen::Time(Time { end, .. })) => end,
        other => panic!("{other:?}"),
    }
}

/// Asks until somebody answers.
async fn first_time() -> TimeEnd {
    let began = Instant::now();
    loop {
        let end = time(Duration::from_millis(200)).await;
        let is_early = matches!(end, TimeEnd::Silent | TimeEnd::Refused { .. });
        if !is_early || began.elapsed() > Duration::from_secs(20) {
            return end;
        }
    }
}

fn chrony(config: &str) -> Option<Running> {
    let mut command = program("chrony", "usr/sbin/chronyd", &[], "-v")?;
    let folder = folder();
    let pid = folder.path().join("pid").display().to_string();
    let config =
        write(&folder, "chrony.conf", format!("{config}\nallow all\ncmdport 0\nbindcmdaddress /\npidfile {pid}\n"));
    command.args(["-x", "-d", "-u", "root", "-f", &config]);
    Some(start_by_errors(command, folder, "Disabled control of system clock"))
}

#[test]
fn chrony_tells_the_time_and_whether_its_own_clock_is_set() {
    in_lab_with("real::chrony_tells_the_time_and_whether_its_own_clock_is_set", &["chrony"], async |_| {
        let Some(server) = chrony("local stratum 3") else { return };
        let end = first_time().await;
        let TimeEnd::Reply { leap, version, mode, stratum, offset_micros, delay_micros, .. } = end else {
            panic!("{end:?}")
        };
        assert_eq!((leap, version, mode, stratum), (0, 4, 4, 3));
        assert!(
            offset_micros.abs() < 1_000_000 && (0..1_000_000).contains(&delay_micros),
            "{offset_micros} {delay_micros}"
        );
        drop(server);
        let Some(_unset) = chrony("") else { return };
        let end = first_time().await;
        assert!(matches!(end, TimeEnd::Reply { leap: 3, .. }), "{end:?}");
    });
}

async fn look_up(from: From, server: u16, name: &str, by: Carrier) -> Answer {
    let asked = Asked::Server { address: SocketAddr::new(LOCAL, server), by };
    let lookup = Lookup { name: name.into(), asked, purpose: Purpose::Row, limit: LIMIT };
    match ask_with(&NetProbes::new(from, None, Vec::new()), Question::Lookup(lookup)).await.pop() {
        Some(Seen::Lookup(lookup)) => lookup.answer,
        other => panic!("{other:?}"),
    }
}

const UNBOUND: &str = r#"server:
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "FOLDER"
  pidfile: "FOLDER/pid"
  use-syslog: no
  logfile: ""
  interface: 127.0.0.1@53
  access-control: 127.0.0.2/32 refuse
  ede: yes
  module-config: "iterator"
  local-zone: "." static
  local-data: "api.gateway.example. 300 IN A 192.0.2.7"
  local-data: "api.gateway.example. 300 IN AAAA 2001:db8::7"
remote-control:
  control-enable: no
"#;

#[test]
fn unbound_answers_denies_and_says_that_it_refuses_us() {
    in_lab_with(
        "real::unbound_answers_denies_and_says_that_it_refuses_us",
        &["unbound", "libprotobuf-c1"],
        async |_| {
            let Some(mut command) = program("unbound", "usr/sbin/unbound", &["libprotobuf-c1"], "-V") else { return };
            let folder = folder();
            let config = write(&folder, "unbound.conf", UNBOUND.replace("FOLDER", folder.path().to_str().unwrap()));
            command.args(["-d", "-c", &config]);
            let _server = start_by_errors(command, folder, "start of service");
            for by in [Carrier::Udp, Carrier::Tcp] {
                let found = look_up(From::Anywhere, 53, "api.gateway.example", by).await;
                let Answer::Message { rcode, addresses, ttl_secs, .. } = found else { panic!("{found:?}") };
                assert_eq!((rcode, ttl_secs), (Some(0), Some(300)));
                assert_eq!(addresses, ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()]);
                let gone = look_up(From::Anywhere, 53, "gone.gateway.example", by).await;
                assert!(matches!(gone, Answer::Message { rcode: Some(3), .. }), "{gone:?}");
            }
            // 18: prohibited.
            let refused =
                look_up(From::Address("127.0.0.2".parse().unwrap()), 53, "api.gateway.example", Carrier::Udp).await;
            let Answer::Message { rcode: Some(5), extended, .. } = &refused else { panic!("{refused:?}") };
            assert_eq!(extended[0].0, 18);
        },
    );
}

#[test]
fn dnsmasq_that_answers_for_a_portal_is_heard() {
    in_lab_with(
        "real::dnsmasq_that_answers_for_a_portal_is_heard",
        &["dnsmasq-base", "libnetfilter-conntrack3", "libnfnetlink0"],
        async |_| {
            let needs = ["libnetfilter-conntrack3", "libnfnetlink0", "libnftables1", "libnftnl11"];
            let Some(mut command) = program("dnsmasq-base", "usr/sbin/dnsmasq", &needs, "--version") else { return };
            command.args([
                "--no-daemon",
                "--no-resolv",
                "--no-hosts",
                "--listen-address=127.0.0.1",
                "--bind-interfaces",
            ]);
            command.args([
                "--user=root",
                "--conf-file=/dev/null",
                "--local=/nowhere.example/",
                "--address=/#/10.9.1.1",
            ]);
            let _server = start_by_errors(command, folder(), "started, version");
            let portal = look_up(From::Anywhere, 53, "made-up.invalid", Carrier::Udp).await;
            assert!(
                matches!(&portal, Answer::Message { rcode: Some(0), addresses, .. } if *addresses == [ROUTER]),
                "{portal:?}"
            );
            let gone = look_up(From::Anywhere, 53, "x.nowhere.example", Carrier::Tcp).await;
            assert!(matches!(gone, Answer::Message { rcode: Some(3), .. }), "{gone:?}");
        },
    );
}

/// Chain and key of a server as PEM, and its root.
fn files(folder: &tempfile::TempDir) -> (String, String, String) {
    let authority = Authority::new();
    let (chain, key) = authority.chain_pem(NAME);
    (write(folder, "chain.pem", chain), write(folder, "key.pem", key), write(folder, "root.pem", authority.root_pem()))
}

async fn page(port: u16, steps: Vec<Say>) -> Vec<Seen> {
    let talk = Talk { to: SocketAddr::new(LOCAL, port), host: NAME.into(), steps, shape: Shape::Plain, limit: LIMIT };
    ask(Question::Talk(talk)).await
}

fn https() -> Vec<Say> {
    vec![tls_with(Vec::new()), Say::Http { path: "/".into() }]
}

#[test]
fn nginx_answers_behind_tls_and_says_in_http_that_it_wants_a_certificate() {
    in_lab_with(
        "real::nginx_answers_behind_tls_and_says_in_http_that_it_wants_a_certificate",
        &["nginx"],
        async |_| {
            let Some(mut command) = program("nginx", "usr/sbin/nginx", &[], "-v") else { return };
            let folder = folder();
            let (chain, key, root) = files(&folder);
            let place = folder.path().display().to_string();
            let config = format!(
                "daemon off; master_process off; user root; pid {place}/pid; error_log /dev/stdout notice;\n\
             events {{}}\nhttp {{ access_log off; client_body_temp_path {place}/a; proxy_temp_path {place}/b;\n\
             fastcgi_temp_path {place}/c; uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;\n\
             ssl_certificate {chain}; ssl_certificate_key {key};\n\
             server {{ listen 443 ssl; return 302 https://portal.example/; }}\n\
             server {{ listen 444 ssl; ssl_client_certificate {root}; ssl_verify_client on; }}\n}}\n"
            );
            command.args(["-e", "/dev/stdout", "-c", &write(&folder, "nginx.conf", config)]);
            // Told when it listens.
            let _server = start(command, folder, "getrlimit");
            let seen = page(443, https()).await;
            let Some(Seen::Http(Http { end: HttpEnd::Status { status, server, location, .. }, .. })) = seen.last()
            else {
                panic!("{seen:?}")
            };
            assert_eq!((*status, location.as_deref()), (302, Some("https://portal.example/")));
            assert!(server.as_deref().is_some_and(|server| server.starts_with("nginx")), "{server:?}");
            let seen = page(444, https()).await;
            let [_, Seen::Tls(tls), Seen::Http(http)] = &seen[..] else { panic!("{seen:?}") };
            assert!(matches!(tls.end, TlsEnd::Done { asked_certificate: true, .. }), "{tls:?}");
            assert!(matches!(http.end, HttpEnd::Status { status: 400, .. }), "{http:?}");
        },
    );
}

#[test]
fn openssl_that_wants_a_certificate_or_an_old_version_is_told_by_its_alert() {
    in_lab("real::openssl_that_wants_a_certificate_or_an_old_version_is_told_by_its_alert", async |_| {
        if !peers::require("openssl", peers::has_program("openssl"), "its s_server is talked to (Debian: openssl)") {
            return;
        }
        for (port, arguments, asked, alerts) in [
            (4431, &["-tls1_2", "-Verify", "1"][..], true, &["HandshakeFailure"][..]),
            (4432, &["-tls1_3", "-Verify", "1"], true, &["CertificateRequired"]),
            (4433, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], false, &["ProtocolVersion"]),
            (4434, &["-tls1_2", "-cipher", "AES128-SHA"], false, &["HandshakeFailure"]),
        ] {
            let folder = folder();
            let (chain, key, _) = files(&folder);
            let mut command = Command::new("openssl");
            command
                .args(["s_server", "-www", "-accept", &port.to_string(), "-cert", &chain, "-key", &key])
                .args(arguments);
            let _server = start(command, folder, "ACCEPT");
            let seen = page(port, https()).await;
            let Some(Seen::Tls(Tls { end: TlsEnd::Alert { alert, asked_certificate }, .. })) = seen.last() else {
                panic!("{arguments:?}: {seen:?}")
            };
            assert_eq!(*asked_certificate, asked, "{arguments:?}");
            assert!(alerts.contains(&alert.as_str()), "{arguments:?}: {alert}");
        }
    });
}

#[test]
fn mosquitto_that_knows_nobody_refuses_and_is_reached() {
    in_lab_with("real::mosquitto_that_knows_nobody_refuses_and_is_reached", &["mosquitto"], async |_| {
        let folder = folder();
        let (chain, key, _) = files(&folder);
        let secure = format!("certfile {chain}\nkeyfile {key}\nallow_anonymous false");
        let general = "per_listener_settings true";
        let Some(broker) = crate::mosquitto::Mosquitto::start(folder, &["allow_anonymous true", &secure], general)
        else {
            return;
        };
        let connect = || Say::Mqtt { client_id: "linesman-check-1".into() };
        for (port, steps, expected, carrier) in [
            (broker.ports[0], vec![connect()], 0, "tcp"),
            (broker.ports[1], vec![tls_with(Vec::new()), connect()], 5, "tls"),
        ] {
            let seen = page(port, steps).await;
            let Some(Seen::Mqtt(Mqtt { inside, end, .. })) = seen.last() else { panic!("{seen:?}") };
            assert_eq!((inside.as_str(), end), (carrier, &MqttEnd::Connack { code: expected }));
        }
    });
}

#[test]
fn mitmproxy_shows_by_its_issuer_that_it_looks_in() {
    let Some(python) = crate::python::with_packages("mitmproxy") else { return };
    in_lab("real::mitmproxy_shows_by_its_issuer_that_it_looks_in", async |_| {
        let authority = Authority::new();
        let upstream = serve_tls(authority.server_with_names(NAME, 0), |stream| answer(stream, WELCOME)).await;
        let folder = folder();
        let mut command = Command::new(python);
        command.args(["-c", "from mitmproxy.tools.main import mitmdump; mitmdump()", "--ssl-insecure"]);
        command.arg("--mode").arg(format!("reverse:https://{upstream}"));
        command.arg("--set").arg(format!("confdir={}", folder.path().display()));
        command.args(["--listen-host", "127.0.0.1", "--listen-port", "443"]).env("PYTHONUNBUFFERED", "1");
        command.current_dir(folder.path());
        let _server = start(command, folder, "listening at");
        let to = SocketAddr::new(LOCAL, 443);
        let steps = vec![tls_with(vec!["00".repeat(32)]), Say::Http { path: "/".into() }];
        let talk = Talk { to, host: NAME.into(), steps, shape: Shape::Plain, limit: 2 * LIMIT };
        // Even who trusts the right root is shown another one.
        let probes = NetProbes::new(From::Anywhere, None, vec![authority.root()]);
        let seen = ask_with(&probes, Question::Talk(talk)).await;
        let [_, Seen::Tls(tls), Seen::Http(http)] = &seen[..] else { panic!("{seen:?}") };
        assert!(tls.chain[0].issuer.contains("mitmproxy"), "{tls:?}");
        let trust = tls.trust.as_ref().unwrap();
        assert!(trust.name_matches && !trust.mozilla && !trust.from_override, "{trust:?}");
        assert_eq!((trust.expected, trust.root.as_deref()), (Some(false), None));
        assert!(matches!(http.end, HttpEnd::Status { status: 403, .. }), "{http:?}");
    });
}
