//! Why an inspection could not do something: what this side decides, beside what brokers, disks and records report.

use std::time::Duration;

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Why an inspection could not do what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// There is no connection.
    #[error("there is no connection")]
    NotConnected,
    /// A recording is played: there is no broker to ask.
    #[error("a recording is played")]
    IsRecording {
        /// What was asked for.
        what: &'static str,
    },
    /// A broker is watched: there is nothing to play.
    #[error("a broker is watched")]
    IsLive,
    /// MQTT 3.1.1 carries no properties.
    #[error("properties need MQTT 5")]
    NeedsVersion5,
    /// The whole attempt took longer than its stages may.
    #[error("the attempt took too long")]
    AttemptTooSlow {
        /// How long it may take.
        limit: Duration,
    },
    /// The connection ended without a word.
    #[error("the connection ended without a reason")]
    Gone,
    /// The broker did not acknowledge it in time.
    #[error("not acknowledged: {topic}")]
    NotAcknowledged {
        /// The topic.
        topic: String,
    },
    /// More kept messages than are listed.
    #[error("more than {most} retained messages")]
    TooManyRetained {
        /// How many are listed at most.
        most: usize,
    },
    /// Kept messages on topics that are no text.
    #[error("{count} retained messages can't be named")]
    UnnamedRetained {
        /// How many.
        count: u64,
    },
    /// Messages that could not be read came while kept ones were searched for.
    #[error("{count} messages could not be read")]
    UnreadRetained {
        /// How many.
        count: u64,
    },
    /// Retained messages never come by a shared subscription.
    #[error("retained messages don't come by a shared subscription")]
    SharedSearch,
    /// The broker had no session any more after a lost connection.
    #[error("the broker kept no session")]
    SessionLost,
    /// A search for kept messages is under way.
    #[error("a search for retained messages is running")]
    FindUnderWay,
    /// A search for kept messages took too long.
    #[error("the search didn't end")]
    SearchTooLong {
        /// How long it may take.
        limit: Duration,
    },
    /// A search for kept messages was stopped.
    #[error("the search was stopped")]
    SearchStopped,
    /// A recording is being written already.
    #[error("a recording is being written")]
    RecordsAlready {
        /// Its file.
        path: String,
    },
    /// There is no ring on disk.
    #[error("there is no ring")]
    NoRing,
    /// The points of curves could not be made a table.
    #[error("no table of points")]
    NoTable {
        /// What the writer said.
        detail: String,
    },
    /// Something was asked before the inspection began, or it was begun twice.
    #[error("out of turn")]
    OutOfTurn,
}

