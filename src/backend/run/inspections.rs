//! Inspections of telemetry: starts them and hands on what is asked.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Notice, Workers, operator};
use crate::backend::{start, telemetry};
use crate::flow::inspect;
use crate::flow::port::{Records, RecordsError};
use crate::io::inspection_files::DiskFiles;
use crate::io::mqtt::MqttBroker;
use crate::io::recordings::DiskRecordings;
use crate::model::ids::JobId;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::record::JobIntent;
use crate::model::text::visible;
use crate::msg::telemetry::{InspectionSource, InspectionStart, TelemetryCommand};
use crate::msg::{Event, JobEnd};

impl Workers {
    pub(super) async fn telemetry(&mut self, job: JobId, command: TelemetryCommand) {
        if let TelemetryCommand::Connect(Some(plan)) = &command {
            self.learn_plan(plan);
        }
        let command = match command {
            TelemetryCommand::Open(start) if !self.inspections.contains_key(&job) => {
                return self.open_inspection(job, *start);
            }
            command => command,
        };
        let is_close = matches!(command, TelemetryCommand::Close);
        let taken = self.inspections.get(&job).map(|inspection| inspection.try_send(command));
        let is_gone = match taken {
            Some(Ok(())) => return,
            Some(Err(mpsc::error::TrySendError::Full(_))) => false,
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => true,
        };
        // One that has ended by itself meanwhile is closed.
        if !(is_gone && is_close) {
            self.reporter.report(Event::Trouble(telemetry::not_taken(is_gone))).await;
        }
    }

    /// What a connection proves itself with is cut out of diagnostics.
    pub(super) fn learn_plan(&mut self, plan: &ConnectPlan) {
        for secret in plan.secrets() {
            self.jobs.learn_secret(secret);
        }
    }

    pub(super) fn open_inspection(&mut self, job: JobId, start: InspectionStart) {
        if let InspectionSource::Broker(plan) = &start.source {
            self.learn_plan(plan);
        }
        let profile = self.profile(start.profile.as_ref());
        let topics = profile.and_then(|profile| profile.mqtt.as_ref()).map(|mqtt| mqtt.topics.clone());
        let expectations = profile.map(|profile| profile.expectations.clone()).unwrap_or_default();
        let expected = expectations.iter().map(|expectation| expectation.topic.clone());
        let topics = topics.unwrap_or_default().into_iter().chain(expected);
        let topics = topics.filter_map(|topic| topic.parse().ok()).collect();
        let mut about = vec![("program".to_owned(), concat!("linesman ", env!("CARGO_PKG_VERSION")).to_owned())];
        about.extend(profile.map(|profile| ("profile".to_owned(), profile.id.to_string())));
        about.extend(start.gateway.iter().map(|gateway| ("gateway".to_owned(), visible(gateway, 120))));
        let records: Result<Arc<dyn Records>, RecordsError> =
            self.parts.records.clone().map(|records| records as Arc<dyn Records>);
        let (intent, root) = (self.inspection_intent(&start), self.parts.data.root().to_owned());
        let stop = self.jobs.add(job, None);
        let prepare = move |progress| inspect::Setup {
            start,
            expectations,
            topics,
            about,
            intent,
            broker: Arc::new(MqttBroker::new()),
            recordings: Arc::new(DiskRecordings::new(root)),
            files: Arc::new(DiskFiles),
            records,
            progress,
            clock: telemetry::clock(),
            usage: telemetry::usage_of_this_program(),
        };
        let notices = self.notices.clone();
        match telemetry::start(job, Box::new(prepare), stop, self.reporter.clone()) {
            Ok((commands, end)) => {
                self.inspections.insert(job, commands);
                tokio::spawn(async move {
                    let end = end.await.unwrap_or_else(|_| JobEnd::Failed(telemetry::crashed()));
                    let _ = notices.send(Notice::Ended { job, end }).await;
                });
            }
            Err(error) => self.end(job, JobEnd::Failed(start::no_threads(&error))),
        }
    }

    pub(super) fn inspection_intent(&self, start: &InspectionStart) -> JobIntent {
        let link = match &start.source {
            InspectionSource::Broker(plan) => plan.url.to_string(),
            InspectionSource::Recording { path, .. } => path.display().to_string(),
        };
        JobIntent {
            action: "inspect".into(),
            gateway: start.gateway.clone().filter(|gateway| !gateway.is_empty()).unwrap_or_else(|| link.clone()),
            link,
            profile: start.profile.as_ref().map(ToString::to_string),
            driver: None,
            operator: operator(&self.settings.borrow().operator),
            is_simulated: self.parts.is_demo,
        }
    }
}
