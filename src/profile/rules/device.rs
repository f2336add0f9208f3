//! What a profile says of the device: how it is recognised, driven, given credentials and wiped.

use serde::Serialize;

use crate::model::basis::Basis;
use crate::model::drivers::{BAUD, SettingKind, SettingRule, USUAL_BAUD};
use crate::model::ids::{DriverId, LinkKind};
pub use crate::model::wipe::Actor as WipeActor;
use crate::model::wipe::Claim;
use crate::model::word::words;
use crate::profile::pattern::{Glob, ServiceUuid};

/// How a system is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// By what a USB port says of itself.
    pub usb: Vec<UsbRule>,
    /// By what it advertises over Bluetooth.
    pub ble: Vec<BleRule>,
    /// By what it prints on a serial port.
    pub banners: Vec<BannerRule>,
}

words! {
    /// How much a match on USB says.
    UsbMeaning {
        /// It is this product.
        Product = "product",
        /// It is the chip or software that carries the port; the product behind it may be anything.
        Chip = "chip",
    }
}

/// Recognition by USB. All fields that are there must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsbRule {
    /// Vendor id.
    pub vid: Option<u16>,
    /// Product id.
    pub pid: Option<u16>,
    /// Product text.
    pub product: Option<Glob>,
    /// Manufacturer text.
    pub manufacturer: Option<Glob>,
    /// How much a match says.
    pub means: UsbMeaning,
    /// What was recognised, in words: `a CP210x bridge`.
    pub says: String,
    /// Where the rule comes from.
    #[serde(flatten)]
    pub basis: Basis,
}

/// Recognition by a Bluetooth advertisement. All fields that are there must match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BleRule {
    /// An advertised service.
    pub service: Option<ServiceUuid>,
    /// The company id of the manufacturer data.
    pub company: Option<u16>,
    /// The advertised name.
    pub name: Option<Glob>,
    /// What was recognised, in words.
    pub says: String,
    /// Where the rule comes from.
    #[serde(flatten)]
    pub basis: Basis,
}

/// Recognition by a line on a serial port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BannerRule {
    /// The line.
    pub line: Glob,
    /// What was recognised, in words.
    pub says: String,
    /// Where the rule comes from.
    #[serde(flatten)]
    pub basis: Basis,
}

/// One driver of a profile over one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriverBinding {
    /// The driver.
    pub driver: DriverId,
    /// What carries it.
    pub link: LinkKind,
    /// How it is set up.
    pub settings: DriverSettings,
    /// Why we think the gateway speaks it.
    #[serde(flatten)]
    pub basis: Basis,
    /// What the vendor's words leave open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}

impl DriverBinding {
    /// Whether no paper names this driver over this link.
    pub fn is_guess(&self) -> bool {
        self.basis.assumes("driver") || self.basis.assumes("link")
    }
}

/// The settings of a driver, in the order of its facts. A setting that the profile leaves out holds what is usual, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverSettings(Vec<(&'static str, Option<SettingValue>)>);

/// What a setting holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// A whole number.
    Number(i64),
    /// A text, or the id of a service in the form that is compared.
    Text(String),
}

impl DriverSettings {
    /// Settings as they were read.
    pub(in crate::profile) const fn new(values: Vec<(&'static str, Option<SettingValue>)>) -> Self {
        Self(values)
    }

    /// The usual settings of a driver, with these in place of some.
    pub fn of(driver: DriverId, set: &[(&str, SettingValue)]) -> Self {
        let value = |rule: &SettingRule| match rule.kind {
            SettingKind::Number { usual, .. } => Some(SettingValue::Number(usual)),
            SettingKind::Text { usual } => usual.map(|usual| SettingValue::Text(usual.to_owned())),
            SettingKind::Service => None,
        };
        let chosen = |rule: &SettingRule| set.iter().find(|(key, _)| *key == rule.key).map(|(_, value)| value.clone());
        Self(driver.facts().settings.iter().map(|rule| (rule.key, chosen(rule).or_else(|| value(rule)))).collect())
    }

    /// What a key holds.
    pub fn get(&self, key: &str) -> Option<&SettingValue> {
        self.0.iter().find(|(known, _)| *known == key).and_then(|(_, value)| value.as_ref())
    }

    /// The number a key holds.
    pub fn number(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            SettingValue::Number(number) => Some(*number),
            SettingValue::Text(_) => None,
        }
    }

    /// The text a key holds.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            SettingValue::Text(text) => Some(text),
            SettingValue::Number(_) => None,
        }
    }

    /// The speed of a serial line.
    pub fn baud(&self) -> u32 {
        self.number(BAUD).and_then(|baud| baud.try_into().ok()).unwrap_or(USUAL_BAUD)
    }
}

impl Serialize for DriverSettings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl std::fmt::Display for SettingValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

words! {
    /// What a credential is.
    CredentialKind {
        /// A token.
        AccessToken = "access-token",
        /// A certificate with its private key.
        CertificateBundle = "certificate-bundle",
        /// A private key alone.
        PrivateKey = "private-key",
        /// A name and password.
        Password = "password",
        /// A root certificate the device must hold. No secret, but lost with the others.
        RootCertificate = "root-certificate",
        /// An identity in a SIM.
        SimIdentity = "sim-identity",
    }
}

