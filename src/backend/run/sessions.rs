//! Sessions with one gateway: commissioning and management, and what is passed on to them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{Notice, Workers, crashed, operator};
use crate::backend::job::NotTaken;
use crate::flow::commission::{Setup, run as run_session};
use crate::flow::device;
use crate::flow::report::Report;
use crate::flow::transcript::SharedTranscript;
use crate::io::secret_file;
use crate::model::access::Access;
use crate::model::clock;
use crate::model::gateway::Probe;
use crate::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use crate::model::problem::Problem;
use crate::model::record::JobIntent;
use crate::model::secret::Secret;
use crate::model::secret_text::SecretKind;
use crate::model::wifi::WifiRules;
use crate::msg::device::{DeviceChange, DeviceRequest};
use crate::msg::{Event, Known, Progress, Request, Step};
use crate::profile::{DriverSettings, Profile};

/// Requests a session may have waiting.
const REQUESTS: usize = 4;
/// Progress a session may have waiting.
const PROGRESS: usize = 256;

impl Workers {
    pub(super) fn open_session(
        &mut self,
        job: JobId,
        link: LinkAddress,
        profile: Option<&ProfileId>,
        driver: DriverId,
        access: Access,
        known: Known,
    ) {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let stop = self.jobs.add(job, Some(requests));
        let Some(records) = self.records_for(job) else { return };
        let transcript = SharedTranscript::new(format!("Session over {link}, driver {driver}"));
        self.jobs.keep_transcript(job, transcript.clone());
        let learnt = self.learn_known(known, transcript.clone());
        let (progress, progress_rx) = mpsc::channel(PROGRESS);
        let setup = Setup {
            intent: self.intent("commission", &link, profile, Some(driver)),
            rules: self.rules(profile),
            settings: self.settings_of(profile, &link, driver),
            credentials: self.profile(profile).map(|profile| profile.credentials.clone()).unwrap_or_default(),
            access,
            links: Arc::clone(&self.parts.links),
            report: Report::new(progress),
            link,
            driver,
            records,
            transcript,
        };
        let session = async move {
            learnt.await;
            run_session(setup, request_rx, stop).await
        };
        self.follow(job, session, progress_rx, move |(at, progress)| Event::SessionProgressed { job, at, progress });
    }

    /// What is held already is cut out from the first byte on. The session begins when that is done: deriving a key takes some
    /// milliseconds.
    fn learn_known(&mut self, known: Known, transcript: SharedTranscript) -> impl Future<Output = ()> + use<> {
        let Known { network, secrets } = known;
        for secret in &secrets {
            self.jobs.learn_secret(secret.expose());
            transcript.learn_secret(secret.expose());
        }
        async move {
            let Some(network) = network else { return };
            if let Err(error) = tokio::task::spawn_blocking(move || transcript.learn(&network)).await {
                tracing::error!(%error, "a transcript could not learn what it cuts out");
            }
        }
    }

    pub(super) fn open_device(
        &mut self,
        job: JobId,
        link: LinkAddress,
        profile: Option<&ProfileId>,
        driver: DriverId,
        access: Access,
    ) {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let stop = self.jobs.add_device(job, requests);
        let Some(records) = self.records_for(job) else { return };
        let transcript = SharedTranscript::new(format!("Management over {link}, driver {driver}"));
        self.jobs.keep_transcript(job, transcript.clone());
        let (progress, progress_rx) = mpsc::channel(PROGRESS);
        let setup = device::Setup {
            intent: self.intent("device", &link, profile, Some(driver)),
            settings: self.settings_of(profile, &link, driver),
            access,
            links: Arc::clone(&self.parts.links),
            progress,
            link,
            driver,
            records,
            transcript,
        };
        self.follow(job, device::run(setup, request_rx, stop), progress_rx, move |(at, progress)| {
            Event::DeviceProgressed { job, at, progress }
        });
    }

    pub(super) fn intent(
        &self,
        action: &str,
        link: &LinkAddress,
        profile: Option<&ProfileId>,
        driver: Option<DriverId>,
    ) -> JobIntent {
        let sighting = self.sightings.iter().find(|sighting| sighting.link == *link);
        let name = sighting.and_then(|sighting| match &sighting.probe {
            Probe::Answered(identity) => identity.info.as_ref().map(|info| info.name.clone()),
            _ => None,
        });
        // Of a path typed in a demo nobody knows that a simulator stands behind it.
        let is_simulated = sighting.is_some_and(|sighting| sighting.facts.is_simulated);
        JobIntent {
            action: action.into(),
            gateway: name.filter(|name| !name.is_empty()).unwrap_or_else(|| link.place().to_owned()),
            link: link.to_string(),
            profile: profile.map(ToString::to_string),
            driver: driver.map(|driver| driver.to_string()),
            operator: operator(&self.settings.borrow().operator),
            is_simulated,
        }
    }

