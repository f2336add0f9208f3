//! The arguments of `inspect`, `replay` and `publish`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use super::args::{Overwrite, destination};
use super::format::Format;
use crate::model::destination::Destination;
use crate::model::mqtt::connect::{TlsChecks, WhenFull};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::BrokerUrl;
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::problem::Explain;
use crate::model::word::Word;
use crate::telemetry::value::DecoderKind;

/// Where a broker is, and how we connect to it.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("own_name").args(["client_id", "device"]).multiple(true))]
pub struct BrokerArgs {
    /// The broker: mqtt://, mqtts://, ws:// or wss://HOST[:PORT][/PATH]; tcp:// and ssl:// are other names of the first two.
    #[arg(long, value_name = "URL", value_parser = explained::<BrokerUrl>)]
    pub broker: BrokerUrl,
    /// The version of the protocol: 3.1.1 or 5. The default is 3.1.1.
    #[arg(long, value_name = "VERSION", value_parser = word::<MqttVersion>)]
    pub mqtt: Option<MqttVersion>,
    /// Whose rules the broker follows: plain, azure-iot-hub, aws-iot-core or proxy. The default is what the address or the
    /// profile tells.
    #[arg(long, value_name = "DIALECT", value_parser = word::<Dialect>)]
    pub dialect: Option<Dialect>,
    /// The name to connect under; the default is a random one, so that no gateway is disconnected.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub client_id: Option<String>,
    /// The user name.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,
    /// File with the password on its first line; - reads standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "username")]
    pub password_file: Option<PathBuf>,
    /// Trust these certificates and no others (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// With --ca: trust whom this computer trusts as well.
    #[arg(long, requires = "ca")]
    pub system_ca: bool,
    /// The certificate to log in with (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,
    /// Its private key (PEM); the default is the file of the certificate.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub key: Option<PathBuf>,
    /// File with the password of the private key on its first line; - reads standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub key_password_file: Option<PathBuf>,
    /// WebSocket: send this header with the request. May be repeated. For a value that is a secret, see --ws-header-file.
    #[arg(long, value_name = "NAME=VALUE", value_parser = property)]
    pub ws_header: Vec<(String, String)>,
    /// WebSocket: send this header, its value on the first line of the file; - reads standard input. May be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = property)]
    pub ws_header_file: Vec<(String, String)>,
    /// Go on with the session that the broker keeps for this client id, and let it be kept: what came meanwhile is delivered.
    #[arg(long, alias = "disable-clean-session", requires = "own_name")]
    pub no_clean: bool,
    /// With --no-clean and MQTT 5: for how long the broker keeps the session. The default is one day.
    #[arg(long, alias = "session-expiry-interval", value_name = "SECONDS", requires = "no_clean")]
    pub session_expiry: Option<u32>,
    /// What the broker publishes when this connection is lost without a farewell: its topic.
    #[arg(long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub will_topic: Option<String>,
    /// The last will's payload, as text; empty if none is given.
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        requires = "will_topic",
        conflicts_with = "will_payload_file"
    )]
    pub will_payload: Option<String>,
    /// The last will's payload, as the bytes of this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "will_topic")]
    pub will_payload_file: Option<PathBuf>,
    /// The last will's quality of service.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2), requires = "will_topic")]
    pub will_qos: u8,
    /// The broker keeps the last will for those who come later.
    #[arg(long, requires = "will_topic")]
    pub will_retain: bool,
    /// The name to ask for and to expect in the broker's certificate, where it is not the host's.
    #[arg(long, value_name = "NAME")]
    pub server_name: Option<String>,
    /// A protocol to offer in the handshake, such as x-amzn-mqtt-ca. May be repeated.
    #[arg(long, value_name = "PROTOCOL")]
    pub alpn: Vec<String>,
    /// What is checked of the broker's certificate: all, not-the-name or nothing. What is wrong is printed all the same.
    #[arg(long, value_name = "WHAT", default_value = "all", value_parser = word::<TlsChecks>)]
    pub tls_checks: TlsChecks,
    /// Go through this HTTP proxy: http://[USER@]HOST:PORT.
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub proxy: Option<ProxyUrl>,
    /// File with the proxy's password on its first line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "proxy")]
    pub proxy_password_file: Option<PathBuf>,
    /// Azure IoT Hub: file with the key of the device or policy, in base64. A token is made from it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "device", conflicts_with = "username")]
    pub sas_key_file: Option<PathBuf>,
    /// Azure IoT Hub: the hub's name; the default is the host's.
    #[arg(long, value_name = "NAME", requires = "sas_key_file")]
    pub hub: Option<String>,
    /// Azure IoT Hub: the device, or DEVICE/MODULE.
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// Azure IoT Hub: the policy that the key belongs to, where it is not the device's own.
    #[arg(long, value_name = "NAME", requires = "sas_key_file")]
    pub policy: Option<String>,
    /// Azure IoT Hub: for how long the token is good.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(60..=31_536_000))]
    pub sas_lifetime: u64,
    /// AWS IoT Core: sign the address of the WebSocket (Signature Version 4) with the key of this id.
    #[arg(long, value_name = "KEY-ID", requires_all = ["sigv4_region", "sigv4_secret_file"], conflicts_with_all = ["username", "sas_key_file"])]
    pub sigv4: Option<String>,
    /// AWS IoT Core: the region, such as eu-central-1.
    #[arg(long, value_name = "REGION", requires = "sigv4")]
    pub sigv4_region: Option<String>,
    /// AWS IoT Core: file with the secret key on its first line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "sigv4")]
    pub sigv4_secret_file: Option<PathBuf>,
    /// AWS IoT Core: file with the session token of a temporary key.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "sigv4")]
    pub sigv4_token_file: Option<PathBuf>,
    /// Send a PINGREQ when nothing else was sent for so long.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    pub keep_alive: u16,
    /// The longest that one stage of the connection may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub stage_limit: u64,
    /// Take packets up to this size.
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub max_packet: u32,
    /// Add the keys of the encryption to the end of this file, for a packet capture. Anyone who has it can read the connection.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key_log: Option<PathBuf>,
    /// The gateway that this is about, as it stands in the records: connecting under its name is refused without
    /// --confirm-identity.
    #[arg(long, value_name = "ID")]
    pub gateway: Option<String>,
    /// Connect with a gateway's own identity all the same: a live gateway of that name is disconnected.
    #[arg(long)]
    pub confirm_identity: bool,
}

