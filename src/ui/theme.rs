//! All colours, sizes and fonts of the window, for light and dark, set once at the start.
//!
//! Screens take colours from [`palette`] and sizes from the constants here; nothing else makes a colour.

use egui::epaint::Shadow;
use egui::style::WidgetVisuals;
use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke, Style, TextStyle,
    Theme, Ui, Vec2,
};

use crate::app::terminal::Ink;
use crate::fonts;

/// The grid everything stands on.
pub(super) const GRID: f32 = 8.0;
/// Space between groups.
pub(super) const GAP: f32 = 12.0;
/// Margin of a panel at its sides.
pub(super) const PAGE_MARGIN: i8 = 16;
/// Margin inside a dialog.
pub(super) const DIALOG_MARGIN: i8 = 16;
/// Width of the rail with the places.
pub(super) const RAIL_WIDTH: f32 = 64.0;
/// Width of the rail when the window is narrow: icons only.
pub(super) const RAIL_NARROW_WIDTH: f32 = 44.0;
/// Below this width what stands beside a list goes under it.
pub(super) const STACKED_BELOW: f32 = 620.0;
/// From this window width on list and detail stand side by side.
pub(super) const TWO_PANES_FROM: f32 = 720.0;
/// Below this window width the rail shows icons only.
pub(super) const NARROW_BELOW: f32 = 640.0;
/// Height of a place in the rail.
pub(super) const PLACE_HEIGHT: f32 = 56.0;
/// Height of buttons and fields.
pub(super) const CONTROL_HEIGHT: f32 = 28.0;
/// Height of the status line.
pub(super) const STATUS_HEIGHT: f32 = 28.0;
/// Height of the row above a list that holds its filter and acts.
pub(super) const TOOL_ROW_HEIGHT: f32 = 40.0;
/// Height of the heads of columns.
pub(super) const HEAD_HEIGHT: f32 = 24.0;
/// Height of a row of a list.
pub(super) const ROW_HEIGHT: f32 = 28.0;
/// Height of a row of Records and of the network list.
pub(super) const LINE_HEIGHT: f32 = 26.0;
/// Height of a row of topics and messages.
pub(super) const DENSE_HEIGHT: f32 = 24.0;
/// Width of the side column of Set up: at least, and at most.
pub(super) const SIDE_WIDTH: (f32, f32) = (196.0, 340.0);
/// The part of its panel that the side column takes between the two.
pub(super) const SIDE_SHARE: f32 = 0.3;
/// Below this panel width the side column goes under the main one.
pub(super) const ONE_COLUMN_BELOW: f32 = 520.0;
/// Width of text fields.
pub(super) const FIELD_WIDTH: f32 = 320.0;
/// Below this width a field goes under its label.
pub(super) const FIELD_MIN_WIDTH: f32 = 220.0;
/// Width of the labels before fields.
pub(super) const LABEL_WIDTH: f32 = 96.0;
/// Room around the text of a field.
pub(super) const FIELD_MARGIN: Margin = Margin { left: 8, right: 8, top: 5, bottom: 5 };
/// Widest a dialog gets.
pub(super) const DIALOG_WIDTH: f32 = 420.0;
/// Widest a message at the edge gets.
pub(super) const TOAST_WIDTH: f32 = 360.0;
/// Size of an icon beside text.
pub(super) const ICON_SIZE: f32 = 14.0;
/// Size of an icon in the rail.
pub(super) const ICON_RAIL: f32 = 20.0;
/// Size of the icon of a verdict and of an empty state.
pub(super) const ICON_LARGE: f32 = 24.0;
/// Width of the bar that marks what is chosen.
pub(super) const CHOSEN_BAR: f32 = 3.0;

const BOX_RADIUS: u8 = 6;
const CONTROL_RADIUS: u8 = 5;
const MEDIUM: &str = "medium";
const ICONS: &str = "icons";
const SECTION: &str = "section";

