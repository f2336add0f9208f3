//! A server of the simulated network: TLS where the row has it, then HTTP, MQTT, or MQTT inside a WebSocket.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, LOCATION, SERVER, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rumqttc::mqttbytes::v4::{Codec, ConnAck, ConnectReturnCode, Packet};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::codec::Framed;

use super::plan::{Does, Speaks, StandIn, portal_url};

/// What the servers call themselves.
const NAME: &str = "linesman-simulated";
/// How long a visit may last: longer than the longest idle session a vendor wants.
const VISIT: Duration = Duration::from_mins(10);
/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(20);
/// The largest packet that is read of a client.
const MAX_PACKET: usize = 64 * 1024;

/// What a server works with.
pub(super) struct Service {
    pub(super) stand_in: StandIn,
    /// Its certificate, where it has TLS.
    pub(super) config: Option<Arc<ServerConfig>>,
    /// The list of revoked certificates.
    pub(super) revoked: Bytes,
}

/// Starts it, and says where it is.
pub(super) async fn start(service: Service, tasks: &mut JoinSet<()>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let service = Arc::new(service);
    tasks.spawn(super::accept(listener, move |stream| {
        let service = Arc::clone(&service);
        async move {
            // What goes wrong in between is the client's to explain.
            let _ = timeout(VISIT, visit(stream, &service)).await;
        }
    }));
    Ok(address)
}

async fn visit(stream: TcpStream, service: &Arc<Service>) -> io::Result<()> {
    let Some(config) = &service.config else { return talk(stream, service).await };
    let hello = timeout(GREETING, LazyConfigAcceptor::new(Acceptor::default(), stream)).await??;
    let is_named = hello.client_hello().server_name() == Some(&service.stand_in.target.host);
    if service.stand_in.does == Does::Filtered && is_named {
        // Closing it now resets it.
        return hello.io.set_zero_linger();
    }
    let stream = timeout(GREETING, hello.into_stream(Arc::clone(config))).await??;
    talk(stream, service).await
}

async fn talk<S>(stream: S, service: &Arc<Service>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match (service.stand_in.does, service.stand_in.speaks) {
        (Does::Silent, _) => hear(stream).await,
        (_, Speaks::Broker) => greet(stream).await,
        (_, Speaks::Web | Speaks::Lists | Speaks::Time) => show(stream, service).await,
    }
}

/// Takes everything and says nothing.
async fn hear(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut piece = vec![0; 4096];
    while stream.read(&mut piece).await? > 0 {}
    Ok(())
}

/// A broker that knows nobody: each login is refused by its own answer.
const fn refusal() -> ConnAck {
    ConnAck { session_present: false, code: ConnectReturnCode::NotAuthorized }
}

async fn greet(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut framed = Framed::new(stream, Codec { max_incoming_size: MAX_PACKET, max_outgoing_size: MAX_PACKET });
    if let Some(Ok(Packet::Connect(_))) = timeout(GREETING, framed.next()).await? {
        framed.send(Packet::ConnAck(refusal())).await.map_err(io::Error::other)?;
    }
    Ok(())
}

/// Serves pages until the client goes.
async fn show<S>(stream: S, service: &Arc<Service>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = Arc::clone(service);
    let answer = service_fn(move |request| {
        let response = answer(request, &service);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).with_upgrades();
    connection.await.map_err(io::Error::other)
}

fn answer(mut request: Request<Incoming>, service: &Service) -> Response<Full<Bytes>> {
    let key = request.headers().get("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes()));
    let stand_in = &service.stand_in;
    match (key, stand_in.does, stand_in.speaks) {
        (_, Does::Portal, _) => portal(),
        (Some(accept), ..) => {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                // A client that changes its mind is none of ours.
                if let Ok(upgraded) = upgrade.await {
                    let _ = timeout(VISIT, greet_inside(TokioIo::new(upgraded))).await;
                }
            });
            upgraded(&accept)
        }
        (None, _, Speaks::Lists) => {
            let mut response = page(StatusCode::OK, service.revoked.clone());
            response.headers_mut().insert(CONTENT_TYPE, static_value("application/pkix-crl"));
            response
        }
        (None, ..) => {
            page(StatusCode::from_u16(stand_in.status).unwrap_or(StatusCode::NOT_FOUND), "A simulated server.\n".into())
        }
    }
}

fn page(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(SERVER, static_value(NAME));
    response
}

const fn static_value(text: &'static str) -> hyper::header::HeaderValue {
    hyper::header::HeaderValue::from_static(text)
}

/// What a captive portal answers, whoever is asked.
fn portal() -> Response<Full<Bytes>> {
    let mut response = page(StatusCode::FOUND, "<html><title>Sign in</title></html>\n".into());
    if let Ok(url) = portal_url().parse() {
        response.headers_mut().insert(LOCATION, url);
    }
    response
}

fn upgraded(accept: &str) -> Response<Full<Bytes>> {
    let mut response = page(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONNECTION, static_value("Upgrade"));
    headers.insert(UPGRADE, static_value("websocket"));
    headers.insert("sec-websocket-protocol", static_value("mqtt"));
    if let Ok(accept) = accept.parse() {
        headers.insert("sec-websocket-accept", accept);
    }
    response
}

/// As [`greet`], inside a WebSocket.
async fn greet_inside(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let mut heard = BytesMut::new();
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(piece) = message {
            heard.extend_from_slice(&piece);
        }
        match Packet::read(&mut heard, MAX_PACKET) {
            Ok(Packet::Connect(_)) => {
                let mut reply = BytesMut::new();
                refusal().write(&mut reply).map_err(io::Error::other)?;
                socket.send(Message::Binary(reply.freeze())).await.map_err(io::Error::other)?;
                return socket.close(None).await.map_err(io::Error::other);
            }
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => {}
            _ => break,
        }
    }
    Ok(())
}
