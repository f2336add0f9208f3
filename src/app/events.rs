//! What happened, taken in: an event each from the workers, the start, and the end of a job.

use std::time::Instant;

use super::jobs::JobKind;
use super::{App, Closing, Desk, Holds};
use crate::model::ids::{JobId, LinkKind};
use crate::msg::telemetry::TelemetryEvent;
use crate::msg::wipe::WipeEvent;
use crate::msg::{Command, Event, JobEnd, Startup};

impl App {
    /// Takes an event in; the commands go to the workers.
    pub(super) fn take_in(&mut self, event: Event, now: Instant) -> Vec<Command> {
        let Some(event) = self.replace.take_in(event) else { return Vec::new() };
        match event {
            Event::Started(startup) => self.started(*startup),
            Event::GatewaySeen(sighting) => {
                let link = sighting.link.clone();
                let was_gone = self.discover.row(&link).is_some_and(|row| !row.is_present);
                self.discover.seen(*sighting, now);
                if was_gone && link.kind() == LinkKind::Serial {
                    self.plugged_in_again(&link, now);
                }
                self.know_more_of(&link);
            }
            Event::GatewayGone(link) => {
                // A device that falls silent keeps its address; a port may get another gateway.
                if link.kind() == LinkKind::Serial {
                    self.unplugged(&link);
                }
                self.discover.gone(&link);
            }
            // A new scan forgets who is silent. Whom a person is at stays, and what was done with it.
            Event::GatewayRemoved(link) if link.kind() == LinkKind::Ble && self.discover.is_of_interest(&link) => {
                self.discover.gone(&link);
            }
            Event::GatewayRemoved(link) => self.discover.removed(&link),
            Event::DiscoveryTrouble(trouble) => self.discover.trouble = trouble,
            Event::RadioTrouble(trouble) => self.discover.radio_trouble = trouble,
            Event::Probed { job, link, probe } if self.jobs.is_running(job) => {
                self.discover.probed(&link, probe);
                self.know_more_of(&link);
            }
            // The last two only the command line asks for; of a report the window wants the file alone.
            Event::Probed { .. } | Event::ReportMade { .. } | Event::RecordsHead(_) | Event::BundleImported(_) => {}
            Event::TerminalProgressed { job, output } => {
                if let Some(terminal) = self.terminal.iter_mut().find(|terminal| terminal.job() == Some(job)) {
                    terminal.progressed(job, output);
                }
            }
            Event::WipeProgressed { job, event, .. } => {
                match &event {
                    WipeEvent::Assessed(report) => self.note_removal(report),
                    WipeEvent::Identified { told, .. } => self.note_marks(job, told),
                    _ => {}
                }
                if self.removals.is_of(job) {
                    self.removals.progressed(job, event);
                } else if let Some(remove) = self.remove.iter_mut().find(|remove| remove.is_of(job)) {
                    remove.progressed(job, event);
                }
            }
            Event::CardScanned { job, event } => {
                if let Some(remove) = self.remove.iter_mut().find(|remove| remove.is_of(job)) {
                    remove.searched(event);
                }
            }
            Event::DeviceProgressed { job, progress, .. } => {
                self.note_info(job, &progress);
                let device = self.device.iter_mut().find(|device| device.is_of(job));
                return device.map_or_else(Vec::new, |device| device.progressed(job, progress, now));
            }
            Event::TelemetryProgressed { job, event, .. } => {
                if let TelemetryEvent::FirstMessage { topic, .. } = &event {
                    self.note_first_message(topic);
                }
                if let TelemetryEvent::GatewayHeard { name, .. } = &event {
                    self.note_heard(name);
                }
                // Known from its beginning: after a crash it is the one that is looked for.
                if let TelemetryEvent::Kept(Ok(state))
                | TelemetryEvent::Recorded(state)
                | TelemetryEvent::Recording { recorder: Some(state), .. } = &event
                {
                    self.settings.remember_recording(&state.path, now);
                }
                let Self { telemetry, items, catalog, jobs, toasts, .. } = self;
                if let TelemetryEvent::Recorded(state) = &event {
                    toasts.saved(state.path.clone(), Some(Holds::Messages(state.messages)), now);
                }
                let item = items.of(job).unwrap_or(telemetry);
                return item.progressed(job, event, &mut Desk { catalog, jobs, toasts, now });
            }
            Event::BenchProgressed { job, event } => self.telemetry.panes.bench.progressed(job, event),
            Event::CheckProgressed { job, event } => {
                let Self { check, catalog, jobs, toasts, .. } = self;
                return check.progressed(job, event, &mut Desk { catalog, jobs, toasts, now });
            }
            Event::BatchProgressed { job, event } => {
                let commands = if self.batch.is_job(job) { self.note_row(&event) } else { Vec::new() };
                self.batch.told(job, event);
                return commands;
            }
            Event::SessionProgressed { job, at, progress } => {
                self.note_session(job, &progress);
                return self.session_progressed(job, at, progress, now);
            }
            Event::JobFinished { job, end } => return self.finished(job, end, now),
            Event::LaptopScanned(scan) => {
                let Self { commission, catalog, .. } = self;
                commission.iter_mut().for_each(|one| one.laptop_scanned(scan.clone(), catalog));
            }
            Event::QrRead { job, content } => {
                if self.jobs.finish(job).is_some() {
                    let Self { commission, catalog, .. } = self;
                    if let Some(reader) = commission.iter_mut().find(|one| one.is_reading_qr(job)) {
                        reader.qr_read(job, content, catalog);
                    }
                }
            }
            Event::SiteRead { path, site } => {
                let Self { check, catalog, jobs, toasts, .. } = self;
                check.site_read(&path, site, &Desk { catalog, jobs, toasts, now });
                self.discover.site_changed();
            }
            Event::FilesLookedAt(files) => return self.open_dropped(files, now),
            Event::ProfileAdded(added) => self.profile_added(added, now),
            Event::RecordsListed(answer) => {
                if let Ok(jobs) = &answer {
                    self.discover.remember(jobs);
                }
                self.records.listed(answer);
            }
            Event::RecordShown(answer) => self.records.job_shown(answer),
            Event::TimelineShown { names, timeline } => self.history.listed(&names, timeline),
            Event::RemovalsRead { path, answer } => self.removals.listed(&path, answer),
            Event::CertificatesPrepared(answer) => {
                let Self { removals, catalog, jobs, toasts, .. } = self;
                return removals.prepared(answer, &mut Desk { catalog, jobs, toasts, now });
            }
            Event::RecordsVerified(answer) => self.records.verified(answer),
            Event::RecordsSyncing => self.syncing.began(),
            Event::RecordsSynced(news) => {
                let has_received = news.report.as_ref().is_some_and(|report| report.received > 0);
                self.syncing.ended(*news, &mut self.toasts);
                if has_received {
                    return self.refresh_records();
                }
            }
            Event::DiagnosticsReady { job, text } => {
                if self.jobs.finish(job).is_some() {
                    self.settings.diagnostics_finished();
                    self.clipboard = Some(text);
                    self.toasts.tell("Diagnostics copied", now);
                }
            }
            Event::Interrupted => self.closing = Closing::Yes,
            Event::Trouble(problem) => self.toasts.report(problem),
        }
        Vec::new()
    }

