//! The accessibility tree as text: role, name, value and state of each node, indented by depth.

use std::fmt::Write as _;

use egui::accesskit::{Role, Toggled};
use egui_kittest::kittest::{AccessKitNode, NodeT as _};
use egui_kittest::{Harness, Node};

/// The tree of the window.
pub(crate) fn dump<State>(harness: &Harness<'_, State>) -> String {
    let mut text = String::new();
    for child in harness.root().children() {
        write_node(&mut text, &child, 0);
    }
    text
}

/// A glyph of the icon font in a tree, which is written there as its number: `\u{e2f2}`.
pub(crate) fn glyph(text: &str) -> Option<String> {
    let numbers = text.split("\\u{").skip(1).filter_map(|rest| rest.split('}').next());
    let private = |number: &&str| u32::from_str_radix(number, 16).is_ok_and(|code| (0xE000..=0xF8FF).contains(&code));
    numbers.into_iter().find(private).map(str::to_owned)
}

fn write_node(text: &mut String, node: &Node<'_>, depth: usize) {
    let access = node.accesskit_node();
    let is_structure = matches!(access.role(), Role::GenericContainer | Role::Unknown) && access.label().is_none();
    let depth = if is_structure { depth } else { write_line(text, &access, depth) };
    // The lines a text is broken into say nothing new.
    let is_broken_text = |child: &Node<'_>| child.accesskit_node().role() == Role::TextRun;
    for child in node.children().filter(|child| !is_broken_text(child)) {
        write_node(text, &child, depth);
    }
}

fn write_line(text: &mut String, node: &AccessKitNode<'_>, depth: usize) -> usize {
    let indent = "  ".repeat(depth);
    let _ = write!(text, "{indent}{:?}", node.role());
    for part in [node.label(), node.value()].into_iter().flatten() {
        let _ = write!(text, " {part:?}");
    }
    let toggled = node.toggled() == Some(Toggled::True);
    let marks = [("chosen", toggled || node.is_selected() == Some(true)), ("disabled", node.is_disabled())];
    for (mark, _) in marks.into_iter().filter(|(_, is_so)| *is_so) {
        let _ = write!(text, " [{mark}]");
    }
    text.push('\n');
    depth + 1
}
