//! The same targets by our probes and by blackbox_exporter, in one run: a page behind TLS, a bare connection, a name. Both look
//! at stand-ins on loopback; ours record more (the whole chain and what it amounts to, the page's beginning).
//!
//! The exporter is looked for on the search path, then in `LINESMAN_BLACKBOX` (Debian package prometheus-blackbox-exporter). Without
//! it only ours are measured.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linesman::check::question::{Asked, Carrier, From, Lookup, Purpose, Question, Say, Shape, Talk};
use linesman::check::seen::{Answer, HttpEnd, Seen};
use linesman::flow::port::Probes as _;
use linesman::io::probe::NetProbes;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

mod support;

use support::{Spread, is_measuring};

const NAME: &str = "gateway.example";
const LIMIT: Duration = Duration::from_secs(5);
const CONFIG: &str = "modules:
  page: {prober: http, timeout: 5s, http: {method: GET, valid_status_codes: [200], tls_config: {insecure_skip_verify: true}, preferred_ip_protocol: ip4, headers: {Host: gateway.example}}}
  connection: {prober: tcp, timeout: 5s, tcp: {preferred_ip_protocol: ip4}}
  name: {prober: dns, timeout: 5s, dns: {query_name: gateway.example, query_type: A, preferred_ip_protocol: ip4}}
";

/// The three stand-ins.
#[derive(Clone, Copy)]
struct Targets {
    page: SocketAddr,
    connection: SocketAddr,
    name: SocketAddr,
}

fn main() {
    let rounds = if is_measuring() { 200 } else { 2 };
    let servers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let targets = servers.block_on(stand_ins());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let exporter = Exporter::start();
    println!("{rounds} rounds each; least, median, p95");
    let (mut ours, mut theirs) = ([Vec::new(), Vec::new(), Vec::new()], [Vec::new(), Vec::new(), Vec::new()]);
    let probes = NetProbes::new(From::Anywhere, None, Vec::new());
    // In turn, so that what disturbs the machine disturbs both. The first round is warming up.
    for round in 0..=rounds {
        let taken = runtime.block_on(look(&probes, targets));
        let by_exporter = exporter.as_ref().map(|exporter| runtime.block_on(exporter.look(targets)));
        if round > 0 {
            for at in 0..3 {
                ours[at].push(taken[at]);
                theirs[at].extend(by_exporter.map(|taken| taken[at]));
            }
        }
    }
    for (at, what) in ["page behind TLS", "connection", "name"].into_iter().enumerate() {
        println!("{what:<18} ours     {}", Spread::of(ours[at].clone()));
        if exporter.is_some() {
            let (own, other) = (Spread::of(ours[at].clone()), Spread::of(theirs[at].clone()));
            let ratio = own.median.as_secs_f64() / other.median.as_secs_f64();
            println!("{what:<18} exporter {other}, ratio {ratio:.2}");
        }
    }
    if exporter.is_none() {
        println!("prometheus-blackbox-exporter is missing: nothing to compare with");
    }
}

/// Looks at the three by our probes; how long each took.
async fn look(probes: &NetProbes, targets: Targets) -> [Duration; 3] {
    let talk = |to, steps| Talk { to, host: NAME.into(), steps, shape: Shape::Plain, limit: LIMIT };
    let page = vec![Say::Tls { alpn: Vec::new(), expected: Vec::new() }, Say::Http { path: "/".into() }];
    let asked = Asked::Server { address: targets.name, by: Carrier::Udp };
    let name = Lookup { name: NAME.into(), asked, purpose: Purpose::Row, limit: LIMIT };
    let (page, seen) = ask(probes, Question::Talk(talk(targets.page, page))).await;
    assert!(
        matches!(&seen[..], [.., Seen::Http(http)] if matches!(http.end, HttpEnd::Status { status: 200, .. })),
        "{seen:?}"
    );
    let (connection, _) = ask(probes, Question::Talk(talk(targets.connection, Vec::new()))).await;
    let (name, seen) = ask(probes, Question::Lookup(name)).await;
    assert!(
        matches!(&seen[..], [Seen::Lookup(seen)] if matches!(&seen.answer, Answer::Message { rcode: Some(0), .. })),
        "{seen:?}"
    );
    [page, connection, name]
}

async fn ask(probes: &NetProbes, question: Question) -> (Duration, Vec<Seen>) {
    let (seen, mut told) = mpsc::channel(16);
    let began = Instant::now();
    probes.ask(question, seen).await;
    let took = began.elapsed();
    let mut all = Vec::new();
    while let Some(witnessed) = told.recv().await {
        all.push(witnessed.seen);
    }
    (took, all)
}

/// A running exporter; it ends with the value.
struct Exporter {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exporter {
    fn start() -> Option<Self> {
        let program = std::env::var_os("LINESMAN_BLACKBOX")
            .map_or_else(|| PathBuf::from("prometheus-blackbox-exporter"), PathBuf::from);
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("blackbox.yml");
        std::fs::write(&config, CONFIG).expect("a file");
        let port =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|held| held.local_addr()).ok()?.port();
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let exporter = Self { child, port, _folder: folder };
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < until, "the exporter does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(exporter)
    }

    /// Looks at the three; how long each took by the exporter's own count, without the question to it.
    async fn look(&self, targets: Targets) -> [Duration; 3] {
        let page = self.probe("page", &format!("https://{}/", targets.page)).await;
        let connection = self.probe("connection", &targets.connection.to_string()).await;
        [page, connection, self.probe("name", &targets.name.to_string()).await]
    }

    async fn probe(&self, module: &str, target: &str) -> Duration {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.expect("the exporter answers");
        let request = format!("GET /probe?module={module}&target={target} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("the exporter listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the exporter answers");
        let metric = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_default()
        };
        assert!(metric("probe_success") > 0.0, "{module}: {answer}");
        Duration::from_secs_f64(metric("probe_duration_seconds"))
    }
}

// What is looked at.

async fn stand_ins() -> Targets {
    let key = KeyPair::generate().expect("a key");
    let own = CertificateParams::new(vec![NAME.to_owned()]).expect("a name").self_signed(&key).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![own.der().clone()], key).expect("a pair")));
    let page = listen(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream).await;
            }
        }
    });
    let connection = listen(|mut stream: TcpStream| async move {
        let _ = stream.read(&mut [0; 16]).await;
    });
    Targets { page: page.await, connection: connection.await, name: name_server().await }
}

async fn listen<F: Future<Output = ()> + Send + 'static>(with: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
    address
}

async fn answer(mut stream: tokio_rustls::server::TlsStream<TcpStream>) {
    let mut request = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        request.push(byte);
        if request.ends_with(b"\r\n\r\n") {
            let body = if request.starts_with(b"HEAD") { "" } else { "hello" };
            request.clear();
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{body}");
            if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut query = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            let end = query[12..length].iter().position(|octet| *octet == 0).map_or(length, |at| at + 17);
            let is_a = query[end - 3] == 1;
            let mut answer = query[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            if is_a {
                answer.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x1E\0\x04\xC0\0\x02\x07");
            }
            let _ = socket.send_to(&answer, from).await;
        }
    });
    address
}