words! {
    /// How a credential reaches the device.
    PushPath {
        /// By a driver of this program.
        Driver = "driver",
        /// By the vendor's own tool.
        VendorTool = "vendor-tool",
        /// At the factory.
        Factory = "factory",
        /// By the vendor's servers, once the device is online.
        Cloud = "cloud",
        /// It stays elsewhere and never reaches the device.
        Never = "never",
        /// The vendor does not say.
        NotStated = "not-stated",
    }
}

words! {
    /// How a credential lies on the device.
    AtRest {
        /// Readable by whoever holds the storage.
        Clear = "clear",
        /// Encrypted.
        Encrypted = "encrypted",
        /// Not on the device at all.
        Elsewhere = "elsewhere",
        /// The vendor does not say.
        NotStated = "not-stated",
    }
}

words! {
    /// How the content of a credential is wrapped for an endpoint.
    Template {
        /// As it is.
        Raw = "raw",
        /// Inside a JSON text of the profile.
        Json = "json",
        /// As one field of a protobuf message.
        Protobuf = "protobuf",
    }
}

/// Where and how a driver puts a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushWay {
    /// Espressif provisioning: an endpoint of the product's own.
    Endpoint {
        /// Its name.
        name: String,
        /// How the content is wrapped.
        template: Template,
        /// With [`Template::Json`]: the text, in which `{text}` or `{base64}` stands for the content.
        json: Option<String>,
        /// With [`Template::Protobuf`]: the numbers of the fields from the outermost message to the one that takes it.
        field: Vec<u32>,
    },
    /// SMP: a key of the settings.
    Setting {
        /// Its name.
        name: String,
    },
    /// SMP or a console: a file.
    File {
        /// Its path on the device.
        path: String,
    },
}

impl PushWay {
    /// The name of the endpoint or setting, or the path of the file.
    pub fn path(&self) -> &str {
        match self {
            Self::Endpoint { name, .. } | Self::Setting { name } | Self::File { path: name } => name,
        }
    }

    /// Where it goes, in words.
    pub fn place(&self) -> String {
        match self {
            Self::Endpoint { name, .. } => format!("the endpoint {name}"),
            Self::Setting { name } => format!("the setting {name}"),
            Self::File { path } => format!("the file {path}"),
        }
    }
}

/// How one driver pushes a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PushRule {
    /// The driver.
    pub driver: DriverId,
    /// Where it puts it.
    #[serde(flatten)]
    pub way: PushWay,
    /// Why we think that it goes there.
    #[serde(flatten)]
    pub basis: Basis,
}

/// A secret of the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialRule {
    /// Its id.
    pub id: String,
    /// What it is.
    #[serde(rename = "credential")]
    pub kind: CredentialKind,
    /// What it is made of: format, kind and length of the key, who signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// What it is for.
    pub purpose: String,
    /// How it reaches the device.
    pub pushed: PushPath,
    /// How drivers of this program push it; at most one a driver.
    pub push: Vec<PushRule>,
    /// Where it is kept.
    pub kept: String,
    /// How it lies there.
    pub at_rest: AtRest,
    /// How it is made useless.
    pub revoked: String,
    /// Where the rule comes from.
    #[serde(flatten)]
    pub basis: Basis,
    /// What is left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}

words! {
    /// What must be so before a device is wiped.
    Precondition {
        /// It has power and answers.
        Reachable = "reachable",
        /// It is connected to the internet.
        Online = "online",
        /// Its vendor's tool or account is at hand.
        VendorAccount = "vendor-account",
        /// A person may touch it.
        PhysicalAccess = "physical-access",
        /// Its data has been fetched.
        DataSaved = "data-saved",
    }
}

/// How a system is taken out of service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WipePlan {
    /// What must be so before the first step.
    pub preconditions: Vec<Precondition>,
    /// What to do when no step can be carried out.
    pub guidance: String,
    /// What the device keeps its data on, such as `The SD card`.
    pub medium: String,
    /// Whether whoever holds it can read it.
    pub at_rest: AtRest,
    /// The steps, in order; at least one.
    pub steps: Vec<WipeStep>,
}

/// One step of a wipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WipeStep {
    /// Its id.
    pub id: String,
    /// What is done.
    pub does: String,
    /// Who does it.
    pub by: WipeActor,
    /// What it is for.
    pub claim: Claim,
    /// What must be so before it, beside the plan's own preconditions.
    pub needs: Vec<Precondition>,
    /// What it removes or makes useless: ids of credentials, or `wifi`.
    pub removes: Vec<String>,
    /// What shows that it happened.
    pub evidence: Vec<String>,
    /// What to do when it cannot be done.
    pub otherwise: String,
    /// What to know before it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Files that the driver deletes, beside what `removes` names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Commands that the driver runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Where the step comes from.
    #[serde(flatten)]
    pub basis: Basis,
}
