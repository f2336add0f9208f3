//! [`TopicFilter`]: which topics a subscription or a search means (MQTT 5.0 and 3.1.1, section 4.7).

use std::fmt;
use std::str::FromStr;

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// The longest topic or filter, in bytes (section 4.7.3).
pub const MAX_TOPIC_BYTES: usize = 65_535;

/// Why nothing can be published on a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicMistake {
    /// There is nothing in it.
    Empty,
    /// It holds a wildcard.
    Wildcard,
    /// It holds a NUL character.
    Nul,
    /// It is longer than [`MAX_TOPIC_BYTES`].
    TooLong,
}

impl TopicMistake {
    /// What is wrong, behind a colon.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Empty => "it is empty",
            Self::Wildcard => "it holds + or #, which are for subscriptions only",
            Self::Nul => "it holds a NUL character",
            Self::TooLong => "it is longer than 65,535 bytes",
        }
    }
}

/// Why nothing can be published on that topic (sections 3.3.2.1 and 4.7.3); nothing where it can.
pub fn mistake_in(topic: &str) -> Option<TopicMistake> {
    match topic {
        "" => Some(TopicMistake::Empty),
        _ if topic.contains(['+', '#']) => Some(TopicMistake::Wildcard),
        _ if topic.contains('\0') => Some(TopicMistake::Nul),
        _ if topic.len() > MAX_TOPIC_BYTES => Some(TopicMistake::TooLong),
        _ => None,
    }
}

/// With that a shared subscription begins; its group and its filter follow.
const SHARE: &str = "$share/";

/// A topic filter that keeps to the rules: `+` and `#` only as whole levels, `#` only last.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(String);

impl TopicFilter {
    /// The filter of everything but topics that begin with `$`.
    pub fn everything() -> Self {
        Self("#".into())
    }

    /// As written, with the prefix of a shared subscription.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one topic only.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['+', '#'])
    }

    /// Whether the topic is meant. Wildcards in the first level do not mean topics that begin with `$` (section 4.7.2).
    pub fn matches(&self, topic: &str) -> bool {
        self.matches_bytes(topic.as_bytes())
    }

    /// As [`TopicFilter::matches`], for a topic that need not be UTF-8.
    pub fn matches_bytes(&self, topic: &[u8]) -> bool {
        let filter = self.without_share().as_bytes();
        if topic.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
            return false;
        }
        let mut wanted = filter.split(|byte| *byte == b'/');
        let mut levels = topic.split(|byte| *byte == b'/');
        loop {
            match (wanted.next(), levels.next()) {
                (Some(b"#"), _) | (None, None) => return true,
                (Some(b"+"), Some(_)) => {}
                (Some(wanted), Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
    }

    /// Whether it is that of a shared subscription (MQTT 5.0, section 4.8.2).
    pub fn is_shared(&self) -> bool {
        self.0.starts_with(SHARE)
    }

    /// The filter behind `$share/GROUP/`.
    fn without_share(&self) -> &str {
        let shared = self.0.strip_prefix(SHARE).and_then(|rest| rest.split_once('/'));
        shared.map_or(self.0.as_str(), |(_, filter)| filter)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no topic filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is empty.
    #[error("the filter is empty")]
    Empty,
    /// It is longer than a topic can be.
    #[error("the filter has {bytes} bytes")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// `#` stands elsewhere than alone in the last level.
    #[error("# is not alone in the last level of {filter}")]
    HashNotLast {
        /// What was given.
        filter: String,
    },
    /// `+` shares its level with other characters.
    #[error("+ is not alone in its level of {filter}")]
    PlusNotAlone {
        /// What was given.
        filter: String,
    },
    /// It holds a NUL character.
    #[error("the filter holds a NUL character")]
    HoldsNul,
    /// A shared subscription without a group or without a filter.
    #[error("{filter} names no group or no filter")]
    BadShare {
        /// What was given.
        filter: String,
    },
}

impl Explain for FilterError {
    fn explain(&self) -> Problem {
        let next = "Write filters like site/+/temperature or site/#";
        match self {
            Self::Empty => Problem::new("mqtt.filter", "The topic filter is empty", "Nothing was typed", next),
            Self::TooLong { bytes } => Problem::new(
                "mqtt.filter",
                format!("The topic filter has {bytes} bytes"),
                "A filter has 65535 bytes at most",
                next,
            ),
            Self::HashNotLast { filter } => Problem::new(
                "mqtt.filter",
                format!("“{filter}” isn't a topic filter"),
                "# means all levels from there on: it stands alone, in the last level",
                next,
            ),
            Self::PlusNotAlone { filter } => Problem::new(
                "mqtt.filter",
                format!("“{filter}” isn't a topic filter"),
                "+ means one whole level: it shares it with no other character",
                next,
            ),
            Self::BadShare { filter } => Problem::new(
                "mqtt.filter",
                format!("“{filter}” isn't a shared subscription"),
                "It has a group without wildcards, then a filter",
                "Write it like $share/GROUP/site/#",
            ),
            Self::HoldsNul => {
                Problem::new("mqtt.filter", "The topic filter holds a NUL character", "MQTT forbids it", next)
            }
        }
    }
}

impl FromStr for TopicFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let shown = || visible(text, 200);
        if text.is_empty() {
            return Err(FilterError::Empty);
        }
        if text.len() > MAX_TOPIC_BYTES {
            return Err(FilterError::TooLong { bytes: text.len() });
        }
        if let Some(shared) = text.strip_prefix(SHARE) {
            let is_whole = |(group, filter): (&str, &str)| !group.is_empty() && !filter.is_empty();
            if !shared.split_once('/').is_some_and(is_whole) {
                return Err(FilterError::BadShare { filter: shown() });
            }
        }
        if text.contains('\0') {
            return Err(FilterError::HoldsNul);
        }
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(FilterError::HashNotLast { filter: shown() });
            }
            if level.contains('+') && level != "+" {
                return Err(FilterError::PlusNotAlone { filter: shown() });
            }
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, topic: &str, expected: bool) {
        let filter: TopicFilter = filter.parse().unwrap();
        assert_eq!(filter.matches(topic), expected, "{filter} on {topic}");
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        check("sport/tennis/player1/#", "sport/tennis/player1", true);
        check("sport/tennis/player1/#", "sport/tennis/player1/ranking", true);
        check("sport/#", "sport", true);
        check("sport/tennis/+", "sport/tennis/player1", true);
        check("sport/tennis/+", "sport/tennis/player1/ranking", false);
        check("sport/+", "sport", false);
        check("sport/+", "sport/", true);
        check("+/+", "/finance", true);
        check("/+", "/finance", true);
        check("+", "/finance", false);
        check("#", "$SYS/uptime", false);
        check("+/uptime", "$SYS/uptime", false);
        check("$SYS/#", "$SYS/uptime", true);
        check("$share/group/sport/+", "sport/tennis", true);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let parse = |text: &str| text.parse::<TopicFilter>().unwrap_err();
        assert_eq!(parse(""), FilterError::Empty);
        assert!(matches!(parse("sport/#/ranking"), FilterError::HashNotLast { .. }));
        assert!(matches!(parse("sport/tennis#"), FilterError::HashNotLast { .. }));
        assert!(matches!(parse("sport+"), FilterError::PlusNotAlone { .. }));
        assert_eq!(parse("a\0b"), FilterError::HoldsNul);
        assert!(matches!(parse(&"x".repeat(65_536)), FilterError::TooLong { .. }));
    }
}
