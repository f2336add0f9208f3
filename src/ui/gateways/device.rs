//! The tab Device: connect, then what it is, what it counts, its settings, its shell and its log.

use egui::{Align, Key, Label, Layout, RichText, ScrollArea, TextEdit, Ui, vec2};

use crate::app::App;
use crate::app::device::{Device, DeviceAction, FileRow, Phase, Session, ShellLine};
use crate::app::gateways::Tab;
use crate::model::clock::{Ahead, Effect, written};
use crate::model::ids::DriverId;
use crate::msg::JobEnd;
use crate::msg::device::{DeviceRead, ImageRow, Table};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{FIELD_WIDTH, GAP, GRID, ONE_COLUMN_BELOW, palette, section};
use crate::ui::widgets::{
    Button, RowEnd, copyable, facts, field, focus_ring, forget_undo, group, labelled, muted, notice, pill,
    problem_card, strong, titled_group, truncated,
};

const VALUE: &str = "setting-value";
/// Height of the shell's output and of the log.
const PANE_HEIGHT: f32 = 168.0;

/// Draws the tab.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let selected = app.discover.selected().and_then(|link| app.discover.row(link));
    if let Some(why) = selected.and_then(|row| super::detail::off(Tab::Device, row)) {
        return super::detail::show_off(ui, why);
    }
    ui.spacing_mut().item_spacing.y = GAP;
    let Some(session) = app.device.session() else { return choose(ui, app, pass) };
    phase_pill(ui, session);
    match &session.phase {
        Phase::Ended(end) => {
            ended(ui, end);
            choose(ui, app, pass);
            let Some(session) = app.device.session() else { return };
            if !session.log.is_empty() || session.info.value().is_some() {
                what_it_is(ui, session, pass);
                log(ui, session);
            }
        }
        _ => connected(ui, app, pass),
    }
}

/// The act in the header.
pub(super) fn acts(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    match app.device.session().map(|session| &session.phase) {
        Some(Phase::Ready) => {
            if Button::new("Disconnect").named("Disconnect from the gateway").pressed(ui) {
                pass.did(DeviceAction::Closed);
            }
        }
        Some(Phase::Busy(_) | Phase::Closing) => {
            if Button::new("Cancel").icon(icon::CLOSE).named("Cancel and disconnect").pressed(ui) {
                pass.did(DeviceAction::Cancelled);
            }
        }
        Some(Phase::Ended(_)) | None => connect_button(ui, app, pass),
    }
}

fn phase_pill(ui: &mut Ui, session: &Session) {
    let palette = palette(ui);
    let (colour, text) = match &session.phase {
        Phase::Busy(what) => (palette.link, what.as_str()),
        Phase::Ready => (palette.ok, "Connected"),
        Phase::Closing => (palette.muted, "Closing"),
        Phase::Ended(JobEnd::Failed(_)) => (palette.danger, "Failed"),
        Phase::Ended(_) => (palette.muted, "Not connected"),
    };
    pill(ui, colour, text);
}

fn connect_button(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let Some((link, _)) = app.commission.gateway() else { return };
    let driver = app.device.driver(link.kind(), app.managing_driver());
    let is_held = app.commission.open_session().is_some();
    let why = if is_held { "Close the session under Set up first" } else { "No driver manages over this link" };
    let connect = Button::new("Connect").icon(icon::DEVICE).primary().named("Connect to manage the gateway");
    if connect.enabled_if(driver.is_some() && !is_held, why).pressed(ui) {
        pass.did(DeviceAction::Connected);
    }
}

/// Before a connection: which gateway, and how.
fn choose(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let Some((link, _)) = app.commission.gateway() else { return };
    let link = link.clone();
    let chosen = app.device.driver(link.kind(), app.managing_driver());
    let hint = "Connecting asks what the gateway offers. Nothing is changed";
    titled_group(ui, "Manage it", hint, |ui| {
        labelled(ui, "Driver", |ui, _| {
            ui.vertical(|ui| {
                for driver in Device::drivers(link.kind()) {
                    let response = ui.radio(chosen == Some(driver), driver_words(driver));
                    focus_ring(ui, &response);
                    if response.clicked() {
                        pass.did(DeviceAction::ChoseDriver(driver));
                    }
                }
            });
        });
        if chosen.is_none() {
            notice(ui, palette(ui).warn, icon::WARNING, "No driver of this version manages gateways over this link");
        }
        if chosen.is_some_and(|driver| driver.facts().wanted.is_some()) {
            login(ui, app);
        }
        if app.commission.open_session().is_some() {
            let text = "A session is open under Set up and holds the link: close it first";
            notice(ui, palette(ui).warn, icon::WARNING, text);
        }
    });
}

