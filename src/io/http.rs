//! HTTP to the service on a gateway's own access point: one connection, its cookies, and limits on everything.
//!
//! A request is never sent twice: after the first octet nobody knows whether the gateway acted on it, and a cipher that lost
//! a message is out of step. Names are looked up by the system; nothing else leaves this computer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::flow::port::{Boxed, Http, HttpError, LinkError};
use crate::model::ids::LinkAddress;

/// How long connecting may take: an access point that is out of range says nothing at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a request may take; whoever asks sets shorter limits.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Longest answer that is read, octets.
const MAX_ANSWER: usize = 64 * 1024;
/// Longest cookie that is kept, bytes, and most of them.
const MAX_COOKIE: usize = 256;
const MAX_COOKIES: usize = 16;
/// The port if none is named.
const PORT: u16 = 80;

/// A client for one gateway.
pub struct HttpClient {
    host: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<SendRequest<Full<Bytes>>>,
    cookies: Cookies,
}

/// A client for the gateway at an address. Nothing is sent yet.
pub fn client(address: &LinkAddress) -> Result<Arc<dyn Http>, LinkError> {
    let LinkAddress::Http(host) = address else { return Err(LinkError::NotOffered { link: address.kind() }) };
    Ok(Arc::new(HttpClient { host: host.clone(), state: Mutex::default() }))
}

impl Http for HttpClient {
    fn post<'a>(&'a self, path: &'a str, body: Vec<u8>) -> Boxed<'a, Result<Vec<u8>, LinkError>> {
        Box::pin(async move {
            let mut state = self.state.lock().await;
            // Until it is known to have gone well the connection is not kept: an exchange that is given up leaves none behind.
            let connection = match state.connection.take() {
                Some(mut connection) => match connection.ready().await {
                    Ok(()) => connection,
                    Err(_) => self.connect().await?,
                },
                None => self.connect().await?,
            };
            let exchange = self.exchange(connection, state.cookies.header(), path, body);
            let (answer, connection, headers) = timeout(REQUEST_LIMIT, exchange)
                .await
                .unwrap_or_else(|_| Err(self.broken("no answer came in time")))?;
            state.cookies.take_in(&headers);
            state.connection = Some(connection);
            answer
        })
    }
}

/// What an exchange leaves: the answer, the connection, and the headers.
type Exchanged = (Result<Vec<u8>, LinkError>, SendRequest<Full<Bytes>>, HeaderMap);

impl HttpClient {
    fn broken(&self, detail: &str) -> LinkError {
        HttpError::Broken { host: self.host.clone(), detail: detail.to_owned() }.into()
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, LinkError> {
        let not_reached = |detail: String| LinkError::from(HttpError::NotReached { host: self.host.clone(), detail });
        let stream = timeout(CONNECT_LIMIT, TcpStream::connect(with_port(&self.host)))
            .await
            .map_err(|_| not_reached("no answer to the attempt to connect".into()))?
            .map_err(|error| not_reached(error.to_string()))?;
        // Requests are small and each waits for its answer.
        let _ = stream.set_nodelay(true);
        // Headers as a browser of old writes them: not every small server compares them without their case.
        let (connection, driver) = Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error.to_string()))?;
        // Its error also reaches whoever waits for an answer.
        tokio::spawn(async move { drop(driver.await) });
        Ok(connection)
    }

    async fn exchange(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        cookie: Option<HeaderValue>,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Exchanged, LinkError> {
        let mut request =
            Request::post(path).header(HOST, &self.host).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| self.broken(&error.to_string()))?;
        let response: Response<Incoming> =
            connection.send_request(request).await.map_err(|error| self.broken(&error.to_string()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = Limited::new(response.into_body(), MAX_ANSWER);
        let body = body.collect().await.map_err(|error| self.broken(&error.to_string()))?.to_bytes();
        let answer = if status.is_success() {
            Ok(body.to_vec())
        } else {
            Err(HttpError::Status { host: self.host.clone(), status: status.as_u16() }.into())
        };
        Ok((answer, connection, headers))
    }
}

/// The cookies that the gateway set, by name.
#[derive(Default)]
struct Cookies(BTreeMap<String, String>);

impl Cookies {
    /// Takes in what an answer sets, replaces and deletes.
    fn take_in(&mut self, headers: &HeaderMap) {
        for text in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            if parts.any(|part| part.eq_ignore_ascii_case("Max-Age=0")) {
                self.0.remove(name);
            } else if self.has_room_for(name) && name.len() + value.len() < MAX_COOKIE {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn has_room_for(&self, name: &str) -> bool {
        self.0.len() < MAX_COOKIES || self.0.contains_key(name)
    }

    /// What goes with a request: names and values, without what tells a browser how to keep them.
    fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }
}

/// The host with its port; an IPv6 address stands in brackets.
fn with_port(host: &str) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(before, port)| {
        port.bytes().all(|digit| digit.is_ascii_digit()) && (!before.contains(':') || before.ends_with(']'))
    });
    if has_port { host.to_owned() } else { format!("{host}:{PORT}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_80_unless_one_is_named() {
        for (host, expected) in [
            ("192.168.4.1", "192.168.4.1:80"),
            ("192.168.4.1:8080", "192.168.4.1:8080"),
            ("[fe80::1]", "[fe80::1]:80"),
            ("[fe80::1]:81", "[fe80::1]:81"),
            ("gateway.local", "gateway.local:80"),
        ] {
            assert_eq!(with_port(host), expected);
        }
    }

    /// The header that goes out after answers with these cookies, a list each.
    fn cookies(answers: &[&[&str]]) -> Option<String> {
        let mut cookies = Cookies::default();
        for answer in answers {
            let mut headers = HeaderMap::new();
            for text in *answer {
                headers.append(SET_COOKIE, HeaderValue::from_str(text).expect("a header"));
            }
            cookies.take_in(&headers);
        }
        cookies.header().map(|value| value.to_str().expect("text").to_owned())
    }

    #[test]
    fn of_a_cookie_only_name_and_value_are_kept() {
        assert_eq!(cookies(&[&["session=42; Path=/; HttpOnly"]]).as_deref(), Some("session=42"));
        assert_eq!(cookies(&[&["nothing"]]), None);
        assert_eq!(cookies(&[&[&format!("session={}", "9".repeat(MAX_COOKIE))]]), None);
    }

    #[test]
    fn every_cookie_of_an_answer_goes_back_and_a_later_one_replaces_it() {
        let first: &[&str] = &["lang=de; Path=/", "session=42", "csrf=a=b"];
        assert_eq!(cookies(&[first]).as_deref(), Some("csrf=a=b; lang=de; session=42"));
        assert_eq!(cookies(&[first, &["session=43"]]).as_deref(), Some("csrf=a=b; lang=de; session=43"));
        assert_eq!(cookies(&[first, &["lang=; Max-Age=0"]]).as_deref(), Some("csrf=a=b; session=42"));
        let many: Vec<String> = (0..100).map(|number| format!("c{number}=1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(cookies(&[&many]).map(|text| text.split("; ").count()), Some(MAX_COOKIES));
    }
}
