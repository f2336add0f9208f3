//! The last stop of the tour: one gateway is taken out of service completely, and one cannot be.

use super::super::output::Output;
use super::super::wipe::{follow, print_result};
use crate::backend::Handle;
use crate::model::access::Access;
use crate::model::gateway::Sighting;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::wipe::{Outcome, Plan};
use crate::msg::wipe::WipeStart;
use crate::msg::{DemoSite, JobEnd};
use crate::profile::Catalog;

/// What the tour expects of a removal, and how it is on record.
pub(super) struct Visited {
    /// What did not hold.
    pub(super) failed: Option<String>,
    /// The outcome's word.
    pub(super) outcome: &'static str,
}

/// A gateway that is taken out of service, and how that must end.
pub(super) struct Chosen {
    /// How it must end.
    pub(super) expected: Outcome,
    /// The gateway, if there is one.
    pub(super) gateway: Option<Sighting>,
}

/// One of the gateways that Linesman alone can clear, and one whose vendor's tool is needed.
pub(super) fn choose(catalog: &Catalog, found: &[&Sighting]) -> [Chosen; 2] {
    let choose = |expected, fits: fn(&Plan) -> bool| {
        let is_fit = |sighting: &&&Sighting| {
            let plan = sighting.profile.as_ref().and_then(|guess| {
                // What the tour can show is where every place can be searched.
                let is_searched = guess.driver.facts().wipe.networks.len() > 1;
                catalog.get(&guess.profile).filter(|_| is_searched)?.removal(guess.driver)
            });
            plan.as_ref().is_some_and(fits)
        };
        Chosen { expected, gateway: found.iter().find(is_fit).map(|sighting| (*sighting).clone()) }
    };
    [choose(Outcome::Complete, is_complete), choose(Outcome::Incomplete, needs_the_vendor)]
}

/// Whether the driver alone can bring it to its end.
fn is_complete(plan: &Plan) -> bool {
    let mut steps = plan.steps.iter();
    steps.all(|step| {
        step.actor == crate::model::wipe::Actor::Driver || step.claim == crate::model::wipe::Claim::Sanitised
    })
}

/// Whether it works only online, with the vendor's tool.
fn needs_the_vendor(plan: &Plan) -> bool {
    plan.needs_online()
}

/// Takes it out of service, and holds the end against what is expected.
pub(super) fn remove(
    handle: &mut Handle,
    catalog: &Catalog,
    site: &DemoSite,
    sighting: &Sighting,
    expected: Outcome,
    out: &mut Output,
) -> Result<Visited, Problem> {
    let profile = catalog.find(sighting.profile.as_ref().map_or("", |guess| guess.profile.as_str()))?;
    out.text(format!("\nRemove {} with the plan of {}", sighting.link, profile.name));
    let driver = sighting.profile.as_ref().map_or_else(|| profile.wiping_driver(sighting.link.kind()), |it| it.driver);
    let access = Access {
        username: Some(site.access.username.clone()),
        secret: Some(Secret::new(site.access.secret.clone())),
        allows_unprotected: false,
    };
    let serial = sighting.facts.serial_number.clone().unwrap_or_default();
    let start = WipeStart::new(sighting.link.clone(), profile.id.clone(), driver, access, serial);
    let (_, ended) = follow(handle, start, out);
    match (ended.report, ended.end) {
        (Some(report), _) => {
            print_result(&report, out);
            let outcome = report.assessment.outcome;
            let failed =
                (outcome != expected).then(|| format!("{} ended {outcome} instead of {expected}", sighting.link));
            Ok(Visited { failed, outcome: outcome.as_str() })
        }
        (None, JobEnd::Failed(problem)) => Err(problem),
        (None, _) => Err(super::stopped("Run the command again")),
    }
}
