//! Headers that a person adds to the request for a WebSocket (RFC 9110, section 5): which ones can be sent.

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Why a header cannot be sent. The value is never repeated: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No name that a header can have.
    #[error("no name of a header: {name}")]
    BadName {
        /// What was given.
        name: String,
    },
    /// The handshake of the WebSocket sets it.
    #[error("{name} is set by the handshake")]
    Reserved {
        /// Its name.
        name: String,
    },
    /// The value holds characters that cannot be sent.
    #[error("the value of {name} cannot be sent")]
    BadValue {
        /// Its name.
        name: String,
    },
    /// There is no request to put it in.
    #[error("no WebSocket")]
    NoWebSocket,
}

impl HeaderError {
    /// One of each, for the page of all problems.
    pub fn all() -> Vec<Self> {
        let name = || "X-Key".to_owned();
        vec![
            Self::BadName { name: "X Key".into() },
            Self::Reserved { name: "Host".into() },
            Self::BadValue { name: name() },
            Self::NoWebSocket,
        ]
    }
}

impl Explain for HeaderError {
    fn explain(&self) -> Problem {
        match self {
            Self::BadName { name } => Problem::new(
                "mqtt.header_name",
                format!("“{}” can't be the name of a header", visible(name, 80)),
                "A name has letters, digits and hyphens, and no blanks",
                "Write it like Authorization=VALUE",
            ),
            Self::Reserved { name } => Problem::new(
                "mqtt.header_reserved",
                format!("The header {} can't be set", visible(name, 80)),
                "The handshake of the WebSocket sets it",
                "Leave it out",
            ),
            Self::BadValue { name } => Problem::new(
                "mqtt.header_value",
                format!("The value of the header {} can't be sent", visible(name, 80)),
                "It holds a line end or another control character, or characters beyond ASCII",
                "Give the value alone, on one line",
            ),
            Self::NoWebSocket => Problem::new(
                "mqtt.header_without_websocket",
                "Headers need a WebSocket",
                "They are part of its request, and this address begins with neither ws nor wss",
                "Leave the headers out, or take the broker's ws or wss address",
            ),
        }
    }
}

/// Headers that the handshake sets itself.
const RESERVED: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

/// Whether a header can be sent.
pub fn check(name: &str, value: &str) -> Result<(), HeaderError> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let named = || name.to_owned();
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(HeaderError::BadName { name: named() });
    }
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        return Err(HeaderError::Reserved { name: named() });
    }
    if !value.chars().all(|c| c == ' ' || c == '\t' || c.is_ascii_graphic()) {
        return Err(HeaderError::BadValue { name: named() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_that_can_be_sent_pass() {
        assert_eq!(check("Authorization", "Bearer abc=="), Ok(()));
        assert!(matches!(check("X Key", "a"), Err(HeaderError::BadName { .. })));
        assert!(matches!(check("", "a"), Err(HeaderError::BadName { .. })));
        assert!(matches!(check("Sec-WebSocket-Key", "a"), Err(HeaderError::Reserved { .. })));
        assert!(matches!(check("HOST", "a"), Err(HeaderError::Reserved { .. })));
        assert!(matches!(check("X-Key", "a\r\nHost: b"), Err(HeaderError::BadValue { .. })));
    }
}
