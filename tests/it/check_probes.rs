//! The probes of a network check against servers on loopback that behave well, badly, or not at all.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use linesman::check::question::{Asked, Carrier, From, Lookup, Purpose, Question, Say, Shape, Talk};
use linesman::check::seen::{
    Answer, Broke, Connect, ConnectEnd, Http, HttpEnd, Idle, Mqtt, MqttEnd, Seen, SocketError, SystemTrust, Time,
    TimeEnd, Tls, TlsEnd, Trust,
};
use linesman::flow::port::Probes as _;
use linesman::io::probe::NetProbes;
use linesman::sim::fault_proxy::{BothWays, FaultProxy, Faults};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Long enough for loopback.
const LIMIT: Duration = Duration::from_secs(5);
/// For what never comes.
const SHORT: Duration = Duration::from_millis(300);

pub(crate) async fn ask(question: Question) -> Vec<Seen> {
    ask_with(&NetProbes::new(From::Anywhere, None, Vec::new()), question).await
}

pub(crate) async fn ask_with(probes: &NetProbes, question: Question) -> Vec<Seen> {
    let (seen, mut told) = mpsc::channel(64);
    probes.ask(question, seen).await;
    let mut all = Vec::new();
    while let Some(witnessed) = told.recv().await {
        all.push(witnessed.seen);
    }
    all
}

pub(crate) fn talk(to: SocketAddr, steps: Vec<Say>) -> Talk {
    Talk { to, host: "gateway.example".into(), steps, shape: Shape::Plain, limit: LIMIT }
}

/// Shaking hands, with these roots expected.
pub(crate) fn tls_with(expected: Vec<String>) -> Say {
    Say::Tls { alpn: vec!["http/1.1".into()], expected }
}

pub(crate) fn page() -> Say {
    Say::Http { path: "/".into() }
}

/// A server that does that with each connection; its address.
pub(crate) async fn serve<F>(with: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
    address
}

/// A server that sends that and then keeps the connection.
pub(crate) async fn says(what: &'static [u8]) -> SocketAddr {
    serve(move |mut stream| async move {
        let _ = stream.write_all(what).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await
}

/// A root and a certificate for a name below it.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test Root");
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    pub(crate) fn root(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// A server's chain and key, valid between these years.
    fn chain(&self, name: &str, years: (i32, i32)) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let own = params.signed_by(&key, &self.issuer).unwrap();
        (vec![own.der().clone()], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    fn server(&self, name: &str, years: (i32, i32)) -> ServerConfig {
        let (chain, key) = self.chain(name, years);
        server_config(chain, key)
    }
}

impl Authority {
    /// A server whose certificate holds for a name, and so many more that it fills several packets.
    pub(crate) fn server_with_names(&self, name: &str, more: usize) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let names = (0..more).map(|number| format!("filler-{number}.{name}"));
        let params = CertificateParams::new(std::iter::once(name.to_owned()).chain(names).collect::<Vec<_>>()).unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap();
        server_config(vec![own.der().clone()], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }

    /// A server's certificate and its key as PEM.
    pub(crate) fn chain_pem(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (own.pem(), key.serialize_pem())
    }

    /// The root as PEM.
    pub(crate) fn root_pem(&self) -> String {
        self.issuer.pem()
    }
}

pub(crate) fn server_config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap()
}

/// A TLS server that does that once hands are shaken.
pub(crate) async fn serve_tls<F: Future<Output = ()> + Send + 'static>(
    config: ServerConfig,
    with: impl Fn(TlsStream<TcpStream>) -> F + Clone + Send + Sync + 'static,
) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let (acceptor, with) = (acceptor.clone(), with.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                with(stream).await;
            }
        }
    })
    .await
}

/// Answers each request of HTTP with that.
pub(crate) async fn answer(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, with: &str) {
    let mut request = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        request.push(byte);
        if request.ends_with(b"\r\n\r\n") {
            let is_head = request.starts_with(b"HEAD");
            request.clear();
            let head = with.split_inclusive("\r\n\r\n").next().unwrap();
            let _ = stream.write_all(if is_head { head } else { with }.as_bytes()).await;
            let _ = stream.flush().await;
        }
    }
}

