//! Buttons: primary, plain, quiet and dangerous; choices and navigation.

use egui::{Atom, Atoms, Color32, Response, RichText, Role, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};

use super::home::{self, Home};
use crate::ui::theme::{CONTROL_HEIGHT, ICON_SIZE, control_radius, icon_font, palette, tint};

/// How much a button asks for attention.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Primary,
    Plain,
    Quiet,
    Danger,
}

/// A button with an optional icon. Its accessible name is its text, or [`Button::named`].
pub(in crate::ui) struct Button<'a> {
    text: &'a str,
    name: &'a str,
    icon: Option<&'static str>,
    kind: Kind,
    is_enabled: bool,
    why_disabled: &'a str,
}

impl<'a> Button<'a> {
    /// A plain button.
    pub(in crate::ui) const fn new(text: &'a str) -> Self {
        Self { text, name: text, icon: None, kind: Kind::Plain, is_enabled: true, why_disabled: "" }
    }

    /// A button that shows only an icon; the name is read out and shown on hover.
    pub(in crate::ui) const fn icon_only(icon: &'static str, name: &'a str) -> Self {
        Self { text: "", name, icon: Some(icon), kind: Kind::Quiet, is_enabled: true, why_disabled: "" }
    }

    /// Puts an icon before the text.
    pub(in crate::ui) const fn icon(mut self, icon: &'static str) -> Self {
        self.icon = Some(icon);
        self
    }

    /// The one button of the page that goes on.
    pub(in crate::ui) const fn primary(mut self) -> Self {
        self.kind = Kind::Primary;
        self
    }

    /// A button that must not be pressed by mistake.
    pub(in crate::ui) const fn danger(mut self) -> Self {
        self.kind = Kind::Danger;
        self
    }

    /// A button without a ground, for lists.
    pub(in crate::ui) const fn quiet(mut self) -> Self {
        self.kind = Kind::Quiet;
        self
    }

    /// A longer accessible name, where several buttons carry the same text.
    pub(in crate::ui) const fn named(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// Enabled only if; otherwise hovering says why not.
    pub(in crate::ui) const fn enabled_if(mut self, is_enabled: bool, why_disabled: &'a str) -> Self {
        self.is_enabled = is_enabled;
        self.why_disabled = why_disabled;
        self
    }

    /// Whether it was pressed.
    pub(in crate::ui) fn pressed(self, ui: &mut Ui) -> bool {
        self.show(ui).clicked()
    }

    /// Shows it.
    pub(in crate::ui) fn show(self, ui: &mut Ui) -> Response {
        let (fill, stroke, colour) = self.colours(ui);
        let mut atoms = Atoms::default();
        if let Some(glyph) = self.icon {
            atoms.push_right(Atom::from(RichText::new(glyph).font(icon_font(ICON_SIZE)).color(colour)));
        }
        if !self.text.is_empty() {
            atoms.push_right(Atom::from(RichText::new(self.text).color(colour)));
        }
        let width = if self.text.is_empty() { CONTROL_HEIGHT } else { 0.0 };
        let mut button = egui::Button::new(atoms).min_size(Vec2::new(width, CONTROL_HEIGHT));
        // A button moves to the next line as a whole; its words never break.
        button = button.wrap_mode(egui::TextWrapMode::Extend);
        if let Some(fill) = fill {
            button = button.fill(fill).stroke(stroke);
        }
        // Not in a scope: inside one a button would never move to the next line of a wrapped row.
        let style = ui.style().clone();
        match self.kind {
            Kind::Quiet => quieten(ui),
            Kind::Plain => unframe(ui),
            Kind::Primary | Kind::Danger => {}
        }
        ui.spacing_mut().button_padding.x = if self.text.is_empty() { 6.0 } else { 10.0 };
        let response = if self.is_enabled { ui.add(button) } else { ui.add_enabled(false, button) };
        ui.set_style(style);
        self.describe(ui, response)
    }

    fn colours(&self, ui: &Ui) -> (Option<Color32>, Stroke, Color32) {
        let palette = palette(ui);
        match self.kind {
            Kind::Primary => (Some(palette.accent), Stroke::NONE, palette.on_accent),
            Kind::Plain | Kind::Quiet => (None, Stroke::NONE, palette.strong),
            Kind::Danger => (Some(tint(ui, palette.danger)), Stroke::new(1.0, palette.danger), palette.danger),
        }
    }

    fn describe(&self, ui: &Ui, response: Response) -> Response {
        let (name, is_enabled) = (self.name.to_owned(), self.is_enabled && ui.is_enabled());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, is_enabled, &name));
        focus_ring(ui, &response);
        if self.kind == Kind::Primary && is_enabled {
            home::offer(ui, Home::MainButton, response.id);
        }
        if !self.is_enabled && !self.why_disabled.is_empty() {
            return response.on_disabled_hover_text(self.why_disabled);
        }
        if self.name == self.text { response } else { response.on_hover_text(self.name) }
    }
}