/// What a trigger does.
#[derive(Clone, Debug)]
pub enum OnTrigger {
    /// Prints a line.
    Mark,
    /// Begins a recording, and prints a line.
    Record(Destination),
    /// Prints a line, and ends.
    Stop,
}

fn on_trigger(text: &str) -> Result<OnTrigger, String> {
    match text.split_once('=') {
        None if text == "mark" => Ok(OnTrigger::Mark),
        None if text == "stop" => Ok(OnTrigger::Stop),
        Some(("record", file)) if !file.is_empty() => Ok(OnTrigger::Record(Destination::of_argument(file.as_ref()))),
        _ => Err("it has to be mark, stop or record=FILE".into()),
    }
}

/// Arguments of `inspect`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman inspect --broker mqtt://192.168.1.10
  linesman inspect --broker mqtts://broker.example --ca ca.pem --topic 'site/#' --json
  linesman inspect --broker mqtts://broker.example --doctor
  linesman inspect --broker mqtt://192.168.1.10 --topic 'site/+/climate' --filter-jq '.temperature > 30'
  linesman inspect --broker mqtt://192.168.1.10 --expect my-vendor --for 120
  linesman inspect --broker mqtt://192.168.1.10 --record site.lmrec --for 600 --stats
  linesman inspect --broker mqtt://192.168.1.10 --trigger '.temperature > 8' --on-trigger record=warm.lmrec --stats
  linesman inspect --broker mqtt://192.168.1.10 --topic 'spBv1.0/#' --full
  linesman inspect --broker mqtt://192.168.1.10 --proto meter.proto --decode 'meter/#=protobuf:Reading' --json
  linesman inspect --broker mqtt://192.168.1.10 --filter-out 'site/+/log' --format '%I %t %v'
  linesman inspect --broker wss://broker.example/mqtt --ws-header-file Authorization=bearer.txt --retained-only