fn driver_words(driver: DriverId) -> String {
    format!("{driver} · {}", driver.facts().label)
}

fn login(ui: &mut Ui, app: &mut App) {
    let access = &mut app.commission.access;
    field(ui, "User", &mut access.username, "root");
    labelled(ui, "Password", |ui, id| {
        let field = egui::Id::unique("device-password");
        let edit = TextEdit::singleline(access.secret.expose_mut()).id(field).password(true);
        ui.add(edit.desired_width(FIELD_WIDTH - 2.0 * GRID).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        forget_undo(ui, field);
    });
    muted(ui, "Stays in memory only. Empty if the console has no password");
}

fn ended(ui: &mut Ui, end: &JobEnd) {
    match end {
        JobEnd::Failed(problem) => problem_card(ui, problem),
        JobEnd::Cancelled => notice(ui, palette(ui).muted, icon::STOPPED, "The connection was cancelled"),
        JobEnd::Done { note } => notice(ui, palette(ui).muted, icon::INFO, note),
    }
}

fn connected(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let Some(session) = app.device.session() else { return };
    let Some(name) = session.name.clone() else {
        group(ui, |ui| {
            strong(ui, "Waiting for the gateway to answer");
            muted(
                ui,
                "Reads the largest message size and what the gateway offers. Some devices restart when a port is opened",
            );
        });
        return;
    };
    if let Some(problem) = &session.problem {
        problem_card(ui, problem);
    }
    if let Some(evidence) = session.done.first() {
        let text = format!("{}: {}", capital(evidence.kind.label()), evidence.text);
        notice(ui, palette(ui).ok, icon::JOINED, &text);
    }
    let offers = session.offers;
    two_columns(
        ui,
        offers.statistics,
        pass,
        |ui, pass| what_it_is(ui, session, pass),
        |ui, pass| statistics(ui, session, pass),
    );
    if offers.time {
        clock(ui, session, pass);
    }
    if offers.images {
        images(ui, session, pass);
    }
    if offers.settings {
        settings(ui, &mut app.device, pass);
    }
    if offers.files {
        files(ui, &mut app.device, pass);
    }
    if offers.shell {
        shell(ui, &mut app.device, pass);
    }
    let Some(session) = app.device.session() else { return };
    log(ui, session);
    if offers.reset || offers.erase {
        danger(ui, session, &name, pass);
    }
}

/// The gateway's clock against this computer's, and what follows.
fn clock(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    titled_group(ui, "Clock", "Against this computer's. TLS checks certificates by it", |ui| {
        if let Some((text, read)) = &session.clock {
            let since = i64::try_from(pass.now.saturating_duration_since(*read).as_secs()).unwrap_or(0);
            facts(ui, "clock", &[("It reads", text.clone()), ("This computer", written(pass.unix_secs - since))]);
            match Ahead::of(text, pass.unix_secs - since) {
                Some(ahead) => {
                    let palette = palette(ui);
                    let (colour, glyph) = match ahead.effect() {
                        Effect::None => (palette.ok, icon::JOINED),
                        Effect::Times => (palette.muted, icon::INFO),
                        Effect::Logins => (palette.warn, icon::WARNING),
                        Effect::Certificates => (palette.danger, icon::WARNING),
                    };
                    notice(ui, colour, glyph, &format!("{}. {}", ahead.shown(), ahead.consequence()));
                }
                None => drop(muted(ui, "This isn't a date that can be compared")),
            }
        }
        ui.horizontal_wrapped(|ui| {
            let (is_ready, why) = (session.is_ready(), "The gateway is busy");
            if Button::new("Read again").named("Read the clock").enabled_if(is_ready, why).pressed(ui) {
                pass.did(DeviceAction::Asked(DeviceRead::Time));
            }
            if Button::new("Set\u{2026}").named("Set the clock").enabled_if(is_ready, why).pressed(ui) {
                pass.did(DeviceAction::AskedToSetClock);
            }
        });
    });
}

/// Side by side where there is room for both.
fn two_columns<'p>(
    ui: &mut Ui,
    has_second: bool,
    pass: &mut Pass<'p>,
    first: impl FnOnce(&mut Ui, &mut Pass<'p>),
    second: impl FnOnce(&mut Ui, &mut Pass<'p>),
) {
    if !has_second || ui.available_width() < ONE_COLUMN_BELOW {
        first(ui, pass);
        if has_second {
            second(ui, pass);
        }
        return;
    }
    let width = (ui.available_width() - GAP) / 2.0;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        ui.vertical(|ui| {
            ui.set_width(width);
            first(ui, pass);
        });
        ui.vertical(|ui| {
            ui.set_width(width);
            second(ui, pass);
        });
    });
}

