//! One message in full: its value, text, bytes, picture, what changed, what came beside.

use std::sync::Arc;

use egui::{Align2, ComboBox, RichText, Role, ScrollArea, TextEdit, TextureHandle, TextureOptions, Ui, vec2};

use super::messages::{PANE_ROW, back};
use super::rows::{Rows, cell, size};
use super::{hex, tab, value_tree};
use crate::app::App;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::detail::{Detail, DetailAction, Face};
use crate::model::text::{visible, visible_octets};
use crate::model::word::Word as _;
use crate::telemetry::value::{Body, DecoderKind};
use crate::telemetry::view::{Change, MessageDetail, MessageId};
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{GRID, mono, palette, small_mono};
use crate::ui::widgets::{
    Button, RowEnd, count, facts, field, focus_ring, fold, labelled, muted, notice, path_field, problem_card, tool_row,
    truncated,
};

/// Height of a line of text.
const LINE: f32 = 18.0;

/// Draws the message that was chosen, or the newest of the topic.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    tool_row(ui, PANE_ROW, |ui| {
        back(ui, app, pass);
        if app.telemetry.detail.message().is_none() {
            muted(ui, "Message");
            return;
        }
        faces(ui, &app.telemetry.detail, pass);
        RowEnd::new(ui, "more").show(ui, |ui| more(ui, app, pass));
    });
    let Some(message) = app.telemetry.detail.message().cloned() else {
        if app.telemetry.detail.topic().is_some() || app.telemetry.detail.picked().is_some() {
            ui.add_space(8.0);
            ui.vertical_centered(|ui| muted(ui, "Loading…"));
        }
        return;
    };
    let inner = egui::Margin { left: 12, right: 6, top: 6, bottom: 4 };
    egui::Frame::new().inner_margin(inner).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 4.0;
        head(ui, &app.telemetry.detail, &message, pass);
        body(ui, app, &message, pass);
    });
}

/// What is done with the message as a whole.
fn more(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    if app.telemetry.feed() == crate::app::telemetry::Feed::Live
        && Button::icon_only(icon::TREE, "Show the topic in the tree").pressed(ui)
    {
        pass.did(TelemetryAction::ShowedInTree);
    }
}

fn body(ui: &mut Ui, app: &mut App, message: &Arc<MessageDetail>, pass: &mut Pass<'_>) {
    if let Some(failure) = &message.decoded.failure {
        let text = format!(
            "Not readable as {} from byte {}: {}. The bytes are shown all the same",
            message.decoded.kind,
            count(failure.offset as u64),
            failure.what
        );
        notice(ui, palette(ui).warn, icon::WARNING, &text);
    }
    match app.telemetry.detail.face() {
        Face::Value => value_tree::show(ui, app, pass),
        Face::Text => text(ui, &mut app.telemetry.detail),
        Face::Hex => bytes(ui, message),
        Face::Picture => picture(ui, message),
        Face::Diff => changes(ui, message),
        Face::Facts => all_facts(ui, &mut app.telemetry.detail, message, pass),
    }
}

fn head(ui: &mut Ui, detail: &Detail, message: &MessageDetail, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let end = RowEnd::new(ui, "read as");
        end.before(ui, |ui| message_facts(ui, detail, message, pass));
        end.show(ui, |ui| read_as(ui, detail, message, pass));
    });
}

fn message_facts(ui: &mut Ui, detail: &Detail, message: &MessageDetail, pass: &Pass<'_>) {
    let row = &message.row;
    let time = RichText::new(pass.time_of_day(row.unix_micros)).font(small_mono()).color(palette(ui).text);
    ui.label(time).on_hover_text(pass.date_and_time(row.unix_micros));
    let mut parts = vec![size(row.bytes), format!("QoS {}", row.qos.number())];
    parts.extend(row.is_retained.then(|| "retained".to_owned()));
    parts.extend(row.is_duplicate.then(|| "duplicate".to_owned()));
    parts.extend(message.decoded.packed_in.iter().map(|packing| format!("in {packing}")));
    if detail.is_gone() {
        let gone = RichText::new("no longer held").small().color(palette(ui).warn);
        ui.label(gone).on_hover_text("Dropped from memory to make room; still here while it's selected");
    }
    let text = RichText::new(parts.join(" · ")).small().color(palette(ui).muted);
    truncated(ui, text).on_hover_text(format!("{} bytes", count(row.bytes)));
}

