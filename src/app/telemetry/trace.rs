//! Trace: the packets of the connection other than messages, the newest of them, filtered.

use std::collections::VecDeque;
use std::time::Duration;

use super::seat::Seat;
use crate::model::mqtt::stage::{Direction, TracedPacket};
use crate::msg::Command;
use crate::msg::telemetry::TelemetryEvent;

/// Packets kept; the oldest go first, and are counted.
const MOST_PACKETS: usize = 20_000;

/// What the user did on Trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceAction {
    /// Shows all kinds, or one of them.
    ShowedKind(Option<&'static str>),
    /// Shows only packets that tell of something that went wrong, or all.
    ShowedTrouble(bool),
    /// Moves on with the newest, or stays.
    Followed(bool),
    /// Forgets the packets.
    Cleared,
}

/// The view model of Trace.
pub struct Trace {
    packets: VecDeque<TracedPacket>,
    gone: u64,
    kinds: Vec<&'static str>,
    kind: Option<&'static str>,
    is_trouble_only: bool,
    is_following: bool,
    /// Places of the packets that fit, counted from the first packet ever.
    fitting: VecDeque<u64>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            packets: VecDeque::new(),
            gone: 0,
            kinds: Vec::new(),
            kind: None,
            is_trouble_only: false,
            is_following: true,
            fitting: VecDeque::new(),
        }
    }
}

impl Trace {
    /// How many packets there are, whatever is shown.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Packets that had to make room.
    pub const fn gone(&self) -> u64 {
        self.gone
    }

    /// The kinds that were seen, in the order in which they came.
    pub fn kinds(&self) -> &[&'static str] {
        &self.kinds
    }

    /// The kind shown; `None` for all.
    pub const fn kind(&self) -> Option<&'static str> {
        self.kind
    }

    /// Whether only packets are shown that tell of something that went wrong.
    pub const fn is_trouble_only(&self) -> bool {
        self.is_trouble_only
    }

    /// Whether the newest packet stays in sight.
    pub const fn is_following(&self) -> bool {
        self.is_following
    }

    /// How many packets are shown.
    pub fn rows(&self) -> usize {
        self.fitting.len()
    }

    /// A packet shown, by its row.
    pub fn row(&self, row: usize) -> Option<&TracedPacket> {
        let place = self.fitting.get(row)?.checked_sub(self.gone)?;
        self.packets.get(usize::try_from(place).ok()?)
    }

    /// The packets shown as text, for the clipboard: a line each.
    pub fn text(&self) -> String {
        let mut text = String::from("seconds\tdirection\tpacket\tid\tbytes\treason\tafter\tnote\n");
        for packet in (0..self.rows()).filter_map(|row| self.row(row)) {
            let id = packet.packet_id.map(|id| id.to_string()).unwrap_or_default();
            let after = packet.after.map(latency).unwrap_or_default();
            let columns = [
                format!("{:.3}", packet.at.as_secs_f64()),
                packet.direction.to_string(),
                packet.kind.to_owned(),
                id,
                packet.bytes.to_string(),
                reason(packet),
                after,
                packet.note.clone(),
            ];
            text.push_str(&columns.join("\t"));
            text.push('\n');
        }
        text
    }

    pub(super) fn act(&mut self, action: TraceAction, _seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            TraceAction::ShowedKind(kind) => {
                self.kind = kind;
                self.arrange();
            }
            TraceAction::ShowedTrouble(is_only) => {
                self.is_trouble_only = is_only;
                self.arrange();
            }
            TraceAction::Followed(is_following) => self.is_following = is_following,
            TraceAction::Cleared => self.clear(),
        }
        Vec::new()
    }

    pub(super) fn told(&mut self, event: &TelemetryEvent) {
        let TelemetryEvent::Packets(packets) = event else { return };
        for packet in packets {
            if !self.kinds.contains(&packet.kind) {
                self.kinds.push(packet.kind);
            }
            if self.packets.len() >= MOST_PACKETS {
                self.packets.pop_front();
                self.fitting.pop_front_if(|place| *place == self.gone);
                self.gone += 1;
            }
            if self.fits(packet) {
                self.fitting.push_back(self.gone + self.packets.len() as u64);
            }
            self.packets.push_back(packet.clone());
        }
    }

    /// Another inspection begins.
    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.fitting.clear();
        self.gone = 0;
        self.kinds.clear();
        self.kind = None;
    }

    fn arrange(&mut self) {
        let fits = self.packets.iter().map(|packet| self.fits(packet));
        let places = (self.gone..).zip(fits).filter(|(_, fits)| *fits);
        self.fitting = places.map(|(place, _)| place).collect();
    }

    fn fits(&self, packet: &TracedPacket) -> bool {
        self.kind.is_none_or(|kind| kind == packet.kind) && (!self.is_trouble_only || is_trouble(packet))
    }
}

