//! Addresses as they are stored: without the password or token that somebody typed into one.
//!
//! An address is stored, shown and logged. Whoever stores one that a person typed stores it through here, and one that was stored
//! with a password before is read without it.

use serde::{Deserialize as _, Deserializer, Serializer};

use super::secret_text::names_secret;

/// The address without its password, and without parameters that hold a secret.
pub fn without_password(address: &str) -> String {
    let (scheme, rest) =
        address.split_once("://").map_or(("", address), |(_, rest)| address.split_at(address.len() - rest.len()));
    let (place, query) = match rest.split_once('?') {
        // What ends in a sign is still the login: its password holds a question mark.
        Some((place, query)) if place.contains('@') || !is_login(query) => (place, Some(query)),
        _ => (rest, None),
    };
    // A password may hold slashes and signs of its own: the last one ends it.
    let place = match place.rsplit_once('@') {
        Some((login, host)) => format!("{}@{host}", login.split(':').next().unwrap_or_default()),
        None => place.to_owned(),
    };
    let is_shown = |pair: &&str| !names_secret(pair.split('=').next().unwrap_or_default());
    let query: Vec<&str> = query.into_iter().flat_map(|query| query.split('&')).filter(is_shown).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{scheme}{place}{mark}{}", query.join("&"))
}

fn is_login(behind: &str) -> bool {
    behind.split_once('@').is_some_and(|(before, _)| !before.contains('='))
}

/// Whether a password or token stands in the address.
pub fn holds_password(address: &str) -> bool {
    without_password(address) != address
}

/// Writes an address without it.
pub fn serialize<S: Serializer>(address: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_password(address))
}

/// Reads an address without it.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|address| without_password(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_everything_but_its_password() {
        for (typed, stored) in [
            ("postgres://kim:SECRETpw@127.0.0.1:55432/linesman", "postgres://kim@127.0.0.1:55432/linesman"),
            (
                "postgres://kim:p@ss/w:ord@db.example/x?sslmode=verify-full",
                "postgres://kim@db.example/x?sslmode=verify-full",
            ),
            ("postgres://kim:what?now@db.example/x?port=6432", "postgres://kim@db.example/x?port=6432"),
            ("wss://broker.example:8083/mqtt?user=a@b", "wss://broker.example:8083/mqtt?user=a@b"),
            ("postgres://kim@db.example/x?password=s&port=6432", "postgres://kim@db.example/x?port=6432"),
            ("postgres://kim@db.example/x?Password=s", "postgres://kim@db.example/x"),
            ("wss://broker.example/mqtt?token=abc", "wss://broker.example/mqtt"),
            ("me:secret@proxy.example:3128", "me@proxy.example:3128"),
            ("mqtts://broker.example:8883", "mqtts://broker.example:8883"),
            ("postgres://kim@[2001:db8::5]:5432/x", "postgres://kim@[2001:db8::5]:5432/x"),
            ("", ""),
        ] {
            assert_eq!(without_password(typed), stored, "{typed}");
            assert_eq!(holds_password(typed), typed != stored, "{typed}");
        }
    }
}
