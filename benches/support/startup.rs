//! What the workers tell a window first, with a catalog of profiles.

use std::sync::Arc;

use linesman::model::settings::Settings;
use linesman::msg::Startup;
use linesman::profile::Catalog;

/// It.
pub(crate) fn startup(catalog: &Arc<Catalog>) -> Startup {
    Startup {
        catalog: Arc::clone(catalog),
        start_problems: Vec::new(),
        settings: Settings::default(),
        data_dir: "/home/me/.local/share/linesman".into(),
        save_folder: "/tmp".into(),
        cut_off_jobs: 0,
        demo: None,
    }
}
