//! Shared access signatures of Azure IoT Hub: made from a key, and read back to show what a token is for and how long it is
//! good. Follows "Control access to IoT Hub with shared access signatures".
//!
//! The signature never leaves this module but inside the [`Secret`] that goes to the hub.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::{escaped, sign, unescaped};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::text::visible;

/// The version of the hub's interface that a user name asks for.
pub const API_VERSION: &str = "2021-04-12";
/// For how long the vendor's own libraries make a token.
pub const USUAL_LIFETIME: Duration = Duration::from_hours(1);

const PREFIX: &str = "SharedAccessSignature ";
/// The longest token that is read.
const MAX_TOKEN_BYTES: usize = 8192;

/// Why a token cannot be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SasError {
    /// The key is not base64.
    #[error("the key is not base64")]
    KeyNotBase64,
    /// The key is empty.
    #[error("the key is empty")]
    NoKey,
    /// The device's name is empty, or no name that a hub knows.
    #[error("no device name")]
    BadDevice,
    /// The text is no token.
    #[error("no shared access signature")]
    NoToken,
}

impl Explain for SasError {
    fn explain(&self) -> Problem {
        match self {
            Self::KeyNotBase64 => Problem::new(
                "mqtt.sas_key",
                "The device's key cannot be used",
                "The key of an IoT Hub is written in base64 and often ends with =; part of it may be missing",
                "Copy “Primary key” of the device once more, and not the connection string around it",
            ),
            Self::NoKey => Problem::new(
                "mqtt.sas_no_key",
                "The device's key is missing",
                "A token for an IoT Hub is made from the device's key",
                "Copy “Primary key” of the device into the field, or use a certificate",
            ),
            Self::BadDevice => Problem::new(
                "mqtt.sas_device",
                "The device's name cannot be used",
                "It is empty, or holds characters that an IoT Hub does not know",
                "Enter the device ID as in the hub; for a module add a slash and the module ID",
            ),
            Self::NoToken => Problem::new(
                "mqtt.sas_token",
                "This isn't a shared access signature",
                "A token starts with SharedAccessSignature and contains sr, sig and se",
                "Copy the whole token, or enter the device's key, and Linesman makes one",
            ),
        }
    }
}

/// What a device logs in with.
pub struct SasLogin {
    /// Its client id.
    pub client_id: String,
    /// Its user name.
    pub username: String,
    /// The token.
    pub password: Secret<String>,
    /// When the token ends, in seconds since 1970 UTC.
    pub expires_unix_secs: i64,
}

/// The hub's name as its address has it: `my-hub` alone becomes `my-hub.azure-devices.net`.
pub fn hub_host(hub: &str) -> String {
    let hub = hub.trim();
    let is_host = hub.contains(['.', ':']) || hub == "localhost";
    if is_host { hub.to_owned() } else { format!("{hub}.azure-devices.net") }
}

/// What a token of that device, or `device/module`, is for.
pub fn resource(hub: &str, device: &str) -> String {
    let host = hub_host(hub);
    match device.split_once('/') {
        Some((device, module)) => format!("{host}/devices/{device}/modules/{module}"),
        None => format!("{host}/devices/{device}"),
    }
}

/// The user name of that device, or `device/module`.
pub fn username(hub: &str, device: &str) -> String {
    format!("{}/{device}/?api-version={API_VERSION}", hub_host(hub))
}

/// What a device registers with at the provisioning service: user name, and what its token is for. The policy is then
/// `registration`.
pub fn registration(id_scope: &str, registration: &str) -> (String, String) {
    let resource = format!("{id_scope}/registrations/{registration}");
    (format!("{resource}/api-version=2019-03-31"), resource)
}

/// Everything a device logs in with, with a token that begins now.
pub fn login(
    hub: &str,
    device: &str,
    key: &Secret<String>,
    policy: Option<&str>,
    lifetime: Duration,
    now_unix_secs: i64,
) -> Result<SasLogin, SasError> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-:.+%_#*?!(),=@;$'/".contains(c);
    if device.is_empty() || !device.chars().all(is_known) {
        return Err(SasError::BadDevice);
    }
    let expires_unix_secs = now_unix_secs.saturating_add_unsigned(lifetime.as_secs());
    Ok(SasLogin {
        client_id: device.to_owned(),
        username: username(hub, device),
        password: token(&resource(hub, device), key, policy, expires_unix_secs)?,
        expires_unix_secs,
    })
}

