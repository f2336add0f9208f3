//! Bluetooth against a fake service: what is heard, what is read and written, and what goes wrong on the way.

use std::sync::{Arc, Mutex};

use linesman::flow::port::{GattEvent, Links as _, RadioEvent};
use linesman::io::ble::BleLinks;
use linesman::model::ids::LinkAddress;
use uuid::{Uuid, uuid};

use crate::fake_bluez::{Answer, FakeBluez, FakeCharacteristic, FakeDevice, on_fake_bus};

const ADDRESS: &str = "C4:4F:33:00:12:AF";
const SERVICE: Uuid = uuid!("00467768-6228-2272-4663-277478268000");
const STATE: Uuid = uuid!("00467768-6228-2272-4663-277478268001");
const COMMAND: Uuid = uuid!("00467768-6228-2272-4663-277478268003");

fn link() -> LinkAddress {
    LinkAddress::Ble(ADDRESS.into())
}

fn device(characteristics: impl IntoIterator<Item = FakeCharacteristic>) -> FakeDevice {
    FakeDevice::new(ADDRESS).name("Gateway 7").service(SERVICE, characteristics)
}

#[test]
fn a_device_is_heard_then_read_written_and_listened_to() {
    on_fake_bus(async |bus| {
        let written = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&written);
        let state =
            FakeCharacteristic::new(STATE, &["read", "notify"]).on_read(|_| Answer::Value(vec![7; 300])).label("state");
        let command = FakeCharacteristic::new(COMMAND, &["write"]).on_write(move |peer, value| {
            keep.lock().unwrap().push(value);
            peer.notify(STATE, &[9]);
            Answer::taken()
        });
        let radio = FakeBluez::new().heard_on_scan(device([state, command]).rssi(-47).advertises(SERVICE)).start(&bus);
        let links = BleLinks::default();

        let mut air = links.watch_radio().await.unwrap();
        let RadioEvent::Heard { link: heard, advertisement } = air.events.recv().await.unwrap() else { panic!() };
        assert_eq!(heard, link());
        assert_eq!(advertisement.name.as_deref(), Some("Gateway 7"));
        assert_eq!((advertisement.rssi_dbm, advertisement.services), (Some(-47), vec![SERVICE]));
        assert_eq!(advertisement.adapter, "hci0");
        assert!(radio.is_scanning());
        drop(air);

        let mut connection = links.connect(&link()).await.unwrap();
        let gatt = Arc::clone(&connection.gatt);
        assert_eq!(gatt.payload_octets(), 244);
        assert_eq!(gatt.characteristics().len(), 2);
        assert_eq!(gatt.label(STATE).await.unwrap().as_deref(), Some("state"));
        gatt.subscribe(STATE).await.unwrap();
        assert_eq!(gatt.read(STATE).await.unwrap(), [7; 300], "long values are read whole");
        gatt.write(COMMAND, vec![1; 200]).await.unwrap();
        assert_eq!(*written.lock().unwrap(), [vec![1; 200]]);
        let event = connection.events.recv().await.unwrap();
        assert_eq!(event, GattEvent::Notified { characteristic: STATE, value: vec![9] });
        gatt.disconnect().await;
        assert!(!radio.is_connected(ADDRESS));
        assert!(matches!(connection.events.recv().await, Some(GattEvent::Closed(_))));
    });
}
