//! The ports that gateways see. A connection is unwrapped here (TLS, WebSocket), so that what goes wrong can be told, and passed
//! on to the broker behind, which listens on loopback only.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::sniff::{self, CONNACK, CONNECT, DISCONNECT, Greeting, Sniffer};
use super::tls;

/// A gateway has that long to say who it is.
const GREETING_LIMIT: Duration = Duration::from_secs(20);
/// Connections at a time.
const SEATS: usize = 500;
/// Read in one go.
const BUFFER: usize = 64 * 1024;
/// Lines a second; the rest is counted.
const LINES_A_SECOND: u32 = 40;

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Plain,
    Tls,
    MutualTls,
    /// In clear text or inside TLS: the first octet tells.
    WebSocket,
}

/// What all ports share.
pub(super) struct Front {
    /// Where the broker is.
    inner: SocketAddr,
    tls: TlsAcceptor,
    mutual_tls: TlsAcceptor,
    lines: Lines,
    /// Who is connected under which client id: the number of the connection.
    clients: Mutex<HashMap<String, u64>>,
    seats: Arc<Semaphore>,
}

impl Front {
    pub(super) fn new(inner: SocketAddr, tls: TlsAcceptor, mutual_tls: TlsAcceptor, lines: Lines) -> Arc<Self> {
        let seats = Arc::new(Semaphore::new(SEATS));
        Arc::new(Self { inner, tls, mutual_tls, lines, clients: Mutex::default(), seats })
    }

