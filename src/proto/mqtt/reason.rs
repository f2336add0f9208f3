//! Return codes of MQTT 3.1.1 (sections 3.2.2.3 and 3.9.3) and reason codes of MQTT 5.0 (section 2.4) in plain words.

use crate::model::mqtt::MqttVersion;

/// What a code of CONNACK means.
pub fn connack(version: MqttVersion, code: u8) -> String {
    match version {
        MqttVersion::V311 => match code {
            0 => "accepted".into(),
            1 => "the broker does not speak this version of MQTT".into(),
            2 => "the broker does not allow this client id".into(),
            3 => "the broker is there, its service is not".into(),
            4 => "user or password is wrong".into(),
            5 => "the broker doesn't let this client in".into(),
            _ => unknown(code),
        },
        MqttVersion::V5 => reason(code),
    }
}

/// What a code of SUBACK means.
pub fn suback(version: MqttVersion, code: u8) -> String {
    match (version, code) {
        (_, 0..=2) => format!("granted with QoS {code}"),
        (MqttVersion::V311, 0x80) => "refused, and MQTT 3.1.1 has no way to say why".into(),
        (MqttVersion::V311, _) => unknown(code),
        (MqttVersion::V5, _) => reason(code),
    }
}

/// What a reason code of MQTT 5 means.
pub fn reason(code: u8) -> String {
    let words = match code {
        0x00 => "success",
        0x01 => "granted with QoS 1",
        0x02 => "granted with QoS 2",
        0x04 => "disconnected, and the last will is published",
        0x10 => "nobody is subscribed to it",
        0x11 => "there was no such subscription",
        0x18 => "go on with the authentication",
        0x19 => "authenticate again",
        0x80 => "error without a reason",
        0x81 => "a packet could not be read",
        0x82 => "a packet was against the protocol",
        0x83 => "the broker has a reason of its own",
        0x84 => "the broker does not speak this version of MQTT",
        0x85 => "the broker does not allow this client id",
        0x86 => "user or password is wrong",
        0x87 => "not allowed",
        0x88 => "the broker is there, its service is not",
        0x89 => "the broker is busy",
        0x8A => "this client is banned",
        0x8B => "the broker shuts down",
        0x8C => "the broker does not offer this way to authenticate",
        0x8D => "nothing was received in time",
        0x8E => "another client connected with the same client id",
        0x8F => "the broker doesn't accept this filter",
        0x90 => "the broker doesn't accept this topic",
        0x91 => "the packet's number is in use",
        0x92 => "the packet's number is unknown",
        0x93 => "more unacknowledged messages than allowed",
        0x94 => "the topic's alias is not valid",
        0x95 => "the packet is larger than the broker allows",
        0x96 => "messages came too fast",
        0x97 => "a quota is used up",
        0x98 => "ended by an administrator",
        0x99 => "the payload is not what it claims to be",
        0x9A => "the broker has no retained messages (retain)",
        0x9B => "the broker does not do this QoS",
        0x9C => "use another broker for now",
        0x9D => "the broker has moved",
        0x9E => "the broker does not do shared subscriptions",
        0x9F => "too many connections in a short time",
        0xA0 => "the longest time of a connection is over",
        0xA1 => "the broker does not do subscription numbers",
        0xA2 => "the broker does not do wildcards in subscriptions",
        _ => return unknown(code),
    };
    words.into()
}

fn unknown(code: u8) -> String {
    format!("code 0x{code:02X}, which the standard does not know")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_the_standard_has_words_of_its_own() {
        let known: Vec<String> = (0..=255).map(reason).collect();
        let named = (0..=255_u8).filter(|code| reason(*code) != unknown(*code)).count();
        assert_eq!((known.len(), named), (256, 43));
        let distinct: std::collections::BTreeSet<&String> = known.iter().collect();
        assert_eq!(distinct.len(), 256);
    }

    #[test]
    fn a_code_means_what_its_version_says() {
        assert_eq!(connack(MqttVersion::V311, 5), "the broker doesn't let this client in");
        assert_eq!(connack(MqttVersion::V5, 0x86), "user or password is wrong");
        assert_eq!(suback(MqttVersion::V5, 0x87), "not allowed");
        assert_eq!(suback(MqttVersion::V311, 0x87), unknown(0x87));
        assert_eq!(suback(MqttVersion::V311, 1), "granted with QoS 1");
    }
}
