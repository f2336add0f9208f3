//! Improv over Bluetooth through the fake service, from the program's own process down to the system's calls: joined,
//! refused, and a link whose packets carry 20 octets. Behind the fake stands the simulated gateway.

use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use linesman::model::ids::LinkAddress;
use linesman::proto::improv::ble::{CAPABILITIES, COMMAND, ERROR, RESULT, SERVICE, STATE};
use linesman::sim::{AttError, GattDevice as _, GattEmission, ImprovBle};
use serde_json::Value;
use uuid::Uuid;

use crate::fake_bluez::{Answer, Bus, FakeBluez, FakeCharacteristic, FakeDevice, Radio};
use crate::support::{PASSPHRASE, SSID, ble_address, ble_gateway};

type Shared = Arc<Mutex<ImprovBle>>;

const fn failed(_: AttError) -> Answer {
    Answer::Error("Failed", "the gateway refused")
}

fn characteristic(device: &Shared, uuid: Uuid, flags: &[&str]) -> FakeCharacteristic {
    let (reading, writing, telling) = (Arc::clone(device), Arc::clone(device), Arc::clone(device));
    FakeCharacteristic::new(uuid, flags)
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

/// Lets the gateway tell what is due, which the fake cuts as a link does, for as long as the program runs.
async fn tell(device: &Shared, radio: &Radio) {
    let address = ble_address();
    loop {
        let emission = device.lock().unwrap().poll_emission(Instant::now());
        match emission {
            Some(GattEmission::Notify { characteristic, value }) => {
                radio.notify(address.place(), characteristic, &value);
            }
            Some(GattEmission::Disconnect) => radio.drop_link(address.place()),
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Commissions the gateway with the program and tells what it printed.
fn commission(mtu: u16, passphrase: &str) -> Option<(Output, Vec<Value>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = Bus::start()?;
        let device: Shared = Arc::new(Mutex::new(ble_gateway(&[])));
        let told = ["read", "notify"];
        let services = [
            characteristic(&device, STATE, &told),
            characteristic(&device, ERROR, &told),
            characteristic(&device, COMMAND, &["write"]),
            characteristic(&device, RESULT, &told),
            characteristic(&device, CAPABILITIES, &["read"]),
        ];
        let LinkAddress::Ble(address) = ble_address() else { unreachable!("it is one") };
        let connected = Arc::clone(&device);
        let fake = FakeDevice::new(&address)
            .name("Gateway 7")
            .advertises(SERVICE)
            .mtu(mtu)
            .on_connect(move |_| match connected.lock().unwrap().handle_connect(Instant::now()) {
                Ok(()) => Answer::taken(),
                Err(error) => failed(error),
            })
            .service(SERVICE, services);
        let radio = FakeBluez::new().heard_on_scan(fake).start(&bus);
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, passphrase).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_linesman"));
        program
            .env("LINESMAN_DATA_DIR", folder.path())
            .stdin(Stdio::null())
            .args(["commission", "--json", "--via", &ble_address().to_string(), "--ssid", SSID, "--password-file"])
            .arg(&password)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address);
        let run = tokio::task::spawn_blocking(move || program.output().unwrap());
        let output = tokio::select! {
            output = run => output.unwrap(),
            () = tell(&device, &radio) => unreachable!("the gateway tells on and on"),
        };
        let lines = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        Some((output, lines))
    })
}

fn check(mtu: u16, passphrase: &str, wanted: (&str, &str)) -> Option<Vec<Value>> {
    let (output, lines) = commission(mtu, passphrase)?;
    let about = format!("{lines:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    let outcome = lines.iter().find(|line| line["kind"] == "outcome").unwrap_or_else(|| panic!("{about}"));
    assert_eq!((outcome["outcome"].as_str(), outcome["reason"].as_str()), (Some(wanted.0), Some(wanted.1)), "{about}");
    assert_eq!(outcome["protection"], "clear-text", "{about}");
    Some(lines)
}

#[test]
fn a_gateway_joins_through_the_systems_bluetooth() {
    let Some(lines) = check(247, PASSPHRASE, ("joined", "improv.joined")) else { return };
    assert!(lines.iter().any(|line| line["kind"] == "described" && line["info"]["name"] == "Gateway 7"), "{lines:#?}");
}

#[test]
fn a_wrong_passphrase_is_refused_through_the_systems_bluetooth() {
    check(247, "wrong horse battery", ("refused", "improv.unable_to_connect"));
}

#[test]
fn results_that_a_small_link_cuts_are_read_whole_through_the_systems_bluetooth() {
    let Some(lines) = check(23, PASSPHRASE, ("joined", "improv.joined")) else { return };
    assert_eq!(lines.iter().filter(|line| line["kind"] == "network").count(), 4, "{lines:#?}");
}
