//! The timeline of one gateway: everything on record of it in time order, and where it came back after a removal.

use super::lineage::{Lineage, Returned, lineages};
use super::record::{JobHistory, JobRecord};

/// A job in a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The job.
    pub job: JobRecord,
    /// The removal after which the gateway came back with this job, where it did.
    pub returned: Option<Returned>,
}

/// What is on record of a gateway, newest first. `names` are the texts it may be known by, the surest first: the first one that
/// names a gateway on record counts. The jobs are given as to [`lineages`].
pub fn timeline(jobs: &[JobHistory], names: &[String]) -> Vec<Happened> {
    let all = lineages(jobs);
    let named = |name: &String| all.iter().filter(|one| one.known_by.is_named(name)).collect::<Vec<&Lineage>>();
    let meant = names.iter().map(named).find(|found| !found.is_empty()).unwrap_or_default();
    let lives = meant.iter().flat_map(|lineage| &lineage.lives);
    let mut found: Vec<(usize, Option<Returned>)> = lives
        .flat_map(|life| {
            let returned = |place: usize| if place == 0 { Returned::of(life, jobs) } else { None };
            life.jobs.iter().enumerate().map(move |(place, at)| (*at, returned(place)))
        })
        .collect();
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.into_iter().map(|(at, returned)| Happened { job: jobs[at].job.clone(), returned }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::record::EntryRecord;

    fn job(id: i64, action: &str, name: &str, outcome: &str, serial: Option<&str>) -> JobHistory {
        let job = JobRecord::made(id, action, name, "serial:/dev/ttyUSB0", outcome);
        let entry = |serial: &str| EntryRecord {
            sequence: id,
            at: job.started_at.clone(),
            step: "identity".into(),
            phase: "outcome".into(),
            outcome: "done".into(),
            detail: json!({ "serial": serial }),
        };
        let entries = serial.map(entry).into_iter().collect();
        JobHistory { job, entries, returned: None }
    }

    fn shown(jobs: &[JobHistory], names: &[&str]) -> Vec<(i64, bool)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        timeline(jobs, &names).iter().map(|one| (one.job.id.0, one.returned.is_some())).collect()
    }

    #[test]
    fn a_timeline_holds_all_lives_of_the_gateway_newest_first_and_says_where_it_came_back() {
        let jobs = [
            job(1, "commission", "pump", "joined", Some("GW-1")),
            job(2, "commission", "crane", "joined", Some("GW-2")),
            job(3, "inspect", "pump", "closed", None),
            job(4, "wipe", "pump", "complete", Some("GW-1")),
            job(5, "commission", "pump-again", "joined", Some("GW-1")),
            job(6, "device", "pump-again", "closed", Some("GW-1")),
        ];
        assert_eq!(shown(&jobs, &["GW-1"]), [(6, false), (5, true), (4, false), (3, false), (1, false)]);
        assert_eq!(shown(&jobs, &["GW-9", "crane"]), [(2, false)], "the first text that names one counts");
        assert_eq!(shown(&jobs, &["GW-2", "pump"]), [(2, false)], "and no other");
        assert!(shown(&jobs, &["nobody"]).is_empty());
    }
}
