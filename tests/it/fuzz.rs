//! The checks of `fuzz/`, each for a bounded time with inputs mutated from its seeds.
//!
//! Without a look into the code under test this finds less than `cargo fuzz run`, which needs a nightly compiler and takes
//! the same checks; it finds what breaks on the obvious: cut, repeated, swapped and overgrown fields.
//! `LINESMAN_FUZZ_SECS` and `LINESMAN_FUZZ_SEED` set time and start.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

macro_rules! fuzz {
    ($($name:ident from $path:literal)+) => {
        $(
            #[path = $path]
            mod $name;
        )+

        mod runs {
            $(
                #[test]
                fn $name() {
                    super::run(stringify!($name), super::$name::SEEDS, super::$name::check);
                }
            )+
        }
    };
}

fuzz! {
    bundle from "../../fuzz/checks/bundle.rs"
    esp from "../../fuzz/checks/esp.rs"
    evidence from "../../fuzz/checks/evidence.rs"
    improv_ble from "../../fuzz/checks/improv_ble.rs"
    improv_serial from "../../fuzz/checks/improv_serial.rs"
    mqtt from "../../fuzz/checks/mqtt.rs"
    mqtt_broker from "../../fuzz/checks/mqtt_broker.rs"
    network_answers from "../../fuzz/checks/network_answers.rs"
    recording from "../../fuzz/checks/recording.rs"
    site_files from "../../fuzz/checks/site_files.rs"
    smp from "../../fuzz/checks/smp.rs"
    telemetry_payloads from "../../fuzz/checks/telemetry_payloads.rs"
    telemetry_queries from "../../fuzz/checks/telemetry_queries.rs"
}

/// How long one check runs unless told otherwise.
const SECS: u64 = 2;
/// The longest input.
const MAX_OCTETS: usize = 64 * 1024;
/// Octets that stand at the edges of number formats, lengths and texts.
const EDGES: [u8; 12] = [0x00, 0x01, 0x0a, 0x0d, 0x1b, 0x20, 0x3a, 0x7f, 0x80, 0xbf, 0xfe, 0xff];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn run(name: &str, seeds: &[&[u8]], check: fn(u8, &[u8])) {
    let secs = number("LINESMAN_FUZZ_SECS", SECS);
    let seed = number("LINESMAN_FUZZ_SEED", u64::from(std::process::id()));
    let mut random = Random(seed | 1);
    let until = Instant::now() + Duration::from_secs(secs);
    let mut inputs = 0_u64;
    for octets in seeds {
        check(1, octets);
    }
    while Instant::now() < until {
        let piece = random.octet();
        let input = mutate(seeds, &mut random);
        inputs += 1;
        let passed = catch_unwind(AssertUnwindSafe(|| check(piece, &input))).is_ok();
        let shown = linesman::model::text::hex(if passed { &[] } else { &input });
        assert!(passed, "{name} fails on input {inputs} of LINESMAN_FUZZ_SEED={seed}, piece {piece}: {shown}");
    }
    assert!(inputs > 0, "there was no time for a single input");
}

/// A seed with a few things done to it.
fn mutate(seeds: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut octets = seeds[random.below(seeds.len())].to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(octets.len() + 1);
        let end = at + random.below(octets.len() - at + 1);
        match random.below(9) {
            0 => octets.truncate(at),
            1 => drop(octets.drain(at..end)),
            2 => {
                let copy = octets[at..end].to_vec();
                octets.splice(at..at, copy);
            }
            3 => {
                let other = seeds[random.below(seeds.len())];
                octets.splice(at..end, other.iter().copied());
            }
            4 => octets.insert(at, EDGES[random.below(EDGES.len())]),
            5 if at < octets.len() => octets[at] = EDGES[random.below(EDGES.len())],
            6 if at < octets.len() => octets[at] ^= 1 << random.below(8),
            7 => {
                let many = vec![random.octet(); 1 << random.below(12)];
                octets.splice(at..at, many);
            }
            _ => octets.extend((0..random.below(16)).map(|_| random.octet())),
        }
        octets.truncate(MAX_OCTETS);
    }
    octets
}

/// Marsaglia's xorshift: enough to vary inputs, and the same inputs from the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn octet(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or_default() % limit.max(1)
    }
}
