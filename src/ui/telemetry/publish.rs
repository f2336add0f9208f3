//! Publish: the message, what was sent and what became of it, templates, and the retained messages of the broker.

use egui::{Align, Color32, Layout, RichText, Role, ScrollArea, Sense, TextEdit, Ui, UiBuilder, WidgetInfo, vec2};

use super::parts::{bytes, inline_field, is_entered};
use crate::app::telemetry::Telemetry;
use crate::app::telemetry::publish::{
    Draft, DraftKind, END_WORDS, Publish, PublishAction, Retained, RetainedPhase, Sent, end_says, end_word,
};
use crate::model::mqtt::message::{PublishEnd, Qos};
use crate::model::mqtt::payload::PayloadKind;
use crate::model::problem::Explain as _;
use crate::model::settings::PublishTemplate;
use crate::model::wipe::LeftoverState;
use crate::model::word::Word as _;
use crate::msg::telemetry::{Clearance, ClearedTopic};
use crate::ui::icon;
use crate::ui::pass::{Pass, clock};
use crate::ui::theme::{GAP, GRID, ONE_COLUMN_BELOW, medium, palette};
use crate::ui::widgets::{
    Button, RowEnd, check, choice, count, counted, field, finding, fold, group, icon as glyph, labelled, muted, notice,
    pill, problem_card, row_ground, strong, truncated,
};

/// Height of a row of what was sent.
const SENT_ROW: f32 = 36.0;
/// Height of a row of the retained messages.
const RETAINED_ROW: f32 = 28.0;
const NOT_CONNECTED: &str = "Connect to a broker first";

/// Draws Publish.
pub(super) fn show(ui: &mut Ui, telemetry: &mut Telemetry, templates: &[PublishTemplate], pass: &mut Pass<'_>) {
    let is_connected = telemetry.is_connected();
    let publish = &mut telemetry.panes.publish;
    ScrollArea::vertical().id_salt("publish").auto_shrink(false).show(ui, |ui| {
        egui::Frame::new().inner_margin(egui::Margin { left: 2, right: 10, top: 2, bottom: 2 }).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = GAP;
            if ui.available_width() < ONE_COLUMN_BELOW {
                message(ui, publish, is_connected, pass);
                sent(ui, publish, pass);
                kept(ui, publish, templates, pass);
            } else {
                let width = ui.available_width() - GAP;
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = GAP;
                    column(ui, width * 0.58, |ui| message(ui, publish, is_connected, pass));
                    column(ui, width * 0.42, |ui| {
                        sent(ui, publish, pass);
                        kept(ui, publish, templates, pass);
                    });
                });
            }
            retained(ui, &mut publish.retained, is_connected, pass);
        });
    });
}

fn column(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    ui.vertical(|ui| {
        ui.set_width(width);
        add(ui);
    });
}

