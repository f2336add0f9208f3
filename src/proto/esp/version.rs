//! What a device tells at `proto-ver`: its security scheme and what it can do.
//!
//! JSON with the object `prov`, or a plain string in very old firmware. It comes unprotected: whoever is on the air may have
//! written it, so what it says is held against what the profile asks for, and a wrong type is an error and never a default.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::messages::MAX_MESSAGE;
use crate::model::text::visible;

/// Applications beside `prov` that are kept.
const MAX_APPLICATIONS: usize = 8;
/// Abilities that are kept of each object.
const MAX_ABILITIES: usize = 32;
/// Longest text that is kept, characters.
const TEXT_CHARS: usize = 60;
/// The highest patch level of Security 2 that is understood.
pub const NEWEST_PATCH: u32 = 1;

/// What the device is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Version of its provisioning, such as `netprov-v1.2`.
    pub version: String,
    /// Its security level, as told or as its absence means.
    pub security: u32,
    /// The patch level of that.
    pub patch: u32,
    /// What it can do: `wifi_scan`, `no_pop`, …
    pub abilities: Vec<String>,
    /// Its applications: label, version and abilities.
    pub applications: Vec<Application>,
    /// Whether it answered with a plain string, as very old firmware does.
    pub is_plain: bool,
}

/// An application that the firmware names beside the provisioning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// Its label.
    pub label: String,
    /// Its version.
    pub version: String,
    /// What it can do.
    pub abilities: Vec<String>,
}

/// How the session is to be secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Security0,
    /// X25519, AES-256-CTR and perhaps a proof of possession.
    Security1 {
        /// Whether the device was built without one.
        is_without_proof: bool,
    },
    /// SRP-6a and AES-256-GCM.
    Security2 {
        /// Whether each message has a nonce of its own (patch level 1); else all messages share one.
        has_counter: bool,
    },
}

/// Why no session can be opened with such a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoScheme {
    /// A level nobody knows.
    #[error("security level {level} is not known")]
    UnknownLevel {
        /// The level.
        level: u32,
    },
    /// A newer patch level of Security 2.
    #[error("patch level {patch} of Security 2 is not known")]
    NewerPatch {
        /// The patch level.
        patch: u32,
    },
}

/// The answer is neither the JSON nor a plain version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is neither the JSON nor a plain version")]
pub struct BadVersion;

impl Version {
    /// Whether it says that it can do something.
    pub fn has(&self, ability: &str) -> bool {
        self.abilities.iter().any(|own| own == ability)
    }

    /// Whether it can list networks. Firmware that tells no abilities at all is asked.
    pub fn can_scan(&self) -> bool {
        self.has("wifi_scan") || self.is_plain
    }

    /// How the session is to be secured.
    pub fn scheme(&self) -> Result<Scheme, NoScheme> {
        match (self.security, self.patch) {
            (0, _) => Ok(Scheme::Security0),
            (1, _) => Ok(Scheme::Security1 { is_without_proof: self.has("no_pop") }),
            (2, patch @ ..=NEWEST_PATCH) => Ok(Scheme::Security2 { has_counter: patch == 1 }),
            (2, patch) => Err(NoScheme::NewerPatch { patch }),
            (level, _) => Err(NoScheme::UnknownLevel { level }),
        }
    }
}

/// Reads the answer of `proto-ver`.
pub fn parse_version(bytes: &[u8]) -> Result<Version, BadVersion> {
    if bytes.len() > MAX_MESSAGE {
        return Err(BadVersion);
    }
    // Some firmware counts the closing NUL into the length.
    let text = std::str::from_utf8(bytes).map_err(|_| BadVersion)?.trim_end_matches('\0').trim();
    if !text.starts_with('{') {
        return parse_plain(text);
    }
    let Objects { prov, applications } = serde_json::from_str(text).map_err(|_| BadVersion)?;
    let prov = prov.ok_or(BadVersion)?;
    let abilities = prov.cap.0;
    let has_no_security = abilities.iter().any(|ability| ability == "no_sec");
    Ok(Version {
        version: prov.ver,
        security: prov.sec_ver.unwrap_or(u32::from(!has_no_security)),
        patch: prov.sec_patch_ver.unwrap_or(0),
        abilities,
        applications,
        is_plain: false,
    })
}

/// Very old firmware: `V0.1` and the like, which means Security 1 with a proof of possession.
fn parse_plain(text: &str) -> Result<Version, BadVersion> {
    let mut chars = text.chars();
    let is_version = matches!(chars.next(), Some('v' | 'V')) && chars.next().is_some_and(|c| c.is_ascii_digit());
    if !is_version || text.len() > TEXT_CHARS {
        return Err(BadVersion);
    }
    Ok(Version { version: visible(text, TEXT_CHARS), security: 1, is_plain: true, ..Version::default() })
}

/// The answer: the object `prov`, and others, which belong to applications.
struct Objects {
    prov: Option<Prov>,
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Prov {
    #[serde(default, deserialize_with = "shown")]
    ver: String,
    #[serde(default)]
    sec_ver: Option<u32>,
    #[serde(default)]
    sec_patch_ver: Option<u32>,
    #[serde(default)]
    cap: Abilities,
}

fn shown<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| visible(&text, TEXT_CHARS))
}

