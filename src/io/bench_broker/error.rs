//! What can go wrong before the bench broker runs.

use crate::io::files::FilesError;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Why the bench broker does not run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The address is none.
    #[error("{address} isn't an address")]
    BadAddress {
        /// What was given.
        address: String,
    },
    /// The address is not this computer's.
    #[error("{address} is not this computer's")]
    NotOurAddress {
        /// The address.
        address: String,
        /// What the system said.
        detail: String,
    },
    /// Another program has the port.
    #[error("port {port} is taken")]
    PortTaken {
        /// The port.
        port: u16,
        /// What the system said.
        detail: String,
    },
    /// This account may not have the port.
    #[error("port {port} is not for this account")]
    NoPermission {
        /// The port.
        port: u16,
        /// What the system said.
        detail: String,
    },
    /// It listens nowhere.
    #[error("no port was chosen")]
    NoPort,
    /// A name cannot stand in a certificate.
    #[error("{name} isn't a host name")]
    BadName {
        /// What was given.
        name: String,
    },
    /// The folder of the CA cannot be used.
    #[error("the folder cannot be used: {0}")]
    Folder(#[source] FilesError),
    /// The CA could not be made.
    #[error("no test CA: {detail}")]
    Ca {
        /// What the library said.
        detail: String,
    },
    /// The broker itself did not start.
    #[error("no broker: {detail}")]
    Broker {
        /// What the library or the system said.
        detail: String,
    },
}

impl BenchError {
    #[expect(clippy::needless_pass_by_value, reason = "so that `map_err` takes it as it is")]
    pub(super) fn ca(error: impl ToString) -> Self {
        Self::Ca { detail: error.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that `map_err` takes it as it is")]
    pub(super) fn broker(error: impl ToString) -> Self {
        Self::Broker { detail: error.to_string() }
    }

    /// What a port that cannot be opened means.
    pub(super) fn bind(address: std::net::IpAddr, port: u16, error: &std::io::Error) -> Self {
        let detail = error.to_string();
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Self::PortTaken { port, detail },
            std::io::ErrorKind::PermissionDenied => Self::NoPermission { port, detail },
            std::io::ErrorKind::AddrNotAvailable => Self::NotOurAddress { address: address.to_string(), detail },
            _ => Self::Broker { detail },
        }
    }

    /// One of each, for the page on which all problems are read together.
    pub fn all() -> Vec<Self> {
        let detail = || "what the system said".to_owned();
        vec![
            Self::BadAddress { address: "laptop".into() },
            Self::NotOurAddress { address: "192.168.7.7".into(), detail: detail() },
            Self::PortTaken { port: 1883, detail: detail() },
            Self::NoPermission { port: 443, detail: detail() },
            Self::NoPort,
            Self::BadName { name: "bro ker".into() },
            Self::Folder(FilesError::NoPermission { path: "/data/bench".into() }),
            Self::Ca { detail: detail() },
            Self::Broker { detail: detail() },
        ]
    }
}

impl Explain for BenchError {
    fn explain(&self) -> Problem {
        match self {
            Self::BadAddress { address } => Problem::new(
                "bench.address",
                format!("The bench broker cannot listen on “{}”", visible(address, 100)),
                "It isn't an IP address",
                "Pick one of this computer's addresses from the list",
            ),
            Self::NotOurAddress { address, detail } => Problem::new(
                "bench.not_our_address",
                format!("The bench broker cannot listen on {address}"),
                "This computer has no such address: the network has changed, or a cable is out",
                "Pick one of this computer's addresses from the list",
            )
            .with_detail(detail),
            Self::PortTaken { port, detail } => Problem::new(
                "bench.port_taken",
                format!("Port {port} is taken"),
                "Another broker or program on this computer listens there",
                "Close it, or choose another port; 0 takes any that is free",
            )
            .with_detail(detail),
            Self::NoPermission { port, detail } => Problem::new(
                "bench.no_permission",
                format!("No permission to listen on port {port}"),
                "On many systems ports below 1024 need administrator permission",
                "Choose a port from 1024 on, and set it on the gateway",
            )
            .with_detail(detail),
            Self::NoPort => Problem::new(
                "bench.no_port",
                "The bench broker has nothing to listen on",
                "Every kind of connection is switched off",
                "Switch one of them on",
            ),
            Self::BadName { name } => Problem::new(
                "bench.name",
                format!("“{}” can't be used in a certificate", visible(name, 100)),
                "It is neither a host name nor an IP address",
                "Write the name as the gateway has it in its settings, such as broker.local",
            ),
            Self::Folder(error) => {
                let problem = error.explain();
                Problem::new("bench.folder", "The test CA can't be saved", problem.what, problem.next_step)
                    .with_detail(problem.detail)
            }
            Self::Ca { detail } => Problem::new(
                "bench.ca",
                "The test CA couldn't be created",
                "The encryption library returned an error",
                "Try again; if it happens again, copy the diagnostics and report it",
            )
            .with_detail(detail),
            Self::Broker { detail } => Problem::new(
                "bench.not_started",
                "The bench broker did not start",
                "The system is out of resources, or a setting does not fit",
                "Try again with the default settings",
            )
            .with_detail(detail),
        }
    }
}
