//! The port of HTTP: requests to the service on a gateway's own access point.

use super::{Boxed, LinkError};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// A client for one gateway. It keeps the gateway's session cookie from one request to the next.
pub trait Http: Send + Sync {
    /// Posts a body to a path and returns the answer's body. Ends within a limit of its own.
    fn post<'a>(&'a self, path: &'a str, body: Vec<u8>) -> Boxed<'a, Result<Vec<u8>, LinkError>>;
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing answers at the address.
    #[error("nothing answers at {host}")]
    NotReached {
        /// The host.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// The gateway answered with another status than success.
    #[error("{host} answered with status {status}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// The connection broke, or the answer is too long or no HTTP.
    #[error("the exchange with {host} failed")]
    Broken {
        /// The host.
        host: String,
        /// What went wrong.
        detail: String,
    },
}

impl Explain for HttpError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotReached { host, detail } => Problem::new(
                "http.not_reached",
                format!("Nothing answers at {}", visible(host, 80)),
                "This computer is not in the gateway's own Wi-Fi network, or the gateway has left provisioning",
                "Connect this computer to the gateway's Wi-Fi network, stay there although it has no internet, and try again",
            )
            .with_detail(visible(detail, 300)),
            Self::Status { host, status } => Problem::new(
                "http.status",
                format!("The gateway at {} refuses the request", visible(host, 80)),
                "It doesn't support the request, or couldn't carry it out",
                "Connect again; if it happens again, export the transcript and send it to the vendor",
            )
            .with_detail(format!("HTTP status {status}")),
            Self::Broken { host, detail } => Problem::new(
                "http.broken",
                format!("The exchange with {} broke off", visible(host, 80)),
                "The gateway's network went away or changed its channel, or something else answers at this address",
                "Check that this computer is still in the gateway's Wi-Fi network, then connect again",
            )
            .with_detail(visible(detail, 300)),
        }
    }
}
