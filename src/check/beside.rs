//! [`Beside`]: the run of a laptop beside the gateway's own at the same place, and what the two say together.

use super::compare::{self, RowChange};
use super::evidence::Evidence;
use super::judge;
use super::plan::Plan;
use super::verdict::{Confidence, Finding, Judged, Reason, RowState, RowVerdict};
use crate::model::endpoint::RowId;
use crate::profile::Profile;

/// A laptop's run, judged.
#[derive(Clone, Debug)]
pub struct Beside {
    /// What was looked at.
    pub plan: Plan,
    /// What was seen.
    pub evidence: Evidence,
    /// What follows.
    pub judged: Judged,
}

impl Beside {
    /// Judges the run by the profile of the gateway's.
    pub fn new(profile: &Profile, evidence: Evidence) -> Self {
        let plan = Plan::new(profile, evidence.about.clone());
        let judged = judge(&plan, &evidence.observations);
        Self { plan, evidence, judged }
    }

    /// Each row of both: how it stands for the laptop, then for the gateway.
    pub fn rows(&self, gateway: &Judged) -> Vec<RowChange> {
        compare::compare(&self.judged, gateway)
    }

    /// Rows that one of them reaches and the other does not: the site tells the two apart. Its facts are of the gateway's run.
    pub fn findings(&self, plan: &Plan, gateway: &Judged) -> Vec<Finding> {
        let talks = |row: &RowVerdict| plan.row(&row.row).is_some_and(|planned| planned.subject.endpoint().is_some());
        let of = |reason: Reason, tells: fn(&RowVerdict, &RowVerdict) -> bool| {
            let apart = gateway
                .rows
                .iter()
                .filter(|row| talks(row))
                .filter(|row| self.judged.row(&row.row).is_some_and(|laptop| tells(laptop, row)));
            let (rows, facts): (Vec<RowId>, Vec<Vec<u32>>) =
                apart.map(|row| (row.row.clone(), row.facts.clone())).unzip();
            let facts = facts.into_iter().flatten().collect();
            (!rows.is_empty()).then(|| Finding {
                reason,
                confidence: Confidence::High,
                rows,
                about: String::new(),
                facts,
            })
        };
        let laptop = of(Reason::OnlyLaptopPasses, |laptop, gateway| is_through(laptop) && is_stopped(gateway));
        let gateway = of(Reason::OnlyGatewayPasses, |laptop, gateway| is_stopped(laptop) && is_through(gateway));
        laptop.into_iter().chain(gateway).collect()
    }
}

const fn is_through(row: &RowVerdict) -> bool {
    matches!(row.state, RowState::Pass | RowState::PassWithNote | RowState::Sampled)
}

/// Whether the row fails for a reason that can be the site's. A wrong clock or a list of issuers is the computer's own.
const fn is_stopped(row: &RowVerdict) -> bool {
    let is_own = matches!(
        row.reason,
        Reason::ClockWrong
            | Reason::GatewayClockWrong
            | Reason::RefusedByGateway
            | Reason::BlockedHere
            | Reason::SourceUnusable
            | Reason::NoNetwork
    );
    matches!(row.state, RowState::Fail) && !is_own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::evidence::{About, VERSION};
    use crate::model::ids::ProfileId;
    use crate::profile::Catalog;

    fn judged(rows: &[(&str, RowState, Reason)]) -> Judged {
        let row = |(id, state, reason): &(&str, RowState, Reason)| RowVerdict {
            row: id.parse().unwrap(),
            state: *state,
            reason: *reason,
            step: None,
            confidence: Confidence::High,
            because: None,
            sampled: None,
            about: String::new(),
            facts: vec![7],
            notes: Vec::new(),
        };
        Judged { rows: rows.iter().map(row).collect(), findings: Vec::new() }
    }

    fn found(laptop: &[(&str, RowState, Reason)], gateway: &[(&str, RowState, Reason)]) -> Vec<(Reason, String)> {
        let catalog = Catalog::built_in();
        let profile = catalog.get(&ProfileId::new("casambi-cloud-gateway")).unwrap();
        let (about, program) = (About::default(), String::new());
        let evidence = Evidence { evidence: VERSION, program, about, observations: Vec::new(), beside: None };
        let mut beside = Beside::new(profile, evidence);
        beside.judged = judged(laptop);
        let findings = beside.findings(&beside.plan, &judged(gateway));
        let rows = |finding: &Finding| finding.rows.iter().map(RowId::as_str).collect::<Vec<_>>().join(" ");
        findings.iter().map(|finding| (finding.reason, rows(finding))).collect()
    }

    #[test]
    fn rows_that_only_one_of_them_reaches_are_the_sites_doing() {
        use RowState::{Fail, NotTestable, Pass, Sampled};
        let laptop = [
            ("CAS-01", Sampled, Reason::Answered),
            ("CAS-03", Pass, Reason::Answered),
            ("CAS-05", Fail, Reason::TcpSilent),
            ("CAS-06", Fail, Reason::TcpSilent),
        ];
        let gateway = [
            ("CAS-01", Fail, Reason::NtpSilent),
            ("CAS-03", Fail, Reason::TcpSilent),
            ("CAS-05", Pass, Reason::Answered),
            ("CAS-06", Fail, Reason::TcpRefused),
        ];
        let expected =
            [(Reason::OnlyLaptopPasses, "CAS-01 CAS-03".to_owned()), (Reason::OnlyGatewayPasses, "CAS-05".to_owned())];
        assert_eq!(found(&laptop, &gateway), expected);
        // What no program could try, and what the gateway itself lacks, is not held against the site.
        let gateway = [("CAS-01", NotTestable, Reason::NoProgram), ("CAS-03", Fail, Reason::GatewayClockWrong)];
        assert_eq!(found(&laptop, &gateway), []);
    }
}
