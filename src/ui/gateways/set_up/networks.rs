//! The networks the gateway sees, to pick one from.

use egui::{Align, Layout, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use crate::app::commission::{CommissionAction, ScanState, Session};
use crate::model::wifi::{Network, Security, Signal};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, LINE_HEIGHT, medium, palette};
use crate::ui::widgets::{
    Button, RowEnd, group, icon as show_icon, muted, problem_card, row_ground, signal_bars, strong, truncated,
};

/// Rows shown before the list scrolls: fewer in a low window, so that the form stays in sight.
const ROWS: f32 = 5.0;
const ROWS_IN_LOW_WINDOW: f32 = 3.0;
/// Below this window height fewer rows are shown.
const LOW_WINDOW: f32 = 700.0;

pub(super) fn show(ui: &mut Ui, session: &Session, laptop: Option<&str>, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        ui.horizontal(|ui| {
            strong(ui, "Networks the gateway sees");
            RowEnd::new(ui, "scan").show(ui, |ui| scan_button(ui, session, pass));
        });
        match &session.scan {
            ScanState::NotAsked => muted_line(ui, "The scan starts once the gateway is connected"),
            ScanState::Scanning if session.networks.is_empty() => muted_line(ui, "The gateway is scanning…"),
            ScanState::NotPossible(reason) => muted_line(ui, &format!("{reason}. Type the name below")),
            ScanState::Failed(problem) => problem_card(ui, problem),
            ScanState::Complete if session.networks.is_empty() => nothing_seen(ui),
            ScanState::Scanning | ScanState::Complete => {}
        }
        if !session.networks.is_empty() {
            list(ui, &session.networks, session.is_pushing(), pass);
            ui.spacing_mut().item_spacing.y = GRID;
        }
        if let Some(laptop) = laptop {
            muted_line(ui, laptop);
        }
    });
}

fn scan_button(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    let is_possible = session.is_ready() && !matches!(session.scan, ScanState::NotPossible(_));
    let scan = Button::new("Scan again").icon(icon::REFRESH).quiet();
    if scan.enabled_if(is_possible, "The gateway is busy or cannot scan").pressed(ui) {
        pass.did(CommissionAction::ScannedAgain);
    }
}

fn muted_line(ui: &mut Ui, text: &str) {
    muted(ui, text);
}

fn nothing_seen(ui: &mut Ui) {
    strong(ui, "The gateway sees no network");
    muted(ui, "Is its antenna fitted, is the access point on, and on a band the gateway supports (mostly 2.4 GHz)?");
    muted(ui, "Hidden networks are never listed: type the name below");
}

fn list(ui: &mut Ui, networks: &[Network], is_locked: bool, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let rows = if ui.ctx().content_rect().height() < LOW_WINDOW { ROWS_IN_LOW_WINDOW } else { ROWS };
    #[expect(clippy::cast_precision_loss, reason = "a scan lists a few dozen networks")]
    let height = (networks.len() as f32).min(rows) * LINE_HEIGHT;
    ui.add_enabled_ui(!is_locked, |ui| {
        let area = ScrollArea::vertical().id_salt("networks").max_height(height).min_scrolled_height(height);
        area.auto_shrink([false, true]).show_rows(ui, LINE_HEIGHT, networks.len(), |ui, range| {
            for (index, network) in range.clone().zip(&networks[range]) {
                ui.push_id(index, |ui| line(ui, network, pass));
            }
        });
    });
}

fn line(ui: &mut Ui, network: &Network, pass: &mut Pass<'_>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE_HEIGHT), Sense::click());
    let (name, signal) = (network.ssid.shown(), signal_words(network));
    let described = format!("Network {name}, {}, {signal}", network.security.label());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, is_enabled, &described));
    row_ground(ui, rect, &response, false);
    if response.clicked() {
        pass.did(CommissionAction::PickedNetwork(network.ssid.clone()));
    }
    let builder = UiBuilder::new().max_rect(rect.shrink2(vec2(8.0, 0.0))).layout(Layout::left_to_right(Align::Center));
    let mut child = ui.new_child(builder);
    let palette = palette(ui);
    signal_bars(&mut child, network.rssi_dbm);
    let is_open = network.security == Security::Open;
    show_icon(
        &mut child,
        if is_open { icon::NO_LOCK } else { icon::LOCK },
        if is_open { palette.warn } else { palette.muted },
    );
    let end = RowEnd::new(&child, "signal");
    end.before(&mut child, |ui| {
        truncated(ui, RichText::new(name).font(medium()).color(palette.strong));
    });
    end.show(&mut child, |ui| muted(ui, &format!("{} · {signal}", network.security.label())));
}

fn signal_words(network: &Network) -> String {
    network.rssi_dbm.map_or_else(
        || "signal unknown".to_owned(),
        |dbm| format!("{} ({dbm} dBm)", Signal::from_dbm(dbm).label()).replace('-', "−"),
    )
}
