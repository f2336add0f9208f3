//! How fast the decoder of Improv over serial reads past noise, beside a plain search over the same octets.
//!
//! The octets come as from a port: in pieces, with the log taken after each.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use linesman::proto::improv::serial::Decoder;
use memchr::memchr_iter;

#[path = "support/cpu.rs"]
mod cpu;
mod support;

use support::{Spread, is_measuring};

/// Octets of each kind of noise.
const OCTETS: u32 = 2_000_000;
/// What one read of a port may bring: little from a slow line, a full buffer after a pause.
const PIECES: [usize; 2] = [64, 4096];

fn main() {
    let rounds = if is_measuring() { 9 } else { 1 };
    println!("Decoder of Improv over serial on {OCTETS} octets of noise; CPU time, median of {rounds} rounds");
    println!("{:<22} {:>6} {:>10} {:>10} {:>12}", "noise", "piece", "MB/s", "search", "search is");
    for (name, noise) in [("log lines", log_lines()), ("random octets", random()), ("headers, nothing else", headers())]
    {
        let search = time(rounds, || {
            black_box(memchr_iter(b'I', black_box(&noise)).count());
        });
        for piece in PIECES {
            let decode = time(rounds, || decode(&noise, piece));
            let times = decode.as_secs_f64() / search.as_secs_f64();
            println!("{name:<22} {piece:>6} {:>10.0} {:>10.0} {times:>7.0} times", rate(decode), rate(search));
        }
    }
}

fn time(rounds: usize, mut pass: impl FnMut()) -> Duration {
    Spread::of((0..rounds).map(|_| cpu::per_turn(rounds == 1, &mut pass)).collect()).median
}

/// Megabytes a second.
fn rate(time: Duration) -> f64 {
    f64::from(OCTETS) / 1e6 / time.as_secs_f64()
}

fn decode(noise: &[u8], piece: usize) {
    let (mut decoder, now) = (Decoder::default(), Instant::now());
    for octets in noise.chunks(piece) {
        black_box(decoder.push(black_box(octets), now));
        black_box(decoder.take_log());
    }
    black_box(decoder.bad_packets());
}

/// The log of a talkative device.
fn log_lines() -> Vec<u8> {
    let mut random = Random::default();
    let lines = std::iter::repeat_with(|| {
        let number = random.next();
        let level = char::from(b"IWED"[number as usize % 4]);
        format!(
            "{level} ({}) wifi: Improv state {}, rssi -{}, IP 192.0.2.{}\r\n",
            number,
            number % 5,
            number % 90,
            number % 256
        )
    });
    fill(lines.flat_map(String::into_bytes))
}

/// A line at the wrong speed.
fn random() -> Vec<u8> {
    let mut random = Random::default();
    fill(std::iter::repeat_with(|| random.next().to_le_bytes()).flatten())
}

/// The worst there is: one header after the other, each of which promises 255 octets and has a wrong sum.
fn headers() -> Vec<u8> {
    fill(std::iter::repeat(*b"IMPROV\x01\x04\xff").flatten())
}

fn fill(octets: impl Iterator<Item = u8>) -> Vec<u8> {
    octets.take(OCTETS as usize).collect()
}

/// The same numbers in every run (xorshift).
struct Random(u32);

impl Default for Random {
    fn default() -> Self {
        Self(0x2545_F491)
    }
}

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}
