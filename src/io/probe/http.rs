//! HTTP/1.1 over a stream that is there: HEAD, then GET of little (GET alone where HEAD brings nothing); no redirects, no credentials, no proxy.

use std::future::{Future, poll_fn};
use std::io::Error;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{ACCEPT, CONNECTION, DATE, HOST, HeaderMap, LOCATION, SERVER, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::error::{Error as WebSocketError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::errors::{broke, late, other};
use crate::check::seen::{Broke, HttpEnd};
use crate::io::stream::{Carried, Glimpse, Stream};
use crate::model::text::visible_octets;

/// The most of a page that is read, bytes, and how much of it is shown.
pub(super) const MAX_PAGE: usize = 4096;
const BEGINS_CHARS: usize = 200;
/// The most of headers, bytes, and their number.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// Longest text of a header.
const HEADER_CHARS: usize = 300;
/// What we call ourselves, so that it can be found in a log.
const AGENT: &str = concat!("linesman/", env!("CARGO_PKG_VERSION"));

/// What is asked for.
pub(super) struct Page<'a> {
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    /// Whether the page itself is asked for as well.
    pub(super) wants_body: bool,
}

type Driver = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// A connection that speaks HTTP. It is moved by whoever waits for it, so that nothing is left when that is dropped.
pub(super) struct Session {
    sender: SendRequest<Empty<Bytes>>,
    driver: Option<Driver>,
    host: String,
    path: String,
}

/// Asks for a page; the connection is left where it can be used on.
pub(super) async fn ask(
    stream: Box<dyn Stream>,
    glimpse: &Glimpse,
    page: &Page<'_>,
    limit: Duration,
) -> (HttpEnd, Option<Session>) {
    let until = Instant::now() + limit;
    let opened = timeout_at(until, Session::open(stream, page.host, page.path)).await;
    let mut session = match opened {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return (ended(&error, glimpse), None),
        Err(_) => return (HttpEnd::Broken(late(glimpse)), None),
    };
    let head = match timeout_at(until, session.send(Method::HEAD)).await {
        Ok(Ok(response)) => answer(response.status().as_u16(), response.headers(), &[]),
        Ok(Err(error)) => return (ended(&error, glimpse), None),
        Err(_) => return (HttpEnd::Broken(late(glimpse)), None),
    };
    if !page.wants_body || !session.is_open() {
        return (head, Some(session));
    }
    match timeout_at(until, session.page()).await {
        Ok(Ok(end)) => (end, None),
        // HEAD was answered, and that says enough.
        Ok(Err(_)) | Err(_) => (head, None),
    }
}

/// Asks for a page by GET alone.
pub(super) async fn ask_by_get(
    stream: Box<dyn Stream>,
    glimpse: &Glimpse,
    page: &Page<'_>,
    limit: Duration,
) -> (HttpEnd, Option<Session>) {
    let got = async {
        let mut session = Session::open(stream, page.host, page.path).await?;
        let end = session.page().await?;
        Ok((end, session))
    };
    match timeout(limit, got).await {
        Ok(Ok((end, session))) => (end, Some(session).filter(Session::is_open)),
        Ok(Err(error)) => (ended(&error, glimpse), None),
        Err(_) => (HttpEnd::Broken(late(glimpse)), None),
    }
}

impl Session {
    async fn open(stream: Box<dyn Stream>, host: &str, path: &str) -> Result<Self, hyper::Error> {
        let (sender, driver) =
            Builder::new().max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS).handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Some(Box::pin(driver)), host: host.into(), path: path.into() })
    }

    fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Waits for that while the connection is moved. It may end first, with an answer still on the way.
    async fn drive<T>(driver: &mut Option<Driver>, wanted: impl Future<Output = T>) -> T {
        tokio::pin!(wanted);
        poll_fn(|cx| {
            if let Some(moved) = driver
                && moved.as_mut().poll(cx).is_ready()
            {
                // Its error also reaches whoever waits for an answer.
                *driver = None;
            }
            wanted.as_mut().poll(cx)
        })
        .await
    }

    async fn send(&mut self, method: Method) -> Result<Response<Incoming>, hyper::Error> {
        let request = Request::builder()
            .method(method)
            .uri(self.path.as_str())
            .header(HOST, self.host.as_str())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "keep-alive")
            .body(Empty::new())
            // A host or path that cannot be written is asked for as the root.
            .unwrap_or_default();
        Self::drive(&mut self.driver, self.sender.send_request(request)).await
    }

    /// Asks for the page and reads its beginning.
    async fn page(&mut self) -> Result<HttpEnd, hyper::Error> {
        let response = self.send(Method::GET).await?;
        let (parts, mut body) = response.into_parts();
        let mut page = Vec::new();
        while page.len() < MAX_PAGE {
            match Self::drive(&mut self.driver, body.frame()).await {
                Some(Ok(frame)) => page.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                // What came before it broke off is shown.
                Some(Err(_)) | None => break,
            }
        }
        page.truncate(MAX_PAGE);
        Ok(answer(parts.status.as_u16(), &parts.headers, &page))
    }

    /// Says nothing for that long, then asks once more: how the connection was cut, or `None` where it stood and answered.
    pub(super) async fn stay_idle(mut self, time: Duration, limit: Duration) -> Option<Broke> {
        let Some(driver) = &mut self.driver else { return Some(Broke::Closed) };
        match timeout(time, driver).await {
            Ok(Ok(())) => return Some(Broke::Closed),
            Ok(Err(error)) => return Some(of_hyper(&error, &Glimpse::default())),
            Err(_) => {}
        }
        match timeout(limit, self.send(Method::HEAD)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(of_hyper(&error, &Glimpse::default())),
            Err(_) => Some(Broke::Silent),
        }
    }
}

