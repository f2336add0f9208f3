//! Stand-ins on loopback, in a process of their own: pages behind TLS, an MQTT broker inside a WebSocket, time servers, and an
//! address behind which nothing answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream as StdStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

const ARGUMENT: &str = "--stand-ins";

/// What a stand-in speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP behind TLS.
    Page,
    /// MQTT inside a WebSocket behind TLS.
    WebSocket,
    /// NTP.
    Time,
}

impl Speaks {
    const ALL: [(Self, &'static str); 3] = [(Self::Page, "page"), (Self::WebSocket, "websocket"), (Self::Time, "time")];
}

/// Stand-ins that run; they end with the value.
pub(crate) struct Far {
    child: Child,
    /// Their test CA, DER.
    pub(crate) root: Vec<u8>,
    /// Where they listen, in the order they were wanted in.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Far {
    /// Starts one for each host, with its milliseconds for each answer.
    pub(crate) fn start(wanted: &[(String, Speaks, u64)]) -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let mut list = child.stdin.take().expect("it was asked for");
        for (host, speaks, delay) in wanted {
            let word = Speaks::ALL.into_iter().find(|(own, _)| own == speaks).map(|(_, word)| word).unwrap_or_default();
            writeln!(list, "{word} {delay} {host}").expect("it listens");
        }
        writeln!(list).expect("it listens");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        let root = BASE64_STANDARD.decode(line()).expect("a certificate");
        let addresses = wanted.iter().map(|_| line().parse().expect("an address")).collect();
        // It ends when its input does.
        child.stdin = Some(list);
        Self { child, root, addresses }
    }
}

/// An address where connections are neither accepted nor refused: a listener whose queue is full.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _held: (Socket, Vec<Socket>),
}

impl BlackHole {
    pub(crate) fn open() -> Self {
        let tcp = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let listener = tcp();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        listener.listen(0).expect("a queue of one");
        let address = listener.local_addr().ok().and_then(|own| own.as_socket()).expect("an address");
        let fill = || {
            let socket = tcp();
            socket.set_nonblocking(true).expect("it is ours");
            let _ = socket.connect(&address.into());
            socket
        };
        let waiting = (0..4).map(|_| fill()).collect();
        let probe = StdStream::connect_timeout(&address, Duration::from_millis(300));
        assert!(probe.is_err(), "the queue is not full");
        Self { address, _held: (listener, waiting) }
    }
}

/// Whether this process is to be the stand-ins.
pub(crate) fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == ARGUMENT)
}

/// Is the stand-ins until its input ends.
pub(crate) fn run() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let lines = std::io::stdin().lines().map_while(Result::ok);
    let wanted: Vec<(String, Duration, String)> =
        lines.take_while(|line| !line.is_empty()).map(|line| read(&line).expect("word, delay, host")).collect();
    let authority = Authority::new();
    println!("{}", BASE64_STANDARD.encode(&authority.root));
    for (word, delay, host) in wanted {
        let address = match word.as_str() {
            "time" => runtime.block_on(time(delay)),
            "page" => runtime.block_on(behind_tls(authority.acceptor(&host), delay, page)),
            _ => runtime.block_on(behind_tls(authority.acceptor(&host), delay, broker)),
        };
        println!("{address}");
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn read(line: &str) -> Option<(String, Duration, String)> {
    let mut words = line.split(' ');
    let (word, delay, host) = (words.next()?, words.next()?, words.next()?);
    Some((word.to_owned(), Duration::from_millis(delay.parse().ok()?), host.to_owned()))
}

/// The test CA.
struct Authority {
    root: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a certificate").der().to_vec();
        Self { root, issuer: Issuer::new(params, key) }
    }

    fn acceptor(&self, host: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([host.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).expect("a pair")))
    }
}

type Served = TlsStream<TcpStream>;

async fn behind_tls<F>(acceptor: TlsAcceptor, delay: Duration, serve: fn(Served, Duration) -> F) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                sleep(delay).await;
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, delay).await;
                }
            });
        }
    });
    address
}

async fn page(mut stream: Served, delay: Duration) {
    let mut request = Vec::new();
    while let Ok(octet) = stream.read_u8().await {
        request.push(octet);
        if request.ends_with(b"\r\n\r\n") {
            let body = if request.starts_with(b"HEAD") { "" } else { "hello" };
            request.clear();
            sleep(delay).await;
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{body}");
            if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

/// Lets nobody in, as a hub does with somebody it does not know.
async fn broker(stream: Served, delay: Duration) {
    const NOT_AUTHORISED: [u8; 4] = [0x20, 2, 0, 5];
    sleep(delay).await;
    let agree = |_: &Request, mut response: Response| {
        response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, agree).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() {
            sleep(delay).await;
            let _ = socket.send(Message::binary(NOT_AUTHORISED.to_vec())).await;
            return;
        }
    }
}

async fn time(delay: Duration) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port"));
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut request = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut request).await {
            let Some(answer) = time_answer(&request[..length]) else { continue };
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                sleep(delay).await;
                let _ = socket.send_to(&answer, from).await;
            });
        }
    });
    address
}

/// The time of this computer (RFC 5905): version 4, server, stratum 2.
fn time_answer(request: &[u8]) -> Option<Vec<u8>> {
    const FROM_1900_TO_1970: u64 = 2_208_988_800;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let seconds = u32::try_from((now.as_secs() + FROM_1900_TO_1970) & 0xFFFF_FFFF).ok()?.to_be_bytes();
    let fraction = u32::try_from((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000).ok()?.to_be_bytes();
    let mut answer = vec![0; 48];
    answer[..2].copy_from_slice(&[0x24, 2]);
    answer[24..32].copy_from_slice(request.get(40..48)?);
    for at in [16, 32, 40] {
        answer[at..at + 4].copy_from_slice(&seconds);
        answer[at + 4..at + 8].copy_from_slice(&fraction);
    }
    Some(answer)
}
