//! [`Blanks`]: what stands in the blanks of a text. Nothing of it is more than the evidence says.

use core::net::SocketAddr;

use crate::check::plan::Plan;
use crate::check::seen::{Observation, Seen};
use crate::check::verdict::{Finding, Reason, RowVerdict};
use crate::model::endpoint::RowId;
use crate::model::word::Word as _;

use super::texts;

/// The blanks of a text.
#[derive(Clone, Debug)]
pub(super) struct Blanks {
    pub host: String,
    pub port: String,
    pub address: String,
    pub about: String,
    /// The gateway looked itself: what a text says of this computer is said of it.
    pub is_gateway: bool,
}

impl Blanks {
    pub(super) fn of_row(plan: &Plan, observations: &[Observation], verdict: &RowVerdict) -> Self {
        Self::of(plan, observations, &verdict.row, &verdict.facts).with(verdict.reason, &verdict.about)
    }

    pub(super) fn of_finding(plan: &Plan, observations: &[Observation], finding: &Finding) -> Self {
        let first = finding.rows.first();
        let blanks = match first {
            Some(row) => Self::of(plan, observations, row, &finding.facts),
            None => Self {
                host: texts::SEVERAL.into(),
                port: String::new(),
                address: String::new(),
                about: String::new(),
                is_gateway: plan.about.via.is_some(),
            },
        };
        blanks.with(finding.reason, &finding.about)
    }

    fn of(plan: &Plan, observations: &[Observation], row: &RowId, facts: &[u32]) -> Self {
        let planned = plan.row(row);
        let target = planned.and_then(|planned| planned.targets.first());
        let last =
            facts.iter().rev().filter_map(|fact| by_number(observations, *fact)).find(|seen| seen.host.is_some());
        let host = last.and_then(|seen| seen.host.clone()).or_else(|| target.map(|target| target.host.clone()));
        let subject =
            || planned.and_then(|planned| planned.subject.endpoint()).map(|endpoint| endpoint.purpose.clone());
        let far =
            facts.iter().rev().filter_map(|fact| by_number(observations, *fact)).find_map(|seen| far_end(&seen.seen));
        Self {
            host: host.or_else(subject).unwrap_or_else(|| "the network".to_owned()),
            port: target.map_or_else(String::new, |target| target.port.to_string()),
            address: far.map_or_else(|| "its address".to_owned(), |to| to.ip().to_string()),
            about: String::new(),
            is_gateway: plan.about.via.is_some(),
        }
    }

    /// The same with what another reason is about.
    pub(super) fn with(&self, reason: Reason, about: &str) -> Self {
        let about = if about.is_empty() { unnamed(reason).to_owned() } else { spoken(about) };
        Self { about, ..self.clone() }
    }

    /// Fills the blanks.
    pub(super) fn fill(&self, text: &str) -> String {
        let of_gateway = self.is_gateway.then(|| of_gateway(text));
        let text = of_gateway.as_deref().unwrap_or(text);
        let mut filled = String::with_capacity(text.len() + self.host.len() + self.about.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((key, behind)) = after.split_once('}') else { break };
            filled.push_str(self.value(key));
            rest = behind;
        }
        filled.push_str(rest);
        tidy(&filled)
    }

    fn value(&self, key: &str) -> &str {
        match key {
            "host" => &self.host,
            "port" => &self.port,
            "address" => &self.address,
            _ => &self.about,
        }
    }
}

/// What is said where an observation named nobody.
const fn unnamed(reason: Reason) -> &'static str {
    match reason {
        Reason::NtpRejected | Reason::TcpRejected => "A box on the way",
        Reason::CaptivePortal
        | Reason::VpnOwnsRoute
        | Reason::NtpUnsynchronised
        | Reason::ClockWrong
        | Reason::GatewayClockWrong => "",
        Reason::OnlyThroughProxy => "of this computer",
        Reason::DnsRefused | Reason::DnsFailed | Reason::DnsNoSuchName => "the name server",
        Reason::Intercepted | Reason::UntrustedIssuer => "an issuer without a name",
        Reason::WrongName => "another name",
        Reason::CutAfterIdentification => "on the way",
        _ => "not known",
    }
}

/// A reason's word at the end of a text becomes its title, as people read it.
fn spoken(about: &str) -> String {
    let Some((before, word)) = about.rsplit_once(": ") else { return about.to_owned() };
    Reason::from_word(word).map_or_else(|| about.to_owned(), |reason| format!("{before}: {}", texts::of(reason).title))
}

/// A text about this computer, said of the gateway.
fn of_gateway(text: &str) -> String {
    text.replace("this computer", "the gateway").replace("This computer", "The gateway")
}

/// Takes out what an empty blank leaves behind.
fn tidy(text: &str) -> String {
    let text = text.replace(" ()", "").replace(": ,", ",");
    let mut tidy = String::with_capacity(text.len());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push_str(word);
    }
    tidy.truncate(tidy.trim_end_matches(':').len());
    tidy
}

/// The observation of that number. Numbers count up, so the place is the number wherever nothing was taken out.
pub(super) fn by_number(observations: &[Observation], number: u32) -> Option<&Observation> {
    let at = observations.partition_point(|observation| observation.number < number);
    observations.get(at).filter(|observation| observation.number == number)
}

/// With whom something was held.
pub(super) const fn far_end(seen: &Seen) -> Option<SocketAddr> {
    match seen {
        Seen::Connect(connect) => Some(connect.to),
        Seen::Tls(tls) => Some(tls.to),
        Seen::Http(http) | Seen::WebSocket(http) => Some(http.to),
        Seen::Mqtt(mqtt) => Some(mqtt.to),
        Seen::Idle(idle) => Some(idle.to),
        Seen::Time(time) => Some(time.server),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_which_nobody_said_how_wrong_it_is_is_told_without_a_blank() {
        let blanks = Blanks {
            host: String::new(),
            port: String::new(),
            address: String::new(),
            about: String::new(),
            is_gateway: false,
        };
        let said = |reason, about| blanks.with(reason, about).fill(texts::of(reason).what);
        assert_eq!(said(Reason::ClockWrong, ""), "The clock of this computer is wrong");
        assert_eq!(said(Reason::ClockWrong, "3 days slow"), "The clock of this computer is wrong: 3 days slow");
        assert_eq!(said(Reason::GatewayClockWrong, ""), "By the gateway's clock certificates aren't valid");
    }
}
