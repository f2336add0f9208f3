//! What a cloud's topics and payloads say beyond their text: property bags, requests and answers, twins, methods, steps of the
//! provisioning service, shadows, and why a client went. Names and values, safe to show; most messages have none.

use serde_json::Value;

use super::unescaped;
use crate::model::mqtt::Dialect;
use crate::model::mqtt::message::Properties;
use crate::model::text::visible;

/// The longest value in a note, in characters.
const MAX_CHARS: usize = 300;
/// The most properties of a bag that are shown.
const MAX_PROPERTIES: usize = 64;
/// The longest payload that is looked into for a note.
const MAX_PAYLOAD: usize = 64 * 1024;

/// A topic of a cloud, taken apart. Behind a proxy both clouds' topics are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloudTopic<'a> {
    /// What a device sends, with its properties.
    Event {
        /// The device, or device and module.
        device: String,
        /// The properties, as they stand in the topic.
        bag: &'a str,
    },
    /// What is sent to a device, with its properties.
    ToDevice {
        /// The device, or device and module.
        device: String,
        /// The properties.
        bag: &'a str,
    },
    /// A request for the whole twin.
    TwinGet {
        /// The request's number.
        rid: &'a str,
    },
    /// Properties a device reports.
    TwinReport {
        /// The request's number.
        rid: &'a str,
    },
    /// An answer about the twin.
    TwinAnswer {
        /// As in HTTP.
        status: &'a str,
        /// The request's number.
        rid: &'a str,
        /// The twin's version, where it says.
        version: Option<&'a str>,
    },
    /// Properties that the cloud wants.
    TwinDesired {
        /// The twin's version.
        version: Option<&'a str>,
    },
    /// A method is called.
    MethodCall {
        /// Its name.
        name: &'a str,
        /// The request's number.
        rid: &'a str,
    },
    /// A method answers.
    MethodAnswer {
        /// As in HTTP.
        status: &'a str,
        /// The request's number.
        rid: &'a str,
    },
    /// A device asks the provisioning service for its hub.
    Register {
        /// The request's number.
        rid: &'a str,
    },
    /// A device asks how its registration stands.
    RegistrationPoll {
        /// The request's number.
        rid: &'a str,
        /// Which registration.
        operation: Option<&'a str>,
    },
    /// The provisioning service answers.
    RegistrationAnswer {
        /// As in HTTP.
        status: &'a str,
        /// The request's number.
        rid: &'a str,
        /// When to ask again, in seconds.
        retry_after: Option<&'a str>,
    },
    /// A shadow.
    Shadow {
        /// The thing.
        thing: &'a str,
        /// The shadow's name; `None` for the classic one.
        shadow: Option<&'a str>,
        /// What is asked or said: `update`, `update/accepted`, `get/rejected`.
        action: &'a str,
    },
    /// A client came or went.
    Presence {
        /// Whether it came.
        is_connected: bool,
        /// Which.
        client_id: &'a str,
    },
}

/// Takes a topic apart, if it is one of that dialect's own.
pub fn read_topic(dialect: Dialect, topic: &str) -> Option<CloudTopic<'_>> {
    let azure = matches!(dialect, Dialect::AzureIotHub | Dialect::Proxy);
    let aws = matches!(dialect, Dialect::AwsIotCore | Dialect::Proxy);
    if let Some(rest) = topic.strip_prefix("$aws/").filter(|_| aws) {
        return read_aws(rest);
    }
    if !azure {
        return None;
    }
    if let Some(rest) = topic.strip_prefix("$iothub/") {
        return read_hub(rest);
    }
    if let Some(rest) = topic.strip_prefix("$dps/registrations/") {
        return read_registration(rest);
    }
    read_device(topic.strip_prefix("devices/")?)
}

fn read_device(rest: &str) -> Option<CloudTopic<'_>> {
    let (device, rest) = rest.split_once('/')?;
    let (device, rest) = match rest.strip_prefix("modules/").and_then(|rest| rest.split_once('/')) {
        Some((module, rest)) => (format!("{device}/{module}"), rest),
        None => (device.to_owned(), rest),
    };
    if let Some(bag) = rest.strip_prefix("messages/events") {
        return Some(CloudTopic::Event { device, bag: bag.trim_start_matches('/') });
    }
    let bag = rest.strip_prefix("messages/devicebound").or_else(|| rest.strip_prefix("messages/deviceBound"))?;
    Some(CloudTopic::ToDevice { device, bag: bag.trim_start_matches('/') })
}

