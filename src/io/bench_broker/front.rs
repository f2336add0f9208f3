//! The ports that gateways see. A connection is unwrapped here (TLS, WebSocket), so that what goes wrong can be told, and handed
//! to the broker behind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::desk::Desk;
use super::lines::Lines;
use super::tls;
use super::visit::Visit;
use super::wires::{SocketSink, SocketSource, StreamSink, StreamSource};
use crate::model::mqtt::bench::SightingKind;

/// A gateway has that long to say who it is.
const GREETING_LIMIT: Duration = Duration::from_secs(20);
/// Connections at a time.
const SEATS: usize = 500;

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
    desk: Arc<Desk>,
    tls: TlsAcceptor,
    mutual_tls: TlsAcceptor,
    lines: Lines,
    seats: Arc<Semaphore>,
}

impl Front {
    pub(super) fn new(desk: Arc<Desk>, tls: TlsAcceptor, mutual_tls: TlsAcceptor, lines: Lines) -> Arc<Self> {
        let seats = Arc::new(Semaphore::new(SEATS));
        Arc::new(Self { desk, tls, mutual_tls, lines, seats })
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
                self.lines.refused(peer.ip(), &format!("{SEATS} connections are open"));
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
            Ok(Ok(_) | Err(_)) => {
                let text = format!("{from} connected and closed without sending anything");
                return self.lines.from(SightingKind::Note, from, text);
            }
            Err(_) => {
                let text = format!("{from} connected and said nothing for {} s", GREETING_LIMIT.as_secs());
                return self.lines.from(SightingKind::Refused, from, text);
            }
        }
        let is_tls = first[0] == 0x16;
        match (way, first[0]) {
            (Way::Plain, 0x16) => self.lines.refused(from, "it spoke TLS to the port of plain MQTT"),
            (Way::Plain, b'G') => self.lines.refused(from, "it spoke HTTP or WebSocket to the port of plain MQTT"),
            (Way::Tls | Way::MutualTls, 0x10) => self.lines.refused(from, "it spoke plain MQTT to an encrypted port"),
            (Way::WebSocket, 0x10) => self.lines.refused(from, "it spoke plain MQTT to the port of WebSocket"),
            (Way::Plain, _) => self.serve_stream(stream, Visit::new(peer, "plain MQTT", number)).await,
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
            Ok(Err(error)) => return self.lines.refused(peer.ip(), &tls::why(&error)),
            Err(_) => return self.lines.refused(peer.ip(), "the handshake came to no end"),
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
        let mut visit = Visit::new(peer, version, number);
        visit.certificate = certificate;
        self.serve_stream(stream, visit).await;
    }

    async fn web_socket<S: AsyncRead + AsyncWrite + Unpin + Send>(&self, stream: S, visit: Visit) {
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
            Ok(Err(error)) => {
                return self.lines.refused(visit.peer.ip(), &format!("the WebSocket did not open: {error}"));
            }
            Err(_) => return self.lines.refused(visit.peer.ip(), "it asked for no WebSocket in time"),
        };
        if offered.is_none() {
            let from = visit.peer.ip();
            let text = format!("{from} asked for no sub-protocol “mqtt”: other brokers refuse that");
            self.lines.from(SightingKind::Note, from, text);
        }
        let (to, from) = socket.split();
        visit.run(&self.desk, &self.lines, SocketSource::new(from), SocketSink(to)).await;
    }

    async fn serve_stream<S: AsyncRead + AsyncWrite + Send>(&self, stream: S, visit: Visit) {
        let (from, to) = tokio::io::split(stream);
        visit.run(&self.desk, &self.lines, StreamSource::new(from), StreamSink(to)).await;
    }
}