    /// Takes connections until the program of the broker ends.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener, way: Way) {
        let mut number = 0_u64;
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                // Out of handles, most likely: wait until some are free.
                sleep(Duration::from_millis(200)).await;
                continue;
            };
            number += 1;
            let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
                self.lines.tell(format!("{} was refused: {SEATS} connections are open", peer.ip()));
                continue;
            };
            let front = Arc::clone(&self);
            // Distinct over all ports.
            let number = number << 2 | way as u64;
            tokio::spawn(async move {
                let _seat = seat;
                front.take(stream, peer, way, number).await;
            });
        }
    }

    async fn take(&self, stream: TcpStream, peer: SocketAddr, way: Way, number: u64) {
        // Small packets, each waited for.
        let _ = stream.set_nodelay(true);
        let from = peer.ip();
        let mut first = [0];
        match timeout(GREETING_LIMIT, stream.peek(&mut first)).await {
            Ok(Ok(1)) => {}
            Ok(Ok(_) | Err(_)) => return self.lines.tell(format!("{from} connected and closed without a word")),
            Err(_) => {
                return self
                    .lines
                    .tell(format!("{from} connected and said nothing for {} s", GREETING_LIMIT.as_secs()));
            }
        }
        let is_tls = first[0] == 0x16;
        match (way, first[0]) {
            (Way::Plain, 0x16) => self.refused(from, "it spoke TLS to the port of plain MQTT"),
            (Way::Plain, b'G') => self.refused(from, "it spoke HTTP or WebSocket to the port of plain MQTT"),
            (Way::Tls | Way::MutualTls, 0x10) => self.refused(from, "it spoke plain MQTT to an encrypted port"),
            (Way::WebSocket, 0x10) => self.refused(from, "it spoke plain MQTT to the port of WebSocket"),
            (Way::Plain, _) => self.relay(stream, Visit::new(peer, "plain MQTT", number)).await,
            (Way::WebSocket, _) if !is_tls => {
                self.web_socket(stream, Visit::new(peer, "WebSocket", number)).await;
            }
            (Way::WebSocket | Way::Tls | Way::MutualTls, _) => self.encrypted(stream, peer, way, number).await,
        }
    }

    async fn encrypted(&self, stream: TcpStream, peer: SocketAddr, way: Way, number: u64) {
        let acceptor = if way == Way::MutualTls { &self.mutual_tls } else { &self.tls };
        let stream = match timeout(GREETING_LIMIT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return self.refused(peer.ip(), &tls::why(&error)),
            Err(_) => return self.refused(peer.ip(), "the handshake came to no end"),
        };
        let connection = stream.get_ref().1;
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        };
        let certificate = connection.peer_certificates().and_then(|chain| chain.first()).map(tls::common_name);
        if way == Way::WebSocket {
            return self.web_socket(stream, Visit::new(peer, "WebSocket over TLS", number)).await;
        }
        self.relay(stream, Visit { certificate, ..Visit::new(peer, version, number) }).await;
    }

    async fn web_socket<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, visit: Visit) {
        let mut offered = None;
        #[expect(clippy::result_large_err, reason = "the library's callback has this type")]
        let take = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            let protocols = request.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
            let names: Vec<&str> = protocols.unwrap_or_default().split(',').map(str::trim).collect();
            // 3.1 is what some libraries still ask for beside it.
            let chosen = ["mqtt", "mqttv5.0", "mqttv3.1"].into_iter().find(|name| names.contains(name));
            if let Some(name) = chosen {
                response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(name));
            }
            offered = chosen;
            Ok(response)
        };
        let socket = match timeout(GREETING_LIMIT, tokio_tungstenite::accept_hdr_async(stream, take)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => return self.refused(visit.peer.ip(), &format!("the WebSocket did not open: {error}")),
            Err(_) => return self.refused(visit.peer.ip(), "it asked for no WebSocket in time"),
        };
        if offered.is_none() {
            self.lines.tell(format!("{} asked for no sub-protocol “mqtt”: other brokers refuse that", visit.peer.ip()));
        }
        let (near, far) = tokio::io::duplex(BUFFER);
        tokio::join!(pump(socket, far), self.relay(near, visit));
    }

    /// Passes bytes on in both directions until one side ends, and tells who came and how it went.
    async fn relay<S: AsyncRead + AsyncWrite>(&self, stream: S, visit: Visit) {
        let broker = match TcpStream::connect(self.inner).await {
            Ok(broker) => broker,
            Err(error) => return self.refused(visit.peer.ip(), &format!("the broker behind does not answer: {error}")),
        };
        let _ = broker.set_nodelay(true);
        let (from_client, mut to_client) = tokio::io::split(stream);
        let (from_broker, to_broker) = broker.into_split();
        let visit = Mutex::new(visit);
        // Each direction by itself: a client that reads nothing while it writes must not block its own messages.
        let end = tokio::select! {
            end = upwards(from_client, to_broker, &visit) => end,
            end = self.downwards(from_broker, &mut to_client, &visit) => end,
            () = no_greeting(&visit) => End::NoGreeting,
        };
        self.gone(&visit.into_inner().unwrap_or_else(PoisonError::into_inner), &end);
        if matches!(end, End::BrokerClosed | End::NoGreeting) {
            // What the broker said last has been written; a client that does not take the end is left to itself.
            let _ = timeout(Duration::from_secs(2), to_client.shutdown()).await;
        }
    }

    /// What the broker sends to a client.
    async fn downwards(
        &self,
        mut from_broker: impl AsyncRead + Unpin,
        to_client: &mut (impl AsyncWrite + Unpin),
        visit: &Mutex<Visit>,
    ) -> End {
        let (mut sniffer, mut buffer, mut is_answered) = (Sniffer::default(), vec![0; BUFFER], false);
        loop {
            let length = match from_broker.read(&mut buffer).await {
                Ok(0) | Err(_) => return End::BrokerClosed,
                Ok(length) => length,
            };
            if !is_answered {
                let is_answer = |first| sniff::kind(first) == CONNACK;
                sniffer.feed(&buffer[..length], is_answer, |seen| {
                    is_answered = true;
                    self.answered(&mut locked(visit), &seen.body);
                });
            }
            // Inside TLS what is written may wait to be sent.
            let sent = async { to_client.write_all(&buffer[..length]).await.and(to_client.flush().await) };
            if let Err(error) = sent.await {
                return End::ClientBroke(error);
            }
        }
    }

    /// The broker answered CONNECT.
    fn answered(&self, visit: &mut Visit, connack: &[u8]) {
        visit.is_answered = true;
        let Some(greeting) = &visit.greeting else { return };
        let name = visit.name();
        if let Some(why) = sniff::refusal(connack) {
            return self.lines.tell(format!("{name} from {} was refused: {why}", visit.peer.ip()));
        }
        visit.is_in = true;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let before =
            clients.insert(greeting.client_id.clone(), visit.number).filter(|_| !greeting.client_id.is_empty());
        let mut line = format!("{name} came from {} over {}, {}", visit.peer.ip(), visit.over, greeting.version());
        if let Some(certificate) = &visit.certificate {
            line += ", certificate “";
            line += certificate;
            line += "”";
        }
        if let Some(username) = &greeting.username {
            line += ", user “";
            line += username;
            line += "”";
        }
        if greeting.has_will {
            line.push_str(", with a last will");
        }
        if before.is_some() {
            line.push_str("; another connection of that name is thrown out");
        }
        self.lines.tell(line);
    }

    fn gone(&self, visit: &Visit, end: &End) {
        let name = visit.name();
        let Some(greeting) = visit.greeting.as_ref() else {
            let from = visit.peer.ip();
            return match end {
                End::NoGreeting => self.refused(from, "no CONNECT came in time"),
                End::ClientClosed | End::ClientBroke(_) => {
                    self.lines
                        .tell(format!("{from} connected over {} and closed before it said who it is", visit.over));
                }
                End::BrokerClosed => self.refused(from, "what it sent is no MQTT, or not its beginning"),
            };
        };
        if !visit.is_in {
            if !visit.is_answered {
                let why = match greeting.level {
                    4 | 5 => "its CONNECT was against the standard",
                    _ => "the bench broker speaks MQTT 3.1.1 and 5, and no other version",
                };
                self.refused(visit.peer.ip(), why);
            }
            return;
        }
        let is_replaced = {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let is_own = clients.get(&greeting.client_id) == Some(&visit.number);
            if is_own {
                clients.remove(&greeting.client_id);
            }
            !is_own
        };
        let keep_alive = Duration::from_secs(greeting.keep_alive_secs.into());
        let stayed = visit.since.elapsed().as_secs();
        let how = match end {
            _ if visit.said_goodbye => "said goodbye".to_owned(),
            _ if is_replaced && !greeting.client_id.is_empty() => {
                "was thrown out: another connection came under the same client id".to_owned()
            }
            End::BrokerClosed if !keep_alive.is_zero() && visit.last.elapsed() >= keep_alive => format!(
                "was dropped: no sign of life for {} s, and it had promised one every {} s",
                visit.last.elapsed().as_secs(),
                keep_alive.as_secs()
            ),
            End::BrokerClosed => "was dropped: what it sent was against the standard".to_owned(),
            End::ClientClosed => "went without a goodbye".to_owned(),
            End::ClientBroke(error) => format!("vanished: the connection broke ({error})"),
            End::NoGreeting => return,
        };
        self.lines.tell(format!("{name} {how} after {stayed} s"));
    }

    fn refused(&self, from: std::net::IpAddr, why: &str) {
        self.lines.tell(format!("{from} was refused: {why}"));
    }
}

