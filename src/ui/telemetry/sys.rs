//! Broker: what it says of itself below `$SYS`, by its meaning; what is not known stands below as it came.

use egui::{RichText, ScrollArea, Ui};

use crate::app::App;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::connect::ConnectAction;
use crate::telemetry::sys::{SysGroup, SysPage};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GAP, palette, small_mono};
use crate::ui::widgets::{Button, copyable, empty_state, facts, fold, muted, strong};

/// Width of a group.
const GROUP: f32 = 300.0;

/// Draws the state of the broker.
pub(super) fn show(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let page = app.telemetry.panes.sys.as_ref().filter(|page| !page.groups.is_empty() || !page.others.is_empty());
    let Some(page) = page else { return nothing(ui, app, pass) };
    ScrollArea::vertical().id_salt("broker state").auto_shrink(false).show(ui, |ui| {
        let width = ui.available_width();
        let count = columns_in(width, page.groups.len());
        let each = ((width + 2.0 * GAP) / f32::from(count) - 2.0 * GAP).clamp(GROUP.min(width), 1.5 * GROUP);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 2.0 * GAP;
            for column in columns(&page.groups, count) {
                ui.vertical(|ui| {
                    ui.set_width(each);
                    for group in column {
                        one_group(ui, group);
                    }
                });
            }
        });
        others(ui, page);
    });
}

fn one_group(ui: &mut Ui, group: &SysGroup) {
    ui.spacing_mut().item_spacing = egui::vec2(8.0, 6.0);
    strong(ui, &group.title);
    let pairs: Vec<_> = group.facts.iter().map(|(name, value)| (*name, value.clone())).collect();
    facts(ui, &group.title, &pairs);
    ui.add_space(GAP);
}

/// How many columns there is room for.
fn columns_in(width: f32, groups: usize) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few columns")]
    let fitting = ((width + 2.0 * GAP) / (GROUP + 2.0 * GAP)).max(1.0) as u16;
    fitting.min(u16::try_from(groups).unwrap_or(u16::MAX)).max(1)
}

/// The groups in columns: each goes where the most room is left, so that none begins below a hole.
fn columns(groups: &[SysGroup], count: u16) -> Vec<Vec<&SysGroup>> {
    let mut columns: Vec<(usize, Vec<&SysGroup>)> = vec![(0, Vec::new()); usize::from(count)];
    for group in groups {
        if let Some((lines, column)) = columns.iter_mut().min_by_key(|(lines, _)| *lines) {
            // The head and the gap below count as two lines.
            *lines += group.facts.len() + 2;
            column.push(group);
        }
    }
    columns.into_iter().map(|(_, column)| column).collect()
}

fn others(ui: &mut Ui, page: &SysPage) {
    if page.others.is_empty() {
        return;
    }
    let title = format!("Other topics ({})", page.others.len());
    let list = |ui: &mut Ui| {
        egui::Grid::new("other topics").num_columns(2).spacing([16.0, 4.0]).show(ui, |ui| {
            for (topic, value) in &page.others {
                ui.label(RichText::new(&**topic).font(small_mono()).color(palette(ui).muted));
                copyable(ui, value);
                ui.end_row();
            }
        });
    };
    if page.groups.is_empty() {
        strong(ui, &title);
        list(ui);
    } else {
        fold(ui, "other topics", &title, list);
    }
}

fn nothing(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let form = &app.telemetry.form;
    let is_subscribed = form.subscriptions().iter().any(|one| one.filter.as_str().starts_with("$SYS/"));
    empty_state(ui, icon::DEVICE, "No broker state yet", |ui| {
        if is_subscribed {
            muted(
                ui,
                "Subscribed to $SYS/#. Most brokers publish it every 10 s or so; some need a permission for it, some have no such topics",
            );
            return;
        }
        muted(
            ui,
            "mosquitto, EMQX and others publish their clients, messages and traffic below $SYS, which # doesn't match",
        );
        ui.add_space(8.0);
        let subscribe = Button::new("Subscribe to $SYS/#").icon(icon::ADD);
        if subscribe.enabled_if(app.telemetry.is_connected(), "Connect to a broker first").pressed(ui) {
            pass.did(TelemetryAction::Connect(ConnectAction::WatchedBroker));
        }
    });
}
