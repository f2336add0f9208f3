//! What is known of a gateway: its link, its adapter or advertisement, and what it answered.

use egui::Ui;

use crate::app::App;
use crate::app::discover::profile_name;
use crate::model::gateway::{Advertisement, Probe, Sighting};
use crate::ui::widgets::facts;

/// Everything that was seen of it, as pairs.
pub(super) fn show(ui: &mut Ui, app: &App, row: &Sighting) {
    let facts_here = match &row.heard {
        Some(heard) if matches!(row.probe, Probe::Answered(_)) => [heard_facts(row, heard), answer_facts(row)].concat(),
        Some(heard) => heard_facts(row, heard),
        None => [port_facts(row), answer_facts(row)].concat(),
    };
    let guess = row.profile.as_ref().map(|guess| {
        let name = profile_name(row, app.catalog()).unwrap_or_default();
        format!("{name}, because {}", guess.reason)
    });
    facts(ui, "facts", &[facts_here, vec![("Profile", guess.unwrap_or_else(|| "none recognised".into()))]].concat());
}

fn heard_facts(row: &Sighting, heard: &Advertisement) -> Vec<(&'static str, String)> {
    const SERVICES: usize = 6;
    let shown = heard.services.iter().take(SERVICES).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = heard.services.len().saturating_sub(SERVICES);
    let companies: Vec<String> = heard.companies.iter().map(|company| format!("{company:04x}")).collect();
    vec![
        ("Link", row.link.to_string()),
        ("Services", if more > 0 { format!("{shown} and {more} more") } else { shown }),
        ("Company id", companies.join(", ")),
        ("State", heard.state.map(|state| state.title().to_owned()).unwrap_or_default()),
        ("Adapter", heard.adapter.clone()),
    ]
}

fn port_facts(row: &Sighting) -> Vec<(&'static str, String)> {
    let port = &row.facts;
    let usb = port.vid.zip(port.pid).map(|(vid, pid)| format!("{vid:04x}:{pid:04x}")).unwrap_or_default();
    vec![
        ("Link", row.link.to_string()),
        ("USB id", usb),
        ("Product", port.product.clone().unwrap_or_default()),
        ("Manufacturer", port.manufacturer.clone().unwrap_or_default()),
        ("Serial number", port.serial_number.clone().unwrap_or_default()),
    ]
}

fn answer_facts(row: &Sighting) -> Vec<(&'static str, String)> {
    let Probe::Answered(identity) = &row.probe else { return Vec::new() };
    let info = identity.info.clone().unwrap_or_default();
    vec![
        ("Firmware", format!("{} {}", info.firmware, info.firmware_version).trim().to_owned()),
        ("Hardware", info.hardware),
        ("State", identity.state.title().to_owned()),
        ("Answered in", identity.driver.to_string()),
    ]
}
