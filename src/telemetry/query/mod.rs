//! Which messages are meant: [`CompiledQuery`], made of a filter, a text or regular expression, and a jq expression; the
//! [`Expression`] behind columns, curves and conditions; and [`Search`], which goes through held messages piece by piece.

mod expression;
mod jq;
mod search;

use regex::bytes::{Regex, RegexBuilder};

pub use self::expression::{Expression, RunError};
#[cfg(test)]
pub(in crate::telemetry) use self::search::tests as tests_source;
pub use self::search::{Budget, Held, Search, Source};

use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::telemetry::decode::Decoders;
use crate::telemetry::view::Query;

/// The most memory a regular expression may become, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// The longest text or regular expression, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// Why a query or expression cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is no regular expression.
    #[error("no regular expression: {detail}")]
    BadRegex {
        /// What the library says, with the place.
        detail: String,
    },
    /// The regular expression needs too much memory.
    #[error("the regular expression grows too large")]
    LargeRegex,
    /// The text or expression is too long.
    #[error("{bytes} bytes are too long for a query")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It is no jq expression.
    #[error("no jq expression, at character {at}: {found}")]
    BadExpression {
        /// The expression.
        expression: String,
        /// At which character, counted from 1.
        at: usize,
        /// What is wrong there.
        found: String,
    },
    /// It is nested too deep.
    #[error("the expression is nested too deep")]
    DeepExpression,
    /// It calls something that is not offered here.
    #[error("no {name} here, at character {at}")]
    NotOffered {
        /// What is called.
        name: String,
        /// At which character, counted from 1.
        at: usize,
    },
    /// A definition calls itself and takes filters as arguments.
    #[error("{name} calls itself with a filter as argument")]
    Recursive {
        /// The definition.
        name: String,
    },
    /// It did not come to an end.
    #[error("stopped: {limit}")]
    Stopped {
        /// The expression.
        expression: String,
        /// Which limit it met.
        limit: String,
    },
}

impl Explain for QueryError {
    fn explain(&self) -> Problem {
        match self {
            Self::BadRegex { detail } => Problem::new(
                "telemetry.regex",
                "The search text isn't a valid regular expression",
                "A bracket isn't closed, or a special character isn't escaped",
                "Put \\ in front of . * + ? ( ) [ ] { } | ^ $ to match them literally, or search for plain text",
            )
            .with_detail(detail),
            Self::LargeRegex => Problem::new(
                "telemetry.regex_size",
                "The regular expression takes too much memory",
                "Counted repetitions such as {1,1000} multiply when one stands inside another",
                "Use * or + in place of large counts",
            ),
            Self::TooLong { bytes } => Problem::new(
                "telemetry.query_length",
                format!("The search text has {bytes} bytes"),
                format!("A search text or expression has {MAX_TEXT_BYTES} bytes at most"),
                "Search for a part of it",
            ),
            Self::BadExpression { expression, at, found } => Problem::new(
                "telemetry.jq",
                format!("“{expression}” isn't a valid jq expression"),
                format!("At character {at}: {found}"),
                "Write expressions like .temperature, .data[0].value or .state == \"on\"",
            ),
            Self::DeepExpression => Problem::new(
                "telemetry.jq_depth",
                "The jq expression is nested too deep",
                "There are too many brackets or words inside one another",
                "Take the expression apart, or search for less",
            ),
            Self::NotOffered { name, at } => Problem::new(
                "telemetry.jq_name",
                format!("There is no “{name}” in expressions here"),
                format!("At character {at}: the name is not known, or reaches outside the message"),
                "Use what jq offers for values; clock, environment, input and output aren't available",
            ),
            Self::Recursive { name } => Problem::new(
                "telemetry.jq_recursion",
                format!("The definition “{name}” calls itself with a filter as argument"),
                "Such a definition grows with each call, and isn't supported",
                "Use recurse, walk, until or reduce, or pass values as in def name($value)",
            ),
            Self::Stopped { expression, limit } => Problem::new(
                "telemetry.jq_stopped",
                format!("“{expression}” was stopped before its end"),
                limit.clone(),
                "Simplify the expression",
            ),
        }
    }
}

/// A query that is ready to be asked.
#[derive(Debug)]
pub struct CompiledQuery {
    filter: Option<TopicFilter>,
    text: Option<Regex>,
    expression: Option<Expression>,
}

impl CompiledQuery {
    /// Makes a query ready.
    pub fn compile(query: &Query) -> Result<Self, Problem> {
        Self::parse(query).map_err(|error| error.explain())
    }

    fn parse(query: &Query) -> Result<Self, QueryError> {
        let text = match (query.text.as_str(), query.is_regex) {
            ("", _) => None,
            (text, true) => Some(regex(text)?),
            (text, false) => Some(regex(&regex::escape(text))?),
        };
        let expression = match query.jq.trim() {
            "" => None,
            jq => Some(Expression::parse(jq)?),
        };
        Ok(Self { filter: query.filter.clone(), text, expression })
    }

