//! What simulated gateways measure, in the forms in which gateways send it.

use std::f64::consts::TAU;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use minicbor::Encoder;
use serde_json::json;

use super::Habit;

/// When something is measured.
pub(super) struct Moment {
    /// How many came before on the same topic, from 1 on.
    pub(super) seq: u64,
    /// How long the gateway has been connected.
    pub(super) since: Duration,
    /// By the gateway's clock.
    pub(super) unix_millis: u64,
}

impl Moment {
    /// A wave around a middle value, with two digits.
    fn wave(&self, middle: f64, swing: f64, period_secs: f64) -> f64 {
        let value = middle + swing * (TAU * self.since.as_secs_f64() / period_secs).sin();
        (value * 100.0).round() / 100.0
    }
}

/// A topic that is published on again and again.
pub(super) struct Stream {
    pub(super) every: Duration,
    pub(super) make: fn(&Moment) -> Vec<u8>,
}

/// The streams of a habit, by the last part of their topic.
pub(super) fn streams(habit: Habit) -> Vec<(&'static str, Stream)> {
    let every = |millis, make| Stream { every: Duration::from_millis(millis), make };
    match habit {
        Habit::Json => {
            vec![("telemetry", every(1_000, climate)), ("pump/power", every(500, power)), ("meta", every(30_000, meta))]
        }
        Habit::Moody => {
            vec![("telemetry", every(2_000, cbor)), ("log", every(10_000, log)), ("door", every(3_000, stuck))]
        }
        Habit::Sparkplug => Vec::new(),
    }
}

fn climate(moment: &Moment) -> Vec<u8> {
    json!({
        "seq": moment.seq,
        "time": moment.unix_millis,
        "temperature": moment.wave(21.5, 2.5, 60.0),
        "humidity": moment.wave(48.0, 6.0, 95.0),
        "power": { "watts": moment.wave(420.0, 80.0, 40.0), "total_kwh": 1_200 + moment.seq / 60 },
        "ok": true,
    })
    .to_string()
    .into_bytes()
}

fn power(moment: &Moment) -> Vec<u8> {
    format!("{:.1}", moment.wave(230.0, 35.0, 25.0)).into_bytes()
}

fn meta(moment: &Moment) -> Vec<u8> {
    let uptime = moment.since.as_secs();
    json!({ "firmware": env!("CARGO_PKG_VERSION"), "uptime_secs": uptime, "simulated": true }).to_string().into_bytes()
}

fn cbor(moment: &Moment) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let write = |encoder: &mut Encoder<Vec<u8>>| {
        encoder.map(4)?.str("seq")?.u64(moment.seq)?.str("time")?.u64(moment.unix_millis)?;
        encoder
            .str("temperature")?
            .f64(moment.wave(-18.0, 1.2, 120.0))?
            .str("doors")?
            .array(2)?
            .bool(false)?
            .bool(true)?;
        Ok::<_, minicbor::encode::Error<std::convert::Infallible>>(())
    };
    // Writing to memory cannot fail.
    let _ = write(&mut encoder);
    encoder.into_writer()
}

fn log(moment: &Moment) -> Vec<u8> {
    let lines: Vec<_> = (0..20).map(|n| json!({ "n": moment.seq * 20 + n, "text": "compressor cycle" })).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(json!({ "time": moment.unix_millis, "lines": lines }).to_string().as_bytes());
    encoder.finish().unwrap_or_default()
}

/// A sensor that has been stuck since its first measurement, and a clock that is an hour behind.
fn stuck(moment: &Moment) -> Vec<u8> {
    let behind = moment.unix_millis.saturating_sub(3_600_000);
    json!({ "seq": moment.seq, "time": behind, "open": false, "level": 41.7 }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_move_slowly_around_their_middle() {
        let at = |secs| Moment { seq: 1, since: Duration::from_secs(secs), unix_millis: 0 }.wave(20.0, 3.0, 60.0);
        assert!((at(0) - 20.0).abs() < 0.01 && (at(15) - 23.0).abs() < 0.01 && (at(45) - 17.0).abs() < 0.01);
    }

    #[test]
    fn each_form_is_what_it_says() {
        let moment = Moment { seq: 7, since: Duration::from_secs(3), unix_millis: 1_790_000_000_123 };
        let value: serde_json::Value = serde_json::from_slice(&climate(&moment)).unwrap();
        assert_eq!((value["seq"].as_u64(), value["power"]["total_kwh"].as_u64()), (Some(7), Some(1_200)));
        let octets = cbor(&moment);
        let mut decoder = minicbor::Decoder::new(&octets);
        assert_eq!(decoder.map().unwrap(), Some(4));
        let zipped = log(&moment);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*zipped), &mut text).unwrap();
        assert!(text.contains("compressor cycle"));
        let value = |moment: &Moment| serde_json::from_slice::<serde_json::Value>(&stuck(moment)).unwrap();
        let later = Moment { seq: 8, since: Duration::from_secs(30), ..moment };
        assert_eq!(value(&moment)["level"], value(&later)["level"]);
    }
}
