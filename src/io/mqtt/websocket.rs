//! MQTT inside a WebSocket (MQTT 5.0, section 6; RFC 6455): opened over a stream of ours, so that proxy and encryption are
//! the same as without; then read and written like any stream.

use std::time::{Duration, SystemTime};

use tokio::time::timeout;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::http::{HeaderMap, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::error::{MqttError, Stalled};
use super::tcp::Facts;
use crate::io::stream::{Carried, Stream};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::secret::Secret;
use crate::model::text::{visible, visible_octets};

/// The largest message of a WebSocket, packet limit or not: what is larger cannot be skipped, it is held whole.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The host as the header has it: with the port where it is not the usual one.
pub(super) fn host(plan: &ConnectPlan) -> String {
    let url = &plan.url;
    let authority = url.authority();
    if url.port != url.scheme.default_port() {
        return authority;
    }
    authority.rsplit_once(':').map(|(host, _)| host.to_owned()).unwrap_or(authority)
}

/// An open WebSocket, and by how many seconds this computer's clock is ahead of the server's, if it told the time.
pub(super) type Opened = (Box<dyn Stream>, Option<i64>);

/// Opens a WebSocket. `path` may hold a signature and is not shown.
pub(super) async fn open(
    stream: Box<dyn Stream>,
    plan: &ConnectPlan,
    path: &Secret<String>,
    limit: Duration,
    facts: &mut Facts,
) -> Result<Opened, (MqttError, Option<i64>)> {
    let bare_path = plan.url.path.split('?').next().unwrap_or_default();
    let url = visible(&format!("{}://{}{bare_path}", plan.url.scheme, plan.url.authority()), 300);
    facts.push(("Address".into(), url.clone()));
    let host = host(plan);
    let mut request = Request::builder()
        .uri(format!("ws://{host}{}", path.expose()))
        .header("Host", &host)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .header("Sec-WebSocket-Protocol", "mqtt");
    for (name, value) in &plan.headers {
        request = request.header(name, value.expose());
    }
    let request = request.body(());
    let refused = |detail: String| MqttError::NotAWebSocket { url: url.clone(), detail };
    // What is wrong with an address may quote it, and it may hold a signature.
    let request = request.map_err(|_| (refused("the path cannot be asked for".into()), None))?;
    let most = usize::try_from(plan.max_packet_bytes).unwrap_or(usize::MAX).saturating_add(1024).max(MAX_MESSAGE_BYTES);
    let config = WebSocketConfig::default().max_message_size(Some(most)).max_frame_size(Some(most));
    let opened = timeout(limit, client_async_with_config(request, stream, Some(config))).await;
    let silent =
        || MqttError::Stalled { what: Stalled::WebSocket, address: plan.url.authority(), secs: limit.as_secs() };
    let (socket, response) = match opened.map_err(|_| (silent(), None))? {
        Ok(opened) => opened,
        Err(Error::Http(response)) => {
            let ahead = clock_ahead(response.headers());
            return Err((http_status(url, &response, facts), ahead));
        }
        Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
            return Err((MqttError::NoSubProtocol { url }, None));
        }
        Err(Error::Io(error)) => return Err((refused(error.to_string()), None)),
        Err(error) => return Err((refused(visible(&error.to_string(), 200)), None)),
    };
    let ahead = clock_ahead(response.headers());
    note_server(response.headers(), facts);
    Ok((Box::new(Carried::new(socket)), ahead))
}

fn http_status(url: String, response: &Response<Option<Vec<u8>>>, facts: &mut Facts) -> MqttError {
    note_server(response.headers(), facts);
    let status = response.status();
    facts.push(("It answers".into(), status.to_string()));
    let mut says = vec![status.to_string()];
    for name in ["location", "www-authenticate", "proxy-authenticate", "x-amzn-errortype", "content-type"] {
        if let Some(value) = response.headers().get(name) {
            // A location may repeat the signature that stood in our address.
            let value = value.as_bytes().split(|octet| *octet == b'?').next().unwrap_or_default();
            says.push(format!("{name}: {}", visible_octets(value, 200)));
        }
    }
    if let Some(title) = response.body().as_deref().and_then(title) {
        says.push(format!("the page is called “{title}”"));
    }
    MqttError::HttpStatus { url, status: status.as_u16(), says: says.join("; ") }
}

/// The title of a web page, which names the captive portal.
fn title(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 * 1024)]).into_owned();
    let lower = text.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let to = from + lower[from..].find("</title>")?;
    Some(visible(text.get(from..to)?.trim(), 100))
}

fn note_server(headers: &HeaderMap, facts: &mut Facts) {
    if let Some(server) = headers.get("server") {
        facts.push(("Server".into(), visible_octets(server.as_bytes(), 100)));
    }
}

/// By how many seconds our clock is ahead of the server's.
fn clock_ahead(headers: &HeaderMap) -> Option<i64> {
    let told = jiff::fmt::rfc2822::parse(headers.get("date")?.to_str().ok()?).ok()?;
    let now = jiff::Timestamp::try_from(SystemTime::now()).ok()?;
    Some(now.as_second() - told.timestamp().as_second())
}
