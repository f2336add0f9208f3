//! The service on a simulated device's own access point: HTTP on the loopback address, with the session cookie.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{COOKIE, HeaderMap, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use super::{EspDevice, Reply};
use crate::flow::port::{Boxed, Http, HttpError, LinkError};
use crate::proto::esp::messages::MAX_MESSAGE;

/// How often it looks whether its service is to end.
const LOOK: Duration = Duration::from_millis(50);

/// A device that serves, until it ended its service or dropped its link.
pub(in crate::sim) struct HttpDevice {
    pub(in crate::sim) address: SocketAddr,
    pub(in crate::sim) running: JoinHandle<()>,
}

pub(in crate::sim) type Shared = Arc<Mutex<EspDevice>>;

/// Starts to serve on a port of the system's choice.
pub(in crate::sim) async fn serve(device: Shared) -> io::Result<HttpDevice> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let running = tokio::spawn(run(listener, device));
    Ok(HttpDevice { address, running })
}

/// Which session is open, and over which connection it was opened: a client without cookies is known by that.
#[derive(Default)]
struct Open {
    session: u32,
    connection: Option<u64>,
}

/// The handler failed in the way of firmware that says nothing and hangs up.
#[derive(Debug, thiserror::Error)]
#[error("the handler failed")]
struct HangUp;

async fn run(listener: TcpListener, device: Shared) {
    let mut connections = JoinSet::new();
    let open = Arc::new(Mutex::new(Open::default()));
    let mut number = 0_u64;
    loop {
        let due = ends_at(&device);
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let _ = stream.set_nodelay(true);
                let (device, open) = (Arc::clone(&device), Arc::clone(&open));
                number += 1;
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (device, open) = (Arc::clone(&device), Arc::clone(&open));
                        async move { answer(request, &device, &open, number).await }
                    });
                    // A client that breaks off is none of the device's business. Some clients compare the case of headers.
                    let connection = http1::Builder::new()
                        .title_case_headers(true)
                        .serve_connection(TokioIo::new(stream), service);
                    let _ = connection.await;
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = sleep(LOOK) => {}
            () = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            } => return,
        }
    }
}

fn ends_at(device: &Shared) -> Option<Instant> {
    let device = device.lock().unwrap_or_else(PoisonError::into_inner);
    [device.stops_at(), device.drops_at()].into_iter().flatten().min().map(Instant::from_std)
}

async fn answer(
    request: Request<Incoming>,
    device: &Shared,
    open: &Mutex<Open>,
    connection: u64,
) -> Result<Response<Full<Bytes>>, HangUp> {
    if request.method() != Method::POST {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED));
    }
    let endpoint = request.uri().path().trim_start_matches('/').to_owned();
    let (session, is_new) = session(open, session_of(request.headers()), connection);
    let Ok(body) = Limited::new(request.into_body(), MAX_MESSAGE).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let body = body.to_bytes();
    let mut random = [0; 64];
    getrandom::fill(&mut random).map_err(|_| HangUp)?;
    let (reply, hangs_up) = {
        let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = device.handle(session, &endpoint, &body, &random, std::time::Instant::now());
        (reply, device.plan.hangs_up)
    };
    match reply {
        Reply::Answer(bytes, after) => {
            sleep(after).await;
            let mut response = Response::new(Full::new(Bytes::from(bytes)));
            if is_new && let Ok(cookie) = format!("session={session}").parse() {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Reply::Failed if hangs_up => Err(HangUp),
        Reply::Failed => Ok(plain(StatusCode::INTERNAL_SERVER_ERROR)),
        Reply::Missing => Ok(plain(StatusCode::NOT_FOUND)),
        Reply::Silent => std::future::pending().await,
    }
}

/// The session a request belongs to: the open one by its cookie, without one by its connection, else a new one.
fn session(open: &Mutex<Open>, cookie: Option<u32>, connection: u64) -> (u32, bool) {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = match cookie {
        Some(cookie) => cookie == open.session,
        None => open.connection == Some(connection),
    };
    if is_same {
        return (open.session, false);
    }
    *open = Open { session: open.session.wrapping_add(1), connection: Some(connection) };
    (open.session, true)
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn session_of(headers: &HeaderMap) -> Option<u32> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("session=")?.parse().ok())
}

/// The same service without a socket: for tests on a paused clock.
pub(in crate::sim) struct InProcess {
    /// The device.
    pub(in crate::sim) device: Shared,
    /// The name of its host.
    pub(in crate::sim) host: String,
    /// Tells this client from earlier ones.
    pub(in crate::sim) session: u32,
}

impl Http for InProcess {
    fn post<'a>(&'a self, path: &'a str, body: Vec<u8>) -> Boxed<'a, Result<Vec<u8>, LinkError>> {
        Box::pin(async move {
            let host = || self.host.clone();
            let now = Instant::now();
            if ends_at(&self.device).is_some_and(|end| end <= now) {
                let detail = "connection refused".to_owned();
                return Err(HttpError::NotReached { host: host(), detail }.into());
            }
            let mut random = [0; 64];
            getrandom::fill(&mut random)
                .map_err(|error| HttpError::Broken { host: host(), detail: error.to_string() })?;
            let (reply, hangs_up) = {
                let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
                let endpoint = path.trim_start_matches('/');
                let reply = device.handle(self.session, endpoint, &body, &random, now.into_std());
                (reply, device.plan.hangs_up)
            };
            match reply {
                Reply::Answer(bytes, after) => {
                    sleep(after).await;
                    Ok(bytes)
                }
                Reply::Failed if hangs_up => {
                    let detail = "connection closed before message completed".to_owned();
                    Err(HttpError::Broken { host: host(), detail }.into())
                }
                Reply::Failed => Err(HttpError::Status { host: host(), status: 500 }.into()),
                Reply::Missing => Err(HttpError::Status { host: host(), status: 404 }.into()),
                Reply::Silent => std::future::pending().await,
            }
        })
    }
}
