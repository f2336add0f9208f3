//! The tokens and files that a profile wants on the gateway: where each comes from, and how sure it is that it arrived.

use egui::{RichText, TextEdit, Ui};

use crate::app::App;
use crate::app::commission::{Commission, CommissionAction, Session, TokenRow};
use crate::model::outcome::{Evidence, EvidenceKind};
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{FIELD_WIDTH, GRID, medium, palette};
use crate::ui::widgets::{Button, choice, forget_undo, labelled, muted, path_field, pill, titled_group};

/// The card; nothing where the profile names nothing that the driver can send.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let rows = app.commission.token_rows(app.catalog());
    if rows.is_empty() {
        return;
    }
    let hint = "Sent before the network, since many gateways end the session with it. Forgotten with the next gateway";
    titled_group(ui, "Tokens and files", hint, |ui| {
        for row in &rows {
            ui.push_id(&row.id, |ui| token(ui, &mut app.commission, row, pass));
        }
    });
}

fn token(ui: &mut Ui, commission: &mut Commission, row: &TokenRow, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = GRID / 2.0;
    let evidence = commission.session().and_then(|session| session.token(&row.id)).cloned();
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&row.id).font(medium()).color(palette(ui).strong));
        state(ui, evidence.as_ref());
    });
    let assumed = if row.is_assumed { ", by an assumption of the profile" } else { "" };
    muted(ui, &format!("{}. Goes to {}{assumed}", row.purpose, row.place));
    source(ui, commission, row, pass);
    let is_ready = commission.session().is_some_and(Session::is_ready);
    let is_filled = commission.tokens.is_filled(&row.id);
    ui.horizontal_wrapped(|ui| {
        let why = if is_filled { "The gateway is not ready" } else { "Choose a file or paste the token first" };
        let name = format!("Send {}", row.id);
        let send = Button::new("Send now").icon(icon::SEND).named(&name).enabled_if(is_ready && is_filled, why);
        if send.pressed(ui) {
            pass.did(CommissionAction::SentToken(row.id.clone()));
        }
        if let Some(evidence) = &evidence {
            muted(ui, &evidence.text);
        }
    });
    ui.add_space(GRID / 2.0);
}

/// How sure it is that it arrived, in a word.
fn state(ui: &mut Ui, evidence: Option<&Evidence>) {
    let palette = palette(ui);
    match evidence {
        None => pill(ui, palette.muted, "not sent"),
        Some(evidence) => {
            let is_observed = evidence.kind == EvidenceKind::Observed;
            pill(ui, if is_observed { palette.ok } else { palette.link }, evidence.kind.label())
        }
    };
}

fn source(ui: &mut Ui, commission: &mut Commission, row: &TokenRow, pass: &mut Pass<'_>) {
    let input = commission.tokens.input(&row.id);
    labelled(ui, "From", |ui, _| {
        for (is_pasted, text) in [(false, "A file"), (true, "Pasted text")] {
            let name = format!("{text} for {}", row.id);
            if choice(ui, input.is_pasted == is_pasted, text, &name) {
                input.is_pasted = is_pasted;
            }
        }
    });
    if input.is_pasted {
        let id = egui::Id::unique(("token", &row.id));
        labelled(ui, "Token", |ui, label| {
            let edit = TextEdit::singleline(input.pasted.expose_mut()).id(id).password(true);
            let width = FIELD_WIDTH.min(ui.available_width() - GRID);
            ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(label);
            forget_undo(ui, id);
        });
        return;
    }
    let (_, is_browsing) = path_field(ui, "File", &mut input.path, "/home/me/token.txt");
    if is_browsing {
        pass.browse = Some(PathField::Token(row.id.clone()));
    }
}
