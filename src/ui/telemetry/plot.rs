//! Plot: the series, the curves over local time, what each came to, and the export of picture and points.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{
    Align, Color32, ColorImage, Id, Layout, Rect, RichText, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, vec2,
};
use egui_plot::{AxisHints, GridInput, GridMark, HPlacement, Line, LineStyle, PlotPoints, Points, uniform_grid_spacer};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::parts::{inline_field, is_entered, number, times};
use crate::app::telemetry::plot::{Curve, Layout as Sharing, Picture, Plot, PlotAction, View};
use crate::telemetry::view::{Series, Statistics};
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{GRID, control_radius, curve, palette};
use crate::ui::widgets::{Button, choice, counted, empty_state, finding, group, muted, segments, truncated};

/// Least height of the curves.
const LEAST_HEIGHT: f32 = 180.0;
/// Least height of a chart that is one of several.
const LEAST_CHART: f32 = 60.0;
/// Room for the hint beside the buttons; without it the hint would take a row from the curves.
const HINT_WIDTH: f32 = 250.0;
/// Height of the times below a chart.
const AXIS: f32 = 20.0;
/// Height of a row of the legend.
const LEGEND_ROW: f32 = 32.0;
/// How long the window may take to hand out a picture.
const PICTURE_WITHIN: Duration = Duration::from_secs(5);
/// What is in sight, by choice: seconds and words.
const VIEWS: [(View, &str); 5] = [
    (View::Everything, "Everything"),
    (View::Last(60.0), "1 min"),
    (View::Last(600.0), "10 min"),
    (View::Last(3600.0), "1 h"),
    (View::Last(86_400.0), "1 day"),
];

/// Draws Plot.
pub(super) fn show(ui: &mut Ui, plot: &mut Plot, pass: &mut Pass<'_>) {
    ScrollArea::vertical().id_salt("plot").auto_shrink(false).show(ui, |ui| {
        let bottom = ui.max_rect().bottom();
        form(ui, plot, pass);
        if plot.series().is_empty() {
            return nothing(ui);
        }
        toolbar(ui, plot, pass);
        let top = ui.cursor().top();
        let rows = plot.curves().count() + plot.waiting().count();
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let legend_height = LEGEND_ROW * rows.min(5) as f32 + GRID;
        let height = (bottom - top - legend_height - 3.0 * GRID - 28.0).max(LEAST_HEIGHT);
        curves(ui, plot, height, pass);
        legend(ui, plot, pass);
        let drawn = Rect::from_min_max(
            egui::pos2(ui.min_rect().left(), top),
            egui::pos2(ui.max_rect().right(), ui.cursor().top()),
        );
        picture(ui, plot, drawn, pass);
        export(ui, plot, pass);
    });
}

fn form(ui: &mut Ui, plot: &mut Plot, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        // In a narrow window both are narrower, so that neither is parted from its name.
        let room = ui.available_width();
        let topic = inline_field(ui, "Topic", &mut plot.filter, "site/+/climate", (0.36 * room).min(210.0));
        let field = inline_field(ui, "Field", &mut plot.path, "temperature", (0.25 * room).min(150.0));
        let is_typed = !plot.filter.trim().is_empty();
        let add = Button::new("Add").icon(icon::ADD).named("Add the series");
        let is_added = add.enabled_if(is_typed, "Type a topic or a filter first").pressed(ui);
        if is_added || (is_typed && (is_entered(ui, &topic) || is_entered(ui, &field))) {
            pass.did(PlotAction::Typed);
        }
        fields(ui, plot, pass);
    });
    if let Some(mistake) = plot.mistake() {
        finding(ui, mistake, true);
    }
}

/// Numeric fields of a payload that was looked at, to be taken with a click.
fn fields(ui: &mut Ui, plot: &Plot, pass: &mut Pass<'_>) {
    let Some((topic, fields)) = plot.offered() else { return };
    let title = RichText::new("Numeric fields");
    let response = ui.menu_button(title, |ui| {
        muted(ui, &format!("Numbers in the newest payload looked at on {topic}"));
        ScrollArea::vertical().max_height(280.0).show(ui, |ui| {
            for path in fields {
                let text = if path.is_empty() { "the payload itself" } else { path.as_str() };
                if ui.button(text).clicked() {
                    pass.did(PlotAction::TookField(topic.clone(), path.clone()));
                    ui.close();
                }
            }
        });
    });
    response.response.on_hover_text(format!("Numbers in the newest payload looked at on {topic}"));
}

