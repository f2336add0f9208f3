//! What becomes known of gateways: from discovery, sessions, batches, telemetry and removals.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::commission::Session;
use super::discover::display_name;
use super::gateways::Tab;
use super::{App, Desk, batch};
use crate::model::batch::RowOutcome;
use crate::model::ids::{JobId, LinkAddress};
use crate::model::outcome::Verdict;
use crate::model::same::Marks;
use crate::model::standing::Done;
use crate::model::wipe::{Outcome, Told, WipeReport};
use crate::msg::batch::{BatchEvent, RowState};
use crate::msg::device::DeviceProgress;
use crate::msg::telemetry::TelemetryCommand;
use crate::msg::{Command, Progress, Step};

impl App {
    /// What a session shows of a gateway is known in the list, too.
    pub(super) fn note_session(&mut self, job: JobId, progress: &Progress) {
        let sessions = self.commission.iter().filter_map(|one| one.session());
        let Some(target) = sessions.map(|session| (session.job, &session.target)).find(|(of, _)| *of == job) else {
            return;
        };
        let target = target.1;
        let (link, driver) = (&target.link, target.driver);
        match progress {
            Progress::Described { info, state, .. } => self.discover.told(link, driver, info.clone(), *state),
            Progress::StateChanged(state) => self.discover.told(link, driver, None, *state),
            Progress::StepStarted { step: Step::Push, .. } => self.discover.did(link, Some(Done::SettingUp)),
            Progress::Pushed(outcome) => self.discover.did(link, Some(Done::Pushed(outcome.verdict))),
            Progress::StepDone { step: Step::Reprovision, .. } => self.discover.did(link, None),
            _ => {}
        }
    }

    /// The first message after a push: it may be that of the gateway of a session, by its name.
    pub(super) fn note_first_message(&mut self, topic: &str) {
        let Self { commission, discover, .. } = self;
        for session in commission.iter().filter_map(|one| one.session()) {
            discover.heard_from(&session.target.link, session.name(), topic);
        }
    }

    /// A message of a gateway came that was set up while something was watched already.
    pub(super) fn note_heard(&mut self, name: &str) {
        let Self { commission, batch, discover, .. } = self;
        let sessions = commission.iter().filter_map(|one| one.session()).filter(|session| session.name() == name);
        let rows = batch.rows().iter().filter(|row| row.head.name == name);
        let of_rows = rows.filter_map(|row| batch::result(&row.state)?.link.parse().ok());
        let links: BTreeSet<LinkAddress> = sessions.map(|session| session.target.link.clone()).chain(of_rows).collect();
        // Of two with one name a topic doesn't say which.
        if let (Some(link), 1) = (links.first(), links.len()) {
            discover.is_in_service(link);
        }
    }

    /// A gateway told in a removal which one it is.
    pub(super) fn note_marks(&mut self, job: JobId, told: &Told) {
        let link = self.remove.links().find(|(_, remove)| remove.is_of(job)).map(|(link, _)| link.clone());
        if let Some(link) = link {
            self.discover.learn(&link, Marks::from(told));
        }
    }

    /// A gateway under management told what it is.
    pub(super) fn note_info(&mut self, job: JobId, progress: &DeviceProgress) {
        let DeviceProgress::Info(rows) = progress else { return };
        let sessions = self.device.iter().filter_map(|device| device.session());
        let link = sessions.filter(|session| session.job == job).map(|session| session.link.clone()).next();
        if let Some(link) = link {
            self.discover.learn(&link, Marks::in_rows(rows));
        }
    }

    /// A removal ended: its gateway stands as removed, or as one that kept something.
    pub(super) fn note_removal(&mut self, report: &WipeReport) {
        let done = match report.assessment.outcome {
            Outcome::Complete => Done::Removed,
            Outcome::Incomplete | Outcome::Unknown => Done::Incomplete,
            // Nothing was done.
            Outcome::Refused => return,
        };
        if let Ok(link) = report.link.parse() {
            self.discover.did(&link, Some(done));
        }
    }