pub(crate) const WELCOME: &str = "HTTP/1.1 403 Forbidden\r\nServer: stand-in\r\nDate: Sat, 28 Nov 2026 12:00:00 GMT\r\n\
                       Content-Length: 8\r\n\r\nno\x1bentry";

// Connections.

#[tokio::test]
async fn a_closed_port_is_told_after_two_attempts() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let to = closed.local_addr().unwrap();
    drop(closed);
    let seen = ask(Question::Talk(talk(to, vec![page()]))).await;
    let attempts: Vec<u32> = seen
        .iter()
        .map(|seen| match seen {
            Seen::Connect(Connect { attempt, end: ConnectEnd::Failed { error, icmp: None, .. }, .. }) => {
                assert_eq!(*error, SocketError::Refused);
                *attempt
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn a_source_address_that_is_not_ours_is_named_as_that() {
    let to = says(b"").await;
    let probes = NetProbes::new(From::Address("192.0.2.77".parse().unwrap()), None, Vec::new());
    let seen = ask_with(&probes, Question::Talk(talk(to, Vec::new()))).await;
    let Seen::Connect(Connect { end: ConnectEnd::Failed { error, .. }, .. }) = &seen[0] else { panic!("{seen:?}") };
    assert_eq!(*error, SocketError::NoSuchAddress);
}

#[tokio::test]
async fn a_question_that_is_dropped_closes_its_connection() {
    let (closed, mut is_closed) = mpsc::channel(1);
    let to = serve(move |mut stream| {
        let closed = closed.clone();
        async move {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            let _ = closed.send(()).await;
        }
    })
    .await;
    let probes = NetProbes::new(From::Anywhere, None, Vec::new());
    let (seen, mut told) = mpsc::channel(64);
    let asking = tokio::time::timeout(SHORT, probes.ask(Question::Talk(talk(to, vec![tls_with(Vec::new())])), seen));
    assert!(asking.await.is_err(), "the server says nothing");
    assert!(matches!(told.recv().await.unwrap().seen, Seen::Connect(_)));
    tokio::time::timeout(LIMIT, is_closed.recv()).await.unwrap().unwrap();
}

// TLS and HTTP.

#[tokio::test]
async fn a_page_behind_tls_is_told_step_by_step() {
    let authority = Authority::new();
    let to = serve_tls(authority.server("gateway.example", (2020, 2040)), |stream| answer(stream, WELCOME)).await;
    let probes = NetProbes::new(From::Anywhere, None, vec![authority.root()]);
    let seen = ask_with(&probes, Question::Talk(talk(to, vec![tls_with(Vec::new()), page()]))).await;
    let [Seen::Connect(connect), Seen::Tls(tls), Seen::Http(http)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(connect.end, ConnectEnd::Connected);
    assert!(connect.from.is_some_and(|from| from.ip().is_loopback()));
    let TlsEnd::Done { version, asked_certificate, .. } = &tls.end else { panic!("{tls:?}") };
    assert_eq!((version.as_str(), *asked_certificate), ("TLSv1.3", false));
    assert_eq!(tls.chain[0].names, ["gateway.example"]);
    let trust = tls.trust.as_ref().unwrap();
    assert_eq!(trust.root.as_deref(), Some("Test Root"));
    assert!(trust.name_matches && trust.from_override && !trust.mozilla, "{trust:?}");
    assert_eq!((trust.expected, trust.fault.as_str()), (Some(true), ""));
    assert_eq!(http.url, "https://gateway.example/");
    let HttpEnd::Status { status, server, date, begins, .. } = &http.end else { panic!("{http:?}") };
    assert_eq!((*status, server.as_deref(), *date), (403, Some("stand-in"), Some(1_795_867_200)));
    assert_eq!(begins, "no\u{FFFD}entry");
    // Asked later, the system does not know the test root.
    let leaf_sha256 = tls.chain[0].sha256.clone();
    let question = Question::SystemTrust { host: "gateway.example".into(), leaf_sha256, limit: LIMIT };
    let seen = ask_with(&probes, question).await;
    assert!(matches!(&seen[..], [Seen::SystemTrust(SystemTrust { trusts: Some(false) | None, .. })]), "{seen:?}");
}

async fn trust_of(config: ServerConfig, expected: Vec<String>, roots: Vec<Vec<u8>>) -> Trust {
    let to = serve_tls(config, |stream| answer(stream, WELCOME)).await;
    let probes = NetProbes::new(From::Anywhere, None, roots);
    let seen = ask_with(&probes, Question::Talk(talk(to, vec![tls_with(expected), page()]))).await;
    assert!(matches!(seen.last(), Some(Seen::Http(_))), "the chain is judged, the conversation goes on: {seen:?}");
    let tls = seen.into_iter().find_map(|seen| if let Seen::Tls(tls) = seen { Some(tls) } else { None });
    tls.unwrap().trust.unwrap()
}

#[tokio::test]
async fn an_unknown_root_and_a_wrong_name_do_not_end_the_conversation() {
    let authority = Authority::new();
    let trust = trust_of(authority.server("other.example", (2020, 2040)), vec!["00".repeat(32)], Vec::new()).await;
    assert!(!trust.name_matches && !trust.mozilla, "{trust:?}");
    assert_eq!((trust.expected, trust.root, trust.fault.as_str()), (Some(false), None, ""));
}

#[tokio::test]
async fn dates_are_told_and_left_aside() {
    let authority = Authority::new();
    for years in [(1971, 1972), (2020, 2021), (2090, 2091)] {
        let trust = trust_of(authority.server("gateway.example", years), Vec::new(), vec![authority.root()]).await;
        assert!(trust.name_matches && trust.from_override, "{years:?}: {trust:?}");
        let year = |seconds: i64| 1970 + seconds / 31_556_952;
        assert_eq!(
            (year(trust.not_before + 86_400), year(trust.not_after + 86_400)),
            (i64::from(years.0), i64::from(years.1))
        );
    }
}

#[tokio::test]
async fn a_chain_with_hostile_names_and_64_intermediates_is_cut_and_shown() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = (0..150).map(|number| format!("n{number}.example")).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, format!("a\u{202E}\n\x1b[31m{}", "x".repeat(5000)));
    let own = params.signed_by(&key, &authority.issuer).unwrap();
    let mut chain = vec![own.der().clone()];
    for _ in 0..64 {
        chain.push(CertificateDer::from(Authority::new().root()));
    }
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let to = serve_tls(server_config(chain, key), |stream| answer(stream, WELCOME)).await;
    let probes = NetProbes::new(From::Anywhere, None, vec![authority.root()]);
    let seen = ask_with(&probes, Question::Talk(talk(to, vec![tls_with(Vec::new()), page()]))).await;
    let [_, Seen::Tls(tls), Seen::Http(_)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(tls.chain.len(), 16);
    assert_eq!(tls.chain[0].names.len(), 100);
    let subject = &tls.chain[0].subject;
    assert!(subject.chars().count() <= 300 && !subject.contains(['\u{202E}', '\n', '\x1b']), "{subject:?}");
    assert!(tls.trust.as_ref().unwrap().from_override, "{:?}", tls.trust);
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_the_client_is_told_apart() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let authority = Authority::new();
        let (chain, key) = authority.chain("gateway.example", (2020, 2040));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).unwrap();
        let verifier =
            rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let config = config.with_client_cert_verifier(verifier.build().unwrap()).with_single_cert(chain, key).unwrap();
        let to = serve_tls(config, |stream| answer(stream, WELCOME)).await;
        let seen = ask(Question::Talk(talk(to, vec![tls_with(Vec::new()), page()]))).await;
        let [_, Seen::Tls(Tls { end: TlsEnd::Alert { alert, asked_certificate }, chain, .. })] = &seen[..] else {
            panic!("{version:?}: {seen:?}")
        };
        // TLS 1.2 has no alert of its own for it.
        assert!(["CertificateRequired", "HandshakeFailure"].contains(&alert.as_str()), "{alert}");
        assert!(asked_certificate);
        assert_eq!(chain.len(), 1);
    }
}

#[tokio::test]
async fn whoever_talks_something_else_before_tls_is_quoted() {
    for (what, begins) in [
        (&b"HTTP/1.1 403 Forbidden\r\n\r\nblocked"[..], "HTTP/1.1 403"),
        (b"SSH-2.0-x\r\n", "SSH-2.0-x"),
        (b"\x20\x02\x00\x05", " "),
    ] {
        let to = serve(move |mut stream| async move {
            let _ = stream.write_all(what).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let seen = ask(Question::Talk(talk(to, vec![tls_with(Vec::new())]))).await;
        let [_, Seen::Tls(Tls { end: TlsEnd::Broken(Broke::Other { begins: told }), .. })] = &seen[..] else {
            panic!("{seen:?}")
        };
        assert!(told.starts_with(begins), "{told:?}");
    }
}

#[tokio::test]
async fn silence_a_close_and_a_reset_after_the_hello_are_three_things() {
    let silent = says(b"").await;
    let mut question = talk(silent, vec![tls_with(Vec::new())]);
    question.limit = SHORT;
    let began = Instant::now();
    let seen = ask(Question::Talk(question)).await;
    assert!(matches!(&seen[1], Seen::Tls(Tls { end: TlsEnd::Broken(Broke::Silent), .. })), "{seen:?}");
    assert!(began.elapsed() < LIMIT);
    let closes = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
    })
    .await;
    let seen = ask(Question::Talk(talk(closes, vec![tls_with(Vec::new())]))).await;
    assert!(matches!(&seen[1], Seen::Tls(Tls { end: TlsEnd::Broken(Broke::Closed), .. })), "{seen:?}");
    let resets = serve(|stream| async move {
        let _ = stream.readable().await;
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
    .await;
    let seen = ask(Question::Talk(talk(resets, vec![tls_with(Vec::new())]))).await;
    assert!(matches!(&seen[1], Seen::Tls(Tls { end: TlsEnd::Broken(Broke::Reset), .. })), "{seen:?}");
}

#[tokio::test]
async fn hellos_of_other_shapes_reach_a_good_server() {
    let authority = Authority::new();
    let to = serve_tls(authority.server("gateway.example", (2020, 2040)), |stream| answer(stream, WELCOME)).await;
    for shape in [Shape::SmallSegments, Shape::SplitHello, Shape::PaddedHello, Shape::NeutralName] {
        let seen = ask(Question::Talk(Talk { shape, ..talk(to, vec![tls_with(Vec::new())]) })).await;
        let [Seen::Connect(connect), Seen::Tls(tls)] = &seen[..] else { panic!("{shape:?}: {seen:?}") };
        assert_eq!((connect.shape, tls.shape), (shape, shape));
        assert!(matches!(&tls.end, TlsEnd::Done { version, .. } if version == "TLSv1.3"), "{shape:?}: {tls:?}");
    }
}

#[tokio::test]
async fn a_split_hello_comes_in_two_pieces_and_a_padded_one_is_large() {
    let (sizes, mut told) = mpsc::channel(16);
    let to = serve(move |mut stream| {
        let sizes = sizes.clone();
        async move {
            let mut piece = [0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut piece).await {
                let _ = sizes.send(count).await;
            }
        }
    })
    .await;
    let mut pieces = Vec::new();
    for shape in [Shape::SplitHello, Shape::PaddedHello] {
        let seen = ask(Question::Talk(Talk { shape, limit: SHORT, ..talk(to, vec![tls_with(Vec::new())]) })).await;
        assert!(matches!(&seen[1], Seen::Tls(Tls { end: TlsEnd::Broken(Broke::Silent), .. })), "{seen:?}");
        let mut of_shape = Vec::new();
        while let Ok(size) = told.try_recv() {
            of_shape.push(size);
        }
        pieces.push(of_shape);
    }
    assert_eq!((pieces[0].len(), pieces[0][0]), (2, 100), "{pieces:?}");
    assert_eq!(pieces[1], [1500]);
}

async fn page_of(what: &'static str) -> HttpEnd {
    let to = serve(move |stream| answer(stream, what)).await;
    let mut question = talk(to, vec![page()]);
    question.limit = SHORT;
    match ask(Question::Talk(question)).await.pop() {
        Some(Seen::Http(Http { end, .. })) => end,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_http_is_quoted_and_a_redirect_is_not_followed() {
    let end = page_of("220 mail.example ESMTP\r\n\r\n").await;
    assert!(matches!(&end, HttpEnd::Broken(Broke::Other { begins }) if begins.starts_with("220 mail")), "{end:?}");
    let end = page_of("HTTP/1.1 302 Found\r\nLocation: http://portal.example/login\r\nContent-Length: 0\r\n\r\n").await;
    let HttpEnd::Status { status, location, .. } = end else { panic!("{end:?}") };
    assert_eq!((status, location.as_deref()), (302, Some("http://portal.example/login")));
}

#[tokio::test]
async fn headers_without_end_and_pages_without_end_are_cut() {
    let endless = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"X-More: and more and more and more\r\n").await.is_ok() {}
    })
    .await;
    let seen = ask(Question::Talk(talk(endless, vec![page()]))).await;
    let Some(Seen::Http(Http { end: HttpEnd::Broken(Broke::TooLong { bytes }), .. })) = seen.last() else {
        panic!("{seen:?}")
    };
    assert!(*bytes < 200_000, "{bytes}");
    let endless = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let _ = stream.read(&mut [0; 4096]).await;
        while stream.write_all(&[b'x'; 1000]).await.is_ok() {}
    })
    .await;
    let seen = ask(Question::Talk(talk(endless, vec![page()]))).await;
    let Some(Seen::Http(Http { end: HttpEnd::Status { status: 200, .. }, .. })) = seen.last() else {
        panic!("{seen:?}")
    };
}