fn nothing(ui: &mut Ui) {
    group(ui, |ui| {
        empty_state(ui, icon::CHART, "Nothing is plotted yet", |ui| {
            muted(ui, "Open a message under Messages and press the chart beside a number in it");
            muted(ui, "Or type a topic, with + and # for several, and the field that holds the number");
        });
    });
}

fn toolbar(ui: &mut Ui, plot: &Plot, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        for (view, text) in VIEWS {
            if choice(ui, plot.view() == view, text, &format!("Show {text}")) {
                pass.did(PlotAction::Viewed(view));
            }
        }
        ui.add_space(GRID);
        let moves = [
            (Button::icon_only(icon::BACKWARD, "Go back in time"), PlotAction::Stepped(-0.5)),
            (Button::icon_only(icon::FASTER, "Go on in time"), PlotAction::Stepped(0.5)),
            (Button::new("+").named("Zoom in"), PlotAction::Zoomed(0.5)),
            (Button::new("−").named("Zoom out"), PlotAction::Zoomed(2.0)),
        ];
        for (button, action) in moves {
            if button.pressed(ui) {
                pass.did(action);
            }
        }
        let layouts = [
            (Sharing::One, "", "One axis", "All curves by one axis"),
            (Sharing::TwoAxes, "", "Two axes", "A second axis at the right"),
            (Sharing::Each, "", "Each", "A chart for each curve"),
        ];
        if let Some(layout) = segments(ui, plot.layout(), &layouts, false) {
            pass.did(PlotAction::LaidOut(layout));
        }
        if plot.view().is_following() {
            if ui.available_size_before_wrap().x > HINT_WIDTH {
                muted(ui, "Follows the newest. Drag to look around");
            }
        } else if Button::new("Follow the newest").icon(icon::TO_END).pressed(ui) {
            pass.did(PlotAction::Viewed(followed(plot)));
        }
    });
}

/// The view that follows and is as wide as what is in sight.
fn followed(plot: &Plot) -> View {
    plot.range().map_or(View::Everything, |(from, to)| View::Last((to - from).max(1.0)))
}

fn curves(ui: &mut Ui, plot: &Plot, height: f32, pass: &mut Pass<'_>) {
    let width = ui.available_width();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a window is a few thousand points wide"
    )]
    let columns = (width / 50.0).floor().clamp(2.0, 80.0) as usize * 50;
    if let Some(spec) = plot.spec()
        && plot.view() == View::Everything
        && spec.columns != columns
    {
        pass.did(PlotAction::Resized(columns));
    }
    let range = plot.range();
    if range.is_none() {
        return no_numbers(ui, vec2(width, height));
    }
    let Some(range) = range else { return };
    let drawn: Vec<Drawn> = plot
        .curves()
        .filter(|(_, curve, _)| !curve.is_hidden)
        .filter_map(|(place, known, series)| {
            Some(Drawn { place, known: known.clone(), series: series?.clone(), colour: curve(ui, place) })
        })
        .collect();
    if plot.layout() != Sharing::Each || drawn.len() < 2 {
        let right = (plot.layout() == Sharing::TwoAxes).then_some(());
        return chart(
            ui,
            plot,
            &drawn,
            &Room { height, is_last: true, has_right: right.is_some(), salt: 0 },
            range,
            pass,
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "a few charts")]
    let each = ((height - AXIS) / drawn.len() as f32).max(LEAST_CHART);
    for (salt, one) in drawn.chunks(1).enumerate() {
        let is_last = salt + 1 == drawn.len();
        let height = if is_last { each + AXIS } else { each };
        chart(ui, plot, one, &Room { height, is_last, has_right: false, salt }, range, pass);
    }
}

/// A curve that is drawn.
struct Drawn {
    place: usize,
    known: Curve,
    series: Series,
    colour: (Color32, usize),
}