Ends after --count messages, after --for seconds, or with Ctrl+C. With --expect and neither of them it ends as soon as
everything that the profile expects was seen; and when nobody reads its output any more. Secrets come from files, never
from an argument.")]
pub struct InspectArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// Subscribe to this filter. May be repeated. The default is what the profile names, else #.
    #[arg(long = "topic", value_name = "FILTER", allow_hyphen_values = true, value_parser = explained::<TopicFilter>)]
    pub topics: Vec<TopicFilter>,
    /// The highest quality of service wanted.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// The vendor profile whose topics and dialect hold.
    #[arg(long, value_name = "ID")]
    pub profile: Option<String>,
    /// As --profile; what it expects decides the exit code.
    #[arg(long, value_name = "ID", conflicts_with = "profile")]
    pub expect: Option<String>,
    /// End after so many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End so many seconds after the first connection; with 4 if there is none then.
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// Record everything into this file; - writes the recording to standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub record: Option<Destination>,
    /// Watch for messages on which this jq expression becomes true.
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub trigger: Option<String>,
    /// What happens then: mark prints a line for the message, record=FILE begins a recording with it, stop ends.
    #[arg(long, value_name = "WHAT", requires = "trigger", default_value = "mark", value_parser = on_trigger)]
    pub on_trigger: OnTrigger,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// What is printed of the messages.
    #[command(flatten)]
    pub sieve: SieveArgs,
    /// How much memory messages may use.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub budget: u32,
    /// What to do when messages come faster than they are taken in: wait, or drop and count them.
    #[arg(long, value_name = "WHAT", default_value = "wait", value_parser = word::<WhenFull>)]
    pub when_full: WhenFull,
    /// Print the timeline of the connection and no messages; ends with the first message, or after 10 s without one.
    #[arg(long)]
    pub doctor: bool,
    /// Print packets other than messages too.
    #[arg(long)]
    pub packets: bool,
    /// Print each message so: %t topic, %p payload, %v value as JSON, %x hex, %b base64, %l length, %I time, %U seconds
    /// since 1970, %q quality of service, %r 1 if retained, %k what it was read as, %C content type, %R response topic,
    /// %j the JSON line, %% a percent sign; \n, \t and \\ as usual.
    #[arg(long, short = 'F', value_name = "FORMAT", allow_hyphen_values = true, value_parser = format)]
    pub format: Option<Format>,
    /// Print no messages, only the counts at the end: the fastest path.
    #[arg(long)]
    pub stats: bool,
    /// Try again for ever if the first connection does not come about. One that is lost is always made again.
    #[arg(long)]
    pub reconnect: bool,
}

/// Which messages are printed and counted.
#[derive(Args, Debug, Default)]
pub struct SieveArgs {
    /// Print and count only messages with this text in topic or payload, whatever the case of its letters.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub text: Option<String>,
    /// --text is a regular expression.
    #[arg(long, requires = "text")]
    pub regex: bool,
    /// Print and count only messages for which this jq expression gives neither false nor null.
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub filter_jq: Option<String>,
    /// Leave messages on topics of this filter out. May be repeated.
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, value_parser = explained::<TopicFilter>)]
    pub filter_out: Vec<TopicFilter>,
    /// Print and count only messages that the broker had retained.
    #[arg(long, conflicts_with = "no_retained")]
    pub retained_only: bool,
    /// Leave out messages that the broker had retained.
    #[arg(long)]
    pub no_retained: bool,
    /// Print each value in full, on lines of its own, with what it was read as. JSON lines have it as `value`, except for text.
    #[arg(long)]
    pub full: bool,
    /// Read payloads on topics of this filter so: json, text, hex, base64, cbor, messagepack, sparkplug-b, image, protobuf
    /// or protobuf:TYPE. May be repeated; the last one that fits holds.
    #[arg(long, value_name = "FILTER=KIND", allow_hyphen_values = true, value_parser = decode_rule)]
    pub decode: Vec<DecodeRule>,
    /// Read Protobuf by this schema; name each file that is imported too. Where it has one message type, --decode may be
    /// left out. May be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub proto: Vec<PathBuf>,
}

impl SieveArgs {
    /// Whether no message is left out.
    pub(super) const fn lets_all_through(&self) -> bool {
        let Self { text, filter_jq, filter_out, retained_only, no_retained, .. } = self;
        text.is_none() && filter_jq.is_none() && filter_out.is_empty() && !*retained_only && !*no_retained
    }
}

/// Arguments of `replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman replay site.lmrec
  linesman replay site.lmrec --speed max --topic 'site/+/climate' --json
  linesman replay site.lmrec --speed max --format '%I %t %v' --no-retained
  linesman replay site.lmrec --export site.parquet --format parquet")]