#[tokio::test]
async fn a_server_that_drips_is_given_up_in_time() {
    let endless =
        serve(|mut stream| async move { while stream.write_all(b"HTTP/1.1 200 OK\r\nServer: drip").await.is_ok() {} })
            .await;
    let drips = FaultProxy::start(endless).await.unwrap();
    let down = Faults { latency: Duration::from_millis(20), slice_bytes: Some(1), ..Faults::default() };
    drips.set(BothWays { down, ..BothWays::default() });
    let mut question = talk(drips.address, vec![page()]);
    question.limit = SHORT;
    let began = Instant::now();
    let seen = ask(Question::Talk(question)).await;
    assert!(matches!(seen.last(), Some(Seen::Http(Http { end: HttpEnd::Broken(_), .. }))), "{seen:?}");
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
}

// Idle, WebSocket, MQTT.

#[tokio::test]
async fn an_idle_connection_that_is_cut_is_told_with_the_time() {
    let stays = serve(|stream| answer(stream, WELCOME)).await;
    let cuts = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    })
    .await;
    let idle = || vec![page(), Say::Idle { time: SHORT }];
    let seen = ask(Question::Talk(talk(stays, idle()))).await;
    assert!(matches!(seen.last(), Some(Seen::Idle(Idle { cut: None, .. }))), "{seen:?}");
    let seen = ask(Question::Talk(talk(cuts, idle()))).await;
    assert!(matches!(seen.last(), Some(Seen::Idle(Idle { cut: Some((Broke::Closed, 0)), .. }))), "{seen:?}");
}

