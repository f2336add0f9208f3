//! Laptop and gateway side by side: the last round of each is kept, and a check of both runs one after the other.

use std::sync::Arc;

use super::run::{Origin, Run};
use crate::check::Plan;
use crate::check::explain::texts;
use crate::check::verdict::{Judged, RowState};
use crate::model::endpoint::RowId;
use crate::model::ids::{LinkAddress, ProfileId};

/// The last whole round of one who looked.
pub(super) struct Kept {
    /// The profile that was checked.
    pub profile: ProfileId,
    /// The gateway that looked; none for this laptop.
    pub via: Option<LinkAddress>,
    /// When it began, in microseconds since 1970 UTC.
    pub at_unix_micros: i64,
    plan: Arc<Plan>,
    judged: Arc<Judged>,
}

impl Kept {
    /// What a run found in its last round. Of saved evidence nothing: it may be of another site.
    fn of(run: &Run) -> Option<Self> {
        let plan = run.plan()?;
        let via = match &plan.about.via {
            Some(via) => Some(via.link.parse().ok()?),
            None => None,
        };
        let profile = plan.about.profile.clone()?;
        let is_live = run.origin == Origin::Network && run.has_round();
        is_live.then(|| Self {
            profile,
            via,
            at_unix_micros: run.round_at_unix_micros(),
            plan: Arc::clone(plan),
            judged: Arc::clone(run.judged()),
        })
    }

    /// What led its packets elsewhere.
    pub(super) fn overrides(&self) -> &[String] {
        &self.plan.about.overrides
    }

    fn state(&self, row: &RowId) -> Option<RowState> {
        self.judged.row(row).map(|verdict| verdict.state)
    }
}

/// A row as laptop and gateway found it.
pub struct SideBySide<'a> {
    /// The row.
    pub row: &'a RowId,
    /// What it is for.
    pub name: String,
    /// How it stands for the laptop, where that looked.
    pub laptop: Option<RowState>,
    /// How it stands for the gateway, where that looked.
    pub gateway: Option<RowState>,
}

/// The state of a row as a person reads it; a dash where nobody looked.
pub fn state_word(state: Option<RowState>) -> &'static str {
    state.map_or("\u{2013}", texts::state)
}

/// The last rounds, one for each profile and each who looked.
#[derive(Default)]
pub(super) struct Rounds {
    kept: Vec<Kept>,
}

impl Rounds {
    /// Keeps what a run found in place of what the same one found before.
    pub(super) fn keep(&mut self, run: &Run) {
        let Some(kept) = Kept::of(run) else { return };
        self.kept.retain(|old| old.profile != kept.profile || old.via != kept.via);
        self.kept.push(kept);
    }

    /// What one who looked found last.
    pub(super) fn last(&self, profile: &ProfileId, via: Option<&LinkAddress>) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.profile == *profile && kept.via.as_ref() == via)
    }
}

/// The rows of both, in the order of the profile. Empty where neither looked.
pub(super) fn side_by_side<'a>(laptop: Option<&'a Kept>, gateway: Option<&'a Kept>) -> Vec<SideBySide<'a>> {
    let Some(either) = gateway.or(laptop) else { return Vec::new() };
    let rows = either.plan.rows.iter().map(|planned| SideBySide {
        row: &planned.id,
        name: super::words::name(planned),
        laptop: laptop.and_then(|kept| kept.state(&planned.id)),
        gateway: gateway.and_then(|kept| kept.state(&planned.id)),
    });
    rows.collect()
}
