//! A conversation: a connection, and one step after the other until one fails.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::errors::{broke, late};
use super::http::Session;
use super::roots::{Chains, Roots};
use super::tls::{MAX_BYTES, Shaken, Wanted};
use super::{Began, Teller, connect, http, mqtt, not_run, proxies, tls};
use crate::check::question::{From, Say, Shape, Talk};
use crate::check::seen::{Broke, HttpEnd, Idle, MqttEnd, NotRun, Seen, TlsEnd};
use crate::io::stream::{Glimpse, Split, Stream, Watched};

/// How much of a hello goes out alone where it is split: within its name as a rule.
const ALONE: usize = 100;

/// What the conversation stands on by now.
enum Ground {
    /// A stream, and what it is inside of.
    Stream(Box<dyn Stream>, &'static str),
    /// HTTP, in the middle of a connection.
    Http(Session),
    /// MQTT, after the broker took the connection.
    Mqtt(Box<dyn Stream>),
    /// Nothing more can be said.
    Over,
}

/// Connects and talks, and tells of each step.
pub(super) async fn talk(from: &From, roots: &Roots, chains: &Chains, talk: Talk, teller: &Teller) {
    let Some(stream) = open(from, &talk, teller).await else { return };
    let stream: Box<dyn Stream> = match talk.shape {
        Shape::SplitHello => Box::new(Split::new(stream, ALONE)),
        _ => stream,
    };
    let mut talker = Talker { from, roots, talk: &talk, teller, chains, is_tls: false };
    let mut ground = Ground::Stream(stream, "tcp");
    for (at, say) in talk.steps.iter().enumerate() {
        let is_last = at + 1 == talk.steps.len();
        ground = match ground {
            Ground::Over => break,
            ground => talker.step(ground, say, is_last).await,
        };
    }
}

async fn open(from: &From, talk: &Talk, teller: &Teller) -> Option<Box<dyn Stream>> {
    if talk.shape != Shape::ThroughProxy {
        let stream: TcpStream = connect::connect(from, talk.to, talk.shape, talk.limit, teller).await?;
        return Some(Box::new(stream));
    }
    match proxies::tunnel(from, talk, teller).await {
        Ok(stream) => Some(stream),
        Err(why) => {
            teller.tell(Began::now(), not_run(None, NotRun::NothingToAsk, &why)).await;
            None
        }
    }
}

struct Talker<'a> {
    from: &'a From,
    roots: &'a Roots,
    talk: &'a Talk,
    teller: &'a Teller,
    chains: &'a Chains,
    is_tls: bool,
}