/// Whether a packet tells of something that went wrong: its reason code says so (MQTT 5.0, section 2.4), and so does one
/// of CONNACK in MQTT 3.1.1.
pub fn is_trouble(packet: &TracedPacket) -> bool {
    let is_refusal = |(code, _): &(u8, String)| *code >= 0x80 || (packet.kind == "CONNACK" && *code > 0);
    packet.is_end() || packet.reason.as_ref().is_some_and(is_refusal)
}

/// The reason in words, with its code.
pub fn reason(packet: &TracedPacket) -> String {
    packet.reason.as_ref().map_or_else(String::new, |(code, says)| format!("{says} (0x{code:02X})"))
}

/// Whether a packet came to us.
pub fn is_received(packet: &TracedPacket) -> bool {
    packet.direction == Direction::Received
}

/// How long an answer took.
pub fn latency(after: Duration) -> String {
    match after.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros @ 1_000..10_000_000 => format!("{}.{} ms", micros / 1000, micros / 100 % 10),
        _ => format!("{:.1} s", after.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::app::Desk;
    use crate::app::jobs::Jobs;
    use crate::app::settings::SettingsView;
    use crate::app::toasts::Toasts;
    use crate::profile::Catalog;
    use crate::telemetry::view::Query;

    fn act(trace: &mut Trace, action: TraceAction) {
        let (catalog, mut jobs, mut toasts) = (Catalog::default(), Jobs::default(), Toasts::default());
        let (mut settings, query) = (SettingsView::default(), Query::default());
        let mut desk = Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: Instant::now() };
        trace.act(action, &mut Seat { inspection: None, query: &query, settings: &mut settings, desk: &mut desk });
    }

    fn packet(kind: &'static str, code: Option<u8>, id: u16) -> TracedPacket {
        TracedPacket {
            at: Duration::from_millis(1500),
            direction: Direction::Received,
            kind,
            packet_id: Some(id),
            bytes: 4,
            reason: code.map(|code| (code, "said so".into())),
            after: Some(Duration::from_micros(12_340)),
            note: String::new(),
        }
    }

    fn shown(trace: &Trace) -> Vec<Option<u16>> {
        (0..trace.rows()).map(|row| trace.row(row).and_then(|packet| packet.packet_id)).collect()
    }

    #[test]
    fn packets_are_shown_by_kind_and_by_trouble() {
        let mut trace = Trace::default();
        let packets =
            vec![packet("CONNACK", Some(0), 1), packet("SUBACK", Some(0x87), 2), packet("CONNACK", Some(5), 3)];
        trace.told(&TelemetryEvent::Packets(packets));
        assert_eq!((shown(&trace), trace.kinds()), (vec![Some(1), Some(2), Some(3)], &["CONNACK", "SUBACK"][..]));
        act(&mut trace, TraceAction::ShowedTrouble(true));
        assert_eq!(shown(&trace), [Some(2), Some(3)]);
        act(&mut trace, TraceAction::ShowedKind(Some("SUBACK")));
        assert_eq!(shown(&trace), [Some(2)]);
        trace.told(&TelemetryEvent::Packets(vec![packet("SUBACK", Some(0x80), 4), packet("PINGRESP", None, 5)]));
        assert_eq!(shown(&trace), [Some(2), Some(4)]);
        assert!(
            trace.text().ends_with("1.500\treceived\tSUBACK\t4\t4\tsaid so (0x80)\t12.3 ms\t\n"),
            "{}",
            trace.text()
        );
    }

    #[test]
    fn the_oldest_packets_make_room_and_are_counted() {
        let mut trace = Trace::default();
        act(&mut trace, TraceAction::ShowedKind(Some("A")));
        let kinds = ["A", "B"].into_iter().cycle();
        let packets: Vec<_> =
            kinds.take(MOST_PACKETS + 10).zip(0_u16..).map(|(kind, id)| packet(kind, None, id)).collect();
        trace.told(&TelemetryEvent::Packets(packets));
        assert_eq!((trace.len(), trace.gone(), trace.rows()), (MOST_PACKETS, 10, MOST_PACKETS / 2));
        assert_eq!(trace.row(0).and_then(|packet| packet.packet_id), Some(10));
        act(&mut trace, TraceAction::ShowedKind(None));
        assert_eq!(trace.row(0).and_then(|packet| packet.packet_id), Some(10));
    }

    #[test]
    fn latencies_are_short_to_read() {
        for (micros, text) in [(7, "7 µs"), (12_340, "12.3 ms"), (10_000_000, "10.0 s")] {
            assert_eq!(latency(Duration::from_micros(micros)), text);
        }
    }
}
