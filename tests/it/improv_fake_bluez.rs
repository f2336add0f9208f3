//! Improv over Bluetooth through the fake service, from the program's own process down to the system's calls: joined,
//! refused, and a link whose packets carry 20 octets. Behind the fake stands the simulated gateway.

use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use linesman::model::ids::LinkAddress;
use linesman::sim::ImprovBle;
use serde_json::Value;

use crate::fake_bluez::{Bus, FakeBluez, Shared, simulated, tell};
use crate::support::{PASSPHRASE, SSID, ble_address, ble_gateway};

/// Commissions the gateway with the program and tells what it printed.
fn commission(mtu: u16, passphrase: &str) -> Option<(Output, Vec<Value>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = Bus::start()?;
        let device: Shared<ImprovBle> = Arc::new(Mutex::new(ble_gateway(&[])));
        let LinkAddress::Ble(address) = ble_address() else { unreachable!("it is one") };
        let radio = FakeBluez::new().heard_on_scan(simulated(&device, &address, mtu)).start(&bus);
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
            never = tell(&device, &radio, &address) => never,
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
