//! What is known of edge nodes and devices over time: names and types from their births, whether they are alive, and whether
//! messages are missing.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::text::visible;
use crate::telemetry::decode::wire::{Content, Fields};
use crate::telemetry::value::DecodeFailure;

/// How many edge nodes are followed.
const MAX_NODES: usize = 20_000;
/// How many devices of one.
const MAX_DEVICES: usize = 2_000;
/// How many metrics are kept of one birth.
const MAX_METRICS: usize = 100_000;
/// How many metrics are kept of all births.
const MAX_ALL_METRICS: usize = 1_000_000;
/// How many births of a node or device are remembered, to read messages from before the newest one.
pub(super) const MAX_BIRTHS: usize = 32;

/// What a topic of the namespace says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry::decode) struct Topic<'a> {
    pub(in crate::telemetry::decode) group: &'a str,
    pub(in crate::telemetry::decode) kind: &'a str,
    pub(in crate::telemetry::decode) node: &'a str,
    pub(in crate::telemetry::decode) device: Option<&'a str>,
}

impl<'a> Topic<'a> {
    /// `spBv1.0/GROUP/KIND/NODE[/DEVICE]`. A host's state is JSON, and none of these.
    pub(in crate::telemetry::decode) fn parse(topic: &'a [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(topic.strip_prefix(b"spBv1.0/")?).ok()?;
        let mut levels = rest.split('/');
        let (group, kind, node) = (levels.next()?, levels.next()?, levels.next()?);
        let device = levels.next();
        let is_of_device = match kind {
            "NBIRTH" | "NDEATH" | "NDATA" | "NCMD" => false,
            "DBIRTH" | "DDEATH" | "DDATA" | "DCMD" => true,
            _ => return None,
        };
        (levels.next().is_none() && device.is_some() == is_of_device).then_some(Self { group, kind, node, device })
    }
}

/// What a birth said of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: Arc<str>,
    pub(super) datatype: u32,
}

/// Names and types, from a moment on.
#[derive(Debug, Default)]
pub(super) struct Birth {
    mono_micros: u64,
    pub(super) by_alias: FxHashMap<u64, Known>,
    pub(super) types: FxHashMap<Arc<str>, u32>,
}

/// What is known of an edge node or a device.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) births: Vec<Arc<Birth>>,
    /// How often it was born.
    pub(super) born: u64,
    is_dead: bool,
}

impl Source {
    /// The birth that holds at a time.
    pub(super) fn birth(&self, mono_micros: u64) -> Option<&Birth> {
        self.births.iter().rev().find(|birth| birth.mono_micros <= mono_micros).map(|birth| &**birth)
    }
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) own: Source,
    pub(super) devices: FxHashMap<Box<str>, Source>,
    /// The last sequence number.
    seq: Option<u8>,
    /// How often a number was not the one after the last.
    pub(super) jumps: u64,
    /// The number of births, from the last one.
    bd_seq: Option<u64>,
    /// Messages of data that came before a birth.
    too_early: u64,
}

/// All edge nodes that were heard of.
#[derive(Debug, Default)]
pub(in crate::telemetry::decode) struct Nodes {
    nodes: FxHashMap<Box<str>, Node>,
    /// Metrics kept.
    metrics: usize,
}

/// How an edge node stands, for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeState {
    /// Group and node, with a slash between them, made safe to show.
    pub node: String,
    /// Whether it was born and has not died since.
    pub is_alive: bool,
    /// How often it was born: more than once is a rebirth or a new connection.
    pub births: u64,
    /// How often a sequence number was not the one after the last.
    pub sequence_jumps: u64,
    /// Messages of data that came before a birth, and can be read by their aliases only.
    pub before_birth: u64,
    /// Its devices, and whether each is alive.
    pub devices: Vec<(String, bool)>,
}

impl Nodes {
    /// Learns from a message.
    pub(in crate::telemetry::decode) fn observe(&mut self, topic: Topic<'_>, payload: &[u8], mono_micros: u64) {
        if topic.kind.ends_with("CMD") {
            return;
        }
        let key = format!("{}/{}", topic.group, topic.node);
        if !self.nodes.contains_key(key.as_str()) {
            if self.nodes.len() >= MAX_NODES {
                return;
            }
            self.nodes.insert(key.as_str().into(), Node::default());
        }
        let Some(node) = self.nodes.get_mut(key.as_str()) else { return };
        let mut metrics = self.metrics;
        node.observe(topic, payload, mono_micros, &mut metrics);
        self.metrics = metrics;
    }

