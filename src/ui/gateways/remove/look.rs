//! The look at the broker and the watch of a removal: what they need, and what they saw.

use egui::{RichText, ScrollArea, Ui};

use crate::app::remove::look::{Credential, LookFile};
use crate::app::remove::{Remove, RemoveAction, Run};
use crate::model::text::visible;
use crate::model::wipe::{BrokerSeen, Leftover, Watched, WipeReport};
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::GRID;
use crate::ui::widgets::{Button, counted, field, fold, muted, path_field, secret_field, strong, titled_group};

/// Draws what they need, folded away. `connection` is the one that Telemetry has to a broker.
pub(super) fn show(ui: &mut Ui, remove: &mut Remove, connection: Option<&str>, pass: &mut Pass<'_>) {
    fold(ui, "look", "Check the broker and watch", |ui| {
        broker(ui, remove, connection, pass);
        ui.add_space(GRID);
        strong(ui, "Watch afterwards");
        field(ui, "Minutes", &mut remove.watch, "1 to 60: does it come back?");
    });
}

fn broker(ui: &mut Ui, remove: &mut Remove, connection: Option<&str>, pass: &mut Pass<'_>) {
    muted(ui, "Does the broker still accept the old credential, and does anything still publish?");
    if let Some(name) = connection {
        let text = format!("Use the connection to {}", visible(name, 60));
        if Button::new(&text).icon(icon::TELEMETRY).pressed(ui) {
            pass.did(RemoveAction::TookConnection);
        }
    }
    let look = &mut remove.look;
    field(ui, "Broker", &mut look.url, "mqtts://broker.example");
    file(ui, "CA certificates", &mut look.ca_path, LookFile::Authorities, pass);
    field(ui, "Topics", &mut look.topics, "site/gw-0417/#, with blanks between");
    muted(ui, "What the broker retains there is listed after the removal, and cleared once you say so");
    field(ui, "Last will topic", &mut look.will_topic, "site/gw-0417/status");
    field(ui, "Last will text", &mut look.will_text, "a text in its payload, such as offline");
    strong(ui, "Old credential");
    field(ui, "Old client ID", &mut look.old.client_id, "a random ID");
    credential(ui, "Old", &mut look.old, [LookFile::OldCertificate, LookFile::OldKey], pass);
    strong(ui, "Good credential");
    muted(ui, "Without one that is accepted, a refusal of the old one proves nothing");
    credential(ui, "Good", &mut look.control, [LookFile::ControlCertificate, LookFile::ControlKey], pass);
}

fn credential(ui: &mut Ui, which: &str, of: &mut Credential, files: [LookFile; 2], pass: &mut Pass<'_>) {
    field(ui, &format!("{which} user name"), &mut of.username, "none");
    secret_field(ui, &format!("{which} password"), &mut of.password, "none");
    file(ui, &format!("{which} certificate"), &mut of.certificate_path, files[0], pass);
    file(ui, &format!("{which} key"), &mut of.key_path, files[1], pass);
}

fn file(ui: &mut Ui, label: &str, path: &mut String, of: LookFile, pass: &mut Pass<'_>) {
    let (_, is_browsing) = path_field(ui, label, path, "none");
    if is_browsing {
        pass.browse = Some(PathField::Look(of));
    }
}

/// Messages of a list that are in sight at once; the list scrolls.
const LISTED_HEIGHT: f32 = 160.0;

/// Draws the question whether what the broker retains is cleared, with each message named.
pub(super) fn leftovers(ui: &mut Ui, run: &Run, pass: &mut Pass<'_>) {
    let Some(leftovers) = run.leftovers() else { return };
    titled_group(ui, "Retained at the broker", "", |ui| {
        ScrollArea::vertical().id_salt("leftovers").max_height(LISTED_HEIGHT).show(ui, |ui| {
            for Leftover { topic, bytes, .. } in leftovers {
                ui.horizontal(|ui| {
                    ui.label(RichText::new(topic).monospace());
                    muted(ui, &counted(*bytes, "byte", "bytes"));
                });
            }
        });
        ui.horizontal(|ui| {
            let clear = format!("Clear {}", counted(leftovers.len() as u64, "message", "messages"));
            let answers = [(clear.as_str(), icon::REMOVE, true), ("Leave at the broker", icon::SKIPPED, false)];
            for (text, glyph, is_cleared) in answers {
                if Button::new(text).icon(glyph).pressed(ui) {
                    pass.did(RemoveAction::AnsweredLeftovers { is_cleared });
                }
            }
        });
        muted(ui, "Without an answer within 10 min nothing is cleared");
    });
}

/// Draws what they saw.
pub(super) fn seen(ui: &mut Ui, report: &WipeReport) {
    let broker = report.broker.iter().flat_map(BrokerSeen::words);
    let watched = report.watched.iter().map(Watched::words);
    let words: Vec<String> = broker.chain(watched).collect();
    if words.is_empty() {
        return;
    }
    titled_group(ui, "Looked at afterwards", "", |ui| {
        for text in &words {
            ui.label(text);
        }
    });
}