/// The title of a card and its refresh button.
fn title(ui: &mut Ui, text: &str, refresh: Option<(&str, DeviceRead)>, is_ready: bool, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(text).text_style(section()).color(palette(ui).strong));
        if let Some((name, read)) = refresh {
            RowEnd::new(ui, text).show(ui, |ui| {
                let button = Button::icon_only(icon::REFRESH, name);
                if button.enabled_if(is_ready, "The gateway is busy").pressed(ui) {
                    pass.did(DeviceAction::Asked(read));
                }
            });
        }
    });
}

fn what_it_is(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        let again = session.is_open().then_some(("Ask again what it is", DeviceRead::Info));
        title(ui, "Information", again, session.is_ready(), pass);
        if let Some(problem) = session.info.problem() {
            problem_card(ui, problem);
        }
        let mut rows: Vec<(&str, String)> = vec![
            ("Name", session.name.clone().unwrap_or_default()),
            ("Link", session.protection.map(|protection| protection.label().to_owned()).unwrap_or_default()),
        ];
        // The name that acts are confirmed with stands first, once.
        let told = session.info.value().into_iter().flatten().filter(|(name, _)| name != "Name");
        rows.extend(told.map(|(name, value)| (name.as_str(), value.clone())));
        facts(ui, "device info", &rows);
        if session.info.value().is_none() && session.info.is_pending() {
            muted(ui, "Querying…");
        }
        if let Some(warning) = session.protection.and_then(link_warning) {
            notice(ui, palette(ui).warn, icon::NO_LOCK, warning);
        }
    });
}

/// What to know before values are sent over a link that nothing protects.
fn link_warning(protection: crate::model::gateway::Protection) -> Option<&'static str> {
    let is_clear = protection == crate::model::gateway::Protection::ClearText;
    is_clear.then_some("Not encrypted: anyone listening can read settings and files")
}

fn statistics(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        let again = Some(("Ask again for statistics", DeviceRead::Statistics));
        title(ui, "Statistics", again, session.is_ready(), pass);
        if let Some(problem) = session.statistics.problem() {
            problem_card(ui, problem);
        }
        let tables = session.statistics.value().map_or(&[][..], Vec::as_slice);
        if tables.is_empty() {
            let text = if session.statistics.is_pending() { "Querying…" } else { "The gateway counts nothing" };
            muted(ui, text);
        }
        ScrollArea::both().id_salt("statistics").max_height(260.0).auto_shrink([false, true]).show(ui, |ui| {
            let mut rest = tables;
            while let Some(first) = rest.first() {
                let alike = rest.iter().take_while(|table| has_same_columns(first, table)).count();
                let (group, behind) = rest.split_at(alike);
                if let [table] = group {
                    pairs(ui, table);
                } else {
                    matrix(ui, group);
                }
                ui.add_space(GRID);
                rest = behind;
            }
        });
    });
}

fn has_same_columns(one: &Table, other: &Table) -> bool {
    one.rows.len() == other.rows.len() && one.rows.iter().zip(&other.rows).all(|((a, _), (b, _))| a == b)
}