    /// The workers say what there is to start from.
    pub(super) fn started(&mut self, startup: Startup) {
        self.catalog = startup.catalog;
        self.demo = startup.demo;
        self.cut_off_jobs = startup.cut_off_jobs;
        self.settings.take(startup.settings);
        self.discover.order_by(&self.settings.values.layout.gateways.order);
        self.settings.data_dir = startup.data_dir;
        self.settings.start_problems = startup.start_problems;
        self.files.usual = startup.save_folder;
        if let Some(demo) = &self.demo {
            self.kept.keep_name(&demo.ssid);
        }
        if let Some(broker) = self.demo.as_ref().and_then(|demo| demo.broker.as_deref()) {
            self.telemetry.form.take_demo(broker);
        }
        if let Some(check) = self.demo.as_ref().and_then(|demo| demo.check.as_ref()) {
            self.check.take_demo(check.site.clone());
            self.discover.site_changed();
        }
        self.is_started = true;
    }

    /// A job ended: who waited for it is told.
    pub(super) fn finished(&mut self, job: JobId, end: JobEnd, now: Instant) -> Vec<Command> {
        let Some(finished) = self.jobs.finish(job) else {
            return Vec::new();
        };
        match finished.kind {
            JobKind::Probe(link) => {
                let Self { discover, catalog, jobs, toasts, .. } = self;
                return discover.probe_finished(&link, end, &mut Desk { catalog, jobs, toasts, now });
            }
            JobKind::Session => {
                if let Some(commission) = self.commission.iter_mut().find(|one| one.is_of(job)) {
                    if let Some(session) = commission.session() {
                        let link = &session.target.link;
                        self.discover.session_ended(link);
                        if let (JobEnd::Failed(problem), None) = (&end, session.state)
                            && session.target.driver.facts().is_answer(problem)
                            // What can't be put on record was not asked.
                            && !problem.code.starts_with("records.")
                        {
                            self.discover.did_not_answer(link, problem);
                        }
                    }
                    commission.session_finished(job, end);
                }
                return self.refresh_records();
            }
            JobKind::CheckManifest | JobKind::Batch | JobKind::ExportResults => {
                self.batch.finished(job, end);
                self.discover.unqueue();
                return self.refresh_records();
            }
            JobKind::Wipe if self.removals.is_of(job) => {
                let Self { removals, catalog, jobs, toasts, .. } = self;
                let mut commands = removals.finished(job, end, &mut Desk { catalog, jobs, toasts, now });
                commands.extend(self.refresh_records());
                return commands;
            }
            JobKind::Wipe | JobKind::CardScan | JobKind::SaveCertificate => {
                if let Some(remove) = self.remove.iter_mut().find(|remove| remove.is_of(job)) {
                    remove.finished(job, end);
                }
                return self.refresh_records();
            }
            JobKind::Terminal => {
                if let Some(terminal) = self.terminal.iter_mut().find(|terminal| terminal.job() == Some(job)) {
                    terminal.finished(end);
                }
            }
            JobKind::Device => {
                if let Some(device) = self.device.iter_mut().find(|device| device.is_of(job)) {
                    device.finished(job, end);
                }
                return self.refresh_records();
            }
            JobKind::Telemetry => self.item_finished(job, end),
            JobKind::ReadQr => {
                if let Some(reader) = self.commission.iter_mut().find(|one| one.is_reading_qr(job)) {
                    reader.qr_finished(job, end);
                }
            }
            JobKind::ExportRecords => self.records.export_finished(),
            JobKind::Report => self.records.report.finished(),
            JobKind::ExportTranscript => {
                if let Some(writer) = self.commission.iter_mut().find(|one| one.is_writing_transcript(job)) {
                    writer.transcript_finished();
                }
            }
            JobKind::SavePicture => self.telemetry.panes.plot.picture_saved(job),
            JobKind::Bench => self.telemetry.panes.bench.finished(job, end),
            JobKind::Check => self.check.finished(job, end),
            JobKind::Diagnostics => {
                self.settings.diagnostics_finished();
                if let JobEnd::Failed(problem) = end {
                    self.toasts.report(problem);
                }
            }
        }
        Vec::new()
    }
}