fn locked(visit: &Mutex<Visit>) -> MutexGuard<'_, Visit> {
    visit.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a client sends to the broker.
async fn upwards(
    mut from_client: impl AsyncRead + Unpin,
    mut to_broker: impl AsyncWrite + Unpin,
    visit: &Mutex<Visit>,
) -> End {
    let (mut sniffer, mut buffer) = (Sniffer::default(), vec![0; BUFFER]);
    loop {
        let length = match from_client.read(&mut buffer).await {
            Ok(0) => return End::ClientClosed,
            Ok(length) => length,
            Err(error) => return End::ClientBroke(error),
        };
        locked(visit).last = Instant::now();
        let is_of_interest = |first| matches!(sniff::kind(first), CONNECT | DISCONNECT);
        sniffer.feed(&buffer[..length], is_of_interest, |seen| locked(visit).sent(&seen));
        if to_broker.write_all(&buffer[..length]).await.is_err() {
            return End::BrokerClosed;
        }
    }
}

/// Ends when a client has not said in time who it is.
async fn no_greeting(visit: &Mutex<Visit>) {
    sleep(GREETING_LIMIT).await;
    if locked(visit).greeting.is_some() {
        std::future::pending::<()>().await;
    }
}

/// How a connection ended.
enum End {
    ClientClosed,
    ClientBroke(io::Error),
    BrokerClosed,
    NoGreeting,
}

