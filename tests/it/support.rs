//! Stand-ins that several tests share: records in memory, a simulated gateway behind an in-process link.

use std::sync::{Arc, Mutex};

use linesman::flow::port::{Boxed, Records, RecordsError};
use linesman::model::gateway::{DeviceInfo, PortFacts};
use linesman::model::ids::LinkAddress;
use linesman::model::record::{JobIntent, RecordId, StepEntry};
use linesman::sim::{Air, Card, Fault, ImprovBle, ImprovDevice, SimulatedLinks};

/// Name of the simulated access point.
pub(crate) const SSID: &str = "Site-Office";
/// Its passphrase.
pub(crate) const PASSPHRASE: &str = "correct horse battery";

/// Records that stay in memory, as lines of text.
#[derive(Clone, Default)]
pub(crate) struct MemoryRecords(pub(crate) Arc<Mutex<Vec<String>>>);

impl MemoryRecords {
    fn add(&self, line: String) {
        self.0.lock().expect("no test panics while writing").push(line);
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while writing").clone()
    }
}

impl Records for MemoryRecords {
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
        self.add(format!("begin {} {}", intent.action, intent.link));
        Box::pin(std::future::ready(Ok(RecordId(1))))
    }

    fn step(&self, _job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        self.add(format!("{} {} {} {}", entry.step, entry.phase.as_str(), entry.outcome, entry.detail));
        Box::pin(std::future::ready(Ok(())))
    }

    fn end(
        &self,
        _job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        self.add(format!("end {outcome} {reason} {summary}"));
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What the simulated gateway says it is.
pub(crate) fn info() -> DeviceInfo {
    DeviceInfo {
        firmware: "sim-firmware".into(),
        firmware_version: "1.2.3".into(),
        hardware: "SIM-1".into(),
        name: "Gateway 7".into(),
        ..DeviceInfo::default()
    }
}

/// Where the simulated gateway is.
pub(crate) fn address() -> LinkAddress {
    LinkAddress::Serial("SIM1".into())
}

/// One simulated gateway with these faults.
pub(crate) fn links(faults: &[Fault]) -> SimulatedLinks {
    let device = ImprovDevice::new(info(), Air::site(SSID, PASSPHRASE), Card::in_memory(), faults);
    SimulatedLinks::default().with(address(), PortFacts { is_simulated: true, ..PortFacts::default() }, device)
}

/// Where the simulated gateway with a radio is.
pub(crate) fn ble_address() -> LinkAddress {
    LinkAddress::Ble("C4:4F:33:00:12:AF".into())
}

/// One simulated gateway over Bluetooth with these faults.
pub(crate) fn ble_gateway(faults: &[Fault]) -> ImprovBle {
    ImprovBle::new(info(), Air::site(SSID, PASSPHRASE), Card::in_memory(), faults)
}

/// The simulated gateway on the air.
pub(crate) fn ble_links(device: ImprovBle) -> SimulatedLinks {
    SimulatedLinks::default().with_gatt(ble_address(), device)
}