#[tokio::test]
async fn mqtt_inside_a_websocket_is_reached() {
    let to = serve(|stream| async move {
        let with_protocol =
            |request: &tokio_tungstenite::tungstenite::handshake::server::Request,
             mut response: tokio_tungstenite::tungstenite::handshake::server::Response| {
                let wanted = request.headers().get("sec-websocket-protocol").cloned().unwrap();
                response.headers_mut().insert("sec-websocket-protocol", wanted);
                Ok(response)
            };
        let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, with_protocol).await else { return };
        let connect = socket.next().await.unwrap().unwrap().into_data();
        assert_eq!(connect[0], 0x10);
        assert!(connect.windows(7).any(|part| part == b"fresh-1"));
        let _ = socket.send(tokio_tungstenite::tungstenite::Message::Binary(vec![0x20, 2, 0, 5].into())).await;
        let _ = socket.next().await;
    })
    .await;
    let steps = vec![
        Say::WebSocket { path: "/$iothub/websocket".into(), protocol: "mqtt".into() },
        Say::Mqtt { client_id: "fresh-1".into() },
    ];
    let seen = ask(Question::Talk(talk(to, steps))).await;
    let [_, Seen::WebSocket(Http { end: HttpEnd::Status { status, is_upgraded, .. }, .. }), Seen::Mqtt(mqtt)] =
        &seen[..]
    else {
        panic!("{seen:?}")
    };
    assert!(*status == 101 && *is_upgraded);
    assert_eq!((mqtt.inside.as_str(), &mqtt.end), ("websocket", &MqttEnd::Connack { code: 5 }));
}