/// The room of a chart.
struct Room {
    height: f32,
    /// Whether the times stand below it.
    is_last: bool,
    has_right: bool,
    salt: usize,
}

/// Draws one chart, with the values of its curves under the pointer.
fn chart(ui: &mut Ui, plot: &Plot, drawn: &[Drawn], room: &Room, range: (f64, f64), pass: &mut Pass<'_>) {
    let zone = pass.zone.clone();
    let of_axis = |is_right: bool| drawn.iter().filter(move |one| !room.has_right || one.known.is_right == is_right);
    let left = heights(of_axis(false).map(|one| &one.series), range);
    let right = heights(of_axis(true).map(|one| &one.series), range);
    // Curves of the right axis are drawn by the left one; its figures are moved back.
    let to_left = move |value: f64| left.0 + (value - right.0) / (right.1 - right.0) * (left.1 - left.0);
    let to_right = move |value: f64| right.0 + (value - left.0) / (left.1 - left.0) * (right.1 - right.0);
    let mut axes = vec![AxisHints::new_y().formatter(|mark, _| number(mark.value)).min_thickness(48.0)];
    if room.has_right {
        let hints = AxisHints::new_y().placement(HPlacement::Right).min_thickness(48.0);
        axes.push(hints.formatter(move |mark, _| number(to_right(mark.value))));
    }
    let drawing = egui_plot::Plot::new(("curves", room.salt))
        .height(room.height)
        .width(ui.available_width())
        .show_background(true)
        .grid_color(palette(ui).line)
        .allow_drag([true, false])
        .allow_zoom([true, false])
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .allow_axis_zoom_drag(false)
        .show_axes([room.is_last, true])
        .x_grid_spacer(uniform_grid_spacer(time_steps))
        .y_grid_spacer(uniform_grid_spacer(number_steps))
        .x_axis_formatter(move |mark, _| axis_time(mark, &zone))
        .custom_y_axes(axes)
        .show_crosshair(false)
        .label_formatter(|_| None);
    let response = drawing.show(ui, |plot_ui| {
        plot_ui.set_plot_bounds_x(range.0..=range.1);
        plot_ui.set_plot_bounds_y(left.0..=left.1);
        for one in drawn {
            if room.has_right && one.known.is_right {
                let runs = one.series.runs.iter().map(|run| run.iter().map(|[at, y]| [*at, to_left(*y)]).collect());
                let series = Series { runs: runs.collect(), ..one.series.clone() };
                draw(plot_ui, one.place, &one.known.name(), &series, one.colour.0, one.colour.1);
            } else {
                draw(plot_ui, one.place, &one.known.name(), &one.series, one.colour.0, one.colour.1);
            }
        }
    });
    under_pointer(ui, plot, &response, pass);
    let is_enabled = ui.is_enabled();
    let name = if room.salt == 0 { spoken(plot, pass.zone) } else { format!("Chart {}", room.salt + 1) };
    response.response.widget_info(|| WidgetInfo::labeled(Role::Image, is_enabled, &name));
    if response.response.double_clicked() {
        return pass.did(PlotAction::Viewed(followed(plot)));
    }
    let seen = response.transform.bounds().range_x();
    let by = (range.1 - range.0) * 1e-6;
    if (seen.start() - range.0).abs() > by || (seen.end() - range.1).abs() > by {
        pass.did(PlotAction::Moved(*seen.start(), *seen.end()));
    }
}