/// A token for a resource, good until that second since 1970 UTC.
pub fn token(
    resource: &str,
    key: &Secret<String>,
    policy: Option<&str>,
    expires_unix_secs: i64,
) -> Result<Secret<String>, SasError> {
    let resource = escaped(resource);
    let signature = escaped(&signature(&resource, expires_unix_secs, key)?);
    let policy = policy.map(|policy| format!("&skn={}", escaped(policy))).unwrap_or_default();
    Ok(Secret::new(format!("{PREFIX}sr={resource}&sig={signature}&se={expires_unix_secs}{policy}")))
}

/// The signature over an escaped resource, in base64.
fn signature(escaped_resource: &str, expires_unix_secs: i64, key: &Secret<String>) -> Result<String, SasError> {
    let key = key.expose().trim();
    if key.is_empty() {
        return Err(SasError::NoKey);
    }
    let key = Secret::new(STANDARD.decode(key).map_err(|_| SasError::KeyNotBase64)?);
    Ok(STANDARD.encode(sign(key.expose(), format!("{escaped_resource}\n{expires_unix_secs}").as_bytes())))
}

/// What a token says, without its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SasFacts {
    /// What it is for.
    pub resource: String,
    /// The policy whose key signed it; `None` for the device's own.
    pub policy: Option<String>,
    /// When it ends, in seconds since 1970 UTC.
    pub expires_unix_secs: i64,
}

impl SasFacts {
    /// For how many seconds it is still good; below zero once it has ended.
    pub const fn remaining_secs(&self, now_unix_secs: i64) -> i64 {
        self.expires_unix_secs.saturating_sub(now_unix_secs)
    }

    /// How long it is still good, as people say it: `ends in 42 min`, `ended 4 min ago`.
    pub fn countdown(&self, now_unix_secs: i64) -> String {
        countdown(self.remaining_secs(now_unix_secs))
    }
}

/// Seconds to an end, as people say it.
pub fn countdown(remaining_secs: i64) -> String {
    let span = span(remaining_secs.unsigned_abs());
    if remaining_secs > 0 { format!("ends in {span}") } else { format!("ended {span} ago") }
}

/// Seconds in the two units that matter.
pub(super) fn span(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs} s"),
        60..600 => format!("{} min {:02} s", secs / 60, secs % 60),
        600..3600 => format!("{} min", secs / 60),
        3600..86_400 => format!("{} h {:02} min", secs / 3600, secs % 3600 / 60),
        _ => format!("{} days", secs / 86_400),
    }
}

/// Reads a token. The signature is left out of what comes back.
pub fn parse(token: &Secret<String>) -> Result<SasFacts, SasError> {
    let parts = Parts::read(token.expose())?;
    Ok(SasFacts {
        resource: visible(&unescaped(parts.resource), 300),
        policy: parts.policy.map(|policy| visible(&unescaped(policy), 100)),
        expires_unix_secs: parts.expires_unix_secs,
    })
}

/// Whether a token was signed with that key, as a hub finds out.
pub fn is_signed_with(token: &Secret<String>, key: &Secret<String>) -> bool {
    let Ok(parts) = Parts::read(token.expose()) else { return false };
    let Ok(expected) = signature(parts.resource, parts.expires_unix_secs, key) else { return false };
    unescaped(parts.signature).as_bytes().ct_eq(expected.as_bytes()).into()
}

/// A token taken apart, nothing of it unescaped.
struct Parts<'a> {
    resource: &'a str,
    signature: &'a str,
    policy: Option<&'a str>,
    expires_unix_secs: i64,
}