/// One of a few choices side by side; the chosen one stands out.
pub(in crate::ui) fn choice(ui: &mut Ui, is_chosen: bool, text: &str, name: &str) -> bool {
    let palette = palette(ui);
    let (fill, colour, edge) = if is_chosen {
        (palette.accent, palette.on_accent, palette.accent)
    } else {
        (palette.page, palette.text, palette.border)
    };
    let button = egui::Button::new(RichText::new(text).color(colour)).fill(fill).stroke(Stroke::new(1.0, edge));
    let response = ui.add(button.min_size(Vec2::new(0.0, CONTROL_HEIGHT)));
    let (name, is_enabled) = (name.to_owned(), ui.is_enabled());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, is_enabled, is_chosen, &name));
    focus_ring(ui, &response);
    response.clicked()
}

/// A few choices that belong together, in one frame without gaps; the one that was chosen anew. Each is an icon, a text and
/// a name; where there is little room the icon alone is shown.
pub(in crate::ui) fn segments<T: Copy + PartialEq>(
    ui: &mut Ui,
    chosen: T,
    all: &[(T, &'static str, &str, &str)],
    is_short: bool,
) -> Option<T> {
    let mut picked = None;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.spacing_mut().button_padding = Vec2::new(8.0, 2.0);
        let palette = palette(ui);
        for (place, (value, glyph, text, name)) in all.iter().enumerate() {
            let is_chosen = *value == chosen;
            let (fill, colour) =
                if is_chosen { (palette.accent, palette.on_accent) } else { (palette.page, palette.text) };
            let mut atoms = Atoms::default();
            if !glyph.is_empty() {
                atoms.push_right(Atom::from(RichText::new(*glyph).font(icon_font(ICON_SIZE)).color(colour)));
            }
            if glyph.is_empty() || !is_short {
                atoms.push_right(Atom::from(RichText::new(*text).color(colour)));
            }
            let edge = Stroke::new(1.0, if is_chosen { palette.accent } else { palette.border });
            let button = egui::Button::new(atoms).fill(fill).stroke(edge).corner_radius(ends(place, all.len()));
            let response = ui.add(button.min_size(Vec2::new(0.0, 24.0)).wrap_mode(egui::TextWrapMode::Extend));
            let (spoken, is_enabled) = ((*name).to_owned(), ui.is_enabled());
            response.widget_info(|| WidgetInfo::selected(Role::RadioButton, is_enabled, is_chosen, &spoken));
            focus_ring(ui, &response);
            if response.on_hover_text(*name).clicked() && !is_chosen {
                picked = Some(*value);
            }
        }
    });
    picked
}

/// Round corners at the ends only.
fn ends(place: usize, count: usize) -> egui::CornerRadius {
    let mut radius = control_radius();
    if place > 0 {
        (radius.nw, radius.sw) = (0, 0);
    }
    if place + 1 < count {
        (radius.ne, radius.se) = (0, 0);
    }
    radius
}

/// Shows where the keyboard is, whatever the button's own border.
pub(in crate::ui) fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, palette(ui).link);
        ui.painter().rect_stroke(response.rect.expand(3.0), control_radius() + 2, stroke, StrokeKind::Inside);
    }
}

/// A plain button is told by its ground alone.
fn unframe(ui: &mut Ui) {
    let line = Stroke::new(1.0, palette(ui).line);
    let widgets = &mut ui.visuals_mut().widgets;
    for visuals in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.noninteractive] {
        visuals.bg_stroke = line;
    }
}

fn quieten(ui: &mut Ui) {
    let inactive = &mut ui.visuals_mut().widgets.inactive;
    inactive.bg_stroke = Stroke::NONE;
    inactive.weak_bg_fill = Color32::TRANSPARENT;
    let widgets = &mut ui.visuals_mut().widgets;
    for visuals in [&mut widgets.hovered, &mut widgets.active, &mut widgets.noninteractive] {
        visuals.bg_stroke = Stroke::NONE;
    }
}