/// The colours of one theme.
pub(super) struct Palette {
    /// The rail, the status line, heads of sections.
    pub rail: Color32,
    /// All panes.
    pub page: Color32,
    /// Buttons, the row under the pointer.
    pub raised: Color32,
    /// Fields.
    pub input: Color32,
    /// Separators and tracks: decoration only.
    pub line: Color32,
    /// Fields, checkboxes, segments, popups.
    pub border: Color32,
    /// Text.
    pub text: Color32,
    /// Names and titles.
    pub strong: Color32,
    /// Explanations, heads, what is off.
    pub muted: Color32,
    /// The filled primary act, the bar of what is chosen, checks.
    pub accent: Color32,
    /// Text on the accent colour.
    pub on_accent: Color32,
    /// The accent as text, sign, focus ring and progress.
    pub link: Color32,
    /// The ground of the chosen row.
    pub chosen: Color32,
    /// Observed good.
    pub ok: Color32,
    /// Take care, unknown.
    pub warn: Color32,
    /// Failed, refused, destructive.
    pub danger: Color32,
    /// How far a dangerous act is held, under text in `strong`.
    pub hold: Color32,
    /// A person must act now.
    pub call: Color32,
    /// Text on that.
    pub on_call: Color32,
    ok_tint: Color32,
    warn_tint: Color32,
    danger_tint: Color32,
    /// Behind dialogs.
    scrim: Color32,
}

const LIGHT: Palette = Palette {
    rail: rgb(0x00F1_F3F6),
    page: rgb(0x00FF_FFFF),
    raised: rgb(0x00EB_EEF2),
    input: rgb(0x00FF_FFFF),
    line: rgb(0x00DE_E2E8),
    border: rgb(0x007E_8693),
    text: rgb(0x002B_323C),
    strong: rgb(0x000D_1117),
    muted: rgb(0x0058_6170),
    accent: rgb(0x001F_5FD6),
    on_accent: rgb(0x00FF_FFFF),
    link: rgb(0x001A_57C8),
    chosen: rgb(0x00E5_EDFC),
    ok: rgb(0x000F_6F46),
    warn: rgb(0x0087_5300),
    danger: rgb(0x00BC_2624),
    hold: rgb(0x00F0_B4B0),
    call: rgb(0x00F2_B63C),
    on_call: rgb(0x001C_1502),
    ok_tint: rgb(0x00E8_F5EE),
    warn_tint: rgb(0x00FB_F1DD),
    danger_tint: rgb(0x00FC_ECEB),
    scrim: Color32::from_black_alpha(72),
};

const DARK: Palette = Palette {
    rail: rgb(0x000F_1115),
    page: rgb(0x0015_171C),
    raised: rgb(0x0020_242B),
    input: rgb(0x000E_1014),
    line: rgb(0x0029_2D35),
    border: rgb(0x006B_7381),
    text: rgb(0x00CC_D1DA),
    strong: rgb(0x00F4_F6F8),
    muted: rgb(0x0099_A1AF),
    accent: rgb(0x002F_6CE5),
    on_accent: rgb(0x00FF_FFFF),
    link: rgb(0x007D_AAFF),
    chosen: rgb(0x001A_2742),
    ok: rgb(0x0048_C08D),
    warn: rgb(0x00E6_AC40),
    danger: rgb(0x00F5_7C7E),
    hold: rgb(0x007A_2A31),
    call: rgb(0x00F2_B63C),
    on_call: rgb(0x001C_1502),
    ok_tint: rgb(0x0014_261F),
    warn_tint: rgb(0x002A_2316),
    danger_tint: rgb(0x002E_1C20),
    scrim: Color32::from_black_alpha(115),
};

/// The colours in use.
pub(super) fn palette(ui: &Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// The font family of the icons. Theirs alone: text fonts use the same private code points.
pub(super) fn icon_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(ICONS.into()))
}

/// The text style of section titles.
pub(super) fn section() -> TextStyle {
    TextStyle::Name(SECTION.into())
}

/// Body text in the medium weight.
pub(super) fn medium() -> FontId {
    FontId::new(12.5, FontFamily::Name(MEDIUM.into()))
}

/// The font of tabs where there is little room.
pub(super) fn small_medium() -> FontId {
    FontId::new(11.5, FontFamily::Name(MEDIUM.into()))
}