impl<'a> Parts<'a> {
    fn read(token: &'a str) -> Result<Self, SasError> {
        let token = token.trim();
        let fields = token.strip_prefix(PREFIX).filter(|_| token.len() <= MAX_TOKEN_BYTES).ok_or(SasError::NoToken)?;
        let field = |name: &str| {
            fields.split('&').find_map(|field| field.split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
        };
        Ok(Self {
            resource: field("sr").ok_or(SasError::NoToken)?,
            signature: field("sig").ok_or(SasError::NoToken)?,
            policy: field("skn").filter(|policy| !policy.is_empty()),
            expires_unix_secs: field("se").and_then(|end| end.parse().ok()).ok_or(SasError::NoToken)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets 0 to 31.
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn key() -> Secret<String> {
        Secret::new(KEY.into())
    }

    #[track_caller]
    fn check(resource: &str, policy: Option<&str>, expected: &str) {
        let made = token(resource, &key(), policy, 1_790_000_000).unwrap();
        assert!(made.expose() == expected, "another token for {resource}");
        let facts = parse(&made).unwrap();
        assert_eq!((facts.resource.as_str(), facts.policy.as_deref()), (resource, policy));
        assert_eq!(facts.expires_unix_secs, 1_790_000_000);
        assert!(is_signed_with(&made, &key()));
        assert!(!is_signed_with(&made, &Secret::new("AAAA".into())));
    }

    /// Computed with Python's hmac, base64 and urllib.
    #[test]
    fn tokens_are_those_that_others_make() {
        check(
            &resource("site-hub", "gw-07"),
            None,
            "SharedAccessSignature sr=site-hub.azure-devices.net%2Fdevices%2Fgw-07&sig=DYGWt9cfxLzRjGlyrQDYfg%2BUKDBbf6yOczRT5l1KZX8%3D&se=1790000000",
        );
        check(
            "site-hub.azure-devices.net/devices/gw-07/modules/edge one",
            None,
            "SharedAccessSignature sr=site-hub.azure-devices.net%2Fdevices%2Fgw-07%2Fmodules%2Fedge%20one&sig=0%2FZRHZgrEKNWVDqdYp0lP17JXeZDDgvgbuo9bZAOO9g%3D&se=1790000000",
        );
        check(
            &registration("0ne00000A0A", "gw-07").1,
            Some("registration"),
            "SharedAccessSignature sr=0ne00000A0A%2Fregistrations%2Fgw-07&sig=YKBgXJAys1BCreBimCnMFuv2lvUScZVYCcMOfYGEiVo%3D&se=1790000000&skn=registration",
        );
    }

    #[test]
    fn a_device_logs_in_as_the_hub_wants_it() {
        let login = login("site-hub", "gw-07/edge", &key(), None, USUAL_LIFETIME, 1_000).unwrap();
        assert_eq!(login.client_id, "gw-07/edge");
        assert_eq!(login.username, "site-hub.azure-devices.net/gw-07/edge/?api-version=2021-04-12");
        assert_eq!(login.expires_unix_secs, 4_600);
        let facts = parse(&login.password).unwrap();
        assert_eq!(facts.resource, "site-hub.azure-devices.net/devices/gw-07/modules/edge");
        assert_eq!(hub_host("10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let token = |key: &str| token("r", &Secret::new(key.into()), None, 1).err();
        assert_eq!(token("not base64!"), Some(SasError::KeyNotBase64));
        assert_eq!(token(" "), Some(SasError::NoKey));
        let login = |device: &str| login("hub", device, &key(), None, USUAL_LIFETIME, 0).err();
        assert_eq!(login(""), Some(SasError::BadDevice));
        assert_eq!(login("gw 07"), Some(SasError::BadDevice));
        for text in ["", "SharedAccessSignature", "SharedAccessSignature sr=a&sig=b", "sr=a&sig=b&se=1"] {
            assert_eq!(parse(&Secret::new(text.into())), Err(SasError::NoToken), "{text}");
        }
        assert_eq!(parse(&Secret::new(format!("{PREFIX}sr=a&sig=b&se=x"))), Err(SasError::NoToken));
    }

    #[test]
    fn a_countdown_reads_as_people_say_it() {
        let facts = SasFacts { resource: String::new(), policy: None, expires_unix_secs: 10_000 };
        assert_eq!(facts.countdown(7_480), "ends in 42 min");
        assert_eq!(facts.countdown(9_750), "ends in 4 min 10 s");
        assert_eq!(facts.countdown(10_030), "ended 30 s ago");
        assert_eq!(countdown(7_300), "ends in 2 h 01 min");
        assert_eq!(countdown(i64::MIN), "ended 106751991167300 days ago");
    }
}