fn read_hub(rest: &str) -> Option<CloudTopic<'_>> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let rid = parameter(query, "$rid").unwrap_or_default();
    let version = parameter(query, "$version");
    match path {
        "twin/GET" => Some(CloudTopic::TwinGet { rid }),
        "twin/PATCH/properties/reported" => Some(CloudTopic::TwinReport { rid }),
        "twin/PATCH/properties/desired" => Some(CloudTopic::TwinDesired { version }),
        _ => {
            if let Some(status) = path.strip_prefix("twin/res/") {
                Some(CloudTopic::TwinAnswer { status, rid, version })
            } else if let Some(name) = path.strip_prefix("methods/POST/") {
                Some(CloudTopic::MethodCall { name, rid })
            } else {
                path.strip_prefix("methods/res/").map(|status| CloudTopic::MethodAnswer { status, rid })
            }
        }
    }
}

fn read_registration(rest: &str) -> Option<CloudTopic<'_>> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let rid = parameter(query, "$rid").unwrap_or_default();
    match path {
        "PUT/iotdps-register" => Some(CloudTopic::Register { rid }),
        "GET/iotdps-get-operationstatus" => {
            Some(CloudTopic::RegistrationPoll { rid, operation: parameter(query, "operationId") })
        }
        _ => {
            let status = path.strip_prefix("res/")?;
            Some(CloudTopic::RegistrationAnswer { status, rid, retry_after: parameter(query, "retry-after") })
        }
    }
}

fn read_aws(rest: &str) -> Option<CloudTopic<'_>> {
    if let Some(rest) = rest.strip_prefix("events/presence/") {
        let (what, client_id) = rest.split_once('/')?;
        let is_connected = match what {
            "connected" => true,
            "disconnected" => false,
            _ => return None,
        };
        return Some(CloudTopic::Presence { is_connected, client_id });
    }
    let (thing, rest) = rest.strip_prefix("things/")?.split_once('/')?;
    let rest = rest.strip_prefix("shadow/")?;
    match rest.strip_prefix("name/").and_then(|rest| rest.split_once('/')) {
        Some((shadow, action)) => Some(CloudTopic::Shadow { thing, shadow: Some(shadow), action }),
        None => Some(CloudTopic::Shadow { thing, shadow: None, action: rest }),
    }
}

/// A parameter of a query, as it stands there.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
}

/// The properties of a bag: `a=b&c=d`, each part escaped.
pub fn read_bag(bag: &str) -> Vec<(String, String)> {
    let bag = bag.trim_start_matches('?').trim_end_matches('/');
    let pairs = bag.split('&').filter(|pair| !pair.is_empty()).take(MAX_PROPERTIES);
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (visible(&unescaped(name), 100), visible(&unescaped(value), MAX_CHARS))
        })
        .collect()
}

/// A system property of a hub in words; its own name for others.
fn property_name(name: &str) -> String {
    match name {
        "$.ct" => "Content type".into(),
        "$.ce" => "Content encoding".into(),
        "$.mid" => "Message id".into(),
        "$.cid" => "Correlation id".into(),
        "$.uid" => "User id".into(),
        "$.to" => "To".into(),
        "$.exp" => "Expires".into(),
        "$.ctime" => "Created".into(),
        "$.sub" => "Interface".into(),
        "$.on" => "Output".into(),
        "$.cdid" => "Sent by device".into(),
        "$.cmid" => "Sent by module".into(),
        "$.ifid" => "Interface id".into(),
        "iothub-ack" => "Acknowledgement wanted".into(),
        "x-opt-retain" | "mqtt-retain" => "Retain, turned into a property".into(),
        other => format!("Property {other}"),
    }
}

/// What is worth knowing of a message beyond its text. `topic` as it came; `payload` is looked into for presence events, shadows
/// and the provisioning service alone.
pub fn notes(dialect: Dialect, topic: &str, payload: &[u8], properties: Option<&Properties>) -> Vec<(String, String)> {
    let mut notes = Vec::new();
    if let Some(cloud) = read_topic(dialect, topic) {
        topic_notes(&cloud, payload, &mut notes);
    }
    let user = properties.into_iter().flat_map(|properties| &properties.user);
    if dialect == Dialect::AwsIotCore {
        notes.extend(
            user.take(MAX_PROPERTIES)
                .map(|(name, value)| (format!("Property {}", visible(name, 100)), visible(value, MAX_CHARS))),
        );
    }
    notes
}

