//! Hot plug on a paused clock, with ports that come and go as the test says.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, sleep};

use super::*;
use crate::backend::handle::{Handle, channels};
use crate::flow::port::{Boxed, Link, Links, RecordsError};
use crate::io::files::DataDir;
use crate::profile::Catalog;

/// Ports that a test puts there and takes away.
#[derive(Clone)]
struct Plugged(Arc<Mutex<Result<Vec<&'static str>, ()>>>);

impl Plugged {
    fn set(&self, ports: Result<Vec<&'static str>, ()>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ports;
    }
}

impl Links for Plugged {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        let there = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let port = |path: &str| (LinkAddress::Serial(path.into()), PortFacts::default());
        let ports = there.map(|paths| paths.into_iter().map(port).collect());
        Box::pin(std::future::ready(ports.map_err(|()| LinkError::NotListed { detail: "no".into() })))
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(std::future::ready(Err(LinkError::NotFound { port: address.place().to_owned() })))
    }
}

/// Workers on such ports, discovering.
struct Watch {
    plugged: Plugged,
    handle: Handle,
    folder: tempfile::TempDir,
}

impl Watch {
    fn start() -> Self {
        let (folder, plugged) = (tempfile::tempdir().unwrap(), Plugged(Arc::new(Mutex::new(Ok(Vec::new())))));
        let catalog = Arc::new(Catalog::default());
        let parts = Parts {
            links: Arc::new(plugged.clone()),
            catalog: Arc::clone(&catalog),
            start_problems: Vec::new(),
            records: Err(RecordsError::NotFound { id: 0 }),
            data: DataDir::open(Some(folder.path())).unwrap(),
            is_demo: false,
        };
        let startup = Startup {
            catalog,
            start_problems: Vec::new(),
            settings: Settings::default(),
            data_dir: folder.path().to_owned(),
            save_folder: "/home/me/Documents".into(),
            cut_off_jobs: 0,
            demo: None,
        };
        let (handle, commands, reporter) = channels();
        tokio::spawn(run(parts, startup, reporter, commands));
        handle.try_send(Command::StartDiscovery { radio: false }).unwrap();
        Self { plugged, handle, folder }
    }

    /// Waits for an event and returns how long it took.
    async fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Duration {
        let started = Instant::now();
        loop {
            match self.handle.try_recv() {
                Some(event) if fits(&event) => return started.elapsed(),
                Some(_) => {}
                None => sleep(Duration::from_millis(10)).await,
            }
            assert!(started.elapsed() < Duration::from_mins(1), "no such event");
        }
    }

    /// Changes the ports and returns how long it took to be told.
    async fn change(&mut self, ports: Result<Vec<&'static str>, ()>, fits: impl Fn(&Event) -> bool) -> Duration {
        self.plugged.set(ports);
        self.until(fits).await
    }
}

fn is_seen(event: &Event, path: &str) -> bool {
    matches!(event, Event::GatewaySeen(sighting) if sighting.link.place() == path)
}

#[tokio::test(start_paused = true)]
async fn ports_that_come_and_go_are_told_within_two_seconds() {
    let mut watch = Watch::start();
    let limit = Duration::from_secs(2);
    // At moments that fall differently into the rhythm of the list.
    for pause in [0, 1, 450, 899, 900, 1301] {
        sleep(Duration::from_millis(pause)).await;
        assert!(watch.change(Ok(vec!["a", "b"]), |event| is_seen(event, "b")).await < limit);
        sleep(Duration::from_millis(pause)).await;
        let is_gone = |event: &Event| matches!(event, Event::GatewayGone(link) if link.place() == "b");
        assert!(watch.change(Ok(vec!["a"]), is_gone).await < limit);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_is_told_once_and_so_is_its_recovery() {
    let mut watch = Watch::start();
    let is_trouble =
        |event: &Event| matches!(event, Event::DiscoveryTrouble(Some(problem)) if problem.code == "serial.not_listed");
    watch.change(Err(()), is_trouble).await;
    sleep(Duration::from_secs(10)).await;
    while let Some(event) = watch.handle.try_recv() {
        assert!(!is_trouble(&event), "told again");
    }
    watch.change(Ok(vec!["a"]), |event| matches!(event, Event::DiscoveryTrouble(None))).await;
    watch.until(|event| is_seen(event, "a")).await;
}

#[tokio::test(start_paused = true)]
async fn typed_ports_stay_and_nothing_is_told_after_the_watch_ends() {
    let mut watch = Watch::start();
    watch.handle.try_send(Command::AddPort(LinkAddress::Serial("typed".into()))).unwrap();
    watch.until(|event| is_seen(event, "typed")).await;
    watch.change(Ok(vec!["a"]), |event| is_seen(event, "a")).await;
    watch.handle.try_send(Command::StopDiscovery).unwrap();
    sleep(Duration::from_secs(1)).await;
    while watch.handle.try_recv().is_some() {}
    watch.plugged.set(Ok(Vec::new()));
    sleep(Duration::from_secs(10)).await;
    assert!(watch.handle.try_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_cancelled_beside_its_end_reports_the_end_it_had_and_once() {
    let mut watch = Watch::start();
    let path = watch.folder.path().join("picture.png");
    let job = JobId(77);
    let save = Command::SavePicture { job, destination: path.as_path().into(), width: 1, height: 1, rgba: vec![0; 4] };
    for command in [save, Command::Cancel { job }] {
        watch.handle.try_send(command).unwrap();
    }
    // It cannot be cut, and it wrote its file: that is what is told.
    let is_done = |event: &Event| matches!(event, Event::JobFinished { job: JobId(77), end: JobEnd::Done { .. } });
    let is_end = |event: &Event| matches!(event, Event::JobFinished { job: JobId(77), .. });
    let mut ends = Vec::new();
    watch
        .until(|event| {
            assert!(!is_end(event) || is_done(event), "another end was reported");
            is_end(event)
        })
        .await;
    assert!(path.exists());
    sleep(Duration::from_secs(5)).await;
    while let Some(event) = watch.handle.try_recv() {
        ends.extend(is_end(&event).then_some(()));
    }
    assert!(ends.is_empty(), "it ended twice");
}
