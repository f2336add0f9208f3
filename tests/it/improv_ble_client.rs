//! A foreign client, py-improv-ble-client with bleak from PyPI, provisions our simulated gateway over the fake Bluetooth
//! service. It is the client of Home Assistant.
//!
//! This proves the simulator: what it advertises, offers, answers and tells is not only the mirror of our own driver.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use linesman::model::fault::Fault;
use linesman::model::ids::LinkAddress;
use linesman::sim::ImprovBle;
use serde_json::{Value, json};

use crate::fake_bluez::{Bus, FakeBluez, Shared, advertise, simulated, tell};
use crate::python;
use crate::support::{PASSPHRASE, SSID, ble_address, ble_gateway};

/// What the gateway tells once it has joined.
const ADDRESS: &str = "http://198.51.100.17";
/// The length of the result that tells it: command, length, string with its length, checksum.
const RESULT_OCTETS: usize = 2 + (1 + ADDRESS.len()) + 1;

/// What came of letting the client provision a gateway.
struct Provisioned {
    steps: Vec<Value>,
    /// What the client called, in the service's words.
    calls: Vec<String>,
    /// How often the gateway was told to blink.
    identified: usize,
    printed: String,
}

impl Provisioned {
    #[track_caller]
    fn step(&self, name: &str) -> &Value {
        self.steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no {name} in {}", self.printed))
    }

    /// The states that it was told of, in order.
    fn states(&self) -> Vec<&str> {
        self.steps.iter().filter(|step| step["step"] == "state").filter_map(|step| step["state"].as_str()).collect()
    }
}

/// Lets the client provision a gateway with these faults; nothing where the client or a bus is not to be had.
fn provision(faults: &[Fault], mtu: usize, passphrase: &str, flags: &[&str]) -> Option<Provisioned> {
    let python = python::with_packages("improv-ble-client")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bus = Bus::start()?;
        let device: Shared<ImprovBle> = Arc::new(Mutex::new(ble_gateway(faults)));
        let LinkAddress::Ble(address) = ble_address() else { unreachable!("it is one") };
        let radio =
            FakeBluez::new().heard_on_scan(simulated(&device, &address, u16::try_from(mtu).unwrap())).start(&bus);
        radio.ready().await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/foreign/improv_client.py");
        let mut client = Command::new(python);
        client
            .args(["-I", "-X", "utf8"])
            .arg(script)
            .args([&address, SSID, passphrase])
            .args(flags)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address)
            .stdin(Stdio::null());
        let run = tokio::task::spawn_blocking(move || client.output().unwrap());
        let output = tokio::select! {
            output = run => output.unwrap(),
            never = tell(&device, &radio, &address) => never,
            never = advertise(&radio, &address) => never,
        };
        let printed = String::from_utf8_lossy(&output.stdout);
        let steps = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let printed = format!("{printed}\n{}\n{:#?}", String::from_utf8_lossy(&output.stderr), radio.calls());
        let identified = device.lock().unwrap().identified();
        Some(Provisioned { steps, calls: radio.calls(), identified, printed })
    })
}

#[track_caller]
fn check_joined(provisioned: &Provisioned) {
    let result = provisioned.step("result");
    let told = (&result["outcome"], &result["url"]);
    assert_eq!(told, (&json!("joined"), &json!(ADDRESS)), "{}", provisioned.printed);
    assert_eq!(provisioned.states(), ["PROVISIONING", "PROVISIONED"], "{}", provisioned.printed);
}

#[test]
fn foreign_client_joins_and_is_told_the_address() {
    let Some(provisioned) = provision(&[], 247, PASSPHRASE, &[]) else { return };
    check_joined(&provisioned);
    assert_eq!(provisioned.step("found")["name"], "Gateway 7");
    assert!(provisioned.calls.contains(&format!("Connect {}", ble_address().place())), "{:#?}", provisioned.calls);
}

#[test]
fn foreign_client_identifies_describes_and_lists_the_networks() {
    let Some(provisioned) = provision(&[], 247, PASSPHRASE, &["--identify", "--describe"]) else { return };
    check_joined(&provisioned);
    assert_eq!(provisioned.step("connected")["can_identify"], true);
    assert_eq!(provisioned.identified, 1);
    let info = provisioned.step("info")["text"].as_str().unwrap();
    assert!(info.contains("Gateway 7"), "{info}");
    let networks = provisioned.step("networks")["text"].as_str().unwrap();
    assert!(networks.contains(SSID), "{networks}");
}

#[test]
fn foreign_client_takes_a_result_that_just_fits_the_link() {
    let Some(provisioned) = provision(&[], RESULT_OCTETS + 3, PASSPHRASE, &[]) else { return };
    check_joined(&provisioned);
}

#[test]
fn foreign_client_gives_up_on_a_result_that_the_link_cuts() {
    // The gateway joins, and says so. The client does not read the result again, as ours does.
    let Some(provisioned) = provision(&[], RESULT_OCTETS + 2, PASSPHRASE, &[]) else { return };
    assert_eq!(provisioned.step("result")["outcome"], "failed", "{}", provisioned.printed);
    assert_eq!(provisioned.states(), ["PROVISIONING", "PROVISIONED", "DISCONNECTED"], "{}", provisioned.printed);
    assert!(provisioned.printed.contains("Invalid length"), "{}", provisioned.printed);
}

#[test]
fn foreign_client_reads_the_refusal_of_a_wrong_passphrase() {
    let Some(provisioned) = provision(&[], 247, "wrong horse battery", &[]) else { return };
    let result = provisioned.step("result");
    let told = (&result["outcome"], &result["error"]);
    assert_eq!(told, (&json!("refused"), &json!("UNABLE_TO_CONNECT")), "{}", provisioned.printed);
    assert!(!provisioned.states().contains(&"PROVISIONED"), "{}", provisioned.printed);
}

#[test]
fn foreign_client_waits_for_the_button() {
    let Some(provisioned) = provision(&[Fault::Authorization], 247, PASSPHRASE, &[]) else { return };
    // The gateway takes no network before its button is pressed: who joins has waited.
    provisioned.step("authorization-required");
    check_joined(&provisioned);
}