    /// Whether every message fits.
    pub fn is_everything(&self) -> bool {
        self.filter.is_none() && self.text.is_none() && self.expression.is_none()
    }

    /// How much work one message is, against a look at its topic.
    fn cost(&self) -> usize {
        if self.expression.is_some() { 16 } else { 1 }
    }

    /// Whether a message fits, read with what was known when it came. An expression that fails on it does not.
    pub fn matches(&self, topic: &[u8], payload: &[u8], mono_micros: u64, decoders: &Decoders) -> bool {
        if self.filter.as_ref().is_some_and(|filter| !filter.matches_bytes(topic)) {
            return false;
        }
        if let Some(text) = &self.text
            && !text.is_match(topic)
            && !text.is_match(payload)
            && !decoders.unpacked(payload).is_some_and(|inner| text.is_match(&inner))
        {
            return false;
        }
        match &self.expression {
            Some(expression) => expression.is_true(&decoders.value(topic, payload, mono_micros)),
            None => true,
        }
    }

    /// How many messages could not be asked: the expression was stopped on them, or is not asked any more.
    pub fn unasked(&self) -> u64 {
        self.expression.as_ref().map_or(0, Expression::unasked)
    }

    /// Why some messages could not be asked: the expression was stopped on them.
    pub fn problem(&self) -> Option<Problem> {
        self.expression.as_ref().and_then(Expression::problem)
    }
}

/// A regular expression for bytes that need not be UTF-8, whatever the case of letters.
fn regex(pattern: &str) -> Result<Regex, QueryError> {
    if pattern.len() > 2 * MAX_TEXT_BYTES {
        return Err(QueryError::TooLong { bytes: pattern.len() });
    }
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .nest_limit(100)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => QueryError::LargeRegex,
            error => {
                let lines = error.to_string();
                let detail = lines.split_whitespace().collect::<Vec<_>>().join(" ");
                QueryError::BadRegex { detail: visible(&detail, 300) }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &Query, topic: &str, payload: &[u8], expected: bool) {
        let compiled = CompiledQuery::compile(query).unwrap();
        assert_eq!(compiled.matches(topic.as_bytes(), payload, 0, &Decoders::new()), expected, "{query:?} on {topic}");
    }

    fn text(text: &str) -> Query {
        Query { text: text.into(), ..Query::default() }
    }

    fn pattern(text: &str) -> Query {
        Query { text: text.into(), is_regex: true, ..Query::default() }
    }

    #[test]
    fn text_is_found_in_topic_and_payload_whatever_its_case() {
        check(&text("HALL"), "site/hall/1", b"", true);
        check(&text("hall"), "site/1", b"{\"name\":\"Hall 4\"}", true);
        check(&text("größe"), "site/1", "GRÖSSE GRÖßE".as_bytes(), true);
        check(&text("a.b"), "site/axb", b"", false);
        check(&text("a.b"), "site/a.b", b"\xff\xfe", true);
        check(&text("hall"), "site/1", b"\xff\x00Hall\xfe", true);
        check(&text("hall"), "site/1", &gzip(b"in the hall"), true);
        check(&text("cellar"), "site/1", &gzip(b"in the hall"), false);
    }

    #[test]
    fn regular_expressions_are_found() {
        check(&pattern("^site/[0-9]+$"), "site/12", b"", true);
        check(&pattern("^site/[0-9]+$"), "site/x", b"12", false);
        check(&pattern("temp.*:\\s*2[0-9]"), "t", b"{\"temperature\": 21}", true);
    }

    #[test]
    fn all_conditions_hold_together() {
        let query = Query { filter: Some("site/+/t".parse().unwrap()), jq: ".v".into(), ..text("v") };
        check(&query, "site/1/t", b"{\"v\":1}", true);
        check(&query, "site/1/x", b"{\"v\":1}", false);
        check(&query, "site/1/t", b"{\"w\":1}", false);
        check(&query, "site/1/t", b"{\"v\":false}", false);
        check(&query, "site/1/t", b"{\"v\":null}", false);
        check(&query, "site/1/t", b"{\"v\":0}", true);
    }

    #[test]
    fn what_cannot_be_followed_is_explained() {
        let code = |query: &Query| CompiledQuery::compile(query).unwrap_err().code;
        assert_eq!(code(&pattern("(")), "telemetry.regex");
        assert_eq!(code(&pattern("((a{1,1000}){1,1000}){1,1000}")), "telemetry.regex_size");
        assert_eq!(code(&pattern(&"(".repeat(5000))), "telemetry.regex");
        assert_eq!(code(&text(&"x".repeat(10_000))), "telemetry.query_length");
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }
}
