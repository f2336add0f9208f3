//! One connection of a client, from its first byte to its last, and the sentences about it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::desk::Desk;
use super::lines::Lines;
use super::wires::{Sink, Source};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::bench::{Sighting, SightingKind};
use crate::model::text::visible;
use crate::proto::mqtt::broker::{Ending, Greeting, LinkId, News};

/// Answers that a client has not read: from there on nothing is read from it until it does.
const MOST_UNREAD: usize = 256 * 1024;
/// A client that is shown the door has that long to read why.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection, and what is known of who is behind it.
pub(super) struct Visit {
    pub(super) peer: SocketAddr,
    pub(super) over: &'static str,
    pub(super) certificate: Option<String>,
    pub(super) number: u64,
    since: Instant,
    last: Instant,
    greeting: Option<Greeting>,
    /// That it ended, and why, has been told.
    has_ended: bool,
}

/// How a connection ended.
enum End {
    /// The client closed it.
    Closed,
    /// It broke.
    Broke(io::Error),
    /// The broker ended it, or the client said goodbye.
    Over,
}

impl Visit {
    pub(super) fn new(peer: SocketAddr, over: &'static str, number: u64) -> Self {
        let now = Instant::now();
        Self { peer, over, certificate: None, number, since: now, last: now, greeting: None, has_ended: false }
    }

    /// Serves the client until one side ends.
    pub(super) async fn run(self, desk: &Desk, lines: &Lines, mut from: impl Source, mut to: impl Sink) {
        let id = LinkId(self.number);
        let (waker, drained, visit) = (desk.open(id), Notify::new(), Mutex::new(self));
        // Each direction by itself: a client that reads nothing while it writes must not block its own messages.
        let end = tokio::select! {
            end = upwards(desk, id, &mut from, &drained, &visit) => end,
            end = downwards(desk, id, &mut to, (&waker, &drained), &visit, lines) => end,
        };
        let mut visit = visit.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A client may say goodbye and close before that was told.
        for news in desk.with(|broker, now| broker.take_output(id, now)).news {
            visit.tell(news, lines);
        }
        desk.close(id);
        visit.closed(&end, lines);
        if matches!(end, End::Over) {
            // What still comes is read and forgotten: an end with something unread would take our last packet with it.
            let farewell = async {
                to.close().await;
                while from.read().await.is_ok_and(|bytes| !bytes.is_empty()) {}
            };
            let _ = timeout(FAREWELL, farewell).await;
        }
    }

    fn name(&self) -> String {
        match &self.greeting {
            Some(greeting) if !greeting.is_assigned => format!("“{}”", visible(&greeting.client_id, 130)),
            _ => "A client without a name".to_owned(),
        }
    }

    fn tell(&mut self, news: News, lines: &Lines) {
        match news {
            News::Came(greeting) => {
                self.greeting = Some(greeting);
                self.sighting(SightingKind::Came, self.came(), lines);
            }
            News::Ended(ending) => {
                self.has_ended = true;
                self.ended(&ending, lines);
            }
        }
    }

    fn sighting(&self, kind: SightingKind, text: String, lines: &Lines) {
        let client_id = self.greeting.as_ref().map(|greeting| visible(&greeting.client_id, 130));
        lines.tell(Sighting { kind, address: Some(self.peer.ip().to_string()), client_id, text });
    }

    fn came(&self) -> String {
        let Some(greeting) = &self.greeting else { return String::new() };
        let version = match greeting.version {
            MqttVersion::V311 => "MQTT 3.1.1",
            MqttVersion::V5 => "MQTT 5",
        };
        let mut line = format!("{} came from {} over {}, {version}", self.name(), self.peer.ip(), self.over);
        if let Some(certificate) = &self.certificate {
            line.push_str(&[", certificate “", certificate, "”"].concat());
        }
        if let Some(username) = &greeting.username {
            line.push_str(&[", user “", &visible(username, 130), "”"].concat());
        }
        if greeting.has_will {
            line += ", with a last will";
        }
        if greeting.is_session_present {
            line += ", back in its session";
        }
        if greeting.has_taken_over {
            line += "; another connection of that name gets disconnected";
        }
        line
    }

