//! CPU time of the handshake of Espressif's Security 2 on our side: three calls, between which the device computes.
//!
//! The device's part is the simulator's and is not counted. Beside it, what Security 1 takes, and a message of a session.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::hint::black_box;

use linesman::model::secret::Secret;
use linesman::proto::esp::security::device::{DeviceSession, Lock};
use linesman::proto::esp::security::{Cipher, Handshake, Proof, Turn};
use linesman::proto::esp::version::Scheme;

#[path = "support/cpu.rs"]
mod cpu;
mod support;

use support::{Spread, is_measuring};

fn main() {
    let rounds = if is_measuring() { 25 } else { 1 };
    println!("Handshakes on our side, CPU time of {rounds} runs: least, median, p95");
    for (name, scheme) in [
        ("Security 2, key", Scheme::Security2 { has_counter: true }),
        ("Security 1, key", Scheme::Security1 { is_without_proof: false }),
    ] {
        println!("{name:<28} {}", measure(rounds, || start(scheme)));
    }
    for (name, scheme) in [
        ("Security 2, proof", Scheme::Security2 { has_counter: true }),
        ("Security 1, proof", Scheme::Security1 { is_without_proof: false }),
    ] {
        println!("{name:<28} {}", prove(rounds, scheme));
    }
    let (mut cipher, _) = open(Scheme::Security2 { has_counter: true });
    let message = [7; 128];
    println!("{:<28} {}", "seal 128 octets", measure(rounds, || drop(black_box(cipher.seal(&message)))));
}

fn proof() -> Proof {
    Proof { username: b"installer".into(), secret: Secret::new(b"open sesame".into()) }
}

/// Draws the key and writes the first message.
fn start(scheme: Scheme) {
    drop(black_box(Handshake::start(scheme, black_box([0x81; 32]), &proof())));
}

fn measure(rounds: usize, mut turn: impl FnMut()) -> Spread {
    Spread::of((0..rounds).map(|_| cpu::per_turn(rounds == 1, &mut turn)).collect())
}

/// The answer to the device's key: all but the last comparison of the handshake.
fn prove(rounds: usize, scheme: Scheme) -> Spread {
    let mut device = DeviceSession::new(lock(scheme));
    let (_, request) = begin(scheme);
    let answer = device.handle(&request, &[9; 64]).expect("a good request");
    let times = (0..rounds).map(|_| {
        // Every turn needs a handshake of its own: what its beginning takes is taken off again.
        let beginning = cpu::per_turn(rounds == 1, || drop(black_box(begin(scheme))));
        let both = cpu::per_turn(rounds == 1, || {
            let (handshake, _) = begin(scheme);
            drop(black_box(handshake.handle_answer(black_box(&answer))));
        });
        both.saturating_sub(beginning)
    });
    Spread::of(times.collect())
}

fn lock(scheme: Scheme) -> Lock {
    Lock { scheme, username: "installer".into(), secret: "open sesame".into() }
}

fn begin(scheme: Scheme) -> (Handshake, Vec<u8>) {
    // A key that needs no second draw.
    (0x81..=0xff).find_map(|octet| Handshake::start(scheme, [octet; 32], &proof()).ok()).expect("most keys do")
}

fn open(scheme: Scheme) -> (Cipher, DeviceSession) {
    let mut device = DeviceSession::new(lock(scheme));
    let (mut handshake, mut request) = begin(scheme);
    loop {
        let answer = device.handle(&request, &[9; 64]).expect("a good request");
        match handshake.handle_answer(&answer).expect("a good answer") {
            Turn::Send(next, bytes) => (handshake, request) = (next, bytes),
            Turn::Done(cipher) => return (cipher, device),
        }
    }
}