/// A line at the time under the pointer, in every chart, and the values of all curves there.
fn under_pointer(ui: &Ui, plot: &Plot, response: &egui_plot::PlotResponse<()>, pass: &Pass<'_>) {
    let id = Id::unique("time under the pointer");
    let rect = response.response.rect;
    // Before the data is locked: the input stands behind the same lock.
    let now = ui.input(|input| input.time);
    let here = response.response.hover_pos().filter(|_| !response.response.dragged());
    if let Some(at) = here {
        let time = response.transform.value_from_position(at).x;
        ui.data_mut(|data| data.insert_temp(id, (now, time)));
    }
    let time =
        ui.data(|data| data.get_temp::<(f64, f64)>(id)).filter(|(seen, _)| now - seen < 0.1).map(|(_, time)| time);
    let Some(time) = time else { return };
    let left = response.transform.position_from_point(&egui_plot::PlotPoint::new(time, 0.0)).x;
    ui.painter().vline(left, rect.y_range(), Stroke::new(1.0, palette(ui).muted));
    if here.is_none() {
        return;
    }
    let values = plot.values_at(time);
    let (shown, utc) = local(time, pass.zone);
    response.response.clone().on_hover_ui_at_pointer(|ui| {
        muted(ui, &shown).on_hover_text(&utc);
        for (place, value) in values {
            let Some((_, known, _)) = plot.curves().find(|(at, ..)| *at == place) else { continue };
            ui.horizontal(|ui| {
                swatch(ui, place, false);
                let value = value.map_or_else(|| "\u{2013}".to_owned(), number);
                ui.label(RichText::new(value).monospace().color(palette(ui).strong));
                muted(ui, &known.name());
            });
        }
    });
}

/// What stands where the curves will be. As high as they, so that nothing jumps when they come.
fn no_numbers(ui: &mut Ui, size: egui::Vec2) {
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let palette = palette(ui);
    ui.painter().rect_filled(rect, control_radius(), palette.input);
    let room = ui.new_child(
        egui::UiBuilder::new().max_rect(rect).layout(Layout::centered_and_justified(egui::Direction::TopDown)),
    );
    let mut room = room;
    muted(&mut room, "No numbers yet. They appear here as messages come in");
}

fn draw(plot_ui: &mut egui_plot::PlotUi<'_>, place: usize, name: &str, series: &Series, colour: Color32, round: usize) {
    let style = match round % 3 {
        0 => LineStyle::Solid,
        1 => LineStyle::dashed_dense(),
        _ => LineStyle::dotted_dense(),
    };
    let points: usize = series.runs.iter().map(Vec::len).sum();
    for (at, run) in series.runs.iter().enumerate() {
        if run.len() > 1 {
            let line = Line::new(name, PlotPoints::new(run.clone())).color(colour).width(1.75).style(style);
            plot_ui.line(line.id((place, at)));
        }
        // A number alone between two gaps would not be seen as a line.
        if run.len() == 1 || points <= 120 {
            let dots = Points::new(name, PlotPoints::new(run.clone())).color(colour).radius(2.0);
            plot_ui.points(dots.id((place, at, "points")));
        }
    }
}

/// The least and greatest number in sight, with some room.
fn heights<'a>(shown: impl Iterator<Item = &'a Series>, (from, to): (f64, f64)) -> (f64, f64) {
    let mut bounds: Option<(f64, f64)> = None;
    for series in shown {
        for [time, value] in series.runs.iter().flatten().filter(|point| point[1].is_finite()) {
            if (from..=to).contains(time) {
                let (low, high) = bounds.unwrap_or((*value, *value));
                bounds = Some((low.min(*value), high.max(*value)));
            }
        }
    }
    let (low, high) = bounds.unwrap_or((0.0, 1.0));
    let room = if high > low { (high - low) * 0.06 } else { (low.abs() * 0.05).max(0.5) };
    (low - room, high + room)
}

/// What a screen reader says of the curves.
fn spoken(plot: &Plot, zone: &TimeZone) -> String {
    let count = plot.curves().filter(|(_, curve, series)| !curve.is_hidden && series.is_some()).count();
    let count = counted(count as u64, "curve", "curves");
    match plot.range() {
        Some((from, to)) => format!("Plot of {count}, {} to {}", local(from, zone).0, local(to, zone).0),
        None => format!("Plot of {count}"),
    }
}

fn local(secs: f64, zone: &TimeZone) -> (String, String) {
    times(micros(secs), zone)
}

#[expect(clippy::cast_possible_truncation, reason = "a cast that does not fit is the nearest number that does")]
fn micros(secs: f64) -> i64 {
    (secs * 1e6) as i64
}