    /// The broker ended the connection, or the client said goodbye.
    fn ended(&self, ending: &Ending, lines: &Lines) {
        let from = self.peer.ip();
        let Some(greeting) = &self.greeting else {
            let why = match ending {
                Ending::Silent => "no CONNECT came in time",
                Ending::Fault(why) | Ending::Refused(why) => why,
                _ => "the bench broker has stopped",
            };
            return lines.refused(from, why);
        };
        let how = match ending {
            Ending::Goodbye { with_will: false } => "said goodbye".to_owned(),
            Ending::Goodbye { with_will: true } => "said goodbye and asked for its last will".to_owned(),
            Ending::TakenOver => "was disconnected: another connection used the same client ID".to_owned(),
            Ending::Silent => format!(
                "was dropped: nothing received for {} s, with a keep-alive of {} s",
                self.last.elapsed().as_secs(),
                greeting.keep_alive_secs
            ),
            Ending::Fault(why) | Ending::Refused(why) => format!("was dropped: {why}"),
            Ending::Stopped => "was notified that the bench broker stops".to_owned(),
        };
        self.went(&how, lines);
    }

    /// The connection ended without a word of the broker's.
    fn closed(&self, end: &End, lines: &Lines) {
        let (from, over) = (self.peer.ip(), self.over);
        match (end, &self.greeting) {
            (End::Over, _) => {}
            _ if self.has_ended => {}
            (_, None) => {
                let text = format!("{from} connected over {over} and closed before it identified itself");
                // It never came.
                lines.from(SightingKind::Note, from, text);
            }
            (End::Closed, Some(_)) => self.went("went without a goodbye", lines),
            (End::Broke(error), Some(_)) => self.went(&format!("vanished: the connection broke ({error})"), lines),
        }
    }

    fn went(&self, how: &str, lines: &Lines) {
        let text = format!("{} {how} after {} s", self.name(), self.since.elapsed().as_secs());
        self.sighting(SightingKind::Went, text, lines);
    }
}

fn locked(visit: &Mutex<Visit>) -> MutexGuard<'_, Visit> {
    visit.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a client sends to the broker.
async fn upwards(desk: &Desk, id: LinkId, from: &mut impl Source, drained: &Notify, visit: &Mutex<Visit>) -> End {
    loop {
        let unread = match from.read().await {
            Ok([]) => return End::Closed,
            Ok(bytes) => desk.with(|broker, now| {
                broker.received(id, bytes, now);
                broker.unread_bytes(id)
            }),
            Err(error) => return End::Broke(error),
        };
        locked(visit).last = Instant::now();
        if unread > MOST_UNREAD {
            while desk.with(|broker, _| broker.unread_bytes(id)) > MOST_UNREAD {
                drained.notified().await;
            }
        } else {
            // So that one client that floods leaves the others their turn.
            tokio::task::yield_now().await;
        }
    }
}

/// What the broker sends to a client, and what is told of it.
async fn downwards(
    desk: &Desk,
    id: LinkId,
    to: &mut impl Sink,
    (waker, drained): (&Notify, &Notify),
    visit: &Mutex<Visit>,
    lines: &Lines,
) -> End {
    loop {
        let output = desk.with(|broker, now| broker.take_output(id, now));
        drained.notify_one();
        let is_idle = output.packets.is_empty();
        for news in output.news {
            locked(visit).tell(news, lines);
        }
        if !is_idle {
            let sent = tokio::select! {
                sent = to.send(output.packets) => sent,
                () = is_over(desk, id, waker) => return End::Over,
            };
            if let Err(error) = sent {
                return if output.is_over { End::Over } else { End::Broke(error) };
            }
        }
        if output.is_over {
            return End::Over;
        }
        if is_idle {
            waker.notified().await;
        }
    }
}

/// Ends when the broker has ended the connection, and the client does not take even that for a while.
async fn is_over(desk: &Desk, id: LinkId, waker: &Notify) {
    while !desk.with(|broker, _| broker.is_over(id)) {
        waker.notified().await;
    }
    sleep(FAREWELL).await;
}
