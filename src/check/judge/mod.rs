//! [`judge`]: from observations to verdicts. Pure and total: whatever the evidence holds, there is a verdict for each row.
//!
//! Each file judges what it is named for. [`path`] strings the steps of one address together, [`row`] joins addresses and
//! hosts into a verdict, [`site`] sees over all rows, [`groups`] knows where one row is enough. A pass needs an answer in the
//! row's own protocol from a verified peer; what was not run never fails; a finding of a lower layer stays as a note.

pub mod appliance;
mod dns;
mod groups;
mod here;
mod http;
mod index;
mod local;
mod mqtt;
mod path;
mod ports;
mod row;
mod site;
mod tcp;
mod time;
mod tls;

use super::plan::Plan;
use super::seen::Observation;
use super::verdict::Judged;
use here::Scene;

pub use dns::is_leading_nowhere;
pub(super) use time::NOTABLE_MICROS;
pub(super) use tls::came;

/// Judges every row of a plan.
pub fn judge(plan: &Plan, observations: &[Observation]) -> Judged {
    let scene = Scene::new(plan, observations);
    let mut rows: Vec<_> = plan.rows.iter().map(|planned| row::judge_row(&scene, planned)).collect();
    site::rows_about_others(&scene, &mut rows);
    let findings = site::findings(&scene, &mut rows);
    groups::settle(plan, &mut rows);
    rows.iter_mut().for_each(row::settle);
    Judged { rows, findings }
}