fn message(ui: &mut Ui, publish: &mut Publish, is_connected: bool, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        let draft = &mut publish.draft;
        field(ui, "Topic", &mut draft.topic, "site/boiler-1/command");
        labelled(ui, "Payload", |ui, _| {
            for kind in PayloadKind::ALL {
                let name = format!("Payload as {}", kind.label());
                if choice(ui, draft.kind.0 == *kind, kind.label(), &name) {
                    draft.kind = DraftKind(*kind);
                }
            }
        });
        let edit = TextEdit::multiline(&mut draft.payload).code_editor().desired_rows(4).desired_width(f32::INFINITY);
        let hint = match draft.kind.0 {
            PayloadKind::Json => "{\"valve\": \"open\"}",
            PayloadKind::Text => "open",
            PayloadKind::Hex => "01 ff 2a",
            PayloadKind::Base64 => "Af8q",
        };
        let response = ui.add(edit.hint_text(hint).margin(crate::ui::theme::FIELD_MARGIN));
        let is_enabled = ui.is_enabled();
        let text = draft.payload.clone();
        response.widget_info(|| WidgetInfo {
            label: Some("Payload text".into()),
            ..WidgetInfo::text_edit(is_enabled, &text, &text, "")
        });
        validity(ui, draft, pass);
        labelled(ui, "QoS", |ui, _| {
            let levels = [
                (Qos::AtMostOnce, "0", "at most once"),
                (Qos::AtLeastOnce, "1", "at least once"),
                (Qos::ExactlyOnce, "2", "exactly once"),
            ];
            for (qos, text, says) in levels {
                if choice(ui, draft.qos == qos, text, &format!("QoS {text}, {says}")) {
                    draft.qos = qos;
                }
            }
            ui.add_space(GRID);
            ui.checkbox(&mut draft.is_retained, "Retain").on_hover_text("The broker retains it for later subscribers");
        });
        let lacks = lacks(&publish.draft, is_connected);
        ui.horizontal_wrapped(|ui| {
            let send = Button::new("Publish").icon(icon::SEND).named("Publish the message");
            // Without a connection the button that goes on is the one that connects.
            let send = if is_connected { send.primary() } else { send };
            if send.enabled_if(lacks.is_none(), lacks.unwrap_or_default()).pressed(ui) {
                pass.did(PublishAction::Published);
            }
            if let Some(repeating) = publish.repeating() {
                let stop = Button::new("Stop repeating").icon(icon::STOP);
                if stop.pressed(ui) {
                    pass.did(PublishAction::Stopped(repeating.ticket));
                }
                muted(ui, &progress(repeating));
            } else if let Some(lacks) = lacks {
                muted(ui, lacks);
            }
        });
        // Below the button, so that it stays where it was pressed.
        if let Some(mistake) = publish.mistake() {
            finding(ui, mistake, true);
        }
        repetition(ui, publish);
        let draft = &mut publish.draft;
        let title = if draft.has_properties() { "MQTT 5 properties (some are set)" } else { "MQTT 5 properties" };
        fold(ui, "publish-properties", title, |ui| properties(ui, draft, pass));
    });
}

/// Why nothing can be published yet.
fn lacks(draft: &Draft, is_connected: bool) -> Option<&'static str> {
    match () {
        () if !is_connected => Some(NOT_CONNECTED),
        () if draft.topic.is_empty() => Some("Type a topic first"),
        () => None,
    }
}

/// Whether the payload is what it is said to be: a line that is always there, so that nothing jumps while one types.
fn validity(ui: &mut Ui, draft: &Draft, pass: &mut Pass<'_>) {
    let palette = palette(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        ui.spacing_mut().interact_size.y = 24.0;
        match draft.payload() {
            Ok(payload) => {
                // Nothing is valid or not.
                let (sign, colour) =
                    if payload.is_empty() { (icon::INFO, palette.muted) } else { (icon::JOINED, palette.ok) };
                glyph(ui, sign, colour);
                let what = match (payload.is_empty(), draft.kind.0) {
                    (true, _) if draft.is_retained => {
                        "Empty: the broker deletes the retained message of this topic".to_owned()
                    }
                    (true, _) => "Empty: a message without payload".to_owned(),
                    (false, PayloadKind::Text) => counted(payload.len() as u64, "byte", "bytes"),
                    (false, kind) => {
                        format!("Valid {}, {}", kind.label(), counted(payload.len() as u64, "byte", "bytes"))
                    }
                };
                muted(ui, &what);
                if draft.kind.0 == PayloadKind::Json && !payload.is_empty() {
                    RowEnd::new(ui, "tidy").show(ui, |ui| {
                        if Button::new("Tidy").quiet().named("Write the JSON on lines of its own").pressed(ui) {
                            pass.did(PublishAction::Tidied);
                        }
                    });
                }
            }
            Err(error) => {
                glyph(ui, icon::PROBLEM, palette.danger);
                let problem = error.explain();
                let text = RichText::new(format!("{}: {}", problem.what, problem.likely_cause)).small();
                truncated(ui, text.color(palette.danger)).on_hover_text(&problem.next_step);
            }
        }
    });
}