fn pairs(ui: &mut Ui, table: &Table) {
    ui.label(RichText::new(&table.name).color(palette(ui).text));
    let rows: Vec<(&str, String)> =
        table.rows.iter().map(|(name, number)| (name.as_str(), number.to_string())).collect();
    facts(ui, &format!("statistics {}", table.name), &rows);
}

/// Tables that count the same, as one: a row each.
fn matrix(ui: &mut Ui, tables: &[Table]) {
    let Some(first) = tables.first() else { return };
    let columns = first.rows.len() + 1;
    let grid = egui::Grid::new(("statistics", &first.name)).num_columns(columns).spacing([14.0, 4.0]);
    grid.min_row_height(18.0).show(ui, |ui| {
        muted(ui, "");
        for (name, _) in &first.rows {
            muted(ui, name);
        }
        ui.end_row();
        for table in tables {
            ui.label(&table.name);
            for (_, number) in &table.rows {
                ui.label(number.to_string());
            }
            ui.end_row();
        }
    });
}

fn images(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        let again = Some(("Ask again for the images", DeviceRead::Images));
        title(ui, "Firmware images", again, session.is_ready(), pass);
        if let Some(problem) = session.images.problem() {
            problem_card(ui, problem);
        }
        for image in session.images.value().into_iter().flatten() {
            image_line(ui, image);
        }
        if session.images.value().is_some_and(Vec::is_empty) {
            muted(ui, "The gateway lists none");
        }
    });
}

fn image_line(ui: &mut Ui, image: &ImageRow) {
    ui.horizontal_wrapped(|ui| {
        muted(ui, &format!("Image {} slot {}", image.image, image.slot));
        ui.label(RichText::new(&image.version).color(palette(ui).strong));
        for flag in &image.flags {
            let colour = if *flag == "pending" { palette(ui).warn } else { palette(ui).muted };
            ui.push_id((image.image, image.slot, flag), |ui| pill(ui, colour, flag));
        }
        copyable(ui, image.hash.get(..16).unwrap_or(&image.hash));
    });
}

fn settings(ui: &mut Ui, device: &mut Device, pass: &mut Pass<'_>) {
    let hint = "The protocol can't list keys: type one, as in the vendor documentation";
    titled_group(ui, "Settings", hint, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        let is_ready = device.session().is_some_and(Session::is_ready);
        let is_typed = !device.key.trim().is_empty();
        ui.horizontal_wrapped(|ui| {
            let response = field(ui, "Key", &mut device.key, "bridge/broker");
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let why = if is_typed { "The gateway is busy" } else { "Type a key first" };
            let read = Button::new("Read").named("Read the setting").enabled_if(is_typed && is_ready, why);
            if read.pressed(ui) || (is_entered && is_typed && is_ready) {
                pass.did(DeviceAction::ReadSetting);
            }
        });
        value_row(ui, device, is_ready, pass);
        if let Some(session) = device.session() {
            settings_table(ui, session, pass);
        }
    });
}

fn files(ui: &mut Ui, device: &mut Device, pass: &mut Pass<'_>) {
    let hint = "The protocol can't list files: type a path, as the vendor documentation names it";
    titled_group(ui, "Files", hint, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        let is_ready = device.session().is_some_and(Session::is_ready);
        let is_typed = !device.file_path.trim().is_empty();
        let why = if is_typed { "The gateway is busy" } else { "Type a path first" };
        ui.horizontal_wrapped(|ui| {
            let response = field(ui, "Path", &mut device.file_path, "/lfs/mqtt-ca.pem");
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let look = Button::new("Check").named("Check size and checksum of the file");
            if look.enabled_if(is_typed && is_ready, why).pressed(ui) || (is_entered && is_typed && is_ready) {
                pass.did(DeviceAction::ReadFile { wants_content: false });
            }
            let read = Button::new("Read").named("Read the file").enabled_if(is_typed && is_ready, why);
            if read.pressed(ui) {
                pass.did(DeviceAction::ReadFile { wants_content: true });
            }
        });
        let rows = device.session().map_or(&[][..], |session| &session.files);
        if rows.is_empty() {
            muted(ui, "No file was read yet. The command line also writes files: linesman device files put");
        }
        for row in rows {
            ui.push_id(&row.path, |ui| file_row(ui, row, pass));
        }
    });
}

