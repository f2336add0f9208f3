//! Whether an error means that the gateway itself was away: what a power cycle and a restart are told by.
//!
//! A gateway that answers, in whatever way, is there; and what this computer's own adapter or port lacks says nothing of it.

use crate::flow::console::ConsoleError;
use crate::flow::device::DeviceError;
use crate::flow::error::SessionError;
use crate::flow::esp::EspError;
use crate::flow::improv::ImprovBleError;
use crate::flow::port::{BleError, HttpError, LinkError};
use crate::flow::smp::SmpError;

impl DeviceError {
    /// Whether nothing of the gateway was there.
    pub(in crate::flow) const fn is_absence(&self) -> bool {
        match self {
            Self::Smp(SmpError::Link(error)) | Self::Session(SessionError::Link(error)) => is_away(error),
            Self::Smp(SmpError::NoReply { .. }) => true,
            Self::Session(error) => is_silence(error),
            _ => false,
        }
    }
}

const fn is_away(error: &LinkError) -> bool {
    match error {
        LinkError::NotFound { .. } | LinkError::Vanished { .. } => true,
        LinkError::Ble(error) => matches!(
            error,
            BleError::NotHeard { .. }
                | BleError::NotConnected { .. }
                | BleError::NoServices { .. }
                | BleError::Disconnected { .. }
                | BleError::NoAnswer { .. }
        ),
        LinkError::Http(error) => matches!(error, HttpError::NotReached { .. }),
        _ => false,
    }
}

const fn is_silence(error: &SessionError) -> bool {
    match error {
        SessionError::NoReply { heard, .. } => heard.bytes == 0,
        SessionError::TooSlow { .. } => true,
        SessionError::Console(error) => matches!(
            error,
            // One that starts was away.
            ConsoleError::Silent | ConsoleError::Starting { .. } | ConsoleError::Bootloader { .. }
        ),
        SessionError::Smp { error, .. } => match error {
            SmpError::Link(error) => is_away(error),
            error => matches!(error, SmpError::NoReply { .. }),
        },
        SessionError::Esp(error) => matches!(error, EspError::NoReply { .. }),
        SessionError::ImprovBle(error) => matches!(error, ImprovBleError::NoReply { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::port::AdapterOff;

    #[test]
    fn only_a_gateway_that_is_not_there_is_away() {
        let ble = |error| DeviceError::Session(SessionError::Link(LinkError::Ble(error)));
        let link = |error| DeviceError::Session(SessionError::Link(error));
        let esp = |error| DeviceError::Session(SessionError::Esp(error));
        let (device, port) = (|| "C0:00:00:00:00:01".to_owned(), || "/dev/ttyUSB0".to_owned());
        for away in [
            ble(BleError::NotHeard { device: device() }),
            ble(BleError::NotConnected { device: device() }),
            link(LinkError::Vanished { port: port() }),
            link(LinkError::Http(HttpError::NotReached { host: device(), detail: String::new() })),
            DeviceError::Session(SessionError::Console(ConsoleError::Silent)),
        ] {
            assert!(away.is_absence(), "{away:?}");
        }
        for here in [
            ble(BleError::NoAdapter),
            ble(BleError::PoweredOff { off: AdapterOff::Switched }),
            ble(BleError::NoService { detail: String::new() }),
            ble(BleError::NotPaired { device: device() }),
            link(LinkError::Busy { port: port() }),
            link(LinkError::NoPermission { port: port(), group: None }),
            link(LinkError::Http(HttpError::Status { host: device(), status: 500 })),
            esp(EspError::ProofRefused { level: 2 }),
            DeviceError::Session(SessionError::Console(ConsoleError::Refused)),
        ] {
            assert!(!here.is_absence(), "{here:?}");
        }
    }
}