fn topic_notes(cloud: &CloudTopic<'_>, payload: &[u8], notes: &mut Vec<(String, String)>) {
    let mut add = |name: &str, value: &str| notes.push((name.to_owned(), visible(value, MAX_CHARS)));
    match cloud {
        CloudTopic::Event { device, bag } | CloudTopic::ToDevice { device, bag } => {
            let what = if matches!(cloud, CloudTopic::Event { .. }) { "Sent by device" } else { "Sent to device" };
            add(what, device);
            notes.extend(read_bag(bag).into_iter().map(|(name, value)| (property_name(&name), value)));
        }
        CloudTopic::TwinGet { rid } => {
            add("Request", "the whole twin");
            add("Request number", rid);
        }
        CloudTopic::TwinReport { rid } => {
            add("Request", "report properties to the twin");
            add("Request number", rid);
        }
        CloudTopic::TwinAnswer { status, rid, version } => {
            add("Answer", &format!("{status}: {}", status_words(status)));
            add("Request number", rid);
            if let Some(version) = version {
                add("Twin version", version);
            }
        }
        CloudTopic::TwinDesired { version } => {
            add("Twin", "the cloud wants these properties");
            if let Some(version) = version {
                add("Twin version", version);
            }
        }
        CloudTopic::MethodCall { name, rid } => {
            add("Method called", &unescaped(name));
            add("Request number", rid);
        }
        CloudTopic::MethodAnswer { status, rid } => {
            add("Method answered", &format!("{status}: {}", status_words(status)));
            add("Request number", rid);
        }
        CloudTopic::Register { rid } => {
            add("Provisioning", "1 of 3: the device asks which hub is its own");
            add("Request number", rid);
        }
        CloudTopic::RegistrationPoll { rid, operation } => {
            add("Provisioning", "2 of 3: the device asks whether its registration is done");
            add("Request number", rid);
            if let Some(operation) = operation {
                add("Registration", operation);
            }
        }
        CloudTopic::RegistrationAnswer { status, rid, retry_after } => {
            add("Provisioning", registration_words(status));
            add("Request number", rid);
            if let Some(after) = retry_after {
                add("Ask again after", &format!("{after} s"));
            }
            registration_result(payload, &mut add);
        }
        CloudTopic::Shadow { thing, shadow, action } => {
            add("Thing", thing);
            add("Shadow", shadow.unwrap_or("classic"));
            add("Shadow says", shadow_words(action));
            shadow_details(action, payload, &mut add);
        }
        CloudTopic::Presence { is_connected, client_id } => {
            add(if *is_connected { "Client came" } else { "Client went" }, client_id);
            presence_details(payload, &mut add);
        }
    }
}

/// A status of a hub in words.
fn status_words(status: &str) -> &'static str {
    match status {
        "200" | "204" => "done",
        "202" => "taken, not done yet",
        "400" => "the request was malformed",
        "401" | "403" => "not allowed",
        "404" => "not found",
        "408" | "504" => "timed out",
        "412" => "the version has changed meanwhile",
        "413" => "too large",
        "429" => "too many requests: the hub throttles this device",
        _ if status.starts_with('5') => "the other side failed",
        _ => "no words for this status",
    }
}

fn registration_words(status: &str) -> &'static str {
    match status {
        "200" => "3 of 3: the registration is done",
        "202" => "The registration was taken: the device has to ask again",
        "401" => "Refused: key, certificate or id scope are wrong",
        "404" => "Refused: there is no such enrolment",
        "409" => "Refused: the registration is in conflict with another",
        "429" => "Too many requests: the service throttles",
        _ => "The service answered with a status of its own",
    }
}

fn registration_result(payload: &[u8], add: &mut impl FnMut(&str, &str)) {
    let Some(answer) = read_json(payload) else { return };
    let state = answer.get("registrationState").unwrap_or(&Value::Null);
    for (name, value) in [
        ("Status", answer.get("status")),
        ("Registration", answer.get("operationId")),
        ("Assigned hub", state.get("assignedHub")),
        ("Device", state.get("deviceId")),
        ("Error", state.get("errorMessage").or_else(|| answer.get("message"))),
    ] {
        if let Some(text) = value.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            add(name, text);
        }
    }
}