fn properties(ui: &mut Ui, draft: &mut Draft, pass: &mut Pass<'_>) {
    muted(ui, "Sent on connections of MQTT 5 only");
    check(ui, &mut draft.is_text, "The payload is UTF-8 text", "");
    field(ui, "Content type", &mut draft.content_type, "application/json");
    field(ui, "Response topic", &mut draft.response_topic, "site/boiler-1/answer");
    field(ui, "Correlation", &mut draft.correlation_hex, "Hex, such as 01 2a");
    field(ui, "Expires after", &mut draft.expiry_secs, "Seconds");
    let mut removed = None;
    for (index, (name, value)) in draft.user.iter_mut().enumerate() {
        ui.push_id(index, |ui| {
            ui.horizontal_wrapped(|ui| {
                inline_field(ui, &format!("Name {}", index + 1), name, "name", 110.0);
                inline_field(ui, &format!("Value {}", index + 1), value, "value", 110.0);
                if Button::icon_only(icon::CLOSE, &format!("Remove property {}", index + 1)).pressed(ui) {
                    removed = Some(index);
                }
            });
        });
    }
    if let Some(index) = removed {
        pass.did(PublishAction::RemovedProperty(index));
    }
    if Button::new("Add a user property").icon(icon::ADD).quiet().pressed(ui) {
        pass.did(PublishAction::AddedProperty);
    }
}

fn repetition(ui: &mut Ui, publish: &mut Publish) {
    ui.horizontal_wrapped(|ui| {
        let repeat = &mut publish.repeat;
        ui.checkbox(&mut repeat.is_on, "Repeat");
        ui.add_enabled_ui(repeat.is_on, |ui| {
            ui.horizontal(|ui| {
                inline_field(ui, "Every", &mut repeat.every_secs, "1", 52.0);
                muted(ui, "s");
                inline_field(ui, "Times", &mut repeat.times, "until stopped", 84.0);
            });
        });
    });
}

fn progress(sent: &Sent) -> String {
    match sent.repeat.and_then(|repeat| repeat.times) {
        Some(times) => format!("{} of {}", count(u64::from(sent.ended)), count(u64::from(times))),
        None => counted(u64::from(sent.ended), "time", "times"),
    }
}

fn sent(ui: &mut Ui, publish: &Publish, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        strong(ui, "What was sent");
        if publish.sent().next().is_none() {
            muted(
                ui,
                "Nothing yet. Every message you publish is listed here with what became of it, and is put on record",
            );
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().id_salt("sent").max_height(6.0 * SENT_ROW).auto_shrink([false, true]).show(ui, |ui| {
            for one in publish.sent() {
                ui.push_id(one.ticket, |ui| sent_row(ui, one, pass));
            }
        });
    });
}

fn sent_row(ui: &mut Ui, one: &Sent, pass: &mut Pass<'_>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), SENT_ROW), Sense::hover());
    let (colour, word) = outcome(ui, one);
    let ago = clock(pass.now.saturating_duration_since(one.at));
    let inner = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center)));
    let mut row = inner;
    row.spacing_mut().interact_size.y = 28.0;
    let again = format!("Take {} back into the form", one.draft.topic);
    if Button::icon_only(icon::REFRESH, &again).pressed(&mut row) {
        pass.did(PublishAction::TookAgain(one.ticket));
    }
    if one.repeat.is_some() && !one.is_over {
        let stop = format!("Stop repeating {}", one.draft.topic);
        if Button::icon_only(icon::STOP, &stop).pressed(&mut row) {
            pass.did(PublishAction::Stopped(one.ticket));
        }
    }
    pill(&mut row, colour, &word);
    truncated(&mut row, RichText::new(&one.draft.topic).font(medium()).color(palette(ui).strong));
    truncated(&mut row, RichText::new(&one.preview).monospace().small().color(palette(ui).muted));
    let mut hover = vec![format!("{ago} ago, {}, QoS {}", bytes(one.bytes as u64), one.draft.qos.number())];
    if one.draft.is_retained {
        hover.push("retained".into());
    }
    for (word, number) in END_WORDS.iter().zip(one.ends).filter(|(_, number)| *number > 0 && one.repeat.is_some()) {
        hover.push(format!("{word}: {}", count(u64::from(number))));
    }
    hover.extend(one.last.as_ref().map(end_says));
    response.on_hover_text(hover.join("\n"));
}

