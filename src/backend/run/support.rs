//! What is read, listed and written for a person: QR codes, records, transcripts, pictures, diagnostics.

use std::path::PathBuf;

use super::{Workers, crashed, operator};
use crate::backend::check::first_of;
use crate::backend::site_files::{load_site, site_path};
use crate::io::{diagnostics, folder, laptop_wifi, picture, qr_image, records, save};
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::{Explain, Problem};
use crate::model::qr::QrContent;
use crate::model::record::{ExportFormat, RecordKey};
use crate::model::record_filter::Filter;
use crate::model::timeline::timeline;
use crate::model::wifi::LaptopScan;
use crate::msg::{Event, JobEnd, QrSource};
use crate::proto::wifi_qr;

impl Workers {
    pub(super) fn read_qr(&mut self, job: JobId, source: QrSource) {
        let reporter = self.reporter.clone();
        self.spawn(job, async move {
            let content = tokio::task::spawn_blocking(move || read_qr(source)).await;
            let content = content.unwrap_or_else(|error| Err(crashed(&error)));
            reporter.report(Event::QrRead { job, content }).await;
            JobEnd::Done { note: String::new() }
        });
    }

    pub(super) fn scan_from_laptop(&self) {
        let (reporter, is_demo) = (self.reporter.clone(), self.parts.is_demo);
        tokio::spawn(async move {
            // What is really on the air says nothing about a made-up site.
            let scan = if is_demo {
                LaptopScan::NotChecked { reason: "this is a simulated site".into() }
            } else {
                laptop_wifi::scan().await
            };
            reporter.report(Event::LaptopScanned(scan)).await;
        });
    }

    pub(super) fn read_site(&self, path: PathBuf) {
        let (reporter, file) = (self.reporter.clone(), site_path(&self.parts.data, &path));
        tokio::spawn(async move {
            let read = move || load_site(&file).map(Box::new).map_err(|error| first_of(error.problems()));
            let site = tokio::task::spawn_blocking(read).await;
            let site = site.unwrap_or_else(|error| Err(crashed(&error)));
            reporter.report(Event::SiteRead { path, site }).await;
        });
    }

    pub(super) fn show_in_folder(&self, path: PathBuf) {
        let reporter = self.reporter.clone();
        tokio::spawn(async move {
            let shown = tokio::task::spawn_blocking(move || folder::show(&path)).await;
            if let Ok(Err(error)) = shown {
                reporter.report(Event::Trouble(error.explain())).await;
            }
        });
    }