pub struct ReplayArgs {
    /// The recording.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How many times as fast as it was recorded, from 0.1 to 100; max for as fast as it goes.
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed)]
    pub speed: f32,
    /// Print only messages on topics of this filter. May be repeated.
    #[arg(long = "topic", value_name = "FILTER", allow_hyphen_values = true, value_parser = explained::<TopicFilter>)]
    pub topics: Vec<TopicFilter>,
    /// What is printed of the messages.
    #[command(flatten)]
    pub sieve: SieveArgs,
    /// Hold it against what this profile expects.
    #[arg(long, value_name = "ID")]
    pub expect: Option<String>,
    /// End after so many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Print no messages, only the counts at the end.
    #[arg(long)]
    pub stats: bool,
    /// How much memory messages may use.
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub budget: u32,
    /// Write the messages to this file instead of playing them; - writes them to standard output.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination(), conflicts_with_all = ["speed", "count", "expect", "stats"])]
    pub export: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// With --export: in which form, csv, jsonl, parquet or recording; the default is what the file's ending says, else
    /// jsonl. Without it: print each message so, as `inspect --format` does.
    #[arg(long, short = 'F', value_name = "FORMAT", allow_hyphen_values = true)]
    pub format: Option<String>,
}

/// Arguments of `publish`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman publish --broker mqtt://192.168.1.10 --topic site/a/set --payload on --qos 1
  linesman publish --broker mqtt://192.168.1.10 --topic site/a/set --payload-file message.json
  echo 21.5 | linesman publish --broker mqtt://192.168.1.10 --topic t --payload-file - --repeat 10 --every 1
  linesman publish --broker mqtt://192.168.1.10 --topic setpoint --payload -5
  seq 3 | linesman publish --broker mqtt://192.168.1.10 --topic count --stdin-line
  linesman publish --broker mqtt://192.168.1.10 --topic old/topic --retain --payload ''")]
pub struct PublishArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// The topic.
    #[arg(long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub topic: String,
    /// The payload, as text.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present_any = ["payload_file", "stdin_line"], conflicts_with = "payload_file")]
    pub payload: Option<String>,
    /// A message for each line of standard input, without its line end, until the input ends.
    #[arg(long, short = 'l', conflicts_with_all = ["payload", "payload_file", "repeat"])]
    pub stdin_line: bool,
    /// The payload, as the bytes of this file; - reads standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub payload_file: Option<PathBuf>,
    /// The quality of service.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// The broker keeps it for those who come later; an empty payload lets it forget what it keeps.
    #[arg(long)]
    pub retain: bool,
    /// MQTT 5: a name and value of your own. May be repeated.
    #[arg(long = "property", value_name = "NAME=VALUE", allow_hyphen_values = true, value_parser = property)]
    pub properties: Vec<(String, String)>,
    /// MQTT 5: what the payload is, such as application/json.
    #[arg(long, value_name = "TYPE", allow_hyphen_values = true)]
    pub content_type: Option<String>,
    /// MQTT 5: where an answer is wanted.
    #[arg(long, value_name = "TOPIC", allow_hyphen_values = true)]
    pub response_topic: Option<String>,
    /// MQTT 5: for how long the message is worth delivering.
    #[arg(long, value_name = "SECONDS")]
    pub expiry: Option<u32>,
    /// Publish it so often in all.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// With --repeat: the time in between, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, requires = "repeat")]
    pub every: f64,
}

/// Subcommands of `retained`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  linesman retained list --broker mqtt://192.168.1.10
  linesman retained list --broker mqtt://192.168.1.10 --topic 'site/old/#' --json
  linesman retained clear --broker mqtt://192.168.1.10 --topic 'site/old/#'
  linesman retained clear --broker mqtt://192.168.1.10 --topic 'site/old/#' --confirm 12

Retained messages are searched on a connection of its own. Clearing goes on record, with the topics, and is looked at afterwards:
only what is gone then counts as cleared.")]
pub enum RetainedCommand {
    /// List the topics for which the broker retains a message.
    List(Box<RetainedArgs>),
    /// Clear the retained messages on these topics, after a confirmation that counts them.
    Clear {
        /// Which.
        #[command(flatten)]
        of: Box<RetainedArgs>,
        /// How many messages are to be cleared: nothing is done if there is another number. Without it you are asked.
        #[arg(long, value_name = "COUNT")]
        confirm: Option<u64>,
    },
}

