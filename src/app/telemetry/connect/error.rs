//! [`FormError`]: why a form makes no plan, and what to do about it.

use crate::model::problem::{Explain, Problem};

/// Why the form makes no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormError {
    /// There is no client id.
    NoClientId,
    /// The proxy is no host and port.
    BadProxy {
        /// What was typed.
        text: String,
    },
    /// A key is named and no certificate.
    KeyWithoutCertificate,
    /// Signing in as a device needs hub and device.
    NoDevice,
    /// Signing by an access key needs region, id and key.
    NoAccessKey,
    /// A signature stands in the address of a WebSocket, and this is none.
    SignatureWithoutWebSocket,
    /// Nothing is subscribed to.
    NoSubscription,
}

impl FormError {
    /// One of each, for the page of all problems.
    pub fn all() -> Vec<Self> {
        vec![
            Self::NoClientId,
            Self::BadProxy { text: "proxy:x".into() },
            Self::KeyWithoutCertificate,
            Self::NoDevice,
            Self::NoAccessKey,
            Self::SignatureWithoutWebSocket,
            Self::NoSubscription,
        ]
    }
}

impl Explain for FormError {
    fn explain(&self) -> Problem {
        match self {
            Self::NoClientId => Problem::new(
                "mqtt.no_client_id",
                "The client id is empty",
                "A broker identifies clients by their ID, and disconnects the first of two with the same",
                "Use the proposed one, or enter one that no gateway uses",
            ),
            Self::BadProxy { text } => Problem::new(
                "mqtt.proxy_address",
                format!("“{text}” isn't a proxy address"),
                "Host and port are needed",
                "Write it like proxy.example:3128",
            ),
            Self::KeyWithoutCertificate => Problem::new(
                "mqtt.key_without_certificate",
                "A key without a certificate",
                "A client needs both",
                "Choose the certificate's file, or empty the field of the key",
            ),
            Self::NoDevice => Problem::new(
                "mqtt.no_device",
                "The hub or the device is missing",
                "An IoT Hub accepts only its own devices",
                "Type the hub's host name, such as example.azure-devices.net, and the id of the device",
            ),
            Self::NoAccessKey => Problem::new(
                "mqtt.no_access_key",
                "The region or the access key is missing",
                "The signature is made from them",
                "Type the region, such as eu-central-1, the id of the access key and the key",
            ),
            Self::SignatureWithoutWebSocket => Problem::new(
                "mqtt.signature_without_websocket",
                "A signature needs a secure WebSocket",
                "It's part of the WebSocket's address",
                "Use an address with wss, or log in with a certificate",
            ),
            Self::NoSubscription => Problem::new(
                "mqtt.no_subscription",
                "No subscription",
                "A broker sends only subscribed topics",
                "Add a topic filter, such as site/#",
            ),
        }
    }
}