/// A connection, and what is known of who is behind it.
struct Visit {
    peer: SocketAddr,
    over: &'static str,
    certificate: Option<String>,
    number: u64,
    since: Instant,
    last: Instant,
    greeting: Option<Greeting>,
    is_answered: bool,
    is_in: bool,
    said_goodbye: bool,
}

impl Visit {
    fn new(peer: SocketAddr, over: &'static str, number: u64) -> Self {
        let now = Instant::now();
        Self {
            peer,
            over,
            certificate: None,
            number,
            since: now,
            last: now,
            greeting: None,
            is_answered: false,
            is_in: false,
            said_goodbye: false,
        }
    }

    fn name(&self) -> String {
        match self.greeting.as_ref().map(|greeting| greeting.client_id.as_str()) {
            None | Some("") => "A client without a name".to_owned(),
            Some(name) => format!("“{name}”"),
        }
    }

    fn sent(&mut self, seen: &sniff::Seen) {
        match sniff::kind(seen.first) {
            CONNECT if self.greeting.is_none() => self.greeting = Greeting::read(&seen.body),
            DISCONNECT => self.said_goodbye = true,
            _ => {}
        }
    }
}

/// Carries the messages of a WebSocket as one stream of bytes, and back.
async fn pump<S: AsyncRead + AsyncWrite + Unpin>(socket: WebSocketStream<S>, stream: tokio::io::DuplexStream) {
    let (mut to_socket, mut from_socket) = socket.split();
    let (mut from_stream, mut to_stream) = tokio::io::split(stream);
    let upwards = async {
        while let Some(Ok(message)) = from_socket.next().await {
            match message {
                Message::Binary(bytes) => {
                    if to_stream.write_all(&bytes).await.is_err() {
                        break;
                    }
                }
                // Text is not allowed (MQTT 5.0, section 6); signs of life answer themselves.
                Message::Close(_) | Message::Text(_) => break,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
        let _ = to_stream.shutdown().await;
    };
    let downwards = async {
        let (mut sniffer, mut buffer) = (Sniffer::default(), vec![0; BUFFER]);
        'open: while let Ok(length @ 1..) = from_stream.read(&mut buffer).await {
            // No two packets in one frame. It would be allowed, but there are clients that do not look at the second one until
            // something else arrives.
            let mut start = 0;
            for end in sniffer.ends(&buffer[..length]).into_iter().chain([length]) {
                if end > start && to_socket.send(Message::binary(buffer[start..end].to_vec())).await.is_err() {
                    break 'open;
                }
                start = end;
            }
        }
        let _ = timeout(Duration::from_secs(2), to_socket.close()).await;
    };
    // When one direction has ended, the other is given a moment to finish.
    tokio::pin!(upwards, downwards);
    tokio::select! {
        () = &mut upwards => drop(timeout(Duration::from_secs(2), downwards).await),
        () = &mut downwards => drop(timeout(Duration::from_secs(2), upwards).await),
    }
}

/// Lines for a person to read, as many a second as a person can.
#[derive(Clone)]
pub(super) struct Lines {
    sender: mpsc::Sender<String>,
    rate: Arc<Mutex<Rate>>,
}

struct Rate {
    second: Instant,
    told: u32,
    left_out: u32,
}

impl Lines {
    pub(super) fn new(sender: mpsc::Sender<String>) -> Self {
        Self { sender, rate: Arc::new(Mutex::new(Rate { second: Instant::now(), told: 0, left_out: 0 })) }
    }

    pub(super) fn tell(&self, line: String) {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.second.elapsed() >= Duration::from_secs(1) {
            *rate = Rate { second: Instant::now(), told: 0, left_out: rate.left_out };
        }
        // A reader that is behind is as good a reason to leave a line out.
        let is_taken = rate.told < LINES_A_SECOND && {
            let line = match rate.left_out {
                0 => line,
                left_out => format!("{line} ({left_out} lines before this one were left out)"),
            };
            self.sender.try_send(line).is_ok()
        };
        if is_taken {
            (rate.told, rate.left_out) = (rate.told + 1, 0);
        } else {
            rate.left_out += 1;
        }
    }
}
