//! All integration tests in one binary.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says on standard error what it left out"
)]

#[cfg(unix)]
mod backend;
#[cfg(unix)]
mod batch;
mod batch_flow;
mod bench_broker;
#[cfg(target_os = "linux")]
mod ble;
#[cfg(target_os = "linux")]
mod ble_lab;
mod check;
#[cfg(unix)]
mod check_both;
#[cfg(unix)]
mod check_cli;
mod check_hostile;
#[cfg(target_os = "linux")]
mod check_lab;
mod check_network;
#[cfg(feature = "pdf")]
mod check_pdf;
mod check_probes;
#[cfg(unix)]
mod check_via;
mod cli;
mod cloud;
mod commission;
mod console_lies;
mod device;
#[cfg(unix)]
mod device_cli;
mod esp;
#[cfg(unix)]
mod esp_cli;
#[cfg(unix)]
mod esp_rainmaker;
#[cfg(unix)]
mod exports;
#[cfg(target_os = "linux")]
mod fake_bluez;
#[cfg(unix)]
mod fuzz;
mod gateway;
mod hostile;
#[cfg(target_os = "linux")]
mod improv_ble_client;
#[cfg(target_os = "linux")]
mod improv_fake_bluez;
#[cfg(unix)]
mod improv_sdk;
#[cfg(unix)]
mod inspect;
mod json_types;
#[cfg(unix)]
mod kill;
mod layers;
#[cfg(unix)]
mod linux_console;
mod manifest;
#[cfg(unix)]
mod mosquitto;
#[cfg(unix)]
mod mqtt_client;
#[cfg(unix)]
mod node;
#[cfg(feature = "pdf")]
mod papers_pdf;
mod peers;
mod problems;
mod profile_facts;
mod profiles;
#[cfg(unix)]
mod program;
#[cfg(unix)]
mod python;
mod readme;
#[cfg(unix)]
mod recordings;
#[cfg(unix)]
mod records;
#[cfg(all(unix, feature = "postgres"))]
mod records_server;
#[cfg(unix)]
mod replay;
#[cfg(unix)]
mod retained;
mod screens;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod serial;
mod sim_telemetry;
#[cfg(unix)]
mod site_files;
mod smp_client;
mod support;
#[cfg(target_os = "linux")]
mod telemetry_payloads;
#[cfg(unix)]
mod voice;
mod window;
mod wipe;
#[cfg(unix)]
mod wipe_broker;
mod wipe_cli;
mod wipe_faults;
mod wipe_leftovers;
mod wipe_power;
mod wipe_returns;
#[cfg(unix)]
mod wipe_scan;
mod wipe_several;
#[cfg(target_os = "linux")]
mod zephyr;
