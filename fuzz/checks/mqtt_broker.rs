//! What clients send to the bench broker: arbitrary bytes never panic, packets for others are whole, and nothing is held after
//! everyone has gone.

use std::time::{Duration, Instant};

use linesman::proto::mqtt::broker::{Broker, Limits, LinkId};

/// Good input to start from: each packet of a client, in both versions.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02gw\x82\x06\x00\x01\x00\x01#\x02\x30\x04\x00\x01thi",
    b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x02gw\x82\x09\x00\x01\x02\x0b\x05\x00\x01#\x02\x30\x05\x00\x01t\x00h",
    b"\x10\x14\x00\x04MQTT\x05\x00\x00\x0a\x05\x11\x00\x00\x00\x09\x00\x02gw\x34\x09\x00\x01t\x00\x07\x00hi!\x62\x02\x00\x07",
    b"\x10\x1f\x00\x04MQTT\x05\x06\x00\x0a\x06\x22\x00\x02\x21\x00\x01\x00\x02gw\x05\x18\x00\x00\x00\x01\x00\x01w\x00\x01x\xe0\x01\x04",
    b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x02gw\x82\x12\x00\x01\x00\x00\x0c$share/g/t/#\x01\xa2\x06\x00\x02\x00\x00\x01#",
    b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x02gw\x31\x10\x00\x01t\x0a\x02\x00\x00\x00\x01\x23\x00\x01\x01\x01hi\x30\x07\x00\x00\x03\x23\x00\x01!",
    b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x0a\x00\x02gw\x40\x02\x00\x01\x50\x02\x00\x01\x70\x02\x00\x01\xc0\x00\xe0\x00",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    let now = Instant::now();
    let limits = Limits { sessions: 4, waiting: 10, waiting_bytes: 4096, retained_bytes: 4096, ..Limits::default() };
    let mut broker = Broker::new(limits, 1);
    let watcher = LinkId(0);
    broker.opened(watcher, now);
    broker.received(watcher, SEEDS[1], now);
    for (id, start) in [(LinkId(1), 0), (LinkId(2), usize::from(piece).min(bytes.len()))] {
        broker.opened(id, now);
        for part in bytes[start..].chunks(usize::from(piece).max(1)) {
            broker.received(id, part, now);
            for link in broker.take_touched() {
                drain(&mut broker, link, now);
            }
        }
    }
    let later = now + Duration::from_hours(1);
    broker.tick(later);
    for id in [0, 1, 2].map(LinkId) {
        drain(&mut broker, id, later);
        broker.closed(id, later);
        assert!(broker.take_output(id, later).is_over);
    }
    let _ = (broker.next_due(), broker.take_omissions());
}

/// Takes all that is to be sent, and holds each packet's length against its header.
fn drain(broker: &mut Broker, id: LinkId, now: Instant) {
    loop {
        let output = broker.take_output(id, now);
        if output.packets.is_empty() {
            return;
        }
        for packet in output.packets {
            let (mut length, mut place) = (0, 1);
            loop {
                length |= usize::from(packet[place] & 0x7f) << (7 * (place - 1));
                place += 1;
                if packet[place - 1] & 0x80 == 0 {
                    break;
                }
            }
            assert_eq!(packet.len(), place + length);
        }
    }
}