/// A colour of the terminal's screen. The sixteen named ones are those of the theme, so that all of them can be read.
pub(super) fn terminal_ink(ui: &Ui, ink: Ink, usual: Color32) -> Color32 {
    let palette = palette(ui);
    match ink {
        Ink::Usual => usual,
        Ink::Mixed(red, green, blue) => rgb(u32::from_be_bytes([0, red, green, blue])),
        Ink::Indexed(index) => match index {
            0 => palette.border,
            1 | 9 => palette.danger,
            2 | 10 => palette.ok,
            3 | 11 => palette.warn,
            4 | 12 => palette.link,
            5 | 13 => palette.danger.lerp_to_gamma(palette.link, 0.5),
            6 | 14 => palette.ok.lerp_to_gamma(palette.link, 0.5),
            7 => palette.text,
            8 => palette.muted,
            15 => palette.strong,
            16..=231 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let index = index - 16;
                rgb(u32::from_be_bytes([0, level(index / 36), level(index / 6 % 6), level(index % 6)]))
            }
            232..=255 => Color32::from_gray(8 + 10 * (index - 232)),
        },
    }
}

/// The name of what is open.
pub(super) fn title() -> FontId {
    FontId::new(17.0, FontFamily::Name(MEDIUM.into()))
}

/// The name of a place, and a verdict.
pub(super) fn place() -> FontId {
    FontId::new(13.5, FontFamily::Name(MEDIUM.into()))
}

/// The fixed-width font in the size of rows.
pub(super) fn mono() -> FontId {
    FontId::monospace(12.0)
}

/// The fixed-width font in the size of explanations.
pub(super) fn small_mono() -> FontId {
    FontId::monospace(11.0)
}

/// The text font in the size of explanations.
pub(super) fn small_text() -> FontId {
    FontId::proportional(11.5)
}

/// Colours of curves. Told apart by people who see no red or no green as well; a test holds them to it.
const CURVES_LIGHT: [Color32; 5] =
    [rgb(0x0022_60D6), rgb(0x00D0_5A00), rgb(0x0000_664D), rgb(0x00B0_489A), rgb(0x0022_262E)];
const CURVES_DARK: [Color32; 5] =
    [rgb(0x005B_9BFF), rgb(0x00F0_9A30), rgb(0x002E_9E78), rgb(0x00E8_89D0), rgb(0x00F4_EC80)];

/// The colour of a curve, by its place, and how often the colours before it were used up: what a stroke has to tell then.
pub(super) fn curve(ui: &Ui, place: usize) -> (Color32, usize) {
    let curves = if ui.visuals().dark_mode { &CURVES_DARK } else { &CURVES_LIGHT };
    (curves[place % curves.len()], place / curves.len())
}

/// The ground of a notice in this colour.
pub(super) fn tint(ui: &Ui, colour: Color32) -> Color32 {
    let palette = palette(ui);
    match colour {
        _ if colour == palette.ok => palette.ok_tint,
        _ if colour == palette.warn => palette.warn_tint,
        _ if colour == palette.danger => palette.danger_tint,
        _ => palette.raised,
    }
}

/// What lies over the page behind a dialog.
pub(super) fn scrim(ui: &Ui) -> Color32 {
    palette(ui).scrim
}

/// The corner radius of what frames a table.
pub(super) fn box_radius() -> CornerRadius {
    CornerRadius::same(BOX_RADIUS)
}

/// The corner radius of buttons, fields and rows.
pub(super) fn control_radius() -> CornerRadius {
    CornerRadius::same(CONTROL_RADIUS)
}

/// Sets fonts and both themes.
pub fn install(ctx: &Context) {
    ctx.set_fonts(font_definitions());
    for (theme, colours) in [(Theme::Light, &LIGHT), (Theme::Dark, &DARK)] {
        ctx.style_mut_of(theme, |style| apply(style, colours));
    }
}