    /// A row of a batch that ended: its gateway stands as the batch found.
    pub(super) fn note_row(&mut self, event: &BatchEvent) -> Vec<Command> {
        let BatchEvent::Row { index, state } = event else { return Vec::new() };
        let Some(head) = self.batch.rows().get(*index).map(|row| row.head.clone()) else { return Vec::new() };
        let at_its_place = |does: &mut dyn FnMut(&LinkAddress)| {
            if let Ok(link) = head.place.parse() {
                does(&link);
            }
        };
        match (state, batch::result(state)) {
            (RowState::Open, _) => at_its_place(&mut |link| self.discover.did(link, Some(Done::Queued))),
            (RowState::Running { .. }, _) => at_its_place(&mut |link| self.discover.did(link, Some(Done::SettingUp))),
            (_, Some(result)) if !result.is_earlier => {
                if let (Ok(link), Some(identity)) = (result.link.parse(), &result.told.identity) {
                    self.discover.told(&link, identity.driver, identity.info.clone(), identity.state);
                }
                let Some(verdict) = verdict_of(result.outcome) else {
                    let has_failed = result.outcome == RowOutcome::Failed;
                    at_its_place(&mut |link| {
                        if has_failed {
                            self.discover.failed(link, &result.reason, &result.summary);
                        } else {
                            self.discover.left(link);
                        }
                    });
                    return Vec::new();
                };
                if let Ok(link) = result.link.parse() {
                    self.discover.did(&link, Some(Done::Pushed(verdict)));
                }
                if verdict == Verdict::Joined {
                    return result
                        .link
                        .parse()
                        .map_or_else(|_| Vec::new(), |link| self.await_gateway(&link, &head.name, None));
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Lets what is watched wait for the first message of a gateway that joined. Some are called otherwise over the link than by
    /// their topics: what the list calls it counts as well, and its serial number.
    pub(super) fn await_gateway(
        &self,
        link: &LinkAddress,
        name: &str,
        pushed_before: Option<Duration>,
    ) -> Vec<Command> {
        let row = self.discover.row(link);
        let product = row.and_then(|row| row.facts.product.clone());
        let heard = row.and_then(|row| row.heard.as_ref()?.name.clone());
        let serial = self.discover.marks_of(link).and_then(|marks| marks.serial.clone());
        let listed = row.map(|row| display_name(row).into_owned());
        let aliases: Vec<String> = [listed, product, heard, serial].into_iter().flatten().collect();
        let items = self.items();
        let live = items.iter().filter(|item| !item.inspection.is_replay && item.inspection.is_open());
        let command =
            || TelemetryCommand::AwaitGateway { name: name.to_owned(), aliases: aliases.clone(), pushed_before };
        live.map(|item| Command::Telemetry { job: item.inspection.job, command: command() }).collect()
    }

    /// The detail belongs to the gateway that is selected in the list.
    pub(super) fn show_selected(&mut self) -> Vec<Command> {
        let Self { discover, commission, device, remove, terminal, settings, catalog, kept, .. } = self;
        let Some(row) = discover.selected().and_then(|link| discover.row(link)) else { return Vec::new() };
        let is_another = commission.gateway().is_none_or(|(link, _)| *link != row.link);
        commission.select(&row.link);
        device.select(&row.link);
        terminal.select(&row.link);
        remove.select(&row.link);
        commission.choose(row, settings.values.last_profile.as_ref(), kept, catalog);
        if is_another && self.tab == Tab::History { self.refresh_history().into_iter().collect() } else { Vec::new() }
    }

    /// More became known of a gateway: of the selected one, profile and driver may follow from it.
    pub(super) fn know_more_of(&mut self, link: &LinkAddress) {
        if self.discover.selected() == Some(link) {
            // Nothing is looked up for it: the records were when it was selected.
            let _ = self.show_selected();
        }
    }

    /// A port went away. What was typed for its gateway goes; what came of it can still be read.
    pub(super) fn unplugged(&mut self, link: &LinkAddress) {
        self.handled.unplugged(link);
        if let Some(one) = self.commission.of_mut(link).filter(|one| one.open_session().is_none()) {
            one.unplugged();
        }
        if self.device.of(link).is_some_and(|one| !one.is_open()) {
            self.device.renew(link);
        }
    }

    /// A port came back, and another gateway may hang at it: what stood there belonged to the one before. A session that the
    /// port went away under is still followed to its end.
    pub(super) fn plugged_in_again(&mut self, link: &LinkAddress, now: Instant) {
        if let Some(one) = self.commission.of(link).filter(|one| one.open_session().is_none()) {
            if one.session().is_some_and(|session| session.outcome.is_some()) {
                self.toasts.tell(
                    format!("{}: another gateway may be plugged in now. The last outcome is in Records", link.place()),
                    now,
                );
            }
            self.commission.renew(link);
        }
        if self.device.of(link).is_some_and(|one| !one.is_open()) {
            self.device.renew(link);
        }
        if self.terminal.of(link).is_some_and(|one| one.job().is_none()) {
            self.terminal.renew(link);
        }
        // A gateway that restarts in the middle of its removal comes back by the same port.
        if self.remove.of(link).is_some_and(|one| !one.is_running()) {
            self.remove.renew(link);
        }
    }

    pub(super) fn session_progressed(
        &mut self,
        job: JobId,
        at: Duration,
        progress: Progress,
        now: Instant,
    ) -> Vec<Command> {
        let Self { commission, catalog, jobs, toasts, .. } = self;
        let Some(one) = commission.iter_mut().find(|one| one.is_of(job)) else { return Vec::new() };
        let verdict = match &progress {
            Progress::Pushed(outcome) => Some(outcome.verdict),
            _ => None,
        };
        let mut commands = one.progressed(job, at, progress, &mut Desk { catalog, jobs, toasts, now });
        let Some(verdict) = verdict else { return commands };
        if let Some((link, _)) = one.gateway() {
            self.handled.add(link.clone());
        }
        if verdict == Verdict::Joined {
            self.kept.keep(&one.form.draft, one.form.is_offered);
            let of = |session: &Session| (session.target.link.clone(), session.name().to_owned(), session.pushed_at());
            if let Some((link, name, pushed_at)) = one.session().map(of) {
                let pushed_before = pushed_at.map(|pushed| now.saturating_duration_since(pushed));
                commands.extend(self.await_gateway(&link, &name, pushed_before));
            }
            if self.commission.is_of(job) {
                commands.extend(self.watch_by_itself(now));
            }
        }
        commands
    }
}

/// What the end of a row says of its gateway's network; nothing where none was sent.
const fn verdict_of(outcome: RowOutcome) -> Option<Verdict> {
    match outcome {
        RowOutcome::Joined => Some(Verdict::Joined),
        RowOutcome::Refused => Some(Verdict::Refused),
        RowOutcome::Unknown => Some(Verdict::Unknown),
        RowOutcome::Done | RowOutcome::Failed | RowOutcome::Stopped | RowOutcome::NotBegun => None,
    }
}
