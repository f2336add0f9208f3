//! The service on a simulated device's own access point: HTTP on the loopback address, with the session cookie.

use std::convert::Infallible;
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
use tokio::sync::watch;
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

async fn run(listener: TcpListener, device: Shared) {
    let mut connections = JoinSet::new();
    let (new_sessions, _) = watch::channel(1_u32);
    let new_sessions = Arc::new(new_sessions);
    loop {
        let due = ends_at(&device);
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let _ = stream.set_nodelay(true);
                let (device, new_sessions) = (Arc::clone(&device), Arc::clone(&new_sessions));
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (device, new_sessions) = (Arc::clone(&device), Arc::clone(&new_sessions));
                        async move { Ok::<_, Infallible>(answer(request, &device, &new_sessions).await) }
                    });
                    // A client that breaks off is none of the device's business.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
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
    new_sessions: &watch::Sender<u32>,
) -> Response<Full<Bytes>> {
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    let endpoint = request.uri().path().trim_start_matches('/').to_owned();
    let known = session_of(request.headers());
    let session = known.unwrap_or_else(|| {
        let mut fresh = 0;
        new_sessions.send_modify(|last| {
            *last = last.wrapping_add(1);
            fresh = *last;
        });
        fresh
    });
    let Ok(body) = Limited::new(request.into_body(), MAX_MESSAGE).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let mut random = [0; 64];
    if getrandom::fill(&mut random).is_err() {
        return plain(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let reply = {
        let mut device = device.lock().unwrap_or_else(PoisonError::into_inner);
        device.handle(session, &endpoint, &body, &random, std::time::Instant::now())
    };
    match reply {
        Reply::Answer(bytes, after) => {
            sleep(after).await;
            let mut response = Response::new(Full::new(Bytes::from(bytes)));
            if known.is_none()
                && let Ok(cookie) = format!("session={session}").parse()
            {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Reply::Failed => plain(StatusCode::INTERNAL_SERVER_ERROR),
        Reply::Missing => plain(StatusCode::NOT_FOUND),
        Reply::Silent => std::future::pending().await,
    }
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
            let reply = {
                let mut device = self.device.lock().unwrap_or_else(PoisonError::into_inner);
                device.handle(self.session, path.trim_start_matches('/'), &body, &random, now.into_std())
            };
            match reply {
                Reply::Answer(bytes, after) => {
                    sleep(after).await;
                    Ok(bytes)
                }
                Reply::Failed => Err(HttpError::Status { host: host(), status: 500 }.into()),
                Reply::Missing => Err(HttpError::Status { host: host(), status: 404 }.into()),
                Reply::Silent => std::future::pending().await,
            }
        })
    }
}