    pub(super) fn get(&self, topic: Topic<'_>) -> Option<&Node> {
        self.nodes.get(format!("{}/{}", topic.group, topic.node).as_str())
    }

    /// All nodes by name.
    pub(in crate::telemetry::decode) fn states(&self) -> Vec<NodeState> {
        let mut states: Vec<_> = self.nodes.iter().map(|(name, node)| node.state(name)).collect();
        states.sort_by(|left, right| left.node.cmp(&right.node));
        states
    }
}

impl Node {
    fn observe(&mut self, topic: Topic<'_>, payload: &[u8], mono_micros: u64, kept: &mut usize) {
        let is_birth = topic.kind.ends_with("BIRTH");
        let Ok(envelope) = Envelope::scan(payload, is_birth) else { return };
        match topic.kind {
            "NBIRTH" => {
                self.seq = None;
                self.bd_seq = envelope.bd_seq;
                // Devices are born anew behind their node.
                self.devices.values_mut().for_each(|device| device.is_dead = true);
            }
            "NDEATH" => {
                // A death that belongs to an earlier connection says nothing of this one.
                if envelope.bd_seq.is_none() || self.bd_seq.is_none() || envelope.bd_seq == self.bd_seq {
                    self.own.is_dead = true;
                    self.devices.values_mut().for_each(|device| device.is_dead = true);
                }
                return;
            }
            _ => {}
        }
        if let Some(seq) = envelope.seq {
            if self.seq.is_some_and(|last| last.wrapping_add(1) != seq) {
                self.jumps += 1;
            }
            self.seq = Some(seq);
        }
        if topic.kind.starts_with('D') && self.devices.len() >= MAX_DEVICES {
            return;
        }
        let source = match topic.device {
            Some(device) => self.devices.entry(device.into()).or_default(),
            None => &mut self.own,
        };
        match topic.kind {
            "NBIRTH" | "DBIRTH" => {
                source.born += 1;
                source.is_dead = false;
                let room = MAX_ALL_METRICS.saturating_sub(*kept);
                let mut birth = envelope.birth;
                if birth.types.len() > room {
                    birth = Birth::default();
                }
                birth.mono_micros = mono_micros;
                *kept += birth.types.len();
                if source.births.len() >= MAX_BIRTHS {
                    *kept = kept.saturating_sub(source.births.remove(0).types.len());
                }
                source.births.push(Arc::new(birth));
            }
            "DDEATH" => source.is_dead = true,
            _ if source.births.is_empty() => self.too_early += 1,
            _ => {}
        }
    }

    fn state(&self, name: &str) -> NodeState {
        let mut devices: Vec<_> = self
            .devices
            .iter()
            .map(|(name, device)| (visible(name, 100), !device.is_dead && device.born > 0))
            .collect();
        devices.sort();
        NodeState {
            node: visible(name, 200),
            is_alive: self.own.born > 0 && !self.own.is_dead,
            births: self.own.born,
            sequence_jumps: self.jumps,
            before_birth: self.too_early,
            devices,
        }
    }
}

/// What is needed of every message: numbers, and names from births.
#[derive(Default)]
struct Envelope {
    seq: Option<u8>,
    bd_seq: Option<u64>,
    birth: Birth,
}

impl Envelope {
    fn scan(payload: &[u8], is_birth: bool) -> Result<Self, DecodeFailure> {
        let mut envelope = Self::default();
        let mut fields = Fields::new(payload);
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (3, Content::Varint(seq)) => envelope.seq = Some(seq.to_le_bytes()[0]),
                (2, Content::Bytes(metric)) => envelope.metric(metric, is_birth)?,
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        Ok(envelope)
    }

    fn metric(&mut self, mut fields: Fields<'_>, is_birth: bool) -> Result<(), DecodeFailure> {
        let (mut name, mut alias, mut datatype, mut number) = (None, None, 0, None);
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (1, Content::Bytes(text)) => name = std::str::from_utf8(text.bytes()).ok(),
                (2, Content::Varint(value)) => alias = Some(value),
                (4, Content::Varint(value)) => datatype = u32::try_from(value).unwrap_or(0),
                (10 | 11, Content::Varint(value)) => number = Some(value),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        let Some(name) = name else { return Ok(()) };
        if name == "bdSeq" {
            self.bd_seq = number;
        }
        if is_birth && self.birth.types.len() < MAX_METRICS {
            let name: Arc<str> = name.into();
            self.birth.types.insert(Arc::clone(&name), datatype);
            if let Some(alias) = alias {
                self.birth.by_alias.insert(alias, Known { name, datatype });
            }
        }
        Ok(())
    }
}
