//! What is asked after a failure, to learn who stops it. None of it decides whether a row holds.

use core::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Round;
use super::row::{STEP_LIMIT, is_connected};
use crate::check::plan::{PlannedRow, Target};
use crate::check::question::{Carrier, Question, Say, Shape};
use crate::check::seen::{Broke, Connect, ConnectEnd, Seen, Tls, TlsEnd, Trust};

/// How long looking for the boxes on the way may take.
const TRACE_LIMIT: Duration = Duration::from_secs(8);
/// A name that no vendor needs and no filter is after (RFC 2606).
const NEUTRAL: &str = "example.com";

impl Round {
    /// Asks what explains the end of a conversation.
    pub(super) async fn explain(
        &self,
        row: &PlannedRow,
        target: &Target,
        to: SocketAddr,
        steps: &[Say],
        told: &[Seen],
    ) {
        if !is_connected(told) {
            if is_silent(told) {
                self.trace(row, target, to, Carrier::Tcp).await;
            }
            return self.through_proxy(row, target, to, steps).await;
        }
        match told.iter().find_map(|seen| if let Seen::Tls(tls) = seen { Some(tls) } else { None }) {
            Some(tls) if is_cut(tls) => {
                for shape in [Shape::SmallSegments, Shape::SplitHello, Shape::NeutralName] {
                    self.hello(row, target, to, steps, shape).await;
                }
            }
            Some(tls) if is_foreign(tls) => self.system_trust(row, target, tls).await,
            Some(tls) if is_done(tls) => self.other_hellos(row, target, to, steps).await,
            _ => {}
        }
    }

    /// Once a check, where the usual hello works: one of some 1,500 bytes, and the usual one in two segments, as newer devices
    /// send them. That one of them is lost proves a box that minds, which is worth a note and fails no row; that they arrive
    /// proves nothing for other hosts.
    async fn other_hellos(&self, row: &PlannedRow, target: &Target, to: SocketAddr, steps: &[Say]) {
        // A gateway that looks itself says hello as its programs do.
        let is_ours = self.plan.about.via.is_none();
        if !is_ours || !self.is_thorough || self.are_hellos_tried.swap(true, Ordering::Relaxed) {
            return;
        }
        for shape in [Shape::PaddedHello, Shape::SplitHello] {
            self.hello(row, target, to, steps, shape).await;
        }
    }

    async fn hello(&self, row: &PlannedRow, target: &Target, to: SocketAddr, steps: &[Say], shape: Shape) {
        let hello: Vec<Say> = steps.iter().filter(|step| matches!(step, Say::Tls { .. })).cloned().collect();
        let neutral = Target { host: NEUTRAL.into(), port: target.port };
        let named = if shape == Shape::NeutralName { &neutral } else { target };
        let talk =
            crate::check::question::Talk { to, host: named.host.clone(), steps: hello, shape, limit: STEP_LIMIT };
        self.ask(Some(&row.id), Some(&target.host), Question::Talk(talk)).await;
    }

    pub(super) async fn trace(&self, row: &PlannedRow, target: &Target, to: SocketAddr, transport: Carrier) {
        let question = Question::Trace { to, transport, limit: TRACE_LIMIT };
        self.ask(Some(&row.id), Some(&target.host), question).await;
    }

    /// Only where the system has a proxy: whether the row would hold through it. Never from a test site, which has none.
    async fn through_proxy(&self, row: &PlannedRow, target: &Target, to: SocketAddr, steps: &[Say]) {
        if self.book.has_proxy() && self.overrides.is_empty() {
            self.talk(row, target, to, steps, Shape::ThroughProxy).await;
        }
    }

    async fn system_trust(&self, row: &PlannedRow, target: &Target, tls: &Tls) {
        let Some(leaf) = tls.chain.first() else { return };
        let question = Question::SystemTrust {
            host: target.host.clone(),
            leaf_sha256: leaf.sha256.clone(),
            limit: Duration::from_secs(3),
        };
        self.ask(Some(&row.id), Some(&target.host), question).await;
    }
}

fn is_silent(told: &[Seen]) -> bool {
    told.iter().any(|seen| matches!(seen, Seen::Connect(Connect { end: ConnectEnd::TimedOut, .. })))
}

/// Whether the handshake was cut without an answer.
const fn is_cut(tls: &Tls) -> bool {
    matches!(tls.end, TlsEnd::Broken(Broke::Silent | Broke::Unfinished { .. } | Broke::Reset | Broke::Closed))
}

const fn is_done(tls: &Tls) -> bool {
    matches!(tls.end, TlsEnd::Done { .. })
}

/// Whether the chain leads to a root that neither the profile nor the public set knows.
const fn is_foreign(tls: &Tls) -> bool {
    matches!(tls.trust, Some(Trust { mozilla: false, expected: None | Some(false), .. }))
}