#[tokio::test]
async fn an_upgrade_that_is_refused_or_half_granted_is_told() {
    let upgrade = || vec![Say::WebSocket { path: "/".into(), protocol: "mqtt".into() }];
    for (what, expected) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            101,
        ),
    ] {
        let to = serve(move |stream| answer(stream, what)).await;
        let seen = ask(Question::Talk(talk(to, upgrade()))).await;
        let [_, Seen::WebSocket(Http { end: HttpEnd::Status { status, is_upgraded: false, .. }, .. })] = &seen[..]
        else {
            panic!("{seen:?}")
        };
        assert_eq!(*status, expected);
    }
}

#[tokio::test]
async fn answers_to_mqtt_are_told_apart() {
    let connect = || vec![Say::Mqtt { client_id: "fresh-1".into() }];
    for (what, expected) in [
        (&b"\x20\x02\x00\x00"[..], MqttEnd::Connack { code: 0 }),
        (b"\x20\x02\x00\x05", MqttEnd::Connack { code: 5 }),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            MqttEnd::Broken(Broke::Other { begins: "HTTP/1.1 400 Bad Request\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}".into() }),
        ),
        (b"", MqttEnd::Broken(Broke::Silent)),
    ] {
        let mut question = talk(says(what).await, connect());
        question.limit = SHORT;
        let seen = ask(Question::Talk(question)).await;
        let Some(Seen::Mqtt(Mqtt { end, inside, .. })) = seen.last() else { panic!("{seen:?}") };
        assert_eq!((end, inside.as_str()), (&expected, "tcp"));
    }
}

