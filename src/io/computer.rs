//! What this computer is called, as far as that can be told without asking anybody.

use crate::model::text::visible;

/// Where Linux says it.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";
/// Characters shown.
const LONGEST: usize = 80;

/// The name of this computer, safe to show; `None` where nothing tells it.
pub fn name() -> Option<String> {
    let told = std::fs::read_to_string(HOSTNAME).ok();
    let set = ["COMPUTERNAME", "HOSTNAME", "HOST"].into_iter().filter_map(|name| std::env::var(name).ok());
    let names = told.into_iter().chain(set).map(|name| visible(name.trim(), LONGEST));
    names.into_iter().find(|name| !name.is_empty())
}
