//! Reads what the library reports as an error of ours.
//!
//! BlueZ's errors have names, which are read. Windows and macOS have only texts for some; these are searched for the few
//! words that matter, and what is not recognised stays "Bluetooth failed" with the text as detail.

use crate::flow::port::{AdapterOff, BleError};

/// The error, said of a device (or of none, before there is one).
pub(super) fn explain(error: &btleplug::Error, device: &str) -> BleError {
    use btleplug::Error as Library;

    let device = || device.to_owned();
    match error {
        Library::PermissionDenied => BleError::NoPermission { detail: error.to_string() },
        Library::DeviceNotFound => BleError::NotHeard { device: device() },
        Library::NotConnected => BleError::Disconnected { device: device() },
        Library::NoAdapterAvailable => BleError::NoAdapter,
        Library::TimedOut(_) if device().is_empty() => BleError::NoService { detail: error.to_string() },
        Library::TimedOut(_) => BleError::NoAnswer { device: device() },
        _ => of_the_system(error, &device()),
    }
}

#[cfg(target_os = "linux")]
fn of_the_system(error: &btleplug::Error, device: &str) -> BleError {
    use bluez_async::BluetoothError as Bluez;

    let btleplug::Error::Other(inner) = error else {
        return by_words(&error.to_string(), device);
    };
    match inner.downcast_ref::<Bluez>() {
        Some(Bluez::NoBluetoothAdapters) => BleError::NoAdapter,
        Some(Bluez::ServiceDiscoveryTimedOut) => BleError::NoServices { device: device.to_owned() },
        Some(Bluez::DbusError(error)) => {
            by_name(error.name().unwrap_or_default(), error.message().unwrap_or_default(), device)
        }
        _ => BleError::Failed { detail: inner.to_string() },
    }
}

#[cfg(not(target_os = "linux"))]
fn of_the_system(error: &btleplug::Error, device: &str) -> BleError {
    by_words(&format!("{error} {error:?}"), device)
}

/// BlueZ's and the message bus's names for what went wrong.
#[cfg(any(target_os = "linux", test))]
fn by_name(name: &str, message: &str, device: &str) -> BleError {
    let owner = || device.to_owned();
    let detail = || format!("{name}: {message}");
    let of_the_bus = name.strip_prefix("org.freedesktop.DBus.Error.");
    let of_the_service = name.strip_prefix("org.bluez.Error.");
    match (of_the_bus, of_the_service) {
        (Some("AccessDenied" | "AuthFailed"), _) => BleError::NoPermission { detail: detail() },
        (Some("UnknownObject" | "UnknownMethod" | "UnknownInterface"), _) if device.is_empty() => BleError::NoAdapter,
        (Some("UnknownObject" | "UnknownMethod" | "UnknownInterface"), _) => BleError::Disconnected { device: owner() },
        (Some("NoReply" | "Timeout" | "TimedOut"), _) if !device.is_empty() => BleError::NoAnswer { device: owner() },
        (Some("Failed" | "InvalidArgs"), _) => by_words(message, device),
        (Some(_), _) => BleError::NoService { detail: detail() },
        (_, Some("NotReady" | "Blocked")) => BleError::PoweredOff { off: what_keeps_it_off() },
        (_, Some("NotConnected")) => BleError::Disconnected { device: owner() },
        (_, Some("DoesNotExist")) => BleError::NotHeard { device: owner() },
        (_, Some("NotPermitted")) if message.ends_with("not permitted") => BleError::Failed { detail: detail() },
        (_, Some("NotPermitted" | "NotAuthorized")) => BleError::NotPaired { device: owner() },
        (_, Some(reason)) if reason.starts_with("Authentication") => BleError::NotPaired { device: owner() },
        (_, Some("InvalidValueLength" | "InvalidOffset" | "InvalidArguments")) => {
            BleError::TooLong { device: owner(), octets: 0 }
        }
        _ => match by_words(message, device) {
            BleError::Failed { .. } => BleError::Failed { detail: detail() },
            found => found,
        },
    }
}

/// The words that matter in texts of systems without names for their errors.
fn by_words(text: &str, device: &str) -> BleError {
    let words = text.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    let device = || device.to_owned();
    if says(&["not paired", "authentication", "insufficient encryption", "encryption is insufficient"])
        || says(&["att error: 0x05", "att error: 0x08", "att error: 0x0c", "att error: 0x0f"])
        || says(&["80650005", "80650008", "8065000c", "8065000f", "protocolerror(5)", "protocolerror(15)"])
    {
        BleError::NotPaired { device: device() }
    } else if says(&["att error: 0x06", "att error: 0x07", "att error: 0x09", "att error: 0x0b", "att error: 0x0d"])
        || says(&["80650007", "80650009", "8065000d", "invalid length", "value's length is invalid"])
    {
        BleError::TooLong { device: device(), octets: 0 }
    } else if says(&["not connected", "disconnected", "unreachable", "no longer connected"]) {
        BleError::Disconnected { device: device() }
    } else if says(&["powered off", "not powered", "turned off"]) {
        BleError::PoweredOff { off: what_keeps_it_off() }
    } else if says(&["unauthorized", "not authorized", "access is denied", "permission"]) {
        BleError::NoPermission { detail: text.to_owned() }
    } else {
        BleError::Failed { detail: text.to_owned() }
    }
}

/// What keeps the adapters of this computer off, as far as the system tells.
pub(super) fn what_keeps_it_off() -> AdapterOff {
    let is_one = |path: &std::path::Path| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "1");
    let switches = std::fs::read_dir("/sys/class/rfkill").into_iter().flatten().flatten();
    let mut off = AdapterOff::Switched;
    for switch in switches.map(|entry| entry.path()) {
        if !std::fs::read_to_string(switch.join("type")).is_ok_and(|kind| kind.trim() == "bluetooth") {
            continue;
        }
        if is_one(&switch.join("hard")) {
            return AdapterOff::BlockedByHardware;
        }
        if is_one(&switch.join("soft")) {
            off = AdapterOff::Blocked;
        }
    }
    off
}

/// Keeps a known mistake of the library off standard error.
///
/// When one of its streams is dropped, a task of it takes the stream's rule from the bus and panics if a message came in
/// between and has taken the rule away already. The task was at its end; nothing is lost by it.
#[cfg(target_os = "linux")]
pub(super) fn hush_the_library() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_known = panic.location().is_some_and(|place| {
                place.file().contains("bluez-async-") && place.file().ends_with("messagestream.rs")
            });
            if is_known {
                tracing::debug!("a rule of the message bus was gone before the library took it away");
            } else {
                usual(panic);
            }
        }));
    });
}
