//! The state of a broker, from what it publishes below `$SYS`: mosquitto's and EMQX's names are known; others are listed as they
//! came.

use std::sync::Arc;

use crate::model::text::visible_octets;

/// Characters of a topic and of a value.
const CHARS: usize = 200;
/// Topics that are not known and are listed all the same.
const OTHERS: usize = 500;

/// The state of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SysPage {
    /// What is known, by group, in the order in which it is read.
    pub groups: Vec<SysGroup>,
    /// All else: topic and value.
    pub others: Vec<(Arc<str>, Arc<str>)>,
}

/// A part of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysGroup {
    /// Its title; with the node, where a cluster has several.
    pub title: String,
    /// Its facts: name and value.
    pub facts: Vec<(&'static str, String)>,
}

/// How a value is read.
#[derive(Clone, Copy, PartialEq)]
enum As {
    Text,
    Count,
    Bytes,
    /// Seconds, as `12345 seconds`.
    Seconds,
    /// Milliseconds.
    Millis,
    /// A number each minute.
    PerMinute,
}

const BROKER: &str = "Broker";
const CLIENTS: &str = "Clients";
const MESSAGES: &str = "Messages";
const TRAFFIC: &str = "Traffic";
const GROUPS: [&str; 4] = [BROKER, CLIENTS, MESSAGES, TRAFFIC];

/// mosquitto: below `$SYS/broker/`.
const MOSQUITTO: [(&str, &str, &str, As); 27] = [
    ("version", BROKER, "Version", As::Text),
    ("uptime", BROKER, "Uptime", As::Seconds),
    ("timestamp", BROKER, "Built", As::Text),
    ("heap/current", BROKER, "Memory", As::Bytes),
    ("heap/current size", BROKER, "Memory", As::Bytes),
    ("heap/maximum", BROKER, "Most memory", As::Bytes),
    ("heap/maximum size", BROKER, "Most memory", As::Bytes),
    ("clients/connected", CLIENTS, "Connected", As::Count),
    ("clients/active", CLIENTS, "Active", As::Count),
    ("clients/disconnected", CLIENTS, "Disconnected with a session", As::Count),
    ("clients/inactive", CLIENTS, "Inactive", As::Count),
    ("clients/total", CLIENTS, "Total", As::Count),
    ("clients/maximum", CLIENTS, "Most at once", As::Count),
    ("clients/expired", CLIENTS, "Expired", As::Count),
    ("subscriptions/count", CLIENTS, "Subscriptions", As::Count),
    ("shared_subscriptions/count", CLIENTS, "Shared subscriptions", As::Count),
    ("messages/received", MESSAGES, "Packets received", As::Count),
    ("messages/sent", MESSAGES, "Packets sent", As::Count),
    ("publish/messages/received", MESSAGES, "Messages received", As::Count),
    ("publish/messages/sent", MESSAGES, "Messages sent", As::Count),
    ("publish/messages/dropped", MESSAGES, "Messages dropped", As::Count),
    ("retained messages/count", MESSAGES, "Retained", As::Count),
    ("store/messages/count", MESSAGES, "Stored", As::Count),
    ("store/messages/bytes", MESSAGES, "Stored bytes", As::Bytes),
    ("bytes/received", TRAFFIC, "Received", As::Bytes),
    ("bytes/sent", TRAFFIC, "Sent", As::Bytes),
    ("load/messages/received/1min", TRAFFIC, "Packets received a minute", As::PerMinute),
];

/// EMQX: below `$SYS/brokers/NODE/`.
const EMQX: [(&str, &str, &str, As); 20] = [
    ("version", BROKER, "Version", As::Text),
    ("uptime", BROKER, "Uptime", As::Millis),
    ("sysdescr", BROKER, "Product", As::Text),
    ("datetime", BROKER, "Its clock", As::Text),
    ("stats/connections/count", CLIENTS, "Connections", As::Count),
    ("stats/connections/max", CLIENTS, "Most connections", As::Count),
    ("stats/live_connections/count", CLIENTS, "Connected", As::Count),
    ("stats/sessions/count", CLIENTS, "Sessions", As::Count),
    ("stats/subscriptions/count", CLIENTS, "Subscriptions", As::Count),
    ("stats/subscribers/count", CLIENTS, "Subscribers", As::Count),
    ("stats/topics/count", MESSAGES, "Topics", As::Count),
    ("stats/retained/count", MESSAGES, "Retained", As::Count),
    ("metrics/messages/received", MESSAGES, "Messages received", As::Count),
    ("metrics/messages/sent", MESSAGES, "Messages sent", As::Count),
    ("metrics/messages/dropped", MESSAGES, "Messages dropped", As::Count),
    ("metrics/packets/received", TRAFFIC, "Packets received", As::Count),
    ("metrics/packets/sent", TRAFFIC, "Packets sent", As::Count),
    ("metrics/bytes/received", TRAFFIC, "Received", As::Bytes),
    ("metrics/bytes/sent", TRAFFIC, "Sent", As::Bytes),
    ("metrics/client/connected", CLIENTS, "Connects", As::Count),
];