fn shadow_words(action: &str) -> &'static str {
    match action {
        "get" => "the document is asked for",
        "get/accepted" => "here is the document",
        "get/rejected" => "the document is refused",
        "update" => "a change is asked for",
        "update/accepted" => "the change is taken",
        "update/rejected" => "the change is refused",
        "update/delta" => "wanted and reported differ",
        "update/documents" => "before and after a change",
        "delete" => "the document is to be deleted",
        "delete/accepted" => "the document is deleted",
        "delete/rejected" => "deleting is refused",
        _ => "something that has no words yet",
    }
}

fn shadow_details(action: &str, payload: &[u8], add: &mut impl FnMut(&str, &str)) {
    let Some(document) = read_json(payload) else { return };
    if action.ends_with("/rejected") {
        let code = document.get("code").and_then(Value::as_u64);
        let message = document.get("message").and_then(Value::as_str).unwrap_or("no reason given");
        add("Refused because", &code.map_or_else(|| message.to_owned(), |code| format!("{code}: {message}")));
    }
    if let Some(version) = document.get("version").and_then(Value::as_u64) {
        add("Shadow version", &version.to_string());
    }
    if let Some(token) = document.get("clientToken").and_then(Value::as_str) {
        add("Request number", token);
    }
}

fn presence_details(payload: &[u8], add: &mut impl FnMut(&str, &str)) {
    let Some(event) = read_json(payload) else { return };
    if let Some(reason) = event.get("disconnectReason").and_then(Value::as_str) {
        add("Because", disconnect_words(reason));
        add("Reason", reason);
    }
    if let Some(address) = event.get("ipAddress").and_then(Value::as_str) {
        add("From address", address);
    }
    if let Some(principal) = event.get("principalIdentifier").and_then(Value::as_str) {
        add("Certificate or key", principal);
    }
    if let Some(is_own) = event.get("clientInitiatedDisconnect").and_then(Value::as_bool) {
        add("Went by itself", if is_own { "yes" } else { "no" });
    }
}

/// Why a client went, as AWS IoT Core names it (developer guide, "Lifecycle events").
pub fn disconnect_words(reason: &str) -> &'static str {
    match reason {
        "AUTH_ERROR" => "its login was refused, or it lost its permission",
        "CLIENT_INITIATED_DISCONNECT" => "it said goodbye",
        "CLIENT_ERROR" => "it did something wrong: see the log for which packet",
        "CONNECTION_LOST" => "the network to it broke",
        "DUPLICATE_CLIENTID" => "another client connected under the same name",
        "FORBIDDEN_ACCESS" => "its policy does not allow what it did",
        "MQTT_KEEP_ALIVE_TIMEOUT" => "nothing was received within one and a half times its keep-alive",
        "SERVER_ERROR" => "something went wrong at AWS",
        "SERVER_INITIATED_DISCONNECT" => "AWS ended it on purpose",
        "THROTTLED" => "it did too much at once",
        "WEBSOCKET_TTL_EXPIRATION" => "its WebSocket had been open longer than allowed",
        "CUSTOMAUTH_TTL_EXPIRATION" => "its login had lasted longer than allowed",
        "NONE" => "the reason is not known",
        _ => "for a reason that has no words yet",
    }
}

