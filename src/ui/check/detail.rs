//! An opened row: how it stands in sentences, what was seen step by step, and the request to the admin.

use egui::{Label, RichText, ScrollArea, Sense, Ui, vec2};

use super::rows::{look, strip};
use crate::app::Action;
use crate::app::check::detail::{Detail, Moment, Request};
use crate::app::check::run::{Run, Standing};
use crate::app::check::words::{self, ui as w};
use crate::app::check::{Again, CheckAction};
use crate::check::explain::Text;
use crate::check::verdict::RowState;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, control_radius, palette, small_mono, tint};
use crate::ui::widgets::{Button, copyable, fold, icon as show_icon, muted, strong, truncated};

/// Draws it.
pub(super) fn show(ui: &mut Ui, run: &Run, detail: &Detail, pass: &mut Pass<'_>) {
    head(ui, run, detail, pass);
    ScrollArea::vertical().id_salt(("row", detail.row.as_str())).auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        ui.spacing_mut().interact_size.y = 20.0;
        if let Some(text) = &detail.text {
            verdict(ui, run, detail, text);
            explanation(ui, text);
        }
        timeline(ui, detail, pass);
        if let Some(request) = &detail.request {
            ask(ui, request, pass);
        }
        rounds(ui, run, detail, pass);
    });
}

fn head(ui: &mut Ui, run: &Run, detail: &Detail, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        strong(ui, detail.row.as_str());
        truncated(ui, RichText::new(&detail.subject).color(palette(ui).muted)).on_hover_text(&detail.subject);
    });
    ui.horizontal_wrapped(|ui| {
        let why = run.why_not_again();
        let again = Button::new(w::AGAIN_ROW).icon(icon::REFRESH);
        if again.enabled_if(why.is_none(), why.unwrap_or_default()).pressed(ui) {
            pass.did(CheckAction::Again(Again::Row(detail.row.clone())));
        }
        let copy = Button::new(w::COPY_REQUEST).icon(icon::COPY).named("Copy the request to the firewall admin");
        if let Some(request) = &detail.request
            && copy.pressed(ui)
        {
            ui.ctx().copy_text(request.text());
            pass.did(Action::Copied("Request"));
        }
        if Button::icon_only(icon::CLOSE, "Close the row").pressed(ui) {
            pass.did(CheckAction::Deselected);
        }
    });
}

fn verdict(ui: &mut Ui, run: &Run, detail: &Detail, text: &Text) {
    let standing = run.place(&detail.row).map_or(Standing::Looking, |place| run.standing(place));
    let look = look(ui, standing);
    let is_tinted = matches!(standing, Standing::Judged(RowState::Fail | RowState::PassWithNote));
    let fill = if is_tinted { tint(ui, look.sign) } else { palette(ui).raised };
    egui::Frame::new().fill(fill).corner_radius(control_radius()).inner_margin(10).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            show_icon(ui, look.glyph, look.sign);
            ui.vertical(|ui| {
                strong(ui, &format!("{}: {}", text.state, text.title));
                ui.label(&text.what);
            });
        });
    });
}

fn explanation(ui: &mut Ui, text: &Text) {
    list(ui, w::CAUSES, &text.causes);
    list(ui, w::RULED_OUT, &text.ruled_out);
    list(ui, w::NOTES, &text.notes);
    if !text.next.is_empty() {
        strong(ui, w::NEXT);
        ui.label(&text.next);
    }
}

fn list(ui: &mut Ui, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    strong(ui, title);
    for line in lines {
        ui.add(Label::new(format!("• {line}")).wrap());
    }
}

fn timeline(ui: &mut Ui, detail: &Detail, pass: &Pass<'_>) {
    strong(ui, w::TIMELINE);
    if detail.moments.is_empty() {
        muted(ui, w::NO_TIMELINE);
    }
    for moment in &detail.moments {
        moment_line(ui, moment, pass);
    }
    if detail.more > 0 {
        muted(ui, &words::more_moments(detail.more));
    }
}

fn moment_line(ui: &mut Ui, moment: &Moment, pass: &Pass<'_>) {
    ui.horizontal_top(|ui| {
        let colour = if moment.is_deciding { palette(ui).link } else { palette(ui).muted };
        show_icon(ui, if moment.is_deciding { icon::RIGHT } else { icon::PENDING }, colour);
        let time = RichText::new(pass.time_of_day(moment.at_unix_micros)).font(small_mono()).color(palette(ui).muted);
        ui.label(time).on_hover_text(words::utc(moment.at_unix_micros));
        ui.vertical(|ui| {
            ui.add(Label::new(&moment.what).selectable(true).wrap());
            let took = if moment.took_micros > 0 { words::millis(moment.took_micros) } else { String::new() };
            let way = words::way(&moment.from, &moment.to);
            let below: Vec<&str> = [way.as_str(), &took].into_iter().filter(|part| !part.is_empty()).collect();
            if !below.is_empty() {
                muted(ui, &below.join(" · "));
            }
        });
    });
}

fn ask(ui: &mut Ui, request: &Request, pass: &mut Pass<'_>) {
    ui.add_space(GRID / 2.0);
    strong(ui, w::REQUEST);
    for (place, sentence) in request.sentences.iter().enumerate() {
        ui.push_id(("sentence", place), |ui| {
            ui.horizontal_top(|ui| {
                if Button::icon_only(icon::COPY, &words::copy_sentence(place)).pressed(ui) {
                    ui.ctx().copy_text(sentence.clone());
                    pass.did(Action::Copied("Sentence"));
                }
                ui.vertical(|ui| ui.add(Label::new(sentence).selectable(true).wrap()));
            });
        });
    }
    if !request.log_lines.is_empty() {
        fold(ui, "log lines", w::LOG_LINES, |ui| {
            for line in &request.log_lines {
                copyable(ui, line);
            }
        });
    }
    if !request.commands.is_empty() {
        fold(ui, "reproduce", w::COMMANDS, |ui| {
            for shown in &request.commands {
                muted(ui, shown.system);
                copyable(ui, &shown.command);
                muted(ui, &words::good_answer(&shown.good));
            }
        });
    }
}

fn rounds(ui: &mut Ui, run: &Run, detail: &Detail, pass: &Pass<'_>) {
    let Some(live) = run.place(&detail.row).and_then(|place| run.row(place)) else { return };
    if live.history.len() < 2 {
        return;
    }
    strong(ui, w::ROUNDS);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width().min(360.0), 20.0), Sense::hover());
    strip(ui, rect, live.history.iter());
    let text = match (live.changed_unix_micros, &detail.text) {
        (Some(changed), Some(text)) => words::since(text.state, &pass.short_time(changed)),
        _ => words::unchanged(live.history.len()),
    };
    muted(ui, &text);
}