fn read_as(ui: &mut Ui, detail: &Detail, message: &MessageDetail, pass: &mut Pass<'_>) {
    let kind = kind_label(detail.decoder().unwrap_or(message.decoded.kind));
    let (shown, how) = match detail.decoder() {
        Some(_) => (kind.to_owned(), "chosen here"),
        None if message.decoded.is_detected => (kind.to_owned(), "detected"),
        None => (kind.to_owned(), "by a rule"),
    };
    let combo = ComboBox::from_id_salt("read as").width(104.0).selected_text(shown);
    let response = combo.show_ui(ui, |ui| {
        if ui.selectable_label(detail.decoder().is_none(), "Detect").clicked() {
            pass.did(TelemetryAction::Detail(DetailAction::ReadAs(None)));
        }
        for kind in DecoderKind::ALL {
            if ui.selectable_label(detail.decoder() == Some(*kind), kind_label(*kind)).clicked() {
                pass.did(TelemetryAction::Detail(DetailAction::ReadAs(Some(*kind))));
            }
        }
    });
    let is_enabled = ui.is_enabled();
    let name = format!("Read as {kind}, {how}");
    response.response.widget_info(|| egui::WidgetInfo::labeled(Role::ComboBox, is_enabled, &name));
    focus_ring(ui, &response.response);
    response.response.on_hover_text(name);
}

/// The name of a kind on the screen.
const fn kind_label(kind: DecoderKind) -> &'static str {
    match kind {
        DecoderKind::Json => "JSON",
        DecoderKind::Text => "Text",
        DecoderKind::Hex => "Bytes",
        DecoderKind::Base64 => "Base64",
        DecoderKind::Cbor => "CBOR",
        DecoderKind::MessagePack => "MessagePack",
        DecoderKind::Sparkplug => "Sparkplug B",
        DecoderKind::Protobuf => "Protobuf",
        DecoderKind::Image => "Picture",
    }
}

fn faces(ui: &mut Ui, detail: &Detail, pass: &mut Pass<'_>) {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for face in detail.faces() {
            if tab(ui, detail.face() == face, face.label(), PANE_ROW) {
                pass.did(TelemetryAction::Detail(DetailAction::Turned(face)));
            }
        }
    });
}

fn text(ui: &mut Ui, detail: &mut Detail) {
    let font = mono();
    let glyph = ui.fonts_mut(|fonts| fonts.glyph_width(&font, 'M'));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a width in characters")]
    let width = ((ui.available_width() - 26.0) / glyph).max(8.0) as usize;
    let Some(lines) = detail.text_lines(width) else { return };
    if lines.is_empty() {
        muted(ui, "The payload is empty");
        return;
    }
    let rows = Rows { name: "Text", role: Role::ListBox, total: lines.len(), height: LINE, place: None };
    rows.show(ui, |ui, at, rect| {
        // A line has a bounded length; tabs would be controls.
        let text = visible(&lines.line(at).replace('\t', "    "), usize::MAX);
        cell(ui, rect.shrink2(vec2(6.0, 0.0)), &text, mono(), palette(ui).text, Align2::LEFT_CENTER);
        let response = ui.interact(rect, ui.scope_id().with(("text", at)), egui::Sense::hover());
        let is_enabled = ui.is_enabled();
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Label, is_enabled, &text));
    });
}

fn bytes(ui: &mut Ui, message: &Arc<MessageDetail>) {
    // What was inside the packing, where there is one and nothing else is known of it.
    let (bytes, note) = match &message.decoded.body {
        Body::Bytes(inner) if !message.decoded.packed_in.is_empty() => (inner, "What was inside the packing"),
        _ => (&message.payload, ""),
    };
    if !note.is_empty() {
        muted(ui, note);
    }
    if bytes.is_empty() {
        muted(ui, "The payload is empty");
        return;
    }
    let id = ui.scope_id().with("shown bytes");
    let is_new = ui.data_mut(|data| {
        let last = data.get_temp_mut_or::<Option<MessageId>>(id, None);
        last.replace(message.row.id) != Some(message.row.id)
    });
    let is_whole = message.decoded.packed_in.is_empty() || !note.is_empty();
    let mark = message.decoded.failure.as_ref().map(|failure| failure.offset).filter(|_| is_whole);
    hex::show(ui, bytes, mark, is_new);
}

