//! The list of serial ports, with what the system knows of each. Reads; opens nothing.
//!
//! Reading it in full looks into every terminal of the system, some hundred files. As long as the system shows the same
//! entries, the list of before is handed out: watching for a port must not cost CPU time while nothing happens.

use std::path::Path;

use serialport::SerialPortType;

use crate::flow::port::LinkError;
use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;
use crate::model::text::visible;

/// Where Linux lists its terminals, serial ports among them.
const TERMINALS: &str = "/sys/class/tty";
/// Lists read in full after a change: the file in `/dev` and its rights may come later than the entry.
const SETTLING: u32 = 3;
/// Lists handed out unread at most: every few seconds the list is read in full, whatever was missed.
const UNREAD: u32 = 7;

type Ports = Vec<(LinkAddress, PortFacts)>;

/// Remembers the list of before and what it was read from.
#[derive(Debug, Default)]
pub(super) struct Lister {
    ports: Ports,
    /// The system's numbers for the entries: a port that comes back under its old name has a new one.
    entries: Option<Vec<u64>>,
    settling: u32,
    unread: u32,
}

impl Lister {
    /// The list of before, if the system still shows the same entries. Takes microseconds: it asks the kernel's memory only.
    pub(super) fn unchanged(&mut self) -> Option<Ports> {
        self.unchanged_since(entries().as_ref())
    }

    /// The ports there are now, read in full. Blocks.
    pub(super) fn read(&mut self) -> Result<Ports, LinkError> {
        self.read_from(entries(), read)
    }

    fn unchanged_since(&mut self, entries: Option<&Vec<u64>>) -> Option<Ports> {
        if entries.is_none() || entries != self.entries.as_ref() {
            self.settling = SETTLING;
        } else if self.settling > 0 {
            self.settling -= 1;
        } else if self.unread < UNREAD {
            self.unread += 1;
            return Some(self.ports.clone());
        }
        None
    }

    fn read_from(
        &mut self,
        entries: Option<Vec<u64>>,
        read: impl FnOnce() -> Result<Ports, LinkError>,
    ) -> Result<Ports, LinkError> {
        // After a failure the next list is read in full.
        self.entries = None;
        self.ports = read()?;
        (self.entries, self.unread) = (entries, 0);
        Ok(self.ports.clone())
    }
}

/// The numbers of the entries, in order; `None` where the system has none such or does not tell.
#[cfg(target_os = "linux")]
fn entries() -> Option<Vec<u64>> {
    use std::os::unix::fs::DirEntryExt as _;

    let folder = std::fs::read_dir(TERMINALS).ok()?;
    let mut numbers: Vec<u64> = folder.map(|entry| entry.ok().map(|entry| entry.ino())).collect::<Option<_>>()?;
    numbers.sort_unstable();
    Some(numbers)
}

#[cfg(not(target_os = "linux"))]
fn entries() -> Option<Vec<u64>> {
    None
}

fn read() -> Result<Ports, LinkError> {
    // A container without /sys: the library would panic.
    if cfg!(target_os = "linux") && !Path::new(TERMINALS).is_dir() {
        return Err(LinkError::NotListed { detail: format!("{TERMINALS} is not there") });
    }
    let ports = serialport::available_ports().map_err(|error| LinkError::NotListed { detail: error.to_string() })?;
    Ok(ports.into_iter().map(|port| (LinkAddress::Serial(port.port_name), facts(port.port_type))).collect())
}

fn facts(kind: SerialPortType) -> PortFacts {
    let SerialPortType::UsbPort(usb) = kind else { return PortFacts::default() };
    let shown = |text: Option<String>| text.map(|text| visible(&text, 80));
    PortFacts {
        vid: Some(usb.vid),
        pid: Some(usb.pid),
        serial_number: shown(usb.serial_number),
        product: shown(usb.product),
        manufacturer: shown(usb.manufacturer),
        ..PortFacts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_port() -> Ports {
        vec![(LinkAddress::Serial("/dev/ttyUSB0".into()), PortFacts::default())]
    }

    /// How often the list was read in full, over lists of these entries.
    fn reads(lister: &mut Lister, entries: Option<u64>, lists: u32) -> u32 {
        let mut reads = 0;
        for _ in 0..lists {
            let read = || {
                reads += 1;
                Ok(one_port())
            };
            let entries = entries.map(|number| vec![1, number]);
            let ports = match lister.unchanged_since(entries.as_ref()) {
                Some(ports) => Ok(ports),
                None => lister.read_from(entries, read),
            };
            assert_eq!(ports, Ok(one_port()));
        }
        reads
    }

    #[test]
    fn a_list_is_read_again_after_a_change_and_now_and_then() {
        let mut lister = Lister::default();
        assert_eq!(reads(&mut lister, Some(2), 1 + SETTLING), 1 + SETTLING, "at the start");
        assert_eq!(reads(&mut lister, Some(2), UNREAD), 0, "nothing changed");
        assert_eq!(reads(&mut lister, Some(2), 1), 1, "now and then");
        assert_eq!(reads(&mut lister, Some(2), 1), 0);
        assert_eq!(reads(&mut lister, Some(3), 2), 2, "another device under the same name");
    }

    #[test]
    fn a_system_that_shows_no_entries_is_read_every_time() {
        assert_eq!(reads(&mut Lister::default(), None, 50), 50);
    }

    #[test]
    fn a_failure_is_told_each_time_and_leaves_no_old_list() {
        let mut lister = Lister::default();
        reads(&mut lister, Some(2), 1);
        let failure = LinkError::NotListed { detail: "refused".into() };
        for _ in 0..2 {
            assert_eq!(lister.read_from(None, || Err(failure.clone())), Err(failure.clone()));
        }
        assert_eq!(reads(&mut lister, Some(2), 1), 1);
    }
}