    pub(super) fn list_records(&self, limit: usize) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let list = match records {
                Ok(records) => records.list(limit).await,
                Err(error) => Err(error),
            };
            reporter.report(Event::RecordsListed(list.map_err(|error| error.explain()))).await;
        });
    }

    pub(super) fn find_records(&self, filter: Filter, limit: usize) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let list = match records {
                Ok(records) => records.find(filter, limit).await,
                Err(error) => Err(error),
            };
            reporter.report(Event::RecordsListed(list.map_err(|error| error.explain()))).await;
        });
    }

    pub(super) fn show_timeline(&self, names: Vec<String>) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let jobs = match records {
                Ok(records) => records.traces().await,
                Err(error) => Err(error),
            };
            let timeline = jobs.map(|jobs| timeline(&jobs, &names)).map_err(|error| error.explain());
            reporter.report(Event::TimelineShown { names, timeline }).await;
        });
    }

    pub(super) fn show_record(&self, key: RecordKey) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let shown = match records {
                Ok(records) => records.show(key).await,
                Err(error) => Err(error),
            };
            reporter.report(Event::RecordShown(shown.map(Box::new).map_err(|error| error.explain()))).await;
        });
    }

    pub(super) fn read_records_head(&self) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let head = match records {
                Ok(records) => records.head().await,
                Err(error) => Err(error),
            };
            reporter.report(Event::RecordsHead(head.map_err(|error| error.explain()))).await;
        });
    }

    pub(super) fn export_bundle(&mut self, job: JobId, destination: Destination) {
        let records = self.parts.records.clone();
        self.spawn(job, async move {
            let exported = match records {
                Ok(records) => records.export_bundle(destination.clone()).await.map_err(|error| error.explain()),
                Err(error) => Err(error.explain()),
            };
            exported.map_or_else(JobEnd::Failed, |_| JobEnd::Done { note: saved(&destination) })
        });
    }

    pub(super) fn import_bundle(&self, path: PathBuf, known_keys: PathBuf) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        let operator = operator(&self.settings.borrow().operator);
        tokio::spawn(async move {
            let imported = match records {
                Ok(records) => records.import_bundle(path, known_keys, operator).await.map_err(|error| error.explain()),
                Err(error) => Err(error.explain()),
            };
            reporter.report(Event::BundleImported(imported)).await;
        });
    }

    pub(super) fn verify_records(&self) {
        let (data, reporter) = (self.parts.data.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let audit = move || records::audit(&data, None).map(Box::new).map_err(|error| error.explain());
            let audit = tokio::task::spawn_blocking(audit).await.unwrap_or_else(|error| Err(crashed(&error)));
            reporter.report(Event::RecordsVerified(audit)).await;
        });
    }

    pub(super) fn export_transcript(&mut self, job: JobId, session: JobId, destination: Destination) {
        let transcript = self.jobs.transcript(session);
        self.spawn_blocking(job, move || {
            let Some(transcript) = transcript else {
                return Err(Problem::new(
                    "transcript.gone",
                    "There is no transcript of this session",
                    "The transcripts of the last eight sessions are in memory",
                    "Connect again and export before the program is closed",
                ));
            };
            save::save(&destination, transcript.render().as_bytes()).map_err(|error| error.explain())?;
            Ok(saved(&destination))
        });
    }

    pub(super) fn collect_diagnostics(&mut self, job: JobId) {
        let (parts, settings, redactor) = (self.parts.clone(), self.settings.borrow().clone(), self.jobs.redactor());
        let ports = self.sightings.iter().map(|sighting| (sighting.link.clone(), sighting.facts.clone())).collect();
        let trouble = self.trouble.as_ref().map(Explain::explain);
        let reporter = self.reporter.clone();
        self.spawn(job, async move {
            let jobs = match &parts.records {
                Ok(records) => records.recent(diagnostics::JOBS).await,
                Err(error) => Err(error.clone()),
            };
            let jobs = jobs.map_err(|error| error.explain());
            let gathered = tokio::task::spawn_blocking(move || {
                let ports: Vec<_> = ports;
                let facts = diagnostics::Facts {
                    data_dir: &parts.data,
                    settings: &settings,
                    start_problems: &parts.start_problems,
                    jobs: jobs.as_deref(),
                    ports: trouble.as_ref().map_or(Ok(ports.as_slice()), Err),
                };
                diagnostics::collect(&facts, &redactor)
            });
            match gathered.await {
                Ok(text) => reporter.report(Event::DiagnosticsReady { job, text }).await,
                Err(error) => return JobEnd::Failed(crashed(&error)),
            }
            JobEnd::Done { note: String::new() }
        });
    }

    pub(super) fn export_records(&mut self, job: JobId, destination: Destination, format: ExportFormat) {
        let records = self.parts.records.clone();
        self.spawn(job, async move {
            let exported = match records {
                Ok(records) => records.export(destination.clone(), format).await.map_err(|error| error.explain()),
                Err(error) => Err(error.explain()),
            };
            exported.map_or_else(JobEnd::Failed, |_| JobEnd::Done { note: saved(&destination) })
        });
    }

    pub(super) fn save_picture(
        &mut self,
        job: JobId,
        destination: Destination,
        width: u32,
        height: u32,
        rgba: Vec<u8>,
    ) {
        self.spawn_blocking(job, move || {
            picture::write_png(&destination, width, height, rgba).map_err(|error| error.explain())?;
            Ok(saved(&destination))
        });
    }
}

pub(super) fn saved(destination: &Destination) -> String {
    destination.path().display().to_string()
}

fn read_qr(source: QrSource) -> Result<QrContent, Problem> {
    let text = match source {
        QrSource::Text(text) => text,
        QrSource::File(path) => qr_image::read_file(&path).map_err(|error| error.explain())?,
        QrSource::Clipboard => qr_image::read_clipboard().map_err(|error| error.explain())?,
    };
    wifi_qr::parse(text.expose()).map_err(|error| error.explain())
}
