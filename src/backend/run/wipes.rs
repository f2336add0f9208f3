//! Taking gateways out of service: starts a wipe, with what the records know of the gateway.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Workers;
use crate::certificate::{CertificateForm, certificate};
use crate::flow::transcript::SharedTranscript;
use crate::flow::wipe;
use crate::io::save::save;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Explain as _;
use crate::model::wipe::{Earlier, WipeReport, earlier, on_record};
use crate::msg::wipe::WipeStart;
use crate::msg::{Event, JobEnd};

/// Progress a wipe may have waiting.
const PROGRESS: usize = 256;
/// How many jobs are looked through for the gateway.
const LOOKED_THROUGH: usize = 500;

impl Workers {
    pub(super) fn start_wipe(&mut self, job: JobId, start: WipeStart) {
        self.learn_access(&start.access);
        let WipeStart { link, profile, driver, access, confirmed, attested, without, look_for } = start;
        let found = match self.parts.catalog.find(profile.as_str()) {
            Ok(found) => found.clone(),
            Err(problem) => return self.end(job, JobEnd::Failed(problem)),
        };
        let stop = self.jobs.add(job, None);
        let Some(records) = self.records_for(job) else { return };
        let transcript = SharedTranscript::new(format!("Removal over {link}, driver {driver}"));
        self.jobs.keep_transcript(job, transcript.clone());
        let (progress, progress_rx) = mpsc::channel(PROGRESS);
        let setup = wipe::Setup {
            intent: self.intent("wipe", &link, Some(&profile), Some(driver)),
            settings: self.settings_of(Some(&profile), &link, driver),
            links: Arc::clone(&self.parts.links),
            profile: found,
            known: None,
            earlier: Earlier::default(),
            link,
            driver,
            access,
            confirmed,
            attested,
            without,
            look_for,
            records,
            progress,
            transcript,
        };
        let known = self.parts.records.as_ref().ok().map(Arc::clone);
        let work = async move {
            let known = match known {
                Some(records) => records.recent(LOOKED_THROUGH).await,
                None => Ok(Vec::new()),
            };
            match known {
                Ok(jobs) => {
                    let known = on_record(&jobs, &setup.confirmed);
                    let earlier = earlier(&jobs, &setup.confirmed);
                    wipe::run(wipe::Setup { known, earlier, ..setup }, stop).await
                }
                Err(error) => JobEnd::Failed(error.explain()),
            }
        };
        self.follow(job, work, progress_rx, move |(at, event)| Event::WipeProgressed { job, at, event });
    }

    pub(super) fn save_certificate(
        &mut self,
        job: JobId,
        report: WipeReport,
        form: CertificateForm,
        destination: Destination,
    ) {
        self.spawn_blocking(job, move || {
            let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            save(&destination, &certificate(&report, form, &at)).map_err(|error| error.explain())?;
            Ok(destination.path().display().to_string())
        });
    }
}