fn file_row(ui: &mut Ui, row: &FileRow, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&row.path).monospace());
        muted(ui, &row.summary());
        if row.facts.content.is_some() {
            let (glyph, verb) = if row.is_shown { (icon::HIDE, "Hide") } else { (icon::SHOW, "Show") };
            if Button::icon_only(glyph, &format!("{verb} the content of {}", row.path)).pressed(ui) {
                pass.did(DeviceAction::ToggledFile(row.path.clone()));
            }
        }
    });
    if let Some(text) = row.shown() {
        let area = ScrollArea::both().id_salt("content").max_height(PANE_HEIGHT).auto_shrink([false, true]);
        area.show(ui, |ui| ui.add(Label::new(RichText::new(text).monospace()).selectable(true).extend()));
    }
}

fn value_row(ui: &mut Ui, device: &mut Device, is_ready: bool, pass: &mut Pass<'_>) {
    let why_not = device.why_not_writable();
    ui.horizontal_wrapped(|ui| {
        labelled(ui, "New value", |ui, id| {
            let edit_id = egui::Id::unique(VALUE);
            let edit = TextEdit::singleline(device.value.expose_mut())
                .id(edit_id)
                .password(!device.is_value_shown)
                .hint_text("text, or hex:00ff")
                .desired_width((FIELD_WIDTH - 2.0 * GRID - 40.0).min(ui.available_width() - 60.0))
                .margin(crate::ui::theme::FIELD_MARGIN);
            ui.add(edit).labelled_by(id);
            forget_undo(ui, edit_id);
            let (glyph, name) = if device.is_value_shown {
                (icon::HIDE, "Hide the new value")
            } else {
                (icon::SHOW, "Show the new value")
            };
            if Button::icon_only(glyph, name).pressed(ui) {
                device.is_value_shown = !device.is_value_shown;
            }
        });
        let write = Button::new("Write…").named("Write the setting");
        let why = why_not.unwrap_or("The gateway is busy");
        if write.enabled_if(why_not.is_none() && is_ready, why).pressed(ui) {
            pass.did(DeviceAction::AskedToWrite);
        }
    });
}

fn settings_table(ui: &mut Ui, session: &Session, pass: &mut Pass<'_>) {
    if session.settings.is_empty() {
        muted(ui, "No setting was read yet");
        return;
    }
    for row in &session.settings {
        ui.push_id(&row.key, |ui| {
            ui.horizontal(|ui| {
                ui.allocate_ui_with_layout(vec2(220.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_width(220.0);
                    truncated(ui, RichText::new(&row.key).monospace());
                });
                let end = RowEnd::new(ui, &row.key);
                end.before(ui, |ui| {
                    let colour = if row.value.is_some() { palette(ui).strong } else { palette(ui).muted };
                    truncated(ui, RichText::new(row.shown()).color(colour));
                });
                end.show(ui, |ui| {
                    setting_buttons(ui, session, &row.key, row.value.is_some(), row.is_shown, pass);
                });
            });
        });
    }
}

fn setting_buttons(ui: &mut Ui, session: &Session, key: &str, is_there: bool, is_shown: bool, pass: &mut Pass<'_>) {
    if !is_there {
        return;
    }
    let (glyph, verb) = if is_shown { (icon::HIDE, "Hide") } else { (icon::SHOW, "Show") };
    if Button::icon_only(glyph, &format!("{verb} the value of {key}")).pressed(ui) {
        pass.did(DeviceAction::ToggledValue(key.to_owned()));
    }
    let name = format!("Delete the setting {key}");
    let delete = Button::icon_only(icon::REMOVE, &name).enabled_if(session.is_ready(), "The gateway is busy");
    if delete.pressed(ui) {
        pass.did(DeviceAction::AskedToDelete(key.to_owned()));
    }
}