// Time.

/// A time server that makes its answer of the request, and sends it from another port if it is to.
pub(crate) async fn time_server(from_elsewhere: bool, make: fn(&[u8]) -> Option<Vec<u8>>) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let elsewhere = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    tokio::spawn(async move {
        let mut request = [0; 100];
        while let Ok((length, from)) = socket.recv_from(&mut request).await {
            if let Some(answer) = make(&request[..length]) {
                let out = if from_elsewhere { &elsewhere } else { &socket };
                let _ = out.send_to(&answer, from).await;
            }
        }
    });
    address
}

/// A good answer to a time request, of the year 2026.
pub(crate) fn time_answer(request: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; 48];
    answer[..2].copy_from_slice(&[0x24, 2]);
    answer[24..32].copy_from_slice(&request[40..48]);
    answer[32] = 0xEE;
    answer[40] = 0xEE;
    answer
}

pub(crate) async fn time_of(server: SocketAddr) -> TimeEnd {
    match ask(Question::Time { server, limit: SHORT }).await.pop() {
        Some(Seen::Time(Time { end, .. })) => end,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn time_from_another_port_counts_and_a_forged_answer_does_not() {
    let server = time_server(true, |request| Some(time_answer(request))).await;
    let TimeEnd::Reply { from, stratum, mode, .. } = time_of(server).await else { panic!() };
    assert_ne!(from, server);
    assert_eq!((stratum, mode), (2, 4));
    let forged = time_server(false, |request| Some(time_answer(&vec![0; request.len()]))).await;
    let end = time_of(forged).await;
    assert!(matches!(&end, TimeEnd::Odd { why, .. } if why.contains("another request")), "{end:?}");
    let short = time_server(false, |_| Some(vec![0x24; 10])).await;
    assert!(matches!(time_of(short).await, TimeEnd::Odd { .. }));
    let silent = time_server(false, |_| None).await;
    assert_eq!(time_of(silent).await, TimeEnd::Silent);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_closed_time_port_names_who_refused() {
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let server = closed.local_addr().unwrap();
    drop(closed);
    let end = match ask(Question::Time { server, limit: LIMIT }).await.pop() {
        Some(Seen::Time(Time { end, .. })) => end,
        other => panic!("{other:?}"),
    };
    let TimeEnd::Refused { error: SocketError::Refused, icmp: Some(icmp) } = end else { panic!("{end:?}") };
    assert_eq!((icmp.kind, icmp.code, icmp.from), (3, 3, Ipv4Addr::LOCALHOST.into()));
}

// Names.

pub(crate) fn lookup(name: &str, address: SocketAddr, by: Carrier) -> Question {
    let asked = Asked::Server { address, by };
    Question::Lookup(Lookup { name: name.into(), asked, purpose: Purpose::Row, limit: LIMIT })
}

pub(crate) async fn looked_up(question: Question) -> linesman::check::seen::Lookup {
    match ask(question).await.pop() {
        Some(Seen::Lookup(lookup)) => lookup,
        other => panic!("{other:?}"),
    }
}

/// A name server over UDP that makes its answer of the query, and hears nothing of the first so many queries.
pub(crate) async fn name_server(deaf: usize, make: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut query, mut heard) = ([0; 2000], 0);
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            heard += 1;
            if heard > deaf {
                let _ = socket.send_to(&make(&query[..length]), from).await;
            }
        }
    });
    address
}

