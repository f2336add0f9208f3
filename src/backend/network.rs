//! The simulated network: for the checks of a demo, and on the command line for a check by another program.

use std::path::Path;
use std::sync::Arc;

use super::start::no_threads;
use crate::check::evidence::{About, Overrides};
use crate::flow::port::Probes;
use crate::io::files::{make_private_folder, write_atomically};
use crate::model::ids::ProfileId;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::{DemoCheck, SIMULATED_SSID, SimNetworkReady};
use crate::profile::{Catalog, Profile};
use crate::sim::network::{self, Network, OVERRIDE_FILE, SITE_FILE};

/// What a network check of the simulated site shows.
pub(super) fn shown(catalog: &Catalog) -> Option<DemoCheck> {
    let (tour, troubles) = network::tour()?;
    let expected = troubles.into_iter().map(|trouble| (trouble.id, trouble.reason)).collect();
    let site = Box::new(network::site(catalog.iter(), SIMULATED_SSID));
    Some(DemoCheck { profile: tour.profile, explained: tour.explained, site, expected })
}

/// A check of the simulated site: what it is made from, where its packets go, and what has to be kept while it runs.
pub(super) struct AtDemo {
    pub(super) about: About,
    pub(super) overrides: Overrides,
    pub(super) network: Network,
}

/// Makes a check one of the simulated site.
pub(super) async fn at_demo(profile: &Profile, about: About) -> Result<AtDemo, Problem> {
    let network = Network::start(profile, SIMULATED_SSID).await.map_err(|error| error.explain())?;
    let mut about = about.at_site(network.site());
    about.overrides = network.override_file().lines();
    Ok(AtDemo { about, overrides: network.overrides(), network })
}

/// Gives a check the names that the simulated site has for what a vendor leaves open.
pub(super) fn named_at_demo(profile: &Profile, about: About) -> About {
    about.at_site(&network::site(std::iter::once(profile), SIMULATED_SSID))
}

impl AtDemo {
    /// The way to the simulated network.
    pub(super) fn probes(&self, inner: impl Probes + 'static) -> Arc<dyn Probes> {
        self.network.probes(Arc::new(inner))
    }
}

/// A check of the simulated site is never given files of a real one.
pub(super) fn demo_only() -> Problem {
    Problem::new(
        "check.demo_only",
        "The demo checks its simulated site only",
        "A site file or an override file was given, which may lead out of the simulation",
        "Leave both empty, or start Linesman without the demo",
    )
}

/// Offers what a profile has to reach, until the program is ended. `ready` is called once with where the files are.
pub fn run_network(profile: &ProfileId, folder: &Path, ready: impl FnOnce(&SimNetworkReady)) -> Result<(), Problem> {
    let catalog = Catalog::built_in();
    let profile = catalog.find(profile.as_str())?;
    make_private_folder(folder).map_err(|error| error.explain())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| no_threads(&error))?.block_on(async {
        let network = Network::start(profile, SIMULATED_SSID).await.map_err(|error| error.explain())?;
        for (name, text) in network.files() {
            write_atomically(&folder.join(name), text.as_bytes()).map_err(|error| error.explain())?;
        }
        let troubles = network.troubles().iter();
        ready(&SimNetworkReady {
            pid: std::process::id(),
            profile: profile.id.clone(),
            site: folder.join(SITE_FILE),
            overrides: folder.join(OVERRIDE_FILE),
            does: troubles.map(|trouble| (trouble.id.clone(), trouble.does.as_str(), trouble.reason)).collect(),
        });
        std::future::pending::<()>().await;
        Ok(())
    })
}