fn font_definitions() -> FontDefinitions {
    let mut definitions = FontDefinitions::default();
    let files: [(&str, &'static [u8]); 4] = [
        ("inter", fonts::INTER),
        (MEDIUM, fonts::INTER_MEDIUM),
        ("mono", fonts::JETBRAINS_MONO),
        (ICONS, include_bytes!("../../assets/fonts/Phosphor.ttf")),
    ];
    for (name, bytes) in files {
        definitions.font_data.insert(name.into(), FontData::from_static(bytes).into());
    }
    let mut family = |family, names: &[&str]| {
        definitions.families.insert(family, names.iter().map(|&name| name.into()).collect());
    };
    // The second of each stands in for characters the first lacks, such as the replacement character.
    family(FontFamily::Proportional, &["inter", "mono"]);
    family(FontFamily::Monospace, &["mono", "inter"]);
    family(FontFamily::Name(MEDIUM.into()), &[MEDIUM, "mono"]);
    family(FontFamily::Name(ICONS.into()), &[ICONS]);
    definitions
}

fn apply(style: &mut Style, colours: &Palette) {
    let medium = || FontFamily::Name(MEDIUM.into());
    style.text_styles = [
        (TextStyle::Heading, FontId::new(17.0, medium())),
        (section(), FontId::new(12.5, medium())),
        (TextStyle::Body, FontId::proportional(12.5)),
        (TextStyle::Button, FontId::new(12.5, medium())),
        (TextStyle::Small, FontId::proportional(11.5)),
        (TextStyle::Monospace, FontId::monospace(12.0)),
    ]
    .into();
    style.interaction.selectable_labels = false;
    style.animation_time = 0.0;
    style.url_in_tooltip = true;
    apply_spacing(style);
    apply_visuals(style, colours);
    apply_widgets(style, colours);
}

fn apply_spacing(style: &mut Style) {
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(GRID);
    spacing.button_padding = Vec2::new(10.0, 4.0);
    spacing.interact_size = Vec2::new(40.0, CONTROL_HEIGHT);
    spacing.window_margin = Margin::same(DIALOG_MARGIN);
    spacing.menu_margin = Margin::same(6);
    spacing.icon_width = ICON_SIZE;
    spacing.icon_width_inner = 10.0;
    spacing.icon_spacing = 6.0;
    spacing.combo_height = 320.0;
    spacing.tooltip_width = 360.0;
    spacing.scroll.bar_width = GRID;
    spacing.scroll.floating = true;
}

fn apply_visuals(style: &mut Style, colours: &Palette) {
    let visuals = &mut style.visuals;
    visuals.panel_fill = colours.page;
    visuals.window_fill = colours.page;
    visuals.extreme_bg_color = colours.input;
    visuals.text_edit_bg_color = Some(colours.input);
    visuals.faint_bg_color = colours.raised;
    visuals.code_bg_color = colours.raised;
    visuals.weak_text_color = Some(colours.muted);
    visuals.window_stroke = Stroke::new(1.0, colours.border);
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(8);
    visuals.window_shadow = Shadow { offset: [0, 8], blur: 28, spread: 0, color: Color32::from_black_alpha(80) };
    visuals.popup_shadow = visuals.window_shadow;
    visuals.selection.bg_fill = colours.chosen;
    visuals.selection.stroke = Stroke::new(2.0, colours.link);
    visuals.hyperlink_color = colours.link;
    visuals.error_fg_color = colours.danger;
    visuals.warn_fg_color = colours.warn;
    visuals.slider_trailing_fill = true;
    visuals.disabled_alpha = 0.5;
}

/// Buttons take the weak ground and no edge; fields, checkboxes and choices take the strong ground and the edge.
fn apply_widgets(style: &mut Style, colours: &Palette) {
    let widgets = &mut style.visuals.widgets;
    let base = WidgetVisuals {
        bg_fill: colours.input,
        weak_bg_fill: colours.raised,
        bg_stroke: Stroke::new(1.0, colours.border),
        corner_radius: control_radius(),
        fg_stroke: Stroke::new(1.0, colours.text),
        expansion: 0.0,
    };
    let lifted = |by: f32| colours.raised.lerp_to_gamma(colours.strong, by);
    let filled = |fill| WidgetVisuals { weak_bg_fill: fill, ..base };
    let strong = Stroke::new(1.0, colours.strong);
    let line = Stroke::new(1.0, colours.line);
    widgets.noninteractive =
        WidgetVisuals { bg_fill: colours.raised, weak_bg_fill: colours.page, bg_stroke: line, ..base };
    widgets.inactive = base;
    widgets.hovered = WidgetVisuals { fg_stroke: strong, ..filled(lifted(0.08)) };
    // Also the look of what has the keyboard: the border says so.
    let focus = Stroke::new(2.0, colours.link);
    widgets.active = WidgetVisuals { fg_stroke: strong, bg_stroke: focus, ..filled(lifted(0.12)) };
    widgets.open = filled(lifted(0.08));
}

#[expect(clippy::disallowed_methods, reason = "the one place that makes colours")]
#[expect(clippy::cast_possible_truncation, reason = "each shift leaves one octet")]
const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear light of red, green and blue.
    fn linear(colour: Color32) -> [f64; 3] {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        [channel(colour.r()), channel(colour.g()), channel(colour.b())]
    }

    fn luminance(colour: Color32) -> f64 {
        let [red, green, blue] = linear(colour);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast as WCAG 2.2 counts it.
    fn contrast(one: Color32, other: Color32) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        if one > other { one / other } else { other / one }
    }

    /// CIE L*a*b* of a colour as seen through a matrix.
    fn lab(colour: Color32, seen: &[[f64; 3]; 3]) -> [f64; 3] {
        let light = linear(colour);
        let [red, green, blue] = seen.map(|row| (0..3).map(|at| row[at] * light[at]).sum::<f64>().clamp(0.0, 1.0));
        let curve = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
        let y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
        let z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Usual sight, no red, no green (Machado, Oliveira and Fernandes 2009, severity 1).
    const SIGHTS: [[[f64; 3]; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ];

    #[test]
    fn curves_are_told_apart_by_everyone_and_stand_out() {
        for (curves, palette) in [(CURVES_LIGHT, &LIGHT), (CURVES_DARK, &DARK)] {
            for (place, one) in curves.iter().enumerate() {
                assert!(contrast(*one, palette.page) >= 3.0 && contrast(*one, palette.input) >= 3.0, "{one:?}");
                for other in &curves[..place] {
                    for seen in &SIGHTS {
                        let (a, b) = (lab(*one, seen), lab(*other, seen));
                        let distance = (0..3).map(|at| (a[at] - b[at]).powi(2)).sum::<f64>().sqrt();
                        assert!(distance > 20.0, "{one:?} and {other:?}: {distance}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_text_can_be_read_and_every_sign_and_border_be_seen_in_both_themes() {
        for (name, palette) in [("light", &LIGHT), ("dark", &DARK)] {
            let grounds = [palette.rail, palette.page, palette.raised, palette.input, palette.chosen];
            let own = [
                (palette.ok, palette.ok_tint),
                (palette.warn, palette.warn_tint),
                (palette.danger, palette.danger_tint),
                (palette.strong, palette.hold),
                (palette.strong, palette.danger_tint),
            ];
            let texts =
                [palette.text, palette.strong, palette.muted, palette.link, palette.ok, palette.warn, palette.danger];
            let over = |ink: Color32| grounds.iter().map(move |ground| (ink, *ground));
            let written = texts.into_iter().flat_map(over).chain(own);
            let written = written.chain([(palette.on_accent, palette.accent), (palette.on_call, palette.call)]);
            for (ink, ground) in written {
                assert!(contrast(ink, ground) >= 4.5, "{name}: {ink:?} on {ground:?}: {:.2}", contrast(ink, ground));
            }
            // What is chosen against what is not, borders of fields, and the ring of what has the keyboard.
            for sign in [palette.border, palette.accent] {
                for ground in [palette.page, palette.raised, palette.input, palette.rail, palette.chosen] {
                    assert!(
                        contrast(sign, ground) >= 3.0,
                        "{name}: {sign:?} on {ground:?}: {:.2}",
                        contrast(sign, ground)
                    );
                }
            }
        }
    }
}
