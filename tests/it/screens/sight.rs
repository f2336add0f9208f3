//! What an eye needs of a screen: every text stands out from what lies behind it, and nothing is cut off for want of room.
//!
//! Looks at the shapes that are painted, so no GPU is needed.

use egui::accesskit::Role;
use egui::epaint::ClippedShape;
use egui::{Color32, Pos2, Rect, Shape, Theme};
use egui_kittest::kittest::{AccessKitNode, By, NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};

/// How much lighter the lighter of two colours must be at least (WCAG 2: 4.5 for normal text, 3 for large text and signs).
const CONTRAST: f32 = 3.0;

/// A filled area, in the order in which they are painted.
struct Area {
    rect: Rect,
    colour: Color32,
}

/// Texts that can hardly be told from what is behind them. Holds that the window is as dark or light as its theme.
pub(super) fn illegible<State>(name: &str, harness: &Harness<'_, State>, theme: Theme) -> Vec<String> {
    let exempt = Exempt::of(harness);
    let mut areas = Vec::new();
    let mut faint = Vec::new();
    let mut texts = 0;
    for ClippedShape { clip_rect, shape, .. } in &harness.output().shapes {
        look(shape, *clip_rect, &mut areas, &mut |at, text, ink, areas: &[Area]| {
            texts += 1;
            if exempt.holds(at) {
                return;
            }
            let paper = paper(areas, at);
            let contrast = contrast(blend(paper, ink), paper);
            if contrast < CONTRAST {
                let told = format!("{name}, {theme:?}: {text:?} {ink:?} on {paper:?}: {contrast:.1}");
                faint.push((areas.len(), at, told));
            }
        });
    }
    assert!(texts > 5, "{name}: only {texts} texts are painted");
    let all: f32 = areas.iter().filter(|area| area.colour.is_opaque()).map(|area| area.rect.area()).sum();
    let dark = areas.iter().filter(|area| area.colour.is_opaque() && luminance(area.colour) < 0.2);
    let share = dark.map(|area| area.rect.area()).sum::<f32>() / all;
    assert_eq!(share > 0.5, theme == Theme::Dark, "{name}, {theme:?}: {share} of the areas are dark");
    // What is painted over is not seen at all.
    let is_covered =
        |before: usize, at: Pos2| areas[before..].iter().any(|area| area.colour.is_opaque() && area.rect.contains(at));
    faint.into_iter().filter(|(before, at, _)| !is_covered(*before, *at)).map(|(_, _, told)| told).collect()
}

/// The texts that are painted.
pub(super) fn texts<State>(harness: &Harness<'_, State>) -> Vec<String> {
    let (mut areas, mut texts) = (Vec::new(), Vec::new());
    for ClippedShape { clip_rect, shape, .. } in &harness.output().shapes {
        look(shape, *clip_rect, &mut areas, &mut |_, text, _, _: &[Area]| texts.push(text.to_owned()));
    }
    texts
}