impl Explain for InspectError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotConnected => Problem::new(
                "telemetry.not_connected",
                "Nothing was sent: not connected to the broker",
                "The connection was lost, or never existed",
                "Connect, then send again",
            ),
            Self::IsRecording { what } => Problem::new(
                "telemetry.is_recording",
                format!("A recording has no broker, so no {what}"),
                "What is shown was recorded earlier, and nobody is connected",
                "Connect to a broker for that",
            ),
            Self::IsLive => Problem::new(
                "telemetry.is_live",
                "Live messages can't be replayed",
                "Playing, stepping and going to a time are for recordings",
                "Record, or save the last minutes, and open the recording",
            ),
            Self::NeedsVersion5 => Problem::new(
                "mqtt.needs_newer_version",
                "The message was not sent: its properties need MQTT 5",
                "The connection speaks MQTT 3.1.1, which carries none",
                "Connect with MQTT 5, or leave the properties out",
            ),
            Self::AttemptTooSlow { limit } => Problem::new(
                "mqtt.too_slow",
                format!("No connection within {} s", limit.as_secs()),
                "Something between this computer and the broker answers, but never finishes",
                "The timeline shows which stage hangs; try another network",
            ),
            Self::Gone => Problem::new(
                "mqtt.gone",
                "The connection ended without a reason",
                "The part of the program that held it stopped",
                "Connect again; if it happens again, copy the diagnostics and ask for support",
            ),
            Self::NotAcknowledged { topic } => Problem::new(
                "mqtt.not_acknowledged",
                format!("The broker did not acknowledge the message on {topic}"),
                "It did not answer in time, or the connection ended: the message may have arrived all the same",
                "Look at the topic before sending it again",
            ),
            Self::TooManyRetained { most } => Problem::new(
                "telemetry.too_many_retained",
                format!("The broker retains more than {most} messages for this filter"),
                "The filter covers most of the broker's topics",
                "Choose a narrower filter",
            ),
            Self::UnnamedRetained { count } => Problem::new(
                "telemetry.unnamed_retained",
                format!("{count} retained messages aren't listed: their topics aren't text"),
                "Their topics aren't UTF-8, which MQTT forbids",
                "Clear them with the broker's own tools",
            ),
            Self::UnreadRetained { count } => Problem::new(
                "telemetry.unread_retained",
                match count {
                    1 => "1 message could not be read; it may be a retained one".to_owned(),
                    count => format!("{count} messages could not be read; they may be retained ones"),
                },
                "They are larger than what is taken in, or against the protocol",
                "Take in larger messages and search again, or look with the broker's own tools",
            ),
            Self::SharedSearch => Problem::new(
                "telemetry.shared_search",
                "Retained messages don't come by a shared subscription",
                "A broker sends them to subscriptions of one client only (MQTT 5.0, section 4.8.2)",
                "Search with the filter behind $share and the group",
            ),
            Self::SessionLost => Problem::new(
                "telemetry.session_lost",
                "The broker did not keep the session: what came meanwhile is lost",
                "It restarted without its sessions, or the session expired",
                "Give the session a longer expiry, or have the broker store its sessions",
            ),
            Self::FindUnderWay => Problem::new(
                "telemetry.find_under_way",
                "The search for retained messages didn't start",
                "Another one is running",
                "Wait until it is complete",
            ),
            Self::SearchTooLong { limit } => Problem::new(
                "telemetry.search_too_long",
                format!("Retained messages still came after {} s", limit.as_secs()),
                "There are very many, the broker sends them slowly, or it marks new ones as retained",
                "Choose a narrower filter",
            ),
            Self::SearchStopped => Problem::new(
                "telemetry.search_stopped",
                "The search for retained messages was stopped",
                "The connection was closed before the search was over",
                "Search again to see what is retained",
            ),
            Self::RecordsAlready { path } => Problem::new(
                "recording.running",
                "The recording didn't start",
                "Another one is being written",
                "Stop that one first",
            )
            .with_detail(path.clone()),
            Self::NoRing => Problem::new(
                "recording.no_ring",
                "The last minutes can't be saved",
                "Nothing is on disk: the ring is switched off in the settings, or couldn't be written",
                "Switch the ring on and connect again",
            ),
            Self::NoTable { detail } => Problem::new(
                "telemetry.no_table",
                "The points of the plot couldn't be written",
                "There are too many of them for a table",
                "Choose a shorter span of time",
            )
            .with_detail(visible(detail, 200)),
            Self::OutOfTurn => Problem::new(
                "telemetry.out_of_turn",
                "The request wasn't accepted",
                "The connection isn't open yet, or was opened already",
                "Close it and open it again",
            ),
        }
    }
}

impl InspectError {
    /// One of each, for the page of all problems.
    pub fn all() -> Vec<Self> {
        vec![
            Self::NotConnected,
            Self::IsRecording { what: "publishing" },
            Self::IsLive,
            Self::NeedsVersion5,
            Self::AttemptTooSlow { limit: Duration::from_mins(2) },
            Self::Gone,
            Self::NotAcknowledged { topic: "site/a".into() },
            Self::TooManyRetained { most: 500_000 },
            Self::UnnamedRetained { count: 3 },
            Self::UnreadRetained { count: 2 },
            Self::SharedSearch,
            Self::SessionLost,
            Self::FindUnderWay,
            Self::SearchTooLong { limit: Duration::from_mins(2) },
            Self::SearchStopped,
            Self::RecordsAlready { path: "site.linesman-recording".into() },
            Self::NoRing,
            Self::NoTable { detail: "what the writer said".into() },
            Self::OutOfTurn,
        ]
    }
}
