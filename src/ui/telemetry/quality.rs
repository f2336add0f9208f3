//! Quality: a table of topics, those with the most findings first, and the findings of one in words.

use egui::{Align, Layout, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use super::parts::{inline_field, number, span};
use crate::app::telemetry::insight::{Insight, InsightAction};
use crate::telemetry::view::QualityRow;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, palette};
use crate::ui::widgets::{
    boxed, count, counted, empty_state, finding, group, icon as glyph, muted, row_ground, strong, truncated,
};

/// Height of a row.
const ROW: f32 = 30.0;
/// Rows asked for beyond those in sight, so that scrolling shows no gap.
const BEYOND: usize = 20;
/// The columns behind the topic: title, width, and the least width of the table that shows it.
const COLUMNS: [(&str, f32, f32); 7] = [
    ("Messages", 78.0, 0.0),
    ("Usually every", 92.0, 0.0),
    ("Jitter", 66.0, 760.0),
    ("Gaps", 56.0, 0.0),
    ("Missing", 62.0, 820.0),
    ("Back", 52.0, 880.0),
    ("Clock", 76.0, 680.0),
];

/// The field that says which topics.
pub(super) fn filter(ui: &mut Ui, insight: &mut Insight, pass: &mut Pass<'_>) {
    if inline_field(ui, "Topics", &mut insight.filter, "site/# (all)", 220.0).changed() {
        pass.did(InsightAction::Filtered);
    }
    if let Some(page) = insight.quality_page() {
        muted(ui, &counted(page.total as u64, "topic", "topics"));
    }
}

/// Draws the table.
pub(super) fn show(ui: &mut Ui, insight: &Insight, pass: &mut Pass<'_>) {
    if let Some(mistake) = insight.mistake() {
        finding(ui, mistake, true);
    }
    let Some(page) = insight.quality_page().filter(|page| page.total > 0) else {
        group(ui, |ui| {
            empty_state(ui, icon::WAVE, "No topic to judge yet", |ui| {
                muted(
                    ui,
                    "Gaps, jitter, missing numbers, clocks that are off and values that are stuck are found from the messages",
                );
            });
        });
        return;
    };
    let opened = insight.opened().and_then(|topic| page.rows.iter().find(|row| row.topic == topic));
    let below = if opened.is_some() { 150.0 } else { 0.0 };
    let height = (ui.available_height() - below - 58.0).max(4.0 * ROW);
    boxed(ui).inner_margin(6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 0.0;
        head(ui);
        let area = ScrollArea::vertical().id_salt("quality").max_height(height).auto_shrink([false, false]);
        area.show_rows(ui, ROW, page.total, |ui, range| {
            let wanted = (range.start.saturating_sub(BEYOND), range.len() + 2 * BEYOND);
            let has = |row: usize| row >= page.first && row < page.first + page.rows.len();
            if !has(range.start) || !has(range.end.saturating_sub(1).min(page.total - 1)) {
                pass.did(InsightAction::Scrolled { first: wanted.0, count: wanted.1 });
            }
            for row in range {
                match row.checked_sub(page.first).and_then(|at| page.rows.get(at)) {
                    Some(row) => line(ui, row, insight.opened() == Some(row.topic), pass),
                    None => drop(ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover())),
                }
            }
        });
    });
    if let Some(row) = opened {
        findings(ui, row);
    }
}

/// The columns that fit into the width.
fn columns(width: f32) -> impl Iterator<Item = (usize, &'static str, f32)> {
    let fitting = COLUMNS.iter().enumerate().filter(move |(_, (_, _, least))| width >= *least);
    fitting.map(|(at, (title, width, _))| (at, *title, *width))
}

/// Width of the topic: what the columns and the finding leave.
fn topic_width(width: f32) -> f32 {
    let taken: f32 = columns(width).map(|(_, _, width)| width + GRID).sum();
    ((width - taken) * 0.5).max(110.0)
}