fn ended(error: &hyper::Error, glimpse: &Glimpse) -> HttpEnd {
    HttpEnd::Broken(of_hyper(error, glimpse))
}

fn of_hyper(error: &hyper::Error, glimpse: &Glimpse) -> Broke {
    if error.is_parse_too_large() {
        return Broke::TooLong { bytes: glimpse.bytes() };
    }
    if error.is_parse() || error.is_parse_status() {
        return other(glimpse);
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<Error>() {
            return broke(error, glimpse);
        }
        source = cause.source();
    }
    Broke::Closed
}

fn answer(status: u16, headers: &HeaderMap, page: &[u8]) -> HttpEnd {
    let text = |name| {
        headers.get(name).map(|value: &hyper::header::HeaderValue| visible_octets(value.as_bytes(), HEADER_CHARS))
    };
    HttpEnd::Status {
        status,
        server: text(SERVER),
        location: text(LOCATION),
        date: headers.get(DATE).and_then(|date| seconds(date.to_str().ok()?)),
        begins: visible_octets(page, BEGINS_CHARS),
        is_upgraded: false,
    }
}

/// A date of HTTP in seconds since 1970 UTC.
fn seconds(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp().as_second())
}

/// Asks for a WebSocket with that sub-protocol; the stream inside it, where it was granted.
pub(super) async fn upgrade(
    stream: Box<dyn Stream>,
    host: &str,
    path: &str,
    protocol: &str,
) -> Result<(HttpEnd, Option<Box<dyn Stream>>), Error> {
    let request = tokio_tungstenite::tungstenite::http::Request::builder()
        .uri(format!("ws://{host}{path}"))
        .header("Host", host)
        .header("User-Agent", AGENT)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .header("Sec-WebSocket-Protocol", protocol)
        .body(())
        .map_err(Error::other)?;
    match client_async(request, stream).await {
        Ok((socket, response)) => {
            let mut end = answer(response.status().as_u16(), response.headers(), &[]);
            if let HttpEnd::Status { is_upgraded, .. } = &mut end {
                *is_upgraded = true;
            }
            Ok((end, Some(Box::new(Carried::new(socket)))))
        }
        Err(WebSocketError::Http(response)) => {
            let page = response.body().as_deref().unwrap_or_default();
            let page = &page[..page.len().min(MAX_PAGE)];
            Ok((answer(response.status().as_u16(), response.headers(), page), None))
        }
        Err(WebSocketError::Protocol(error)) => match half_granted(&error) {
            Some(wrong) => Ok((answer(101, &HeaderMap::new(), wrong.as_bytes()), None)),
            None => Err(Error::new(std::io::ErrorKind::InvalidData, error.to_string())),
        },
        Err(WebSocketError::Io(error)) => Err(error),
        Err(error) => Err(Error::new(std::io::ErrorKind::InvalidData, error.to_string())),
    }
}

/// What is wrong with an upgrade that was granted, but not as it must be.
const fn half_granted(error: &ProtocolError) -> Option<&'static str> {
    match error {
        ProtocolError::SecWebSocketAcceptKeyMismatch => Some("the answer belongs to another key"),
        ProtocolError::SecWebSocketSubProtocolError(_) => Some("the sub-protocol for MQTT isn't named"),
        ProtocolError::MissingConnectionUpgradeHeader | ProtocolError::MissingUpgradeWebSocketHeader => {
            Some("the headers of an upgrade are missing")
        }
        _ => None,
    }
}

/// Gets a content whole, of at most so many bytes.
pub(super) async fn get(
    stream: Box<dyn Stream>,
    glimpse: &Glimpse,
    host: &str,
    path: &str,
    most: usize,
) -> (HttpEnd, Vec<u8>) {
    let got = async {
        let mut session = Session::open(stream, host, path).await?;
        let response = session.send(Method::GET).await?;
        let (parts, mut body) = response.into_parts();
        let mut content = Vec::new();
        while let Some(frame) = Session::drive(&mut session.driver, body.frame()).await {
            content.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data));
            if content.len() > most {
                let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
                return Ok((HttpEnd::Broken(Broke::TooLong { bytes }), Vec::new()));
            }
        }
        let begins = if content.starts_with(b"<") { &content[..content.len().min(MAX_PAGE)] } else { &[] };
        Ok((answer(parts.status.as_u16(), &parts.headers, begins), content))
    };
    let got: Result<_, hyper::Error> = got.await;
    got.unwrap_or_else(|error| (ended(&error, glimpse), Vec::new()))
}