/// A payload of JSON that is short enough to be looked into.
pub(super) fn read_json(payload: &[u8]) -> Option<Value> {
    (payload.len() <= MAX_PAYLOAD).then(|| serde_json::from_slice(payload).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dialect: Dialect, topic: &str, payload: &str, expected: &[(&str, &str)]) {
        let found = notes(dialect, topic, payload.as_bytes(), None);
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected, "{topic}");
    }

    #[test]
    fn a_property_bag_is_read() {
        check(
            Dialect::AzureIotHub,
            "devices/gw-07/messages/events/$.ct=application%2Fjson&$.ce=utf-8&room=Halle%20%C3%84&alarm",
            "",
            &[
                ("Sent by device", "gw-07"),
                ("Content type", "application/json"),
                ("Content encoding", "utf-8"),
                ("Property room", "Halle Ä"),
                ("Property alarm", ""),
            ],
        );
        check(
            Dialect::Proxy,
            "devices/gw/modules/edge/messages/devicebound/%24.to=%2Fdevices%2Fgw&%24.mid=7",
            "",
            &[("Sent to device", "gw/edge"), ("To", "/devices/gw"), ("Message id", "7")],
        );
        check(Dialect::Plain, "devices/gw-07/messages/events/a=b", "", &[]);
    }

    #[test]
    fn requests_and_answers_are_named() {
        let hub = Dialect::AzureIotHub;
        check(hub, "$iothub/twin/GET/?$rid=7", "", &[("Request", "the whole twin"), ("Request number", "7")]);
        check(
            hub,
            "$iothub/twin/res/429/?$rid=8&$version=12",
            "",
            &[
                ("Answer", "429: too many requests: the hub throttles this device"),
                ("Request number", "8"),
                ("Twin version", "12"),
            ],
        );
        check(
            hub,
            "$iothub/methods/POST/reboot/?$rid=1a",
            "{}",
            &[("Method called", "reboot"), ("Request number", "1a")],
        );
        check(
            hub,
            "$iothub/methods/res/200/?$rid=1a",
            "",
            &[("Method answered", "200: done"), ("Request number", "1a")],
        );
        check(
            hub,
            "$iothub/twin/PATCH/properties/desired/?$version=3",
            "{}",
            &[("Twin", "the cloud wants these properties"), ("Twin version", "3")],
        );
    }

    #[test]
    fn provisioning_is_told_step_by_step() {
        let hub = Dialect::AzureIotHub;
        check(
            hub,
            "$dps/registrations/PUT/iotdps-register/?$rid=1",
            "{}",
            &[("Provisioning", "1 of 3: the device asks which hub is its own"), ("Request number", "1")],
        );
        check(
            hub,
            "$dps/registrations/res/202/?$rid=1&retry-after=3",
            r#"{"operationId":"5.abc","status":"assigning"}"#,
            &[
                ("Provisioning", "The registration was taken: the device has to ask again"),
                ("Request number", "1"),
                ("Ask again after", "3 s"),
                ("Status", "assigning"),
                ("Registration", "5.abc"),
            ],
        );
        check(
            hub,
            "$dps/registrations/res/200/?$rid=2",
            r#"{"status":"assigned","registrationState":{"assignedHub":"h.azure-devices.net","deviceId":"gw-07"}}"#,
            &[
                ("Provisioning", "3 of 3: the registration is done"),
                ("Request number", "2"),
                ("Status", "assigned"),
                ("Assigned hub", "h.azure-devices.net"),
                ("Device", "gw-07"),
            ],
        );
    }

    #[test]
    fn shadows_and_presence_are_told_in_words() {
        let core = Dialect::AwsIotCore;
        check(
            core,
            "$aws/things/gw-07/shadow/name/config/update/rejected",
            r#"{"code":409,"message":"Version conflict","clientToken":"t1"}"#,
            &[
                ("Thing", "gw-07"),
                ("Shadow", "config"),
                ("Shadow says", "the change is refused"),
                ("Refused because", "409: Version conflict"),
                ("Request number", "t1"),
            ],
        );
        check(
            core,
            "$aws/events/presence/disconnected/gw-07",
            r#"{"clientId":"gw-07","disconnectReason":"DUPLICATE_CLIENTID","clientInitiatedDisconnect":false}"#,
            &[
                ("Client went", "gw-07"),
                ("Because", "another client connected under the same name"),
                ("Reason", "DUPLICATE_CLIENTID"),
                ("Went by itself", "no"),
            ],
        );
        check(core, "$aws/rules/x", "", &[]);
    }

    #[test]
    fn what_comes_from_outside_is_made_safe_and_short() {
        let bag = format!("devices/g\u{202E}w/messages/events/a=%00%1B&b={}", "x".repeat(5000));
        let found = notes(Dialect::AzureIotHub, &bag, b"", None);
        assert_eq!(found[0].1, "g\u{FFFD}w");
        assert_eq!(found[1].1, "\u{FFFD}\u{FFFD}");
        assert_eq!(found[2].1.chars().count(), MAX_CHARS);
        let many = format!("devices/gw/messages/events/{}", "a=b&".repeat(10_000));
        assert_eq!(notes(Dialect::AzureIotHub, &many, b"", None).len(), 1 + MAX_PROPERTIES);
        for topic in ["$iothub/", "$iothub/twin/res/", "$dps/registrations/", "devices/", "devices//", "$aws/things/"] {
            let _ = notes(Dialect::Proxy, topic, b"{", None);
        }
    }
}
