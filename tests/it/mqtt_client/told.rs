//! What the command line tells of a broker that refuses, damages and exceeds: no message is lost without a word.

use std::process::Command;

use linesman::model::mqtt::MqttVersion;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PATIENCE;
use super::peer::{Peer, publish};
use crate::program::{Place, Ran, text_of};

const VERSION: MqttVersion = MqttVersion::V311;

/// Runs an inspection of three subscriptions: the first is granted, the second refused, the third lowered. Then come a
/// message on a topic with a wildcard, one beyond the limit of 1 MiB, and one that is good.
async fn inspect(more: &[&str]) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::new();
    let broker = format!("mqtt://{}", listener.local_addr().unwrap());
    let common = ["inspect", "--broker", &broker, "--mqtt", "3.1.1", "--qos", "1", "--max-packet", "1"];
    let subscriptions = ["--topic", "granted", "--topic", "refused", "--topic", "lowered", "--count", "1"];
    let mut program = place.linesman(&[&common[..], &subscriptions, more].concat());
    let ran = spawn_blocking(move || Ran::of(&mut program));
    let mut peer = timeout(PATIENCE, Peer::accept(&listener, VERSION)).await.unwrap();
    peer.let_in().await;
    let (first, body) = peer.read().await;
    assert_eq!(first, 0x82);
    peer.send(&[0x90, 5, body[0], body[1], 1, 0x80, 0]).await;
    peer.send(&publish(VERSION, 0, 0, b"granted/+", b"", b"broken")).await;
    peer.send(&publish(VERSION, 0, 0, b"granted", b"", &vec![b'x'; 2 << 20])).await;
    peer.send(&publish(VERSION, 0, 0, b"granted", b"", b"good")).await;
    ran.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broker_refuses_lowers_damages_or_sends_too_large_is_told_beside_the_messages() {
    let ran = inspect(&[]).await.expect(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines.len() == 2 && lines[0].ends_with(" granted good"), "{ran:#?}");
    for told in [
        "Warning: The subscription to refused was refused: ",
        "Note: lowered is delivered with QoS 0 at most",
        "A message was larger than is taken",
        "A message violated the protocol and was skipped",
    ] {
        assert_eq!(ran.err.matches(told).count(), 1, "{told}: {ran:#?}");
    }
    assert!(!ran.err.contains("granted is"), "what was granted is not worth a word: {ran:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_at_the_end_name_what_was_damaged_and_too_large() {
    let ran = inspect(&["--stats"]).await.expect(0);
    assert!(ran.out.contains("too large 1, against the protocol 1;"), "{ran:#?}");
    let ran = inspect(&["--stats", "--json"]).await.expect(0);
    let stats = ran.result();
    let counts = ["messages", "held", "oversize", "malformed"].map(|name| stats[name].as_u64());
    // What is too large is never read, so it does not count as received.
    assert_eq!(counts, [Some(2), Some(1), Some(1), Some(1)], "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_show_each_message_that_was_left_out_and_why() {
    let ran = inspect(&["--packets"]).await.expect(0);
    for told in ["PUBLISH skipped: a message whose topic holds a wildcard; topic “granted/+”", "SUBACK"] {
        assert!(ran.out.contains(told), "{told}: {ran:#?}");
    }
    let oversize = ran.out.lines().filter(|line| line.contains("PUBLISH") && line.contains("larger"));
    assert_eq!(oversize.count(), 1, "{ran:#?}");
}

/// Bytes that no compression makes shorter.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..count).map(|_| next()).collect()
}

/// The system refuses to make the file longer, as a full disk does.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_ends_early_is_told_once_and_in_the_exit_code() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::new();
    let (broker, file) = (format!("mqtt://{}", listener.local_addr().unwrap()), text_of(&place.path("site.lmrec")));
    let inspect = place.linesman(&["inspect", "--broker", &broker, "--count", "8", "--record", &file]);
    // In blocks of 512 bytes or of 1024. The signal that comes with it would end the program.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\""]);
    limited.arg(inspect.get_program()).args(inspect.get_args());
    let ran = spawn_blocking(move || Ran::of(&mut limited));
    let mut peer = timeout(PATIENCE, Peer::accept(&listener, VERSION)).await.unwrap();
    peer.let_in().await;
    let (_, body) = peer.read().await;
    peer.send(&[0x90, 3, body[0], body[1], 0]).await;
    for _ in 0..8 {
        peer.send(&publish(VERSION, 0, 0, b"site/log", b"", &noise(300_000))).await;
    }
    let ran = ran.await.unwrap().expect(3);
    assert_eq!(ran.err.matches("The disk is full").count(), 1, "{}", ran.err);
    assert!(ran.out.contains(" to ") && ran.out.contains("Recorded "), "what was recorded is told all the same");
}