/// The filled buttons: each says that it is the one that goes on.
pub(super) fn primaries<State>(harness: &Harness<'_, State>) -> Vec<String> {
    let exempt = Exempt::of(harness);
    let mut areas = Vec::new();
    for ClippedShape { clip_rect, shape, .. } in &harness.output().shapes {
        look(shape, *clip_rect, &mut areas, &mut |_, _, _, _: &[Area]| {});
    }
    let root = harness.root();
    let buttons =
        root.query_all(By::new().predicate(|node: &AccessKitNode<'_>| -> bool { node.role() == Role::Button }));
    let is_filled = |rect: Rect| {
        let is_its = |area: &&Area| {
            area.rect.center().distance(rect.center()) < 2.0 && (area.rect.width() - rect.width()).abs() < 4.0
        };
        // Danger is tinted with red; what is chosen has a pale ground.
        areas.iter().filter(is_its).any(|area| i16::from(area.colour.b()) - i16::from(area.colour.r()) > 80)
    };
    buttons
        .filter(|node| place(node).is_some_and(|rect| !exempt.holds(rect.center()) && is_filled(rect)))
        .map(|node| node.accesskit_node().label().unwrap_or_default())
        .collect()
}

/// What a person presses or types into and is cut off at the right, where nothing scrolls.
pub(super) fn cut_off<State>(name: &str, harness: &Harness<'_, State>, size: [f32; 2]) -> Vec<String> {
    let root = harness.root();
    let (mut controls, mut faults) = (0, Vec::new());
    let is_control = |node: &AccessKitNode<'_>| -> bool {
        matches!(node.role(), Role::Button | Role::TextInput | Role::PasswordInput | Role::CheckBox | Role::ComboBox)
    };
    for node in root.get_all(By::new().predicate(is_control)) {
        controls += 1;
        let rect = node.rect();
        let label = node.accesskit_node().label();
        if rect.width() <= 0.0 || rect.right() > size[0] + 0.5 {
            faults.push(format!("{name}: {label:?} at {rect:?}"));
        }
    }
    assert!(controls >= 5, "{name}: only {controls} controls are left");
    faults
}

/// Where nothing is asked of the contrast (WCAG 2): what cannot be used now, and what stands behind a dialog.
struct Exempt {
    disabled: Vec<Rect>,
    dialog: Option<Rect>,
}

impl Exempt {
    fn of<State>(harness: &Harness<'_, State>) -> Self {
        let root = harness.root();
        let disabled = By::new().predicate(|node: &AccessKitNode<'_>| -> bool { node.is_disabled() });
        let dialog = By::new()
            .predicate(|node: &AccessKitNode<'_>| -> bool { matches!(node.role(), Role::AlertDialog | Role::Dialog) });
        Self {
            disabled: root.query_all(disabled).filter_map(|node| place(&node)).collect(),
            dialog: root.query_all(dialog).map(|node| extent(&node)).next(),
        }
    }

    fn holds(&self, at: Pos2) -> bool {
        self.dialog.map_or_else(|| self.disabled.iter().any(|rect| rect.contains(at)), |dialog| !dialog.contains(at))
    }
}

/// Where a node is; what is only said aloud has no place.
fn place(node: &Node<'_>) -> Option<Rect> {
    node.accesskit_node().raw_bounds().map(|_| node.rect())
}

/// The place of all that a node holds.
fn extent(node: &Node<'_>) -> Rect {
    node.children().map(|child| extent(&child)).fold(place(node).unwrap_or(Rect::NOTHING), Rect::union)
}

fn look(shape: &Shape, clip: Rect, areas: &mut Vec<Area>, text: &mut impl FnMut(Pos2, &str, Color32, &[Area])) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| look(shape, clip, areas, text)),
        Shape::Rect(rect) if rect.fill != Color32::TRANSPARENT => {
            areas.push(Area { rect: rect.rect.intersect(clip), colour: rect.fill });
        }
        Shape::Circle(circle) if circle.fill != Color32::TRANSPARENT => {
            let rect = Rect::from_center_size(circle.center, egui::Vec2::splat(circle.radius * 1.4));
            areas.push(Area { rect: rect.intersect(clip), colour: circle.fill });
        }
        Shape::Text(shape) => {
            let at = shape.visual_bounding_rect();
            if !clip.intersects(at) || shape.galley.text().trim().is_empty() {
                return;
            }
            for section in &shape.galley.job.sections {
                let ink = shape.override_text_color.unwrap_or(section.format.color);
                let ink = if ink == Color32::PLACEHOLDER { shape.fallback_color } else { ink };
                text(at.center(), shape.galley.text(), ink.gamma_multiply(shape.opacity_factor), areas);
            }
        }
        _ => {}
    }
}

/// What lies behind a point.
fn paper(areas: &[Area], at: Pos2) -> Color32 {
    let under = areas.iter().filter(|area| area.rect.contains(at));
    under.fold(Color32::BLACK, |paper, area| blend(paper, area.colour))
}

fn blend(paper: Color32, ink: Color32) -> Color32 {
    paper.blend(ink)
}

/// How far apart two colours are, from 1 to 21 (WCAG 2.2, contrast ratio).
fn contrast(one: Color32, other: Color32) -> f32 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Color32) -> f32 {
    let [r, g, b, _] = egui::Rgba::from(colour).to_array();
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[test]
fn grey_on_grey_is_faint_and_black_on_white_is_not() {
    assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.1);
    assert!(contrast(Color32::from_gray(128), Color32::from_gray(100)) < CONTRAST);
}
