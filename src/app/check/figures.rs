//! [`Figures`]: how far the steps of a row got, for the columns of the list.

use super::words;
use crate::check::question::Purpose;
use crate::check::seen::{
    Answer, Broke, Connect, ConnectEnd, HttpEnd, Lookup, MqttEnd, Observation, Seen, SocketError, TimeEnd, Tls, TlsEnd,
};

/// How a step went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepFigure {
    /// It was not taken.
    #[default]
    None,
    /// It took that many microseconds.
    Took(u64),
    /// It failed, in a word.
    Failed(&'static str),
}

impl StepFigure {
    /// Takes in another attempt: what worked once counts, the quickest first.
    fn take(&mut self, other: Self) {
        *self = match (*self, other) {
            (Self::Took(one), Self::Took(two)) => Self::Took(one.min(two)),
            (Self::Took(took), _) | (_, Self::Took(took)) => Self::Took(took),
            (Self::Failed(word), _) => Self::Failed(word),
            (Self::None, other) => other,
        };
    }

    /// As the column shows it.
    pub fn text(self) -> String {
        match self {
            Self::None => "–".to_owned(),
            Self::Took(micros) => words::millis(micros),
            Self::Failed(word) => word.to_owned(),
        }
    }
}

/// The columns of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The look-up.
    pub dns: StepFigure,
    /// The connection.
    pub tcp: StepFigure,
    /// The handshake.
    pub tls: StepFigure,
    /// What answered, in a word.
    pub answer: String,
}

impl Figures {
    /// Takes in an observation of the row.
    pub(super) fn take(&mut self, observation: &Observation) {
        let took = observation.took_micros;
        match &observation.seen {
            Seen::Lookup(seen) if seen.purpose == Purpose::Row => self.dns.take(dns(seen, took)),
            Seen::Connect(seen) if seen.shape.is_plain() => self.tcp.take(tcp(seen, took)),
            Seen::Tls(seen) if seen.shape.is_plain() => self.tls.take(tls(seen, took)),
            seen => {
                if let Some(answer) = answer(seen) {
                    self.answer = answer;
                }
            }
        }
    }
}

fn dns(seen: &Lookup, took: u64) -> StepFigure {
    match &seen.answer {
        Answer::Message { addresses, .. } | Answer::Overridden { addresses } if !addresses.is_empty() => {
            StepFigure::Took(took)
        }
        Answer::Message { rcode: Some(3), .. } => StepFigure::Failed("no name"),
        Answer::Message { .. } | Answer::Overridden { .. } => StepFigure::Failed("empty"),
        Answer::TimedOut => StepFigure::Failed("silent"),
        Answer::Refused { .. } => StepFigure::Failed("refused"),
        Answer::Truncated => StepFigure::Failed("cut short"),
        Answer::Failed { .. } => StepFigure::Failed("failed"),
    }
}

const fn tcp(seen: &Connect, took: u64) -> StepFigure {
    match &seen.end {
        ConnectEnd::Connected => StepFigure::Took(took),
        ConnectEnd::TimedOut => StepFigure::Failed("silent"),
        ConnectEnd::Failed { error: SocketError::Refused, .. } => StepFigure::Failed("refused"),
        ConnectEnd::Failed { error: SocketError::Reset, .. } => StepFigure::Failed("reset"),
        ConnectEnd::Failed { .. } => StepFigure::Failed("failed"),
    }
}

const fn tls(seen: &Tls, took: u64) -> StepFigure {
    match &seen.end {
        TlsEnd::Done { .. } => StepFigure::Took(took),
        TlsEnd::Alert { .. } => StepFigure::Failed("alert"),
        TlsEnd::Broken(end) => StepFigure::Failed(broke(end)),
        TlsEnd::Failed { .. } => StepFigure::Failed("no TLS"),
    }
}

const fn broke(end: &Broke) -> &'static str {
    match end {
        Broke::Silent => "silent",
        Broke::Unfinished { .. } => "unfinished",
        Broke::Reset => "reset",
        Broke::Closed => "closed",
        Broke::Other { .. } => "odd answer",
        Broke::TooLong { .. } => "too long",
    }
}

/// What answered, in a word or two; nothing where the observation is of another kind.
fn answer(seen: &Seen) -> Option<String> {
    let status = |what: &str, end: &HttpEnd| match end {
        HttpEnd::Status { status, .. } => format!("{what} {status}"),
        HttpEnd::Broken(end) => format!("{what} {}", broke(end)),
    };
    Some(match seen {
        Seen::Http(seen) if seen.shape.is_plain() => status("HTTP", &seen.end),
        Seen::WebSocket(seen) if seen.shape.is_plain() => status("WebSocket", &seen.end),
        Seen::Mqtt(seen) if seen.shape.is_plain() => match &seen.end {
            MqttEnd::Connack { code } => format!("CONNACK {code}"),
            MqttEnd::Alert { .. } => "TLS alert".to_owned(),
            MqttEnd::Broken(end) => format!("MQTT {}", broke(end)),
        },
        Seen::Idle(seen) => match &seen.cut {
            None => format!("idle {} s", seen.secs),
            Some((_, after)) => format!("idle cut {after} s"),
        },
        Seen::Time(seen) => match &seen.end {
            TimeEnd::Reply { offset_micros, .. } | TimeEnd::Told { offset_micros, .. } => {
                format!("NTP {}", offset(*offset_micros))
            }
            TimeEnd::Odd { .. } => "NTP odd".to_owned(),
            TimeEnd::Refused { .. } => "NTP refused".to_owned(),
            TimeEnd::Silent => "NTP silent".to_owned(),
        },
        Seen::Ping(seen) => format!("{} of {} replies", seen.replies_micros.len(), seen.sent),
        Seen::Fetch(seen) => status("HTTP", &seen.end),
        Seen::Lease(seen) => seen.address.clone()?,
        _ => return None,
    })
}

/// An offset of the clock in seconds with two places.
fn offset(micros: i64) -> String {
    let hundredths = micros / 10_000;
    let sign = if hundredths < 0 { '−' } else { '+' };
    format!("{sign}{}.{:02} s", hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100)
}