/// The header and question of a query as an answer with that code, and so many records to follow.
pub(crate) fn reply_head(query: &[u8], rcode: u8, answers: u16, additional: u16) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap() + 5;
    let mut answer = query[..end].to_vec();
    answer[2] = 0x81;
    answer[3] = 0x80 | rcode;
    answer[6..8].copy_from_slice(&answers.to_be_bytes());
    answer[8..10].copy_from_slice(&[0, 0]);
    answer[10..12].copy_from_slice(&additional.to_be_bytes());
    answer
}

fn is_a(query: &[u8]) -> bool {
    let end = 12 + query[12..].iter().position(|octet| *octet == 0).unwrap();
    query[end + 2] == 1
}

#[tokio::test]
async fn aliases_lifetimes_and_extended_errors_of_an_answer_are_told() {
    let server = name_server(0, |query| {
        let mut answer = reply_head(query, 0, if is_a(query) { 2 } else { 0 }, 1);
        if is_a(query) {
            answer.extend(b"\xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x09\x04edge\x02ex\0");
            answer.extend(b"\x04edge\x02ex\0\0\x01\0\x01\0\0\0\x1E\0\x04\xC0\0\x02\x07");
        }
        // The text says why: 17 is "filtered".
        answer.extend(b"\0\0\x29\x04\xD0\0\0\0\0\0\x0B\0\x0F\0\x07\0\x11by\x1bus");
        answer
    })
    .await;
    let seen = looked_up(lookup("api.example.", server, Carrier::Udp)).await;
    let Answer::Message { rcode, addresses, aliases, ttl_secs, extended } = seen.answer else { panic!("{seen:?}") };
    assert_eq!((rcode, ttl_secs), (Some(0), Some(30)));
    assert_eq!(addresses, ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(aliases, ["edge.ex"]);
    assert_eq!(extended, [(17, "by\u{FFFD}us".to_owned())]);
    assert_eq!((seen.sent, seen.lost), (2, 0));
}

#[tokio::test]
async fn one_lost_answer_is_counted_and_asked_for_again() {
    let server = name_server(1, |query| reply_head(query, 3, 0, 0)).await;
    let mut question = lookup("gone.example", server, Carrier::Udp);
    if let Question::Lookup(lookup) = &mut question {
        lookup.limit = 2 * SHORT;
    }
    let seen = looked_up(question).await;
    assert!(matches!(seen.answer, Answer::Message { rcode: Some(3), .. }), "{seen:?}");
    assert_eq!((seen.sent, seen.lost), (3, 1));
}

#[tokio::test]
async fn a_dead_and_a_closed_name_server_are_two_things() {
    let deaf = name_server(usize::MAX, <[u8]>::to_vec).await;
    let mut question = lookup("api.example", deaf, Carrier::Udp);
    if let Question::Lookup(lookup) = &mut question {
        lookup.limit = SHORT;
    }
    let seen = looked_up(question).await;
    assert_eq!((seen.answer, seen.sent, seen.lost), (Answer::TimedOut, 4, 4));
    let held = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let closed = held.local_addr().unwrap();
    drop(held);
    for by in [Carrier::Udp, Carrier::Tcp] {
        let seen = looked_up(lookup("api.example", closed, by)).await;
        assert!(matches!(seen.answer, Answer::Refused { .. }), "{seen:?}");
    }
}

#[tokio::test]
async fn answers_of_64_kilobytes_and_nonsense_are_survived() {
    let large = serve(|mut stream| async move {
        let length = usize::from(stream.read_u16().await.unwrap());
        let mut query = vec![0; length];
        stream.read_exact(&mut query).await.unwrap();
        let mut answer = reply_head(&query, 0, 4000, 0);
        while answer.len() + 16 < 65_000 {
            answer.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x1E\0\x04\xC0\0\x02\x07");
        }
        let records = u16::try_from((answer.len() - reply_head(&query, 0, 0, 0).len()) / 16).unwrap();
        answer[6..8].copy_from_slice(&records.to_be_bytes());
        stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
        stream.write_all(&answer).await.unwrap();
    })
    .await;
    let seen = looked_up(lookup("api.example", large, Carrier::Tcp)).await;
    let Answer::Message { addresses, .. } = seen.answer else { panic!("{seen:?}") };
    // At most 64 of each family.
    assert_eq!(addresses.len(), 128);
    let nonsense = name_server(0, |query| {
        let mut answer = reply_head(query, 0, 9, 0);
        answer.extend(b"\xC0\xC0\xFF\xFF");
        answer
    })
    .await;
    let seen = looked_up(lookup("api.example", nonsense, Carrier::Udp)).await;
    assert!(matches!(&seen.answer, Answer::Failed { detail, .. } if detail.contains("cannot be read")), "{seen:?}");
    let seen = looked_up(lookup(&"x".repeat(300), nonsense, Carrier::Udp)).await;
    assert!(matches!(&seen.answer, Answer::Failed { .. }) && seen.sent == 0, "{seen:?}");
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_taken() {
    let lies = name_server(0, |query| {
        let mut answer = reply_head(query, 0, 0, 0);
        // Another id.
        answer[0] ^= 0xFF;
        answer
    })
    .await;
    let mut question = lookup("api.example", lies, Carrier::Udp);
    if let Question::Lookup(lookup) = &mut question {
        lookup.limit = SHORT;
    }
    assert_eq!(looked_up(question).await.answer, Answer::TimedOut);
}

#[tokio::test]
async fn the_system_finds_this_computer() {
    let asked = Asked::System;
    let question = Question::Lookup(Lookup { name: "localhost".into(), asked, purpose: Purpose::Row, limit: LIMIT });
    let seen = looked_up(question).await;
    let Answer::Message { rcode: None, addresses, .. } = seen.answer else { panic!("{seen:?}") };
    assert!(addresses.iter().all(std::net::IpAddr::is_loopback) && !addresses.is_empty());
}

// Surroundings.

#[tokio::test]
async fn name_servers_of_an_override_stand_for_those_of_the_system() {
    let server: SocketAddr = "127.0.0.1:5353".parse().unwrap();
    let probes = NetProbes::new(From::Anywhere, Some(vec![server]), Vec::new());
    let seen = ask_with(&probes, Question::Surroundings).await;
    let servers: Vec<_> =
        seen.iter().filter_map(|seen| if let Seen::NameServer(one) = seen { Some(one) } else { None }).collect();
    assert_eq!(servers.len(), 1);
    assert_eq!((servers[0].address, servers[0].from.as_str()), (Some(server), "override file"));
    assert!(matches!(&seen[0], Seen::System { name } if name == std::env::consts::OS));
}

#[tokio::test]
async fn the_way_to_this_computer_is_known_and_nothing_is_sent() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let seen = ask(Question::Route { to: Ipv4Addr::LOCALHOST.into() }).await;
    let [Seen::Route(route)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(route.source, Some(Ipv4Addr::LOCALHOST.into()));
    assert!(!route.is_tunnel);
    assert!(socket.try_recv(&mut [0; 10]).is_err());
}

// Revocation data.

#[tokio::test]
async fn revocation_data_is_told_by_its_form() {
    let root = Authority::new().root();
    let to = serve(move |mut stream| {
        let root = root.clone();
        async move {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let is_good = request[..length].starts_with(b"GET /ca.crt ");
            let body = if is_good { root.clone() } else { b"<html>blocked</html>".to_vec() };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
    })
    .await;
    for (path, expected) in [("/ca.crt", "certificate"), ("/other", "")] {
        let url = format!("http://crl.example{path}");
        let seen = ask(Question::Fetch { url, to, limit: LIMIT }).await;
        let [Seen::Fetch(fetch)] = &seen[..] else { panic!("{seen:?}") };
        assert!(matches!(fetch.end, HttpEnd::Status { status: 200, .. }), "{fetch:?}");
        assert_eq!(fetch.content, expected);
        assert!(fetch.bytes > 0);
    }
}