impl Talker<'_> {
    async fn step(&mut self, ground: Ground, say: &Say, is_last: bool) -> Ground {
        match (say, ground) {
            (Say::Tls { alpn, expected }, Ground::Stream(stream, _)) => {
                self.shake(stream, alpn, expected, is_last).await
            }
            (Say::Http { path }, Ground::Stream(stream, _)) => self.ask_page(stream, path, is_last).await,
            (Say::WebSocket { path, protocol }, Ground::Stream(stream, _)) => {
                self.upgrade(stream, path, protocol).await
            }
            (Say::Mqtt { client_id }, Ground::Stream(stream, inside)) => {
                self.connect_mqtt(stream, inside, client_id).await
            }
            (Say::Idle { time }, ground) => self.stay_idle(ground, *time).await,
            (_, Ground::Http(_) | Ground::Mqtt(_) | Ground::Over) => Ground::Over,
        }
    }

    async fn shake(&mut self, stream: Box<dyn Stream>, alpn: &[String], expected: &[String], is_last: bool) -> Ground {
        let began = Began::now();
        let Talk { to, host, shape, limit, .. } = self.talk;
        let wanted = Wanted { host, alpn, expected, shape: *shape, limit: *limit, is_last };
        let Shaken { seen, stream, chain } = tls::shake(stream, *to, self.roots, &wanted).await;
        self.is_tls = true;
        self.chains.keep(chain);
        let stream = stream.filter(|_| matches!(seen.end, TlsEnd::Done { .. }));
        self.teller.tell(began, Seen::Tls(seen)).await;
        stream.map_or(Ground::Over, |stream| Ground::Stream(stream, "tls"))
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        let secure = if self.is_tls { "s" } else { "" };
        format!("{scheme}{secure}://{}{path}", self.talk.host)
    }

    async fn ask_page(&self, stream: Box<dyn Stream>, path: &str, is_last: bool) -> Ground {
        let began = Began::now();
        let (watched, glimpse) = Watched::new(stream, MAX_BYTES);
        let page = http::Page { host: &self.talk.host, path, wants_body: is_last };
        let (mut end, mut session) = http::ask(Box::new(watched), &glimpse, &page, self.talk.limit).await;
        // Some servers know no HEAD, and say nothing or hang up.
        if matches!(end, HttpEnd::Broken(Broke::Silent | Broke::Unfinished { .. } | Broke::Closed | Broke::Reset))
            && let Some(answered) = self.ask_by_get(&page).await
        {
            (end, session) = answered;
        }
        let seen =
            crate::check::seen::Http { to: self.talk.to, url: self.url("http", path), shape: self.talk.shape, end };
        self.teller.tell(began, Seen::Http(seen)).await;
        session.map_or(Ground::Over, Ground::Http)
    }

    /// Asks by GET on a connection of its own; `None` where that brings no answer either.
    async fn ask_by_get(&self, page: &http::Page<'_>) -> Option<(HttpEnd, Option<Session>)> {
        let Talk { to, host, shape, limit, steps, .. } = self.talk;
        if *shape != Shape::Plain {
            return None;
        }
        let mut stream: Box<dyn Stream> =
            Box::new(connect::connect(self.from, *to, *shape, *limit, self.teller).await?);
        if let Some(Say::Tls { alpn, expected }) = steps.iter().find(|step| matches!(step, Say::Tls { .. })) {
            let wanted = Wanted { host, alpn, expected, shape: *shape, limit: *limit, is_last: false };
            stream = tls::shake(stream, *to, self.roots, &wanted).await.stream?;
        }
        let (watched, glimpse) = Watched::new(stream, MAX_BYTES);
        let (end, session) = http::ask_by_get(Box::new(watched), &glimpse, page, *limit).await;
        matches!(end, HttpEnd::Status { .. }).then_some((end, session))
    }

    async fn upgrade(&self, stream: Box<dyn Stream>, path: &str, protocol: &str) -> Ground {
        let began = Began::now();
        let (watched, glimpse) = Watched::new(stream, MAX_BYTES);
        let asked = http::upgrade(Box::new(watched), &self.talk.host, path, protocol);
        let (end, stream) = match timeout(self.talk.limit, asked).await {
            Ok(Ok((end, stream))) => (end, stream),
            Ok(Err(error)) => (HttpEnd::Broken(broke(&error, &glimpse)), None),
            Err(_) => (HttpEnd::Broken(late(&glimpse)), None),
        };
        let seen =
            crate::check::seen::Http { to: self.talk.to, url: self.url("ws", path), shape: self.talk.shape, end };
        self.teller.tell(began, Seen::WebSocket(seen)).await;
        stream.map_or(Ground::Over, |stream| Ground::Stream(stream, "websocket"))
    }

    async fn connect_mqtt(&self, stream: Box<dyn Stream>, inside: &'static str, client_id: &str) -> Ground {
        let began = Began::now();
        let (watched, glimpse) = Watched::new(stream, MAX_BYTES);
        let mut stream: Box<dyn Stream> = Box::new(watched);
        let connected = timeout(self.talk.limit, mqtt::connect(&mut stream, client_id, &glimpse)).await;
        let end = connected.unwrap_or_else(|_| MqttEnd::Broken(late(&glimpse)));
        let is_in = matches!(end, MqttEnd::Connack { code: 0 });
        let seen = crate::check::seen::Mqtt { to: self.talk.to, inside: inside.into(), shape: self.talk.shape, end };
        self.teller.tell(began, Seen::Mqtt(seen)).await;
        if is_in { Ground::Mqtt(stream) } else { Ground::Over }
    }

    async fn stay_idle(&self, ground: Ground, time: Duration) -> Ground {
        let began = Began::now();
        let cut = match ground {
            Ground::Http(session) => session.stay_idle(time, self.talk.limit).await,
            Ground::Stream(mut stream, _) => stays_open(&mut stream, time).await,
            Ground::Mqtt(mut stream) => match stays_open(&mut stream, time).await {
                None => mqtt::still_answers(&mut stream, self.talk.limit).await,
                cut => cut,
            },
            Ground::Over => return Ground::Over,
        };
        let cut = cut.map(|broke| (broke, began.instant.elapsed().as_secs()));
        self.teller.tell(began, Seen::Idle(Idle { to: self.talk.to, secs: time.as_secs(), cut })).await;
        Ground::Over
    }
}

/// Whether a bare stream stays open while nothing is said. What the far end says meanwhile is no concern.
async fn stays_open(stream: &mut Box<dyn Stream>, time: Duration) -> Option<Broke> {
    let until = Instant::now() + time;
    let mut buffer = [0; 1024];
    loop {
        match tokio::time::timeout_at(until, stream.read(&mut buffer)).await {
            Err(_) => return None,
            Ok(Ok(0)) => return Some(Broke::Closed),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Some(broke(&error, &Glimpse::default())),
        }
    }
}
