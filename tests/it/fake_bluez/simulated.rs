//! A simulated gateway behind the fake service: what it advertises, offers, answers and tells.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use linesman::flow::port::Characteristic;
use linesman::sim::{AttError, GattDevice, GattEmission};

use super::service::Radio;
use super::world::{Answer, FakeCharacteristic, FakeDevice};

/// A simulated gateway that a fake device and the test hold together.
pub(crate) type Shared<D> = Arc<Mutex<D>>;

/// A fake device that is that gateway, over packets of `mtu` octets.
pub(crate) fn simulated<D: GattDevice + 'static>(device: &Shared<D>, address: &str, mtu: u16) -> FakeDevice {
    let (advertisement, offered) = {
        let device = device.lock().unwrap();
        (device.advertisement().expect("it can be heard"), device.characteristics())
    };
    let mut fake = FakeDevice::new(address).mtu(mtu);
    if let Some(name) = &advertisement.name {
        fake = fake.name(name);
    }
    for service in advertisement.services {
        fake = fake.advertises(service);
    }
    for (service, data) in &advertisement.service_data {
        fake = fake.service_data(*service, data);
    }
    for group in offered.chunk_by(|one, next| one.service == next.service) {
        let characteristics: Vec<_> = group.iter().map(|offered| characteristic(device, offered)).collect();
        fake = fake.service(group[0].service, characteristics);
    }
    let (comes, goes) = (Arc::clone(device), Arc::clone(device));
    fake.on_connect(move |_| match comes.lock().unwrap().handle_connect(Instant::now()) {
        Ok(()) => Answer::taken(),
        Err(error) => failed(error),
    })
    .on_disconnect(move |_| {
        goes.lock().unwrap().handle_disconnect(Instant::now());
        Answer::taken()
    })
}

/// Lets the gateway tell what is due, which the fake cuts as a link does. Never ends.
pub(crate) async fn tell<D: GattDevice>(device: &Shared<D>, radio: &Radio, address: &str) -> ! {
    loop {
        let emission = device.lock().unwrap().poll_emission(Instant::now());
        match emission {
            Some(GattEmission::Notify { characteristic, value }) => radio.notify(address, characteristic, &value),
            Some(GattEmission::Disconnect) => {
                radio.drop_link(address);
                device.lock().unwrap().handle_disconnect(Instant::now());
            }
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Lets the gateway be heard again and again while somebody scans, for clients that miss what comes with the start of the
/// scan. Never ends.
pub(crate) async fn advertise(radio: &Radio, address: &str) -> ! {
    for rssi in [-60, -61].into_iter().cycle() {
        if radio.is_scanning() {
            radio.rssi(address, rssi);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("the numbers repeat")
}

const fn failed(_: AttError) -> Answer {
    Answer::Error("Failed", "the gateway refused")
}

fn characteristic<D: GattDevice + 'static>(device: &Shared<D>, offered: &Characteristic) -> FakeCharacteristic {
    let uuid = offered.uuid;
    let flags: Vec<&str> = [
        (offered.can_read, "read"),
        (offered.can_write, "write"),
        (offered.can_write_without_response, "write-without-response"),
        (offered.can_notify, "notify"),
    ]
    .into_iter()
    .filter_map(|(is_so, flag)| is_so.then_some(flag))
    .collect();
    let (reading, writing, telling) = (Arc::clone(device), Arc::clone(device), Arc::clone(device));
    FakeCharacteristic::new(uuid, &flags)
        .on_read(move |_| match reading.lock().unwrap().handle_read(uuid, Instant::now()) {
            Ok(value) => Answer::Value(value),
            Err(error) => failed(error),
        })
        .on_write(move |_, value| match writing.lock().unwrap().handle_write(uuid, &value, Instant::now()) {
            Ok(()) => Answer::taken(),
            Err(error) => failed(error),
        })
        .on_subscribe(move |_| match telling.lock().unwrap().handle_subscribe(uuid, Instant::now()) {
            Ok(()) => Answer::taken(),
            Err(error) => failed(error),
        })
}