/// The picture, handed to the graphics card once.
fn picture(ui: &mut Ui, message: &Arc<MessageDetail>) {
    let Body::Image { width, height, rgba } = &message.decoded.body else { return };
    let size = [*width as usize, *height as usize];
    if size[0] == 0 || size[1] == 0 || rgba.len() != size[0].saturating_mul(size[1]).saturating_mul(4) {
        muted(ui, "The picture is empty");
        return;
    }
    let limit = ui.input(|input| input.max_texture_side);
    if size[0] > limit || size[1] > limit {
        muted(ui, &format!("{width} × {height} points: too large to be drawn here"));
        return;
    }
    let id = ui.scope_id().with("picture");
    let key = (message.row.id, Arc::as_ptr(rgba).cast::<u8>() as usize);
    let kept = ui.data(|data| data.get_temp::<((MessageId, usize), TextureHandle)>(id)).filter(|(of, _)| *of == key);
    let texture = if let Some((_, texture)) = kept {
        texture
    } else {
        let image = egui::ColorImage::from_rgba_unmultiplied(size, rgba);
        let texture = ui.ctx().load_texture("payload", image, TextureOptions::LINEAR);
        ui.data_mut(|data| data.insert_temp(id, (key, texture.clone())));
        texture
    };
    muted(ui, &format!("{width} × {height} points"));
    let name = format!("Picture of {width} by {height} points");
    let image = egui::Image::new(&texture).max_size(ui.available_size()).shrink_to_fit().alt_text(name);
    ui.add(image);
}

fn changes(ui: &mut Ui, message: &MessageDetail) {
    let Some(diff) = &message.diff else {
        muted(ui, "No earlier message on this topic");
        return;
    };
    if diff.iter().all(|line| line.change == Change::Same) {
        muted(ui, "Nothing changed since the message before it");
    }
    let rows = Rows { name: "Changes", role: Role::ListBox, total: diff.len(), height: LINE, place: None };
    rows.show(ui, |ui, at, rect| {
        let Some(line) = diff.get(at) else { return };
        let palette = palette(ui);
        let (sign, colour) = match line.change {
            Change::Same => (" ", palette.muted),
            Change::Added => ("+", palette.ok),
            Change::Removed => ("−", palette.danger),
        };
        if line.change != Change::Same {
            ui.painter().rect_filled(rect, 2.0, crate::ui::theme::tint(ui, colour));
        }
        let text = format!("{sign} {}", visible(&line.text.replace('\t', "    "), 2000));
        cell(ui, rect.shrink2(vec2(6.0, 0.0)), &text, mono(), colour, Align2::LEFT_CENTER);
        let response = ui.interact(rect, ui.scope_id().with(("change", at)), egui::Sense::hover());
        let is_enabled = ui.is_enabled();
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Label, is_enabled, &text));
    });
}

fn all_facts(ui: &mut Ui, detail: &mut Detail, message: &MessageDetail, pass: &mut Pass<'_>) {
    ScrollArea::vertical().id_salt("facts").auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        let time = pass.date_and_time(message.row.unix_micros);
        let mut pairs: Vec<(&str, String)> = vec![("Arrived", time), ("Message", count(message.row.id.0))];
        let told = message.notes.iter().chain(&message.decoded.notes);
        pairs.extend(told.map(|(name, value)| (name.as_str(), visible(value, 400))));
        facts(ui, "message facts", &pairs);
        properties(ui, message);
        fold(ui, "rules", "Always read these topics so", |ui| rules(ui, detail, message, pass));
    });
}