    pub(super) fn profile(&self, id: Option<&ProfileId>) -> Option<&Profile> {
        id.and_then(|id| self.parts.catalog.get(id))
    }

    pub(super) fn rules(&self, profile: Option<&ProfileId>) -> WifiRules {
        self.profile(profile).and_then(|profile| profile.wifi.clone()).unwrap_or_else(WifiRules::standard)
    }

    /// How the profile sets the driver up for the link.
    pub(super) fn settings_of(
        &self,
        profile: Option<&ProfileId>,
        link: &LinkAddress,
        driver: DriverId,
    ) -> Option<DriverSettings> {
        let mut bindings = self.profile(profile)?.drivers_over(link.kind());
        bindings.find(|binding| binding.driver == driver).map(|binding| binding.settings.clone())
    }

    pub(super) async fn pass_on(&mut self, job: JobId, request: Request) {
        match &request {
            Request::Push(credentials) => self.jobs.learn(credentials),
            Request::PushCredential { content, .. } => self.jobs.learn_secret(content.expose()),
            _ => {}
        }
        let is_close = matches!(request, Request::Close);
        let taken = self.jobs.request(job, request);
        self.tell_not_taken(taken, is_close).await;
    }

    pub(super) async fn pass_on_device(&mut self, job: JobId, mut request: DeviceRequest) {
        if let DeviceRequest::Change { change: DeviceChange::SetTime(time), .. } = &mut request
            && time == DeviceChange::NOW
        {
            *time = clock::written(jiff::Timestamp::now().as_second());
        }
        if let DeviceRequest::Change {
            change: DeviceChange::WriteSetting { value: secret, .. } | DeviceChange::WriteFile { content: secret, .. },
            ..
        } = &request
        {
            self.jobs.learn_secret(secret.expose());
        }
        let is_close = matches!(request, DeviceRequest::Close);
        let taken = self.jobs.device_request(job, request);
        self.tell_not_taken(taken, is_close).await;
    }

    /// What lets us into a gateway is cut out of diagnostics like what is sent to it.
    pub(super) fn learn_access(&mut self, access: &Access) {
        if let Some(secret) = &access.secret {
            self.jobs.learn_secret(secret.expose().as_bytes());
        }
    }

    pub(super) async fn tell_not_taken(&self, taken: Result<(), NotTaken>, is_close: bool) {
        let problem = match taken {
            Ok(()) => return,
            // The job ended by itself meanwhile: what was asked for is done.
            Err(NotTaken::Gone) if is_close => return,
            Err(NotTaken::Gone) => Problem::new(
                "session.gone",
                "The request was not sent",
                "The connection to the gateway has ended",
                "Connect again",
            ),
            Err(NotTaken::Busy) => Problem::new(
                "session.busy",
                "The request was not sent",
                "The gateway still works on the one before",
                "Wait until it is done, or cancel",
            ),
        };
        self.reporter.report(Event::Trouble(problem)).await;
    }

    pub(super) fn read_credential(&self, job: JobId, id: String, path: PathBuf) {
        let notices = self.notices.clone();
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || {
                secret_file::read(&path, SecretKind::Content).map_err(|error| error.explain(&path))
            })
            .await;
            let content = read.unwrap_or_else(|error| Err(crashed(&error)));
            let _ = notices.send(Notice::CredentialRead { job, id, content }).await;
        });
    }

    pub(super) async fn credential_read(&mut self, job: JobId, id: String, content: Result<Secret<Vec<u8>>, Problem>) {
        match content {
            Ok(content) => self.pass_on(job, Request::PushCredential { id, content }).await,
            // Nothing was sent: the session is as ready as it was.
            Err(problem) => {
                let failed = Progress::StepFailed { step: Step::Credential, problem };
                for progress in [failed, Progress::Ready] {
                    self.reporter.report(Event::SessionProgressed { job, at: Duration::ZERO, progress }).await;
                }
            }
        }
    }
}