fn outcome(ui: &Ui, one: &Sent) -> (Color32, String) {
    let palette = palette(ui);
    let Some(last) = &one.last else { return (palette.link, "Under way".into()) };
    let colour = match last {
        PublishEnd::Sent => palette.muted,
        PublishEnd::Acknowledged => palette.ok,
        PublishEnd::NobodySubscribed | PublishEnd::Unknown => palette.warn,
        PublishEnd::Refused(_) | PublishEnd::NotSent(_) => palette.danger,
    };
    let word = end_word(last);
    if one.repeat.is_some() { (colour, format!("{word}, {}", progress(one))) } else { (colour, word.to_owned()) }
}

fn kept(ui: &mut Ui, publish: &mut Publish, templates: &[PublishTemplate], pass: &mut Pass<'_>) {
    group(ui, |ui| {
        strong(ui, "Templates");
        muted(ui, "Saved unencrypted in the settings: keep secrets out of templates");
        for (index, template) in templates.iter().enumerate() {
            ui.push_id(index, |ui| {
                ui.horizontal(|ui| {
                    let remove = format!("Remove template {}", template.name);
                    if Button::icon_only(icon::CLOSE, &remove).pressed(ui) {
                        pass.did(PublishAction::RemovedTemplate(index));
                    }
                    let take = format!("Take template {}", template.name);
                    if Button::new(&crate::model::text::visible(&template.name, 28)).quiet().named(&take).pressed(ui) {
                        pass.did(PublishAction::TookTemplate(index));
                    }
                    truncated(ui, RichText::new(&template.topic).small().color(palette(ui).muted));
                });
            });
        }
        ui.horizontal_wrapped(|ui| {
            let name = inline_field(ui, "Name", &mut publish.template_name, "Open the valve", 130.0);
            let is_named = !publish.template_name.trim().is_empty();
            let keep = Button::new("Save").icon(icon::SAVE).named("Save the message as a template");
            if keep.enabled_if(is_named, "Type a name first").pressed(ui) || (is_named && is_entered(ui, &name)) {
                pass.did(PublishAction::SavedTemplate);
            }
        });
    });
}

fn retained(ui: &mut Ui, retained: &mut Retained, is_connected: bool, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        strong(ui, "Retained messages");
        muted(ui, "Brokers retain the last message of a topic. Find those of a filter, choose some and clear them");
        ui.horizontal_wrapped(|ui| {
            let filter = inline_field(ui, "Filter", &mut retained.filter, "site/old-gateway/#", 220.0);
            let is_ready = is_connected && !retained.is_busy() && !retained.filter.trim().is_empty();
            let why = match () {
                () if !is_connected => NOT_CONNECTED,
                () if retained.is_busy() => "It's already searching or clearing",
                () => "Type a filter first",
            };
            let find = Button::new("Find").named("Find retained messages").enabled_if(is_ready, why);
            if find.pressed(ui) || (is_ready && is_entered(ui, &filter)) {
                pass.did(PublishAction::SearchedRetained);
            }
        });
        if let Some(mistake) = retained.mistake() {
            finding(ui, mistake, true);
        }
        match retained.phase().clone() {
            RetainedPhase::Idle => {}
            RetainedPhase::Searching => {
                let found = counted(retained.rows().len() as u64, "message", "messages");
                notice(ui, palette(ui).link, icon::RUNNING, &format!("Looking… {found} so far"));
            }
            RetainedPhase::Listed(problem) => {
                if let Some(problem) = &problem {
                    notice(ui, palette(ui).warn, icon::WARNING, "The list is incomplete");
                    problem_card(ui, problem);
                } else if retained.rows().is_empty() {
                    let text = "No retained messages for this filter, or no permission to read them";
                    notice(ui, palette(ui).muted, icon::INFO, text);
                }
                if !retained.rows().is_empty() {
                    found(ui, retained, is_connected, pass);
                }
            }
            RetainedPhase::Clearing(number) => {
                let text = format!("Clearing {}…", counted(number as u64, "message", "messages"));
                notice(ui, palette(ui).link, icon::RUNNING, &text);
            }
            RetainedPhase::Cleared(clearance) => cleared(ui, &clearance),
        }
    });
}

