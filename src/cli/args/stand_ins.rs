//! Arguments of `bench-broker`, `sim` and `demo`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values::driver;
use crate::model::fault::{Fault, UnknownFault};
use crate::model::ids::{DriverId, LinkKind};
use crate::model::mqtt::topic::{FilterError, TopicFilter};
use crate::model::mqtt::url::{BrokerUrl, UrlError};

/// Arguments of `bench-broker`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  linesman bench-broker
  linesman bench-broker --address 192.168.1.20 --name broker.local --mutual-tls off
  linesman bench-broker --plain 0 --tls off --mutual-tls off --websocket off --json")]
pub struct BenchArgs {
    /// The address it listens on: one of this computer's, or 0.0.0.0 for all of them. The default is reached from here alone.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub address: String,
    /// A name or an address for its certificate, as the gateway has it in its settings. May be repeated.
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
    /// Port of plain MQTT; 0 for any that is free, or off.
    #[arg(long, value_name = "PORT", default_value = "1883", value_parser = bench_port)]
    pub plain: BenchPort,
    /// Port of MQTT over TLS; 0 or off as above.
    #[arg(long, value_name = "PORT", default_value = "8883", value_parser = bench_port)]
    pub tls: BenchPort,
    /// Port of MQTT over TLS with client certificates; 0 or off as above.
    #[arg(long, value_name = "PORT", default_value = "8884", value_parser = bench_port)]
    pub mutual_tls: BenchPort,
    /// Port of MQTT over WebSocket, in clear text and over TLS; 0 or off as above.
    #[arg(long, value_name = "PORT", default_value = "9001", value_parser = bench_port)]
    pub websocket: BenchPort,
    /// MQTT 5: the longest keep alive; clients that want a longer one get this one.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_keep_alive: Option<u16>,
    /// Refuse subscriptions to this filter, to see what a gateway does then. May be repeated.
    #[arg(long, value_name = "FILTER", value_parser = topic_filter)]
    pub refuse: Vec<TopicFilter>,
}

/// A port of the bench broker; `None` where it is off.
#[derive(Clone, Copy, Debug)]
pub struct BenchPort(pub Option<u16>);

fn bench_port(text: &str) -> Result<BenchPort, String> {
    match text {
        "off" => Ok(BenchPort(None)),
        text => {
            text.parse().map(|port| BenchPort(Some(port))).map_err(|_| "write a port from 0 to 65535, or off".into())
        }
    }
}

fn topic_filter(text: &str) -> Result<TopicFilter, String> {
    text.parse().map_err(|error: FilterError| error.to_string())
}

/// Arguments of `sim`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  linesman sim --profile generic-improv --fault wrong-passphrase
  # then, with the port of the printed line:
  linesman commission --via serial:/dev/pts/4 --ssid Site-Office
  # An Espressif device on the loopback address:
  linesman sim --profile generic-esp --driver esp-prov --via http --security 2
  # The servers that a profile's gateway has to reach, some of them in trouble:
  linesman sim --network --profile ID
  # then, with the site file of the printed line:
  linesman check --profile ID --site FILE")]
pub struct SimArgs {
    /// The profile it plays.
    #[arg(long, value_name = "ID")]
    pub profile: String,
    /// Instead of a gateway: the servers that the profile's gateway has to reach, on loopback, for a network check.
    #[arg(long, conflicts_with_all = ["driver", "via", "security", "legacy_nonce", "without_proof", "without_control", "attempts", "faults", "offline", "serial_number", "join_millis", "ssid", "broker"])]
    pub network: bool,
    /// The driver it speaks.
    #[arg(long, value_name = "NAME", default_value = "improv", value_parser = driver)]
    pub driver: DriverId,
    /// What carries it: serial (a pseudo-terminal), http or udp (the loopback address); the default is the driver's usual one.
    #[arg(long, value_name = "LINK", value_parser = sim_link)]
    pub via: Option<LinkKind>,
    /// With esp-prov: its security level.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub security: u8,
    /// With esp-prov and security 2: one nonce for all messages, as older firmware has it.
    #[arg(long)]
    pub legacy_nonce: bool,
    /// With esp-prov and security 1: no proof of possession.
    #[arg(long)]
    pub without_proof: bool,
    /// With esp-prov: a failed attempt cannot be taken back, as in older firmware.
    #[arg(long)]
    pub without_control: bool,
    /// With esp-prov: how often it tries before it gives up.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub attempts: u32,
    /// What goes wrong. May be repeated.
    #[arg(long = "fault", value_name = "NAME", value_parser = fault, help = fault_help())]
    pub faults: Vec<Fault>,
    /// It has its network, and no internet behind it; the same as --fault offline.
    #[arg(long)]
    pub offline: bool,
    /// Its serial number, part of its name.
    #[arg(long, value_name = "S", default_value = "SIM0001")]
    pub serial_number: String,
    /// Folder that stands for its card, or with --network for the files it writes; the default is inside the data folder.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// How long a good join takes, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 1200)]
    pub join_millis: u64,
    /// Name of its access point.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub ssid: Option<String>,
    /// A broker of plain MQTT to which it publishes once it has joined, such as mqtt://127.0.0.1:1883.
    #[arg(long, value_name = "URL", value_parser = broker)]
    pub broker: Option<BrokerUrl>,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Tour the site in the terminal even if there is a display.
    #[arg(long)]
    pub headless: bool,
}

fn broker(text: &str) -> Result<BrokerUrl, UrlError> {
    text.parse()
}

fn fault(text: &str) -> Result<Fault, UnknownFault> {
    text.parse()
}

fn sim_link(text: &str) -> Result<LinkKind, &'static str> {
    match text {
        "serial" => Ok(LinkKind::Serial),
        "http" => Ok(LinkKind::Http),
        "udp" => Ok(LinkKind::Udp),
        _ => Err("serial, http or udp is wanted"),
    }
}

fn fault_help() -> String {
    format!("What goes wrong; may be repeated: {}", Fault::ALL.map(Fault::as_str).join(", "))
}