fn head(ui: &mut Ui) {
    let width = ui.available_width();
    ui.horizontal(|ui| {
        ui.add_space(8.0);
        cell(ui, topic_width(width) - 8.0, |ui| drop(muted(ui, "Topic")));
        for (_, title, width) in columns(width) {
            cell(ui, width, |ui| drop(muted(ui, title)));
        }
        muted(ui, "Finding");
    });
}

fn cell(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, 22.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(width);
        add(ui);
    });
}

fn line(ui: &mut Ui, row: &QualityRow, is_open: bool, pass: &mut Pass<'_>) {
    let width = ui.available_width();
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::click());
    let finding = row.findings.first().map_or("nothing found", String::as_str);
    let name = format!("{}, {}, {finding}", row.name, counted(row.messages, "message", "messages"));
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, is_enabled, is_open, &name));
    row_ground(ui, rect, &response, false);
    if response.clicked() {
        pass.did(InsightAction::Opened(row.topic));
    }
    let layout = Layout::left_to_right(Align::Center);
    let mut child = ui.new_child(UiBuilder::new().max_rect(rect.shrink2(vec2(8.0, 0.0))).layout(layout));
    child.set_clip_rect(child.clip_rect().intersect(rect));
    cell(&mut child, topic_width(width) - 8.0, |ui| {
        truncated(ui, RichText::new(&*row.name).monospace().small().color(palette(ui).strong));
    });
    for (at, _, width) in columns(width) {
        let (text, is_odd) = value(row, at);
        cell(&mut child, width, |ui| {
            let colour = if is_odd { palette(ui).warn } else { palette(ui).text };
            truncated(ui, RichText::new(text).small().color(colour));
        });
    }
    let colour = if row.findings.is_empty() { palette(ui).muted } else { palette(ui).warn };
    let more = row.findings.len().saturating_sub(1);
    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
    truncated(&mut child, RichText::new(format!("{finding}{more}")).small().color(colour));
}

/// What stands in a column, and whether it is worth a look.
fn value(row: &QualityRow, column: usize) -> (String, bool) {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let odd = |number: u64| (count(number), number > 0);
    match column {
        0 => (count(row.messages), false),
        1 => (or_dash(row.usual.map(span)), false),
        2 => (or_dash(row.jitter.map(span)), false),
        3 => odd(row.gaps),
        4 => odd(row.sequence_missing),
        5 => odd(row.sequence_back),
        _ => {
            let is_off = row.clock_offset_secs.is_some_and(|secs| secs.abs() > 5.0);
            (or_dash(row.clock_offset_secs.map(offset)), is_off)
        }
    }
}

/// How far a clock is off, with its sign.
fn offset(secs: f64) -> String {
    let size = std::time::Duration::try_from_secs_f64(secs.abs()).map_or_else(|_| "far off".into(), span);
    if secs.abs() < 0.001 { "exact".into() } else { format!("{}{size}", if secs < 0.0 { "−" } else { "+" }) }
}

fn findings(ui: &mut Ui, row: &QualityRow) {
    ui.add_space(GRID);
    group(ui, |ui| {
        strong(ui, &row.name);
        ScrollArea::vertical().id_salt("findings").max_height(90.0).auto_shrink([false, true]).show(ui, |ui| {
            if row.findings.is_empty() {
                muted(ui, "Nothing about this topic is worth a look");
            }
            for finding in &row.findings {
                ui.horizontal_top(|ui| {
                    glyph(ui, icon::WARNING, palette(ui).warn);
                    ui.label(finding);
                });
            }
            let mut facts = Vec::new();
            facts.extend(row.longest_gap.map(|gap| format!("Longest gap {}", span(gap))));
            facts.extend(
                row.stuck.map(|(since, times)| format!("The same payload {} times in {}", count(times), span(since))),
            );
            let jump = row.unit_jump.as_ref();
            facts.extend(
                jump.map(|(path, before, after)| format!("{path} went from {} to {}", number(*before), number(*after))),
            );
            if !facts.is_empty() {
                muted(ui, &facts.join(" · "));
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_says_which_way() {
        for (secs, text) in [(0.0, "exact"), (7.0, "+7.0 s"), (-240.0, "−4 min"), (f64::MAX, "+far off")] {
            assert_eq!(offset(secs), text);
        }
    }
}