impl<'de> Deserialize<'de> for Objects {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Objects;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Objects, A::Error> {
                let mut objects = Objects { prov: None, applications: Vec::new() };
                while let Some(label) = map.next_key::<String>()? {
                    if label == "prov" {
                        if objects.prov.is_some() {
                            return Err(serde::de::Error::duplicate_field("prov"));
                        }
                        objects.prov = Some(map.next_value()?);
                    } else {
                        let told: Told = map.next_value()?;
                        if objects.applications.len() < MAX_APPLICATIONS {
                            let label = visible(&label, TEXT_CHARS);
                            objects.applications.push(Application {
                                label,
                                version: told.version,
                                abilities: told.abilities,
                            });
                        }
                    }
                }
                Ok(objects)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// An application's object, whatever it is: what can be read of it is read.
#[derive(Default)]
struct Told {
    version: String,
    abilities: Vec<String>,
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let version = value.get("ver").and_then(|ver| ver.as_str()).unwrap_or_default();
        let list = value.get("cap").and_then(|cap| cap.as_array()).map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            version: visible(version, TEXT_CHARS),
            abilities: list
                .iter()
                .filter_map(|ability| ability.as_str())
                .take(MAX_ABILITIES)
                .map(|ability| visible(ability, TEXT_CHARS))
                .collect(),
        })
    }
}

/// A list of abilities; what is no text in it is passed over.
#[derive(Default)]
struct Abilities(Vec<String>);

impl<'de> Deserialize<'de> for Abilities {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Entry {
            Text(String),
            Other(IgnoredAny),
        }
        let entries = Vec::<Entry>::deserialize(deserializer)?;
        let texts = entries.into_iter().filter_map(|entry| match entry {
            Entry::Text(text) => Some(visible(&text, TEXT_CHARS)),
            Entry::Other(IgnoredAny) => None,
        });
        Ok(Self(texts.take(MAX_ABILITIES).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        parse_version(text.as_bytes()).expect("a version")
    }

    fn scheme(text: &str) -> Result<Scheme, NoScheme> {
        version(text).scheme()
    }

    #[test]
    fn a_current_device_tells_everything() {
        let told = version(
            r#"{"prov":{"ver":"netprov-v1.2","sec_ver":2,"sec_patch_ver":1,"cap":["wifi_prov","wifi_scan"]},
                "shop":{"ver":"1.0","cap":["claim",7]},"odd":3}"#,
        );
        assert_eq!(told.version, "netprov-v1.2");
        assert!(told.can_scan() && told.has("wifi_prov") && !told.has("no_pop"));
        assert_eq!(told.applications[0].abilities, ["claim"]);
        assert_eq!(told.applications.len(), 2);
        assert_eq!(told.scheme(), Ok(Scheme::Security2 { has_counter: true }));
    }

    #[test]
    fn what_is_missing_means_what_old_firmware_meant() {
        for (text, expected) in [
            (r#"{"prov":{"ver":"v1.1","cap":["wifi_scan"]}}"#, Scheme::Security1 { is_without_proof: false }),
            (r#"{"prov":{"ver":"v1.1","cap":["no_pop"]}}"#, Scheme::Security1 { is_without_proof: true }),
            (r#"{"prov":{"ver":"v1.1","cap":["no_sec"]}}"#, Scheme::Security0),
            (r#"{"prov":{"ver":"v1.1","sec_ver":1,"cap":["no_sec"]}}"#, Scheme::Security1 { is_without_proof: false }),
            (r#"{"prov":{"sec_ver":2}}"#, Scheme::Security2 { has_counter: false }),
            ("V0.1", Scheme::Security1 { is_without_proof: false }),
            ("V0.1\0", Scheme::Security1 { is_without_proof: false }),
        ] {
            assert_eq!(scheme(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn unknown_levels_are_named() {
        assert_eq!(scheme(r#"{"prov":{"sec_ver":3}}"#), Err(NoScheme::UnknownLevel { level: 3 }));
        assert_eq!(scheme(r#"{"prov":{"sec_ver":2,"sec_patch_ver":2}}"#), Err(NoScheme::NewerPatch { patch: 2 }));
    }

    #[test]
    fn a_wrong_type_is_an_error_and_no_default() {
        let nested = format!(r#"{{"prov":{}1{}}}"#, "[".repeat(2000), "]".repeat(2000));
        let long = format!(r#"{{"prov":{{"ver":"{}"}}}}"#, "v".repeat(MAX_MESSAGE));
        for text in [
            "",
            "ok",
            "<html>",
            "{}",
            r#"{"prov":3}"#,
            r#"{"prov":{"sec_ver":"2"}}"#,
            r#"{"prov":{"sec_ver":-1}}"#,
            r#"{"prov":{"sec_ver":2,"sec_patch_ver":1.5}}"#,
            r#"{"prov":{"cap":"no_sec"}}"#,
            r#"{"prov":{"sec_ver":2},"prov":{"sec_ver":0}}"#,
            r#"{"prov":{"sec_ver":2,"sec_ver":0}}"#,
            r#"{"prov":{"sec_ver":2}"#,
            &nested,
            &long,
        ] {
            assert_eq!(parse_version(text.as_bytes()), Err(BadVersion), "{text}");
        }
        assert_eq!(parse_version(&[0xff, b'{']), Err(BadVersion));
    }

    #[test]
    fn texts_are_made_safe_and_cut() {
        let told = version(&format!("{{\"prov\":{{\"ver\":\"a\\u202Eb{}\"}}}}", "c".repeat(500)));
        assert!(told.version.chars().count() <= TEXT_CHARS && !told.version.contains('\u{202E}'), "{}", told.version);
    }
}
