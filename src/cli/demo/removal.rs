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
use crate::profile::{Catalog, Profile};

/// What the tour expects of a removal, and how it is on record.
pub(super) struct Visited {
    /// What did not hold.
    pub(super) failed: Option<String>,
    /// The outcome's word.
    pub(super) outcome: &'static str,
}

/// Takes one of the gateways out of service whose driver can remove, and one whose vendor's tool is needed.
pub(super) fn visit<'a>(
    handle: &mut Handle,
    catalog: &Catalog,
    site: &DemoSite,
    found: impl Iterator<Item = &'a Sighting> + Clone,
    out: &mut Output,
) -> Result<Vec<Visited>, Problem> {
    let mut visited = Vec::new();
    for (expected, fits) in
        [(Outcome::Complete, is_complete as fn(&Plan) -> bool), (Outcome::Incomplete, needs_the_vendor)]
    {
        let of = |sighting: &'a Sighting| {
            let profile = catalog.get(&sighting.profile.as_ref()?.profile)?;
            let driver = sighting.profile.as_ref()?.driver;
            // What the tour can show is where every place can be searched.
            (driver.facts().wipe.networks.len() > 1).then_some(())?;
            profile.removal(driver).filter(fits).map(|_| (sighting, profile))
        };
        match found.clone().find_map(of) {
            Some((sighting, profile)) => visited.push(remove(handle, site, sighting, profile, expected, out)?),
            None => visited.push(Visited {
                failed: Some(format!("no gateway was found whose removal ends {expected}")),
                outcome: expected.as_str(),
            }),
        }
    }
    Ok(visited)
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

fn remove(
    handle: &mut Handle,
    site: &DemoSite,
    sighting: &Sighting,
    profile: &Profile,
    expected: Outcome,
    out: &mut Output,
) -> Result<Visited, Problem> {
    out.text(format!("\nRemove {} with the plan of {}", sighting.link, profile.name));
    let driver = sighting.profile.as_ref().map_or_else(|| profile.wiping_driver(sighting.link.kind()), |it| it.driver);
    let access = Access {
        username: Some(site.access.username.clone()),
        secret: Some(Secret::new(site.access.secret.clone())),
        allows_unprotected: false,
    };
    let start = WipeStart {
        link: sighting.link.clone(),
        profile: profile.id.clone(),
        driver,
        access,
        confirmed: sighting.facts.serial_number.clone().unwrap_or_default(),
        attested: Vec::new(),
        without: Vec::new(),
        look_for: Vec::new(),
    };
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
        (None, _) => Err(super::stopped()),
    }
}
