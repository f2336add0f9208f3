//! Trace: packets other than messages, as a table of which only the rows in sight are laid out.

use egui::{Align, Layout, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use crate::app::Action;
use crate::app::telemetry::trace::{Trace, TraceAction, is_received, is_trouble, latency, reason};
use crate::model::mqtt::stage::TracedPacket;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::palette;
use crate::ui::widgets::{
    Button, boxed, count, counted, empty_state, group, icon as glyph, muted, row_ground, truncated,
};

/// Height of a row.
const ROW: f32 = 28.0;

/// Draws Trace.
pub(super) fn show(ui: &mut Ui, trace: &Trace, pass: &mut Pass<'_>) {
    toolbar(ui, trace, pass);
    if trace.is_empty() {
        group(ui, |ui| {
            empty_state(ui, icon::LIST, "No packet yet", |ui| {
                muted(
                    ui,
                    "Everything said between broker and Linesman but the messages is listed here: CONNECT, CONNACK, SUBACK, PINGRESP",
                );
            });
        });
        return;
    }
    let height = ui.available_height().max(5.0 * ROW) - 40.0;
    boxed(ui).inner_margin(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        head(ui);
        let area = ScrollArea::vertical().id_salt("trace").max_height(height).auto_shrink(false);
        let area = area.stick_to_bottom(trace.is_following());
        area.show_rows(ui, ROW, trace.rows(), |ui, range| {
            for row in range {
                if let Some(packet) = trace.row(row) {
                    ui.push_id(row, |ui| line(ui, packet));
                }
            }
        });
    });
}

fn toolbar(ui: &mut Ui, trace: &Trace, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let label = ui.label("Packets").id;
        let shown =
            egui::ComboBox::from_id_salt("trace-kind").selected_text(trace.kind().unwrap_or("all")).width(110.0);
        let response = shown.show_ui(ui, |ui| {
            if ui.selectable_label(trace.kind().is_none(), "all").clicked() {
                pass.did(TraceAction::ShowedKind(None));
                ui.close();
            }
            for kind in trace.kinds() {
                if ui.selectable_label(trace.kind() == Some(kind), *kind).clicked() {
                    pass.did(TraceAction::ShowedKind(Some(kind)));
                    ui.close();
                }
            }
        });
        let _ = response.response.labelled_by(label);
        let mut is_trouble_only = trace.is_trouble_only();
        if ui.checkbox(&mut is_trouble_only, "Only trouble").changed() {
            pass.did(TraceAction::ShowedTrouble(is_trouble_only));
        }
        let mut is_following = trace.is_following();
        if ui.checkbox(&mut is_following, "Follow the newest").changed() {
            pass.did(TraceAction::Followed(is_following));
        }
        let copy = Button::new("Copy").icon(icon::COPY).named("Copy the packets");
        if copy.enabled_if(trace.rows() > 0, "There is nothing to copy").pressed(ui) {
            ui.ctx().copy_text(trace.text());
            pass.did(Action::Copied("Packets"));
        }
        let clear = Button::new("Clear").icon(icon::REMOVE).named("Clear the packets");
        if clear.enabled_if(!trace.is_empty(), "There is nothing to clear").pressed(ui) {
            pass.did(TraceAction::Cleared);
        }
        let gone = if trace.gone() > 0 { format!(", {} older ones gone", count(trace.gone())) } else { String::new() };
        muted(ui, &format!("{}{gone}", counted(trace.rows() as u64, "packet", "packets")));
    });
}

/// Widths of the columns before the reason.
const WIDTHS: [f32; 6] = [74.0, 20.0, 104.0, 52.0, 62.0, 72.0];

fn head(ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.add_space(8.0);
        for (title, width) in ["Seconds", "", "Packet", "Id", "Bytes", "After"].iter().zip(WIDTHS) {
            cell(ui, width, |ui| drop(muted(ui, title)));
        }
        muted(ui, "Reason and note");
    });
}

fn cell(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, 20.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(width);
        add(ui);
    });
}

fn line(ui: &mut Ui, packet: &TracedPacket) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let palette = palette(ui);
    let way = if is_received(packet) { "received" } else { "sent" };
    let says = [reason(packet), packet.note.clone()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(". ");
    let at = format!("{:.3}", packet.at.as_secs_f64());
    let after = packet.after.map(latency).unwrap_or_default();
    let name = [at.as_str(), way, packet.kind, &after, &says];
    let name = name.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, is_enabled, &name));
    row_ground(ui, rect, &response, false);
    let layout = Layout::left_to_right(Align::Center);
    let mut row = ui.new_child(UiBuilder::new().max_rect(rect.shrink2(vec2(8.0, 0.0))).layout(layout));
    row.set_clip_rect(row.clip_rect().intersect(rect));
    let mono = |text: String, colour| RichText::new(text).monospace().small().color(colour);
    cell(&mut row, WIDTHS[0], |ui| drop(truncated(ui, mono(at.clone(), palette.muted))));
    cell(&mut row, WIDTHS[1], |ui| {
        let (sign, colour) = if is_received(packet) { (icon::DOWN, palette.link) } else { (icon::UP, palette.muted) };
        glyph(ui, sign, colour);
    });
    cell(&mut row, WIDTHS[2], |ui| drop(truncated(ui, mono(packet.kind.to_owned(), palette.strong))));
    let id = packet.packet_id.map(|id| id.to_string()).unwrap_or_default();
    let bytes = if packet.is_end() { String::new() } else { packet.bytes.to_string() };
    for (text, width) in [(id, WIDTHS[3]), (bytes, WIDTHS[4]), (after.clone(), WIDTHS[5])] {
        cell(&mut row, width, |ui| drop(truncated(ui, mono(text, palette.text))));
    }
    let colour = if is_trouble(packet) { palette.danger } else { palette.text };
    truncated(&mut row, RichText::new(&says).small().color(colour));
    if !says.is_empty() {
        response.on_hover_text(says);
    }
}