/// Steps of the grid that are whole seconds, minutes, hours or days, each a multiple of the one before.
#[expect(clippy::needless_pass_by_value, reason = "the plot hands it over so")]
fn time_steps(input: GridInput) -> [f64; 3] {
    const STEPS: [f64; 16] = [
        0.001,
        0.01,
        0.1,
        1.0,
        5.0,
        15.0,
        60.0,
        300.0,
        900.0,
        3600.0,
        21_600.0,
        86_400.0,
        604_800.0,
        2_419_200.0,
        31_449_600.0,
        314_496_000.0,
    ];
    let first =
        STEPS.iter().position(|step| *step >= input.base_step_size).unwrap_or(STEPS.len() - 3).min(STEPS.len() - 3);
    [STEPS[first], STEPS[first + 1], STEPS[first + 2]]
}

/// Steps of the grid that are 1, 2 or 5 with noughts, each a multiple of the one before.
#[expect(clippy::needless_pass_by_value, reason = "the plot hands it over so")]
fn number_steps(input: GridInput) -> [f64; 3] {
    let ten = input.base_step_size.max(f64::MIN_POSITIVE).log10().floor();
    let unit = 10_f64.powf(ten);
    match input.base_step_size / unit {
        part if part <= 1.0 => [unit, 5.0 * unit, 10.0 * unit],
        part if part <= 2.0 => [2.0 * unit, 10.0 * unit, 20.0 * unit],
        part if part <= 5.0 => [5.0 * unit, 10.0 * unit, 50.0 * unit],
        _ => [10.0 * unit, 50.0 * unit, 100.0 * unit],
    }
}

fn axis_time(mark: GridMark, zone: &TimeZone) -> String {
    let Ok(time) = Timestamp::from_microsecond(micros(mark.value)) else { return String::new() };
    let format = match mark.step_size {
        step if step >= 86_400.0 => "%Y-%m-%d",
        step if step >= 60.0 => "%H:%M",
        step if step >= 1.0 => "%H:%M:%S",
        _ => "%H:%M:%S%.3f",
    };
    time.to_zoned(zone.clone()).strftime(format).to_string()
}

fn legend(ui: &mut Ui, plot: &Plot, pass: &mut Pass<'_>) {
    for problem in plot.problems() {
        finding(ui, problem, true);
    }
    ui.add_space(GRID / 2.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("legend").max_height(5.5 * LEGEND_ROW).auto_shrink([false, true]).show(ui, |ui| {
        let mut named = Vec::new();
        for (place, curve, series) in plot.curves() {
            let removable =
                (!named.contains(&&curve.spec)).then(|| plot.series().iter().position(|spec| *spec == curve.spec));
            named.push(&curve.spec);
            ui.push_id(place, |ui| legend_row(ui, plot, place, series, removable.flatten(), pass));
        }
        for (index, spec) in plot.waiting() {
            ui.push_id(("waiting", index), |ui| {
                row(ui, |ui| {
                    super::super::widgets::icon(ui, icon::PENDING, palette(ui).muted);
                    let name = if spec.path.is_empty() {
                        spec.filter.to_string()
                    } else {
                        format!("{} · {}", spec.filter, spec.path)
                    };
                    remove(ui, index, &name, pass);
                    truncated(ui, RichText::new(format!("{name}: no number yet")).color(palette(ui).muted));
                });
            });
        }
    });
    ui.spacing_mut().item_spacing.y = GRID;
}

fn row(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), LEGEND_ROW);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        add(ui);
    });
}

