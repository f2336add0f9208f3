//! What a profile says of the device: how it is recognised, driven, given credentials and wiped.

use serde::Serialize;

use crate::model::basis::Basis;
use crate::model::ids::{DriverId, LinkKind};
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

/// The settings of a driver. A setting that is `None` or empty is left to the driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DriverSettings {
    /// Improv Wi-Fi.
    Improv {
        /// Speed of the line; only over serial.
        baud: u32,
    },
    /// Espressif provisioning.
    EspProv {
        /// Speed of the line; only over serial.
        baud: u32,
        /// The least security scheme to accept: 0, 1 or 2.
        security: u8,
        /// The provisioning service, where it is not the usual one.
        service: Option<ServiceUuid>,
        /// The endpoint that wipes the device.
        wipe_endpoint: Option<String>,
    },
    /// MCUmgr.
    Smp {
        /// Speed of the line; only over serial.
        baud: u32,
        /// Setting that holds the broker's host.
        broker_setting: Option<String>,
        /// Setting that holds the broker's port.
        port_setting: Option<String>,
    },
    /// A login console.
    LinuxConsole {
        /// Speed of the line.
        baud: u32,
        /// What ends the line that asks for the user.
        login_prompt: String,
        /// What ends the line that asks for the password.
        password_prompt: String,
        /// The Wi-Fi interface.
        interface: String,
    },
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

words! {
    /// Who carries out a step of a wipe.
    WipeActor {
        /// This program, by a driver.
        Driver = "driver",
        /// A person with the vendor's tool or portal.
        VendorTool = "vendor-tool",
        /// A person, by hand.
        Person = "person",
    }
}

/// How a system is taken out of service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WipePlan {
    /// What must be so before the first step.
    pub preconditions: Vec<Precondition>,
    /// What to do when no step can be carried out.
    pub guidance: String,
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
    /// What must be so before it, beside the plan's own preconditions.
    pub needs: Vec<Precondition>,
    /// What it removes or makes useless: ids of credentials, or `wifi`.
    pub removes: Vec<String>,
    /// What shows that it happened.
    pub evidence: Vec<String>,
    /// What to do when it cannot be done.
    pub otherwise: String,
    /// Where the step comes from.
    #[serde(flatten)]
    pub basis: Basis,
}
