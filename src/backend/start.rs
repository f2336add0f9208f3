//! Starts the workers: opens the data folder, the records and the profiles, and the simulated site of a demo.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::handle::{Handle, channels};
use super::run::run;
use super::site::DemoPlan;
use crate::flow::port::{Links, RecordsError};
use crate::io::files::DataDir;
use crate::io::folder;
use crate::io::links::SystemLinks;
use crate::io::logs::LogGuard;
use crate::io::records::RecordStore;
use crate::model::layout::WindowSize;
use crate::model::problem::{Explain as _, Problem};
use crate::model::settings::Settings;
use crate::msg::Startup;
use crate::profile::Catalog;

/// How to start.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The data folder; `None` means the platform's.
    pub data_dir: Option<PathBuf>,
    /// Whether the log goes to standard error too.
    pub is_verbose: bool,
    /// The simulated site, if this is a demo. It gets a data folder of its own inside the other.
    pub demo: Option<DemoPlan>,
}

/// What the workers work with.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) links: Arc<dyn Links>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) start_problems: Vec<Problem>,
    pub(super) records: Result<Arc<RecordStore>, RecordsError>,
    pub(super) data: DataDir,
    pub(super) is_demo: bool,
}

/// The running workers.
pub struct Backend {
    thread: JoinHandle<()>,
    window: WindowSize,
    _log: LogGuard,
}

impl Backend {
    /// How large the window was made last.
    pub const fn window(&self) -> WindowSize {
        self.window
    }

    /// Waits until the workers have ended. They do once their [`Handle`] is dropped, after a few seconds at most.
    pub fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the workers crashed");
        }
    }
}

/// Starts the workers on a thread of their own.
pub fn start(config: Config) -> Result<(Handle, Backend), Problem> {
    let data_dir = match (&config.data_dir, &config.demo) {
        (given, None) => DataDir::open(given.as_deref()),
        (given, Some(_)) => {
            DataDir::open(given.as_deref()).and_then(|data| DataDir::open(Some(&data.root().join("demo"))))
        }
    };
    let data = data_dir.map_err(|error| error.explain())?;
    let (log, log_problems) = crate::io::logs::start(&data, config.is_verbose);
    let (settings, settings_problem) = data.load_settings();
    let window = settings.layout.window;
    let start_problems = log_problems.into_iter().chain(settings_problem).collect();
    let (handle, commands, reporter) = channels();
    // One thread carries all jobs: they wait for links and disks and never compute for long. More threads would only wake
    // each other while nothing happens.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .thread_name("worker")
        .enable_all()
        .build()
        .map_err(|error| no_threads(&error))?;
    let thread = std::thread::Builder::new().name("backend".into()).spawn(move || {
        runtime.block_on(async move {
            let (parts, startup) = prepare(data, settings, start_problems, config.demo).await;
            match parts {
                Ok(parts) => run(parts, startup, reporter, commands).await,
                Err(problem) => reporter.report(crate::msg::Event::Trouble(problem)).await,
            }
        });
        // Blocking calls that hang, such as a driver's, must not keep the program alive.
        runtime.shutdown_background();
    });
    let thread = thread.map_err(|error| no_threads(&error))?;
    Ok((handle, Backend { thread, window, _log: log }))
}

async fn prepare(
    data: DataDir,
    settings: Settings,
    mut start_problems: Vec<Problem>,
    demo: Option<DemoPlan>,
) -> (Result<Parts, Problem>, Startup) {
    let (texts, problems) = data.load_profiles();
    start_problems.extend(problems);
    let texts: Vec<(String, String)> =
        texts.into_iter().map(|profile| (profile.path.display().to_string(), profile.text)).collect();
    let (catalog, problems) = Catalog::built_in().with_user_files(&texts);
    start_problems.extend(problems);
    let catalog = Arc::new(catalog);
    let (records, cut_off_jobs) = match RecordStore::open(&data) {
        Ok(store) => {
            let cut_off = store.cut_off_jobs();
            (Ok(Arc::new(store)), cut_off)
        }
        Err(error) => (Err(error), 0),
    };
    // A site without a broker is still worth a visit.
    let broker = match &demo {
        Some(_) => DemoPlan::start_broker(data.root()).await.map_err(|problem| start_problems.push(problem)).ok(),
        None => None,
    };
    let startup = Startup {
        catalog: Arc::clone(&catalog),
        start_problems: start_problems.clone(),
        settings,
        data_dir: data.root().to_owned(),
        save_folder: folder::usual(),
        cut_off_jobs,
        demo: demo.as_ref().map(|plan| plan.site(&catalog, broker.as_ref())),
    };
    let is_demo = demo.is_some();
    let links: Result<Arc<dyn Links>, Problem> = match demo {
        Some(plan) => plan
            .start(Arc::new(SystemLinks::default()), &catalog, data.root(), broker.as_ref())
            .map(|site| Arc::new(site) as Arc<dyn Links>),
        None => Ok(Arc::new(SystemLinks::default())),
    };
    let parts = links.map(|links| Parts { links, catalog, start_problems, records, data, is_demo });
    (parts, startup)
}

pub(super) fn no_threads(error: &std::io::Error) -> Problem {
    Problem::new(
        "app.no_threads",
        "Linesman could not start",
        "The system gives this account no more threads",
        "Close other programs and start again",
    )
    .with_detail(error.to_string())
}