fn shell(ui: &mut Ui, device: &mut Device, pass: &mut Pass<'_>) {
    let is_open = device.session().is_some_and(|session| session.is_shell_open);
    let hint = if is_open {
        "Commands run at once. Up and down bring earlier ones back"
    } else {
        "The first command is confirmed with the gateway's name. Up and down bring earlier ones back"
    };
    titled_group(ui, "Shell", hint, |ui| {
        let Some(session) = device.session() else { return };
        let is_ready = session.is_ready();
        pane(ui, "shell", session.shell.len(), "Nothing was run yet", |ui, index| {
            let Some(line) = session.shell.get(index) else { return };
            let (text, colour) = match line {
                ShellLine::Command(text) => (format!("> {text}"), palette(ui).strong),
                ShellLine::Output(text) => (text.clone(), palette(ui).text),
                ShellLine::Status(status) => (format!("ended with {status}"), palette(ui).warn),
            };
            mono(ui, &text, colour);
        });
        ui.horizontal(|ui| {
            let id = ui.label("Command").id;
            let width = (ui.available_width() - if is_open { 200.0 } else { 110.0 }).max(120.0);
            let edit = TextEdit::singleline(&mut device.command).font(egui::TextStyle::Monospace).hint_text("help");
            let response = ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
            if response.has_focus() {
                let (up, down) = ui.input(|input| (input.key_pressed(Key::ArrowUp), input.key_pressed(Key::ArrowDown)));
                if up || down {
                    pass.did(DeviceAction::Recalled { is_earlier: up });
                }
            }
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let can_run = is_ready && !device.command.trim().is_empty();
            let why = if is_ready { "Type a command first" } else { "The gateway is busy" };
            let run = Button::new("Run").icon(icon::SEND).named("Run the command").enabled_if(can_run, why);
            if run.pressed(ui) || (is_entered && can_run) {
                pass.did(DeviceAction::RanCommand);
                response.request_focus();
            }
            if is_open && Button::new("Lock").icon(icon::LOCK).quiet().named("Ask before the next command").pressed(ui)
            {
                pass.did(DeviceAction::LockedShell);
            }
        });
    });
}

fn log(ui: &mut Ui, session: &Session) {
    let hint = "What the gateway writes to the console beside the protocol, without the secrets sent from here";
    titled_group(ui, "Log", hint, |ui| {
        pane(ui, "log", session.log.len(), "The gateway has written nothing", |ui, index| {
            if let Some(line) = session.log.get(index) {
                mono(ui, line, palette(ui).text);
            }
        });
    });
}

/// Lines in the fixed-width font, the newest in sight; only those in sight are laid out.
fn pane(ui: &mut Ui, salt: &str, lines: usize, nothing: &str, mut line: impl FnMut(&mut Ui, usize)) {
    if lines == 0 {
        muted(ui, nothing);
        return;
    }
    let height = ui.text_style_height(&egui::TextStyle::Monospace);
    ui.spacing_mut().item_spacing.y = 2.0;
    let area =
        ScrollArea::both().id_salt(salt).max_height(PANE_HEIGHT).auto_shrink([false, true]).stick_to_bottom(true);
    area.show_rows(ui, height, lines, |ui, range| range.for_each(|index| line(ui, index)));
    ui.spacing_mut().item_spacing.y = GRID;
    ui.add_space(GRID);
}

fn mono(ui: &mut Ui, text: &str, colour: egui::Color32) {
    ui.add(Label::new(RichText::new(text).monospace().color(colour)).selectable(true).extend());
}

fn danger(ui: &mut Ui, session: &Session, name: &str, pass: &mut Pass<'_>) {
    let hint = "Each is confirmed by typing the gateway's name";
    titled_group(ui, "Restart and erase", hint, |ui| {
        ui.horizontal_wrapped(|ui| {
            let label = format!("Restart {name}");
            let restart = Button::new("Restart…").icon(icon::RESET).danger().named(&label);
            if session.offers.reset && restart.enabled_if(session.is_ready(), "The gateway is busy").pressed(ui) {
                pass.did(DeviceAction::AskedToReset);
            }
            let label = format!("Erase the storage of {name}");
            let erase = Button::new("Erase storage…").icon(icon::REMOVE).danger().named(&label);
            if session.offers.erase && erase.enabled_if(session.is_ready(), "The gateway is busy").pressed(ui) {
                pass.did(DeviceAction::AskedToErase);
            }
        });
        if session.offers.erase {
            muted(ui, "Read a setting before erasing: it is looked for afterwards, as evidence");
        }
    });
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