/// Which retained messages are meant.
#[derive(Args, Debug)]
pub struct RetainedArgs {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// Only those on topics of this filter.
    #[arg(long, value_name = "FILTER", default_value = "#", allow_hyphen_values = true, value_parser = explained::<TopicFilter>)]
    pub topic: TopicFilter,
}

/// A rule by which payloads are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeRule {
    /// On which topics.
    pub filter: TopicFilter,
    /// How.
    pub kind: DecoderKind,
    /// The message type, for Protobuf.
    pub message_type: Option<String>,
}

/// A proxy's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUrl {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user.
    pub user: Option<String>,
}

/// What the value of a word may be.
fn word<T: Word>(text: &str) -> Result<T, String> {
    T::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = T::ALL.iter().map(|value| value.word()).collect();
        format!("one of {} is wanted", words.join(", "))
    })
}

/// A text that is read with its own rules, and what is wrong with it in the words of a problem.
pub(super) fn explained<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: Explain,
{
    text.parse().map_err(|error: T::Err| {
        let problem = error.explain();
        format!("{}. {}", problem.what, problem.next_step)
    })
}

fn speed(text: &str) -> Result<f32, &'static str> {
    if text == "max" {
        return Ok(f32::INFINITY);
    }
    text.parse().ok().filter(|speed| (0.1..=100.0).contains(speed)).ok_or("a number from 0.1 to 100 is wanted, or max")
}

fn seconds(text: &str) -> Result<f64, &'static str> {
    text.parse()
        .ok()
        .filter(|seconds| (0.001..=86_400.0).contains(seconds))
        .ok_or("a number from 0.001 to 86400 is wanted")
}

fn property(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE"),
    }
}

fn decode_rule(text: &str) -> Result<DecodeRule, String> {
    let (filter, kind) = text.rsplit_once('=').ok_or("write it as FILTER=KIND, such as site/#=cbor")?;
    let filter = explained::<TopicFilter>(filter)?;
    let (kind, message_type) = match kind.split_once(':') {
        Some((kind, message_type)) => (kind, Some(message_type.to_owned()).filter(|name| !name.is_empty())),
        None => (kind, None),
    };
    let kind = word::<DecoderKind>(kind)?;
    if message_type.is_some() && kind != DecoderKind::Protobuf {
        return Err("only protobuf takes a message type".into());
    }
    Ok(DecodeRule { filter, kind, message_type })
}

fn format(text: &str) -> Result<Format, String> {
    text.parse()
}

fn proxy(text: &str) -> Result<ProxyUrl, &'static str> {
    let wrong = "write it as http://HOST:PORT; the password comes from --proxy-password-file";
    let rest = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => return Err(wrong),
        Some((user, place)) => (Some(user.to_owned()), place),
        None => (None, rest),
    };
    let (host, port) = place.rsplit_once(':').ok_or(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match port.parse() {
        Ok(port) if port > 0 && !host.is_empty() && !host.contains('/') => {
            Ok(ProxyUrl { host: host.to_owned(), port, user })
        }
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_passwords_refused() {
        let plain = ProxyUrl { host: "proxy.example".into(), port: 3128, user: None };
        assert_eq!(proxy("http://proxy.example:3128/"), Ok(plain.clone()));
        assert_eq!(proxy("me@proxy.example:3128"), Ok(ProxyUrl { user: Some("me".into()), ..plain }));
        assert!(proxy("http://me:secret@proxy.example:3128").is_err());
        assert!(proxy("proxy.example").is_err() && proxy("proxy.example:0").is_err());
    }

    #[test]
    fn speeds_and_words_are_held_to_their_limits() {
        assert_eq!(speed("max"), Ok(f32::INFINITY));
        assert_eq!(speed("2.5"), Ok(2.5));
        assert!(speed("101").is_err() && speed("0").is_err() && speed("NaN").is_err());
        assert_eq!(word::<MqttVersion>("5"), Ok(MqttVersion::V5));
        assert_eq!(word::<WhenFull>("stop"), Err("one of wait, drop is wanted".into()));
        assert!(explained::<TopicFilter>("a/#/b").unwrap_err().contains("Write filters like"));
    }
}