fn legend_row(
    ui: &mut Ui,
    plot: &Plot,
    place: usize,
    series: Option<&Series>,
    index: Option<usize>,
    pass: &mut Pass<'_>,
) {
    let Some((_, known, _)) = plot.curves().find(|(at, ..)| *at == place) else { return };
    let name = known.name();
    row(ui, |ui| {
        swatch(ui, place, known.is_hidden);
        let (glyph, act) = if known.is_hidden { (icon::HIDE, "Show") } else { (icon::SHOW, "Hide") };
        if small_button(ui, glyph, &format!("{act} {name}")) {
            pass.did(PlotAction::ToggledCurve(place));
        }
        match index {
            Some(index) => remove(ui, index, &name, pass),
            None => ui.add_space(30.0),
        }
        if plot.layout() == Sharing::TwoAxes {
            let (text, act) = if known.is_right { ("right", "left") } else { ("left", "right") };
            let to = format!("Draw {name} by the {act} axis");
            if Button::new(text).quiet().named(&to).pressed(ui) {
                pass.did(PlotAction::ToggledAxis(place));
            }
        }
        let values = (ui.available_width() * 0.5).clamp(150.0, 380.0);
        let width = (ui.available_width() - values - GRID).max(60.0);
        ui.allocate_ui_with_layout(vec2(width, LEGEND_ROW), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(width);
            let colour = if known.is_hidden { palette(ui).muted } else { palette(ui).text };
            truncated(ui, RichText::new(&name).color(colour));
        });
        let text = series.map_or_else(|| "nothing in sight".to_owned(), numbers);
        truncated(ui, RichText::new(text).monospace().small().color(palette(ui).text));
    });
}

/// What the numbers come to by their kind, and what could not be drawn.
fn numbers(series: &Series) -> String {
    let of = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
    let mut text = match series.statistics {
        Some(Statistics::Switch { on_share, switches }) => {
            format!(
                "last {}  on {:.0} %  {}",
                of(series.last),
                on_share * 100.0,
                counted(switches, "switch", "switches")
            )
        }
        Some(Statistics::Counter { increase, per_hour, restarts }) => {
            let restarts =
                if restarts == 0 { String::new() } else { format!("  {}", counted(restarts, "restart", "restarts")) };
            format!("last {}  up {}  {} an hour{restarts}", of(series.last), number(increase), number(per_hour))
        }
        Some(Statistics::Quantity { mean }) => {
            format!("last {}  min {}  mean {}  max {}", of(series.last), of(series.min), number(mean), of(series.max))
        }
        None => format!("last {}  min {}  max {}", of(series.last), of(series.min), of(series.max)),
    };
    text = text + "  " + &counted(series.points, "point", "points");
    if series.without > 0 {
        text = text + "  " + &crate::ui::widgets::count(series.without) + " without";
    }
    text
}

fn swatch(ui: &mut Ui, place: usize, is_hidden: bool) {
    let (colour, round) = curve(ui, place);
    let (rect, _) = ui.allocate_exact_size(vec2(22.0, 14.0), Sense::hover());
    let stroke = Stroke::new(2.5, if is_hidden { palette(ui).line } else { colour });
    let (left, right) = (rect.left_center(), rect.right_center());
    match round % 3 {
        0 => drop(ui.painter().line_segment([left, right], stroke)),
        1 => drop(ui.painter().add(egui::Shape::dashed_line(&[left, right], stroke, 6.0, 3.0))),
        _ => drop(ui.painter().add(egui::Shape::dotted_line(&[left, right], stroke.color, 5.0, 1.5))),
    }
}

fn remove(ui: &mut Ui, index: usize, name: &str, pass: &mut Pass<'_>) {
    if small_button(ui, icon::CLOSE, &format!("Remove {name}")) {
        pass.did(PlotAction::Removed(index));
    }
}

fn small_button(ui: &mut Ui, glyph: &'static str, name: &str) -> bool {
    Button::icon_only(glyph, name).pressed(ui)
}

fn export(ui: &mut Ui, plot: &Plot, pass: &mut Pass<'_>) {
    let (is_idle, why) = (!plot.is_exporting(), "It is being written");
    ui.horizontal_wrapped(|ui| {
        let picture = Button::new("Save picture\u{2026}").icon(icon::EXPORT).named("Save the picture");
        if picture.enabled_if(is_idle, why).pressed(ui) {
            pass.browse = Some(PathField::PlotPicture);
        }
        let points = Button::new("Export points\u{2026}").icon(icon::EXPORT).named("Export the points");
        let points = points.enabled_if(is_idle, why).show(ui);
        if points.on_hover_text("All points of what is in sight, as CSV, not thinned out").clicked() {
            pass.browse = Some(PathField::PlotPoints);
        }
    });
}