/// Whether a topic belongs to the state of a broker.
pub fn is_sys(topic: &[u8]) -> bool {
    topic.starts_with(b"$SYS/")
}

/// The state of a broker from its topics and their newest payloads.
pub fn page<'a>(newest: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> SysPage {
    let mut page = SysPage::default();
    let mut found: Vec<(String, usize, usize, &'static str, String)> = Vec::new();
    for (topic, payload) in newest {
        let value = visible_octets(payload, CHARS);
        match known(topic) {
            Some((node, place, group, name, form)) => {
                let group = GROUPS.iter().position(|known| *known == group).unwrap_or(0);
                found.push((node, group, place, name, shown(&value, form)));
            }
            None if page.others.len() < OTHERS => {
                page.others.push((visible_octets(topic, CHARS).into(), value.into()));
            }
            None => {}
        }
    }
    found.sort();
    let has_nodes = found.windows(2).any(|pair| pair[0].0 != pair[1].0);
    for (node, group, _, name, value) in found {
        let title =
            if has_nodes && !node.is_empty() { format!("{} · {node}", GROUPS[group]) } else { GROUPS[group].into() };
        match page.groups.last_mut().filter(|known| known.title == title) {
            Some(known) if known.facts.iter().any(|(known, _)| *known == name) => {}
            Some(known) => known.facts.push((name, value)),
            None => page.groups.push(SysGroup { title, facts: vec![(name, value)] }),
        }
    }
    page.others.sort();
    page
}

/// What a topic says: its node, its place among the known ones, group, name, and how its value is read.
fn known(topic: &[u8]) -> Option<(String, usize, &'static str, &'static str, As)> {
    let topic = std::str::from_utf8(topic).ok()?.strip_prefix("$SYS/")?;
    let (node, rest, table) = match topic.strip_prefix("brokers/") {
        Some(rest) => {
            let (node, rest) = rest.split_once('/')?;
            (node, rest, EMQX.as_slice())
        }
        None => ("", topic.strip_prefix("broker/")?, MOSQUITTO.as_slice()),
    };
    let place = table.iter().position(|(path, ..)| *path == rest)?;
    let (_, group, name, form) = table[place];
    Some((node.to_owned(), place, group, name, form))
}

/// A value as people read it. What is not what it should be is shown as it came.
fn shown(value: &str, form: As) -> String {
    let number = || value.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).filter(|n| *n >= 0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are positive, and cut to whole ones"
    )]
    let text = match (form, number()) {
        (As::Text, _) | (_, None) => return value.to_owned(),
        (As::Count, Some(count)) => thousands(count as u64),
        (As::PerMinute, Some(count)) => format!("{count:.1}"),
        (As::Bytes, Some(bytes)) => size(bytes),
        (As::Seconds, Some(secs)) => span(secs as u64),
        (As::Millis, Some(millis)) => span((millis / 1000.0) as u64),
    };
    text
}

fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{value:.0} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

fn span(secs: u64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topics: &[(&str, &str)]) -> SysPage {
        page(topics.iter().map(|(topic, payload)| (topic.as_bytes(), payload.as_bytes())))
    }

    #[test]
    fn mosquittos_names_are_known_and_unknown_ones_listed_as_they_came() {
        let page = of(&[
            ("$SYS/broker/bytes/received", "1048576"),
            ("$SYS/broker/version", "mosquitto version 2.0.22"),
            ("$SYS/broker/uptime", "93784 seconds"),
            ("$SYS/broker/clients/connected", "1234"),
            ("$SYS/broker/odd", "x\u{7}"),
        ]);
        let facts: Vec<_> = page.groups.iter().map(|group| (group.title.as_str(), group.facts.clone())).collect();
        assert_eq!(
            facts,
            [
                ("Broker", vec![("Version", "mosquitto version 2.0.22".to_owned()), ("Uptime", "1 d 2 h".to_owned())]),
                ("Clients", vec![("Connected", "1,234".to_owned())]),
                ("Traffic", vec![("Received", "1.0 MiB".to_owned())]),
            ]
        );
        assert_eq!(page.others.len(), 1);
        assert_eq!(&*page.others[0].0, "$SYS/broker/odd");
    }

    #[test]
    fn the_nodes_of_a_cluster_of_emqx_stand_apart() {
        let page = of(&[
            ("$SYS/brokers/emqx@10.0.0.1/version", "5.8.4"),
            ("$SYS/brokers/emqx@10.0.0.1/uptime", "3600000"),
            ("$SYS/brokers/emqx@10.0.0.2/stats/connections/count", "7"),
            ("$SYS/brokers", "emqx@10.0.0.1,emqx@10.0.0.2"),
        ]);
        let titles: Vec<_> = page.groups.iter().map(|group| group.title.as_str()).collect();
        assert_eq!(titles, ["Broker · emqx@10.0.0.1", "Clients · emqx@10.0.0.2"]);
        assert_eq!(page.groups[0].facts[1], ("Uptime", "1 h 0 min".to_owned()));
        assert_eq!(page.others.len(), 1);
    }
}