/// What became of messages that were to be cleared: only the look afterwards counts.
fn cleared(ui: &mut Ui, clearance: &Clearance) {
    let [gone, still_there, not_looked] = [LeftoverState::Cleared, LeftoverState::StillThere, LeftoverState::NotLooked]
        .map(|state| clearance.count(state));
    let left = [(still_there, "still there"), (not_looked, "not checked")].into_iter();
    let left = left.filter(|(number, _)| *number > 0);
    let left: Vec<String> = left.map(|(number, words)| format!(", {} {words}", count(number as u64))).collect();
    let text = format!("{} cleared{}", counted(gone as u64, "message", "messages"), left.concat());
    let (colour, sign) = match still_there + not_looked {
        0 => (palette(ui).ok, icon::JOINED),
        _ => (palette(ui).warn, icon::WARNING),
    };
    notice(ui, colour, sign, &text);
    let left = clearance.topics.iter().filter(|cleared| cleared.state != LeftoverState::Cleared);
    for ClearedTopic { topic, state, problem } in left.take(20) {
        let word = if *state == LeftoverState::StillThere { "Still there" } else { "Not looked at" };
        muted(ui, &format!("{word}: {topic}"));
        if let Some(problem) = problem {
            problem_card(ui, problem);
        }
    }
    if let Some(problem) = clearance.look.problem() {
        problem_card(ui, problem);
    }
}

fn found(ui: &mut Ui, retained: &Retained, is_connected: bool, pass: &mut Pass<'_>) {
    let (marked, marked_bytes) = retained.marked();
    ui.horizontal_wrapped(|ui| {
        let found = counted(retained.rows().len() as u64, "message", "messages");
        ui.label(format!("{found} found, {} of payload", bytes(retained.total_bytes())));
        if Button::new("Mark all").named("Mark all retained messages").pressed(ui) {
            pass.did(PublishAction::MarkedAllRetained(true));
        }
        if Button::new("Mark none").named("Mark no retained message").pressed(ui) {
            pass.did(PublishAction::MarkedAllRetained(false));
        }
        let text = if marked == 0 { "Clear…".to_owned() } else { format!("Clear {}…", count(marked as u64)) };
        let why = if is_connected { "Mark what is to be cleared first" } else { NOT_CONNECTED };
        let clear = Button::new(&text).icon(icon::REMOVE).danger().named("Clear the marked messages");
        if clear.enabled_if(marked > 0 && is_connected, why).pressed(ui) {
            pass.did(PublishAction::AskedToClear);
        }
        if marked > 0 {
            muted(ui, &format!("{} marked, {}", count(marked as u64), bytes(marked_bytes)));
        }
    });
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = ScrollArea::vertical().id_salt("retained").max_height(8.0 * RETAINED_ROW).auto_shrink([false, true]);
    area.show_rows(ui, RETAINED_ROW, retained.rows().len(), |ui, range| {
        for index in range {
            let Some(row) = retained.rows().get(index) else { continue };
            let is_marked = retained.is_marked(index);
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), RETAINED_ROW), Sense::click());
            let name = format!("{}, {}", row.shown, bytes(row.bytes));
            let is_enabled = ui.is_enabled();
            response.widget_info(|| WidgetInfo::selected(Role::CheckBox, is_enabled, is_marked, &name));
            row_ground(ui, rect, &response, false);
            if response.clicked() {
                pass.did(PublishAction::ToggledRetained(index));
            }
            let layout = Layout::left_to_right(Align::Center);
            let mut inner = ui.new_child(UiBuilder::new().max_rect(rect.shrink2(vec2(8.0, 0.0))).layout(layout));
            let (sign, colour) =
                if is_marked { (icon::JOINED, palette(ui).link) } else { (icon::PENDING, palette(ui).muted) };
            glyph(&mut inner, sign, colour);
            inner.scope(|ui| {
                ui.set_width(70.0);
                muted(ui, &bytes(row.bytes));
            });
            truncated(&mut inner, RichText::new(&row.shown).monospace().small().color(palette(ui).text));
        }
    });
}
