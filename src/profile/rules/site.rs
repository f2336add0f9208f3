//! What a profile says of the network and the servers around the device, beside the endpoints.

use serde::Serialize;

use crate::model::basis::Basis;
use crate::model::endpoint::{Level, RowId, Vantage};
use crate::model::word::words;

pub use crate::model::mqtt::Dialect;

/// What a system needs of the site's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRules {
    /// From where the rows must hold unless they say otherwise.
    pub vantage: Vantage,
    /// The requirements that are no endpoint.
    pub rules: Vec<NetworkRule>,
}

impl NetworkRules {
    /// Whether the vendor or we say this of the system.
    pub fn says(&self, fact: NetworkFact) -> bool {
        self.rules.iter().any(|rule| rule.fact == fact)
    }
}

words! {
    /// What can be said of a system and its network beside the endpoints.
    NetworkFact {
        /// It takes its address by DHCP and needs it.
        DhcpRequired = "dhcp-required",
        /// It takes its address by DHCP and can also be given a fixed one.
        StaticPossible = "static-possible",
        /// It cannot use a proxy.
        ProxyUnsupported = "proxy-unsupported",
        /// It can use a proxy.
        ProxySupported = "proxy-supported",
        /// TLS inspection cuts it off.
        InterceptionBreaks = "interception-breaks",
        /// TLS inspection does not disturb it.
        InterceptionTolerated = "interception-tolerated",
        /// It should be kept apart from other devices.
        SeparateNetworkAdvised = "separate-network-advised",
        /// It should stand where few people can reach it.
        SecurePlaceAdvised = "secure-place-advised",
        /// It calls out itself; nothing has to be let in but answers.
        OutboundOnly = "outbound-only",
        /// It answers pings.
        AnswersPing = "answers-ping",
        /// It listens on no port.
        ListensNowhere = "listens-nowhere",
        /// An address is fixed for good.
        FixedAddress = "fixed-address",
        /// It must hold a certain root certificate.
        RootNeeded = "root-needed",
        /// It is administered only inside the vendor's VPN.
        RemoteAccessByVpn = "remote-access-by-vpn",
        /// A person has to sign in first.
        SignInNeeded = "sign-in-needed",
    }
}

impl NetworkFact {
    /// The fact that cannot hold together with this one.
    pub const fn opposite(self) -> Option<Self> {
        match self {
            Self::DhcpRequired => Some(Self::StaticPossible),
            Self::StaticPossible => Some(Self::DhcpRequired),
            Self::ProxySupported => Some(Self::ProxyUnsupported),
            Self::ProxyUnsupported => Some(Self::ProxySupported),
            Self::InterceptionBreaks => Some(Self::InterceptionTolerated),
            Self::InterceptionTolerated => Some(Self::InterceptionBreaks),
            Self::AnswersPing => Some(Self::ListensNowhere),
            Self::ListensNowhere => Some(Self::AnswersPing),
            Self::SeparateNetworkAdvised
            | Self::SecurePlaceAdvised
            | Self::OutboundOnly
            | Self::FixedAddress
            | Self::RootNeeded
            | Self::RemoteAccessByVpn
            | Self::SignInNeeded => None,
        }
    }
}

/// A requirement that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkRule {
    /// The row's id, where it is to appear in reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RowId>,
    /// What it says, as a word.
    pub fact: NetworkFact,
    /// What it says, as a person reads it.
    pub says: String,
    /// How much depends on it.
    pub level: Level,
    /// Where it comes from.
    #[serde(flatten)]
    pub basis: Basis,
    /// What is left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}

words! {
    /// Whether MQTT runs inside TLS.
    TlsUse {
        /// Always.
        Required = "required",
        /// As the operator chooses.
        Optional = "optional",
        /// Never.
        None = "none",
    }
}

words! {
    /// What carries MQTT.
    Carrier {
        /// TCP or TLS.
        Tcp = "tcp",
        /// WebSocket.
        WebSocket = "websocket",
        /// The vendor does not say.
        NotStated = "not-stated",
    }
}

words! {
    /// How a device proves to the broker who it is.
    MqttAuthentication {
        /// By a client certificate.
        ClientCertificate = "client-certificate",
        /// By its SIM; nothing is sent.
        SimIdentity = "sim-identity",
        /// By a token.
        Token = "token",
        /// By name and password.
        Password = "password",
        /// Not at all.
        None = "none",
        /// The vendor does not say.
        NotStated = "not-stated",
    }
}

/// How a system speaks MQTT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MqttRules {
    /// Whose rules the broker follows.
    pub dialect: Dialect,
    /// The broker's ports, in order of preference; empty where the vendor names none.
    pub ports: Vec<u16>,
    /// What carries it.
    pub carrier: Carrier,
    /// Whether it runs inside TLS.
    pub tls: TlsUse,
    /// How the device proves who it is.
    pub authentication: MqttAuthentication,
    /// Topic filters worth watching.
    pub topics: Vec<String>,
    /// How a message tells which device it is from.
    pub identity: String,
    /// Where the rules come from.
    #[serde(flatten)]
    pub basis: Basis,
    /// What is left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}

/// The most of something that the system allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Its id.
    pub id: String,
    /// How many.
    pub at_most: u32,
    /// Of what, to stand behind the number.
    pub of: String,
    /// Where it comes from.
    #[serde(flatten)]
    pub basis: Basis,
    /// What is left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}

words! {
    /// The type of a field in a message.
    FieldType {
        /// A number.
        Number = "number",
        /// A text.
        Text = "text",
        /// True or false.
        Boolean = "boolean",
        /// A point in time.
        Time = "time",
    }
}

/// What must appear on a topic once the gateway is in service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expectation {
    /// Its id.
    pub id: String,
    /// The topic filter.
    pub topic: String,
    /// The longest time between two messages; `None` where messages come on events only.
    pub within_secs: Option<u32>,
    /// Fields of the payload.
    pub fields: Vec<FieldRule>,
    /// Where the rule comes from.
    #[serde(flatten)]
    pub basis: Basis,
}

/// A field a message must have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldRule {
    /// Its name, with dots for nesting.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// The least value that makes sense.
    pub min: Option<f64>,
    /// The greatest value that makes sense.
    pub max: Option<f64>,
}
