//! Which records are meant: by what was done, how it ended, when, and with which gateway.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::problem::Problem;
use super::record::JobRecord;
use super::text::visible;
use super::word::words;

words! {
    /// What was done, as a timeline sorts it.
    Kind {
        /// A gateway was set up.
        SetUp = "set-up",
        /// A network was checked.
        Check = "check",
        /// Telemetry was watched or published.
        Telemetry = "telemetry",
        /// Credentials were changed.
        Credentials = "credentials",
        /// A gateway was removed, or a card searched.
        Removal = "removal",
        /// A gateway was looked into: Device and Terminal.
        Device = "device",
        /// Anything else, such as imports.
        Other = "other",
    }
}

impl Kind {
    /// The kind of a job.
    pub fn of(job: &JobRecord) -> Self {
        match job.intent.action.as_str() {
            "commission" | "batch" => Self::SetUp,
            "check" => Self::Check,
            "inspect" | "telemetry" | "publish" => Self::Telemetry,
            "credentials" | "rotate" => Self::Credentials,
            "wipe" | "card-scan" => Self::Removal,
            "device" | "terminal" => Self::Device,
            _ => Self::Other,
        }
    }

    /// As a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SetUp => "Set up",
            Self::Check => "Network check",
            Self::Telemetry => "Telemetry",
            Self::Credentials => "Credentials",
            Self::Removal => "Removal",
            Self::Device => "Device",
            Self::Other => "Other",
        }
    }
}

words! {
    /// How jobs ended.
    Ends {
        /// All of them.
        All = "all",
        /// Those that came out well.
        Good = "succeeded",
        /// Those that failed or were refused.
        Bad = "failed",
        /// Those of which nobody knows.
        Unknown = "unknown",
    }
}

impl Ends {
    /// The choice as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::All => "All outcomes",
            Self::Good => "Succeeded",
            Self::Bad => "Failed or refused",
            Self::Unknown => "Unknown: verify",
        }
    }

    /// How a job ended; one that runs or was stopped is none of the three.
    pub fn of(job: &JobRecord) -> Self {
        match job.outcome.as_str() {
            _ if job.is_cut_off() => Self::Unknown,
            "unknown" => Self::Unknown,
            "joined" | "done" | "passed" | "complete" => Self::Good,
            "refused" | "failed" | "findings" | "incomplete" => Self::Bad,
            _ => Self::All,
        }
    }
}

/// The words of outcomes, as records have them.
pub const OUTCOMES: [&str; 12] = [
    "joined",
    "refused",
    "unknown",
    "failed",
    "cancelled",
    "closed",
    "done",
    "running",
    "passed",
    "findings",
    "complete",
    "incomplete",
];

/// What a job has to be to be meant. What is left open fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was done: any of these; empty for anything.
    pub kinds: Vec<Kind>,
    /// How it ended.
    pub ends: Option<Ends>,
    /// The word of its outcome: one of [`OUTCOMES`].
    pub outcome: Option<&'static str>,
    /// Begun then or later, as the records write times.
    pub since: Option<String>,
    /// Begun then or earlier.
    pub until: Option<String>,
    /// With the gateway of that serial number, hardware address, system ID, name or link.
    pub gateway: Option<String>,
}

impl Filter {
    /// Whether a job is meant, its gateway aside: that takes more than one job to tell.
    pub fn holds(&self, job: &JobRecord) -> bool {
        let started = job.started_at.as_str();
        (self.kinds.is_empty() || self.kinds.contains(&Kind::of(job)))
            && self.ends.is_none_or(|ends| ends == Ends::All || ends == Ends::of(job))
            && self.outcome.is_none_or(|outcome| outcome == job.outcome)
            && self.since.as_deref().is_none_or(|since| started >= since)
            && self.until.as_deref().is_none_or(|until| started <= until)
    }
}

/// A moment as the records write it.
fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// That long before now.
pub fn ago(now: Timestamp, hours: i64) -> String {
    now.checked_sub(hours.hours()).map_or_else(|_| String::new(), written)
}

/// Reads what a person calls a moment: `2026-01-31`, `2026-01-31T14:30`, a time with a zone, or `7d`, `12h`, `30m` ago. A day ends
/// with its last moment where it is the end of a period.
pub fn moment(text: &str, now: Timestamp, zone: &TimeZone, is_end: bool) -> Result<String, Problem> {
    let text = text.trim();
    let at = before(text, now).or_else(|| text.parse::<Timestamp>().ok()).or_else(|| local(text, zone, is_end));
    at.map(written).ok_or_else(|| bad_moment(text))
}

fn before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let number: i64 =
        text.get(..text.len().checked_sub(1)?)?.parse().ok().filter(|number| (0..100_000).contains(number))?;
    let span = match text.chars().last()? {
        'm' => number.minutes(),
        'h' => number.hours(),
        'd' => (number * 24).hours(),
        'w' => (number * 7 * 24).hours(),
        _ => return None,
    };
    now.checked_sub(span).ok()
}

fn local(text: &str, zone: &TimeZone, is_end: bool) -> Option<Timestamp> {
    if let Ok(day) = text.parse::<jiff::civil::Date>()
        && text.len() <= "2026-01-31".len()
    {
        let time = if is_end { jiff::civil::time(23, 59, 59, 999_000_000) } else { jiff::civil::Time::midnight() };
        return day.to_datetime(time).to_zoned(zone.clone()).ok().map(|time| time.timestamp());
    }
    let time: jiff::civil::DateTime = text.parse().ok()?;
    time.to_zoned(zone.clone()).ok().map(|time| time.timestamp())
}

fn bad_moment(text: &str) -> Problem {
    Problem::new(
        "records.bad_moment",
        format!("{} isn't a date or time", visible(text, 60)),
        "It is mistyped",
        "Write 2026-01-31, 2026-01-31T14:30, or 7d for a week ago",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_people_write_them() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let check = |text: &str, is_end, expected: &str| {
            assert_eq!(moment(text, now, &zone, is_end).unwrap(), expected, "{text}");
        };
        check("2026-01-30", false, "2026-01-29T23:00:00.000Z");
        check("2026-01-30", true, "2026-01-30T22:59:59.999Z");
        check("2026-01-30T14:30", false, "2026-01-30T13:30:00.000Z");
        check("2026-01-30T14:30:00Z", true, "2026-01-30T14:30:00.000Z");
        check("7d", false, "2026-01-24T12:00:00.000Z");
        check(" 90m ", false, "2026-01-31T10:30:00.000Z");
        for wrong in ["", "d", "yesterday", "2026-13-01", "-5d", "99999999999d", "2026-01-30T"] {
            assert_eq!(moment(wrong, now, &zone, false).unwrap_err().code, "records.bad_moment", "{wrong}");
        }
        assert_eq!(ago(now, 24), "2026-01-30T12:00:00.000Z");
    }
}