/// Takes the picture that was asked for: the window hands it out a frame or two later.
fn picture(ui: &Ui, plot: &Plot, drawn: Rect, pass: &mut Pass<'_>) {
    let (taken, asked) = (Id::unique("plot-picture"), Id::unique("plot-picture-asked"));
    if !plot.is_picture_wanted() {
        return;
    }
    if let Some(image) = ui.data_mut(|data| data.remove_temp::<Arc<ColorImage>>(taken)) {
        ui.data_mut(|data| data.insert_temp(asked, None::<Instant>));
        let visible = drawn.intersect(ui.clip_rect());
        pass.did(
            cropped(&image, visible, ui.pixels_per_point()).map_or(PlotAction::MissedPicture, PlotAction::TookPicture),
        );
        return;
    }
    match ui.data(|data| data.get_temp::<Option<Instant>>(asked)).flatten() {
        None => {
            ui.data_mut(|data| data.insert_temp(asked, Some(pass.now)));
            let ctx = ui.ctx().clone();
            ui.ctx().request_screenshot(move |image| {
                ctx.data_mut(|data| data.insert_temp(taken, image));
                ctx.request_repaint();
            });
            ui.ctx().request_repaint_after(PICTURE_WITHIN + Duration::from_millis(100));
        }
        Some(since) if pass.now.saturating_duration_since(since) > PICTURE_WITHIN => {
            ui.data_mut(|data| data.insert_temp(asked, None::<Instant>));
            pass.did(PlotAction::MissedPicture);
        }
        Some(_) => {}
    }
}

/// A part of a picture of the window.
fn cropped(image: &ColorImage, part: Rect, pixels_per_point: f32) -> Option<Picture> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within the picture")]
    let pixels = |points: f32, most: usize| ((points * pixels_per_point).round().max(0.0) as usize).min(most);
    let [width, height] = image.size;
    let (left, right) = (pixels(part.left(), width), pixels(part.right(), width));
    let (top, bottom) = (pixels(part.top(), height), pixels(part.bottom(), height));
    if left >= right || top >= bottom {
        return None;
    }
    let rows = (top..bottom).filter_map(|row| image.pixels.get(row * width + left..row * width + right));
    let rgba = rows.flatten().flat_map(|colour| [colour.r(), colour.g(), colour.b(), 255]).collect();
    Some(Picture { width: u32::try_from(right - left).ok()?, height: u32::try_from(bottom - top).ok()?, rgba })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_window_is_cut_out_point_by_point() {
        let colours: Vec<Color32> = (0..12_u8).map(Color32::from_gray).collect();
        let image = ColorImage::new([4, 3], colours);
        let part = Rect::from_min_max(egui::pos2(0.5, 0.5), egui::pos2(1.5, 40.0));
        let picture = cropped(&image, part, 2.0).unwrap();
        assert_eq!((picture.width, picture.height), (2, 2));
        let first: Vec<u8> = picture.rgba.chunks(4).map(|point| point[0]).collect();
        assert_eq!(first, [5, 6, 9, 10]);
        assert!(cropped(&image, Rect::NOTHING, 2.0).is_none());
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the steps stand in a table or are small multiples of powers of ten")]
    fn the_grid_has_whole_times() {
        for (base, steps) in
            [(0.5, [1.0, 5.0, 15.0]), (30.0, [60.0, 300.0, 900.0]), (1e12, [2_419_200.0, 31_449_600.0, 314_496_000.0])]
        {
            assert_eq!(time_steps(GridInput { bounds: (0.0, 1.0), base_step_size: base }), steps);
        }
        for (base, steps) in [(0.48, [0.5, 1.0, 5.0]), (1.0, [1.0, 5.0, 10.0]), (70.0, [100.0, 500.0, 1000.0])] {
            assert_eq!(number_steps(GridInput { bounds: (0.0, 1.0), base_step_size: base }), steps);
        }
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let mark = |step_size| GridMark { value: 1_767_225_600.0, step_size };
        assert_eq!(axis_time(mark(60.0), &zone), "02:00");
        assert_eq!(axis_time(mark(86_400.0), &zone), "2026-01-01");
        assert_eq!(axis_time(mark(0.1), &zone), "02:00:00.000");
    }
}
