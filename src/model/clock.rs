//! A gateway's clock against this computer's, and what follows for what it wants to connect to.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// From how many seconds on the difference is worth a word.
const NOTABLE_SECS: i64 = 10;
/// From how many seconds on logins with a time in them are refused: signatures of clouds hold for five minutes.
const LOGIN_SECS: i64 = 300;
/// From how many seconds on certificates are affected: few begin or end within a day, all of them within years.
const CERTIFICATE_SECS: i64 = 86_400;

/// Seconds that may pass between setting a clock and reading it.
const MEANWHILE_SECS: u64 = 120;

/// How far a gateway's clock is ahead of this computer's, in seconds; behind with a negative number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ahead(pub i64);

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Times in its messages are off.
    Times,
    /// Logins that carry a time are refused.
    Logins,
    /// TLS refuses certificates that begin or end nowadays.
    Certificates,
}

/// Reads a time as gateways write it: with a zone, or in UTC without one. Seconds since 1970 UTC.
pub fn read(text: &str) -> Option<i64> {
    let text = text.trim();
    let with_zone = text.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let in_utc = || {
        let time = text.parse::<DateTime>().ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    };
    with_zone.or_else(in_utc)
}

/// What a person writes for a time, as gateways take it; `None` where it is no time.
pub fn taken(text: &str) -> Option<String> {
    read(text).map(written)
}

/// Whether a clock that was set to a time reads so, but for what passed meanwhile.
pub fn agrees(wanted: &str, reads: &str) -> bool {
    matches!((read(wanted), read(reads)), (Some(wanted), Some(reads)) if reads.abs_diff(wanted) <= MEANWHILE_SECS)
}

/// A time as gateways take it.
pub fn written(unix_secs: i64) -> String {
    Timestamp::from_second(unix_secs).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

impl Ahead {
    /// How far a clock that reads so is ahead of one that reads that many seconds since 1970 UTC.
    pub fn of(gateway: &str, computer_unix_secs: i64) -> Option<Self> {
        Some(Self(read(gateway)?.saturating_sub(computer_unix_secs)))
    }

    /// What follows from it.
    pub const fn effect(self) -> Effect {
        let off = self.0.saturating_abs();
        match () {
            () if off < NOTABLE_SECS => Effect::None,
            () if off < LOGIN_SECS => Effect::Times,
            () if off < CERTIFICATE_SECS => Effect::Logins,
            () => Effect::Certificates,
        }
    }

    /// The difference: `56 years behind this computer`.
    pub fn shown(self) -> String {
        let seconds = self.0.saturating_abs();
        if seconds < NOTABLE_SECS {
            return "In step with this computer".into();
        }
        let (number, unit) = match seconds {
            0..120 => (seconds, "seconds"),
            120..7200 => (seconds / 60, "minutes"),
            7200..172_800 => (seconds / 3600, "hours"),
            172_800..63_072_000 => (seconds / 86_400, "days"),
            _ => (seconds / 31_556_952, "years"),
        };
        let side = if self.0 < 0 { "behind" } else { "ahead of" };
        format!("{number} {unit} {side} this computer")
    }

    /// What follows from it, in a sentence.
    pub const fn consequence(self) -> &'static str {
        match (self.effect(), self.0 < 0) {
            (Effect::None, _) => "TLS can check certificates by it",
            (Effect::Times, _) => "TLS works; times in messages are off",
            (Effect::Logins, _) => "TLS works; clouds refuse logins that carry a time, such as signatures and tokens",
            (Effect::Certificates, true) => "TLS fails: to this clock, certificates aren't valid yet",
            (Effect::Certificates, false) => "TLS fails: to this clock, certificates have expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_with_and_without_a_zone() {
        for text in ["2026-03-02T09:14:00Z", "2026-03-02T09:14:00", " 2026-03-02T10:14:00.250000+01:00\n"] {
            assert_eq!(read(text), Some(1_772_442_840), "{text}");
        }
        for text in ["", "Thu Jan  1 00:00:12 UTC 1970", "2026-03-02", "soon"] {
            assert_eq!(read(text).filter(|_| text != "2026-03-02"), None, "{text}");
        }
        assert_eq!(read(&written(1_772_442_840)), Some(1_772_442_840));
    }

    #[test]
    fn what_is_no_time_is_not_sent_and_a_clock_that_reads_otherwise_was_not_set() {
        assert_eq!(taken("2026-03-02T10:14:00+01:00").as_deref(), Some("2026-03-02T09:14:00"));
        for text in ["", "garbage", "2026-13-45T00:00:00", "2026-02-30T00:00:00"] {
            assert_eq!(taken(text), None, "{text}");
        }
        assert!(agrees("2026-03-02T09:14:00", "2026-03-02T09:14:03Z"));
        assert!(!agrees("2026-03-02T09:14:00", "1970-01-01T00:12:34Z") && !agrees("2026-03-02T09:14:00", "garbageZ"));
    }

    #[test]
    fn a_clock_that_is_off_says_by_how_much_and_what_follows() {
        let check = |gateway: &str, shown: &str, effect: Effect| {
            let ahead = Ahead::of(gateway, 1_772_442_840).unwrap();
            assert_eq!((ahead.shown().as_str(), ahead.effect()), (shown, effect), "{gateway}");
        };
        check("2026-03-02T09:14:05", "In step with this computer", Effect::None);
        check("2026-03-02T09:13:00", "60 seconds behind this computer", Effect::Times);
        check("2026-03-02T11:44:00", "2 hours ahead of this computer", Effect::Logins);
        check("2026-03-12T09:14:00", "10 days ahead of this computer", Effect::Certificates);
        check("1970-01-01T00:12:34", "56 years behind this computer", Effect::Certificates);
        assert!(Ahead(-90_000).consequence().contains("aren't valid yet"));
        assert!(Ahead(90_000).consequence().contains("have expired"));
    }
}