fn properties(ui: &mut Ui, message: &MessageDetail) {
    let Some(properties) = &message.properties else { return };
    let text = |text: &Option<String>| text.as_deref().map(|text| visible(text, 400)).unwrap_or_default();
    let number = |number: Option<u32>| number.map(|number| format!("{number} s")).unwrap_or_default();
    let mut pairs = vec![
        ("Content type", text(&properties.content_type)),
        ("Payload", if properties.is_text { "UTF-8, says the sender".into() } else { String::new() }),
        ("Response topic", text(&properties.response_topic)),
        ("Correlation data", visible_octets(&properties.correlation_data, 400)),
        ("Expires after", number(properties.expiry_secs)),
    ];
    let own: Vec<(String, String)> =
        properties.user.iter().map(|(name, value)| (visible(name, 100), visible(value, 400))).collect();
    pairs.extend(own.iter().map(|(name, value)| (name.as_str(), value.clone())));
    muted(ui, "Properties of MQTT 5");
    facts(ui, "properties", &pairs);
}

fn rules(ui: &mut Ui, detail: &mut Detail, message: &MessageDetail, pass: &mut Pass<'_>) {
    let kind = detail.decoder().unwrap_or(message.decoded.kind);
    muted(ui, &format!("A rule for topics that fit the filter: read as {}", kind_label(kind)));
    field(ui, "Topics", &mut detail.rule_filter, &message.row.topic);
    if kind == DecoderKind::Protobuf {
        let (_, is_browsing) = path_field(ui, "Schema", &mut detail.schema_path, "/home/me/telemetry.proto");
        if is_browsing {
            pass.browse = Some(PathField::Schema);
        }
        ui.horizontal(|ui| {
            let is_typed = !detail.schema_path.trim().is_empty();
            if Button::new("Load").named("Load the schema").enabled_if(is_typed, "Type a path first").pressed(ui) {
                pass.did(TelemetryAction::Detail(DetailAction::LoadedSchemas));
            }
            muted(
                ui,
                &match detail.types().len() {
                    0 => "No schema loaded yet".to_owned(),
                    count => format!("{count} message types"),
                },
            );
        });
        if let Some(problem) = detail.schema_problem() {
            problem_card(ui, problem);
        }
        message_type(ui, detail);
    }
    if let Some(problem) = detail.rule_problem() {
        problem_card(ui, problem);
    }
    ui.horizontal(|ui| {
        if detail.rule_filter.is_empty() && Button::new("This topic").named("Fill in this topic").pressed(ui) {
            detail.rule_filter = message.row.topic.to_string();
        }
        let is_typed = !detail.rule_filter.trim().is_empty();
        let add = Button::new("Always read so").icon(icon::ADD).enabled_if(is_typed, "Type a filter first");
        if add.pressed(ui) {
            pass.did(TelemetryAction::Detail(DetailAction::AlwaysRead));
        }
    });
    for (place, rule) in detail.rules().iter().enumerate() {
        ui.horizontal(|ui| {
            let name = format!("Drop the rule for {}", rule.filter);
            if Button::icon_only(icon::REMOVE, &name).pressed(ui) {
                pass.did(TelemetryAction::Detail(DetailAction::DroppedRule(place)));
            }
            truncated(ui, RichText::new(rule.filter.as_str()).font(mono()));
            muted(ui, kind_label(rule.kind));
            if let Some(name) = &rule.message_type {
                muted(ui, &visible(name, 80));
            }
        });
    }
}

fn message_type(ui: &mut Ui, detail: &mut Detail) {
    let types = detail.types().to_vec();
    labelled(ui, "Message type", |ui, id| {
        let edit = TextEdit::singleline(&mut detail.message_type).hint_text("site.Reading").font(mono());
        ui.add(edit.desired_width(200.0).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        if !types.is_empty() {
            let label = ui.label(RichText::new("or").small()).id;
            let combo = ComboBox::from_id_salt("message types").width(120.0).selected_text("Choose");
            let response = combo.show_ui(ui, |ui| {
                for name in types.iter().take(500) {
                    if ui.selectable_label(detail.message_type == *name, visible(name, 80)).clicked() {
                        detail.message_type.clone_from(name);
                    }
                }
            });
            let _ = response.response.labelled_by(label);
        }
    });
}
