//! The tab Terminal: a screen that takes keys while it has the focus, the port's speed, and a file to send.

use egui::text::{LayoutJob, TextFormat};
use egui::{Event, EventFilter, FontId, Key, Modifiers, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::app::gateways::Tab;
use crate::app::terminal::{Ink, Port, SPEEDS, Spot, Step, Terminal, TerminalAction};
use crate::app::{Action, App};
use crate::model::gateway::Sighting;
use crate::model::secret::Secret;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{GRID, control_radius, palette, terminal_ink};
use crate::ui::widgets::{Button, RowEnd, muted, notice, path_field, pill, problem_card, small};

/// What stays free beside the path of a file, for the button that sends it.
const SEND_WIDTH: f32 = 100.0;

/// Size of the characters.
const FONT_SIZE: f32 = 13.0;
/// Room around the characters.
const MARGIN: f32 = 10.0;

/// Draws the tab.
pub(super) fn show(ui: &mut Ui, app: &mut App, row: &Sighting, pass: &mut Pass<'_>) {
    if let Some(why) = super::detail::off(Tab::Terminal, row) {
        return super::detail::show_off(ui, why);
    }
    let terminal = &mut app.terminal;
    if terminal.link().is_none() {
        muted(ui, "Open shows what the port sends and types what you type. Nothing is sent by opening it");
        return;
    }
    let (colour, word) = match terminal.port() {
        Port::Closed => (palette(ui).muted, "Closed"),
        Port::Opening => (palette(ui).link, "Opening…"),
        Port::Open => (palette(ui).ok, "Open"),
        Port::Failed(_) => (palette(ui).danger, "Failed"),
    };
    pill(ui, colour, word);
    if let Port::Failed(problem) = terminal.port() {
        problem_card(ui, problem);
    }
    toolbar(ui, terminal, pass);
    if let Some(lines) = terminal.waiting_paste() {
        paste_question(ui, lines, pass);
    }
    let below = 2.0 * crate::ui::theme::CONTROL_HEIGHT + 5.0 * GRID;
    let height = (ui.available_height() - below).max(120.0);
    screen(ui, terminal, height, pass);
    small(
        ui,
        "What the device writes is kept in the transcript of this terminal, in memory. What you type is not, unless the \
         device writes it back. Drag or Shift+arrows select, Ctrl+] leaves the screen",
    );
    file(ui, terminal, pass);
}

/// The acts in the header.
pub(super) fn acts(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    if super::detail::off(Tab::Terminal, row).is_some() {
        return;
    }
    if app.terminal.link().is_some() && Button::new("Copy").icon(icon::COPY).named("Copy the screen").pressed(ui) {
        let selected = app.terminal.selected_text();
        let what = if selected.is_some() { "Selection" } else { "Screen of the terminal" };
        ui.ctx().copy_text(selected.unwrap_or_else(|| app.terminal.contents()));
        pass.did(Action::Copied(what));
    }
    if app.terminal.job().is_some() {
        if Button::new("Close").named("Close the terminal").pressed(ui) {
            pass.did(TerminalAction::Closed);
        }
    } else {
        let is_held = app.commission.open_session().is_some();
        let open = Button::new("Open").primary().named("Open the terminal");
        if open.enabled_if(row.is_present && !is_held, "The port is gone, or a session holds it").pressed(ui) {
            pass.did(TerminalAction::OpenedOn(row.link.clone()));
        }
    }
}

fn toolbar(ui: &mut Ui, terminal: &Terminal, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        let id = ui.label("Speed").id;
        ui.add_enabled_ui(terminal.job().is_none(), |ui| {
            let shown = egui::ComboBox::from_id_salt("speed").selected_text(terminal.baud().to_string());
            let response = shown.show_ui(ui, |ui| {
                for speed in SPEEDS {
                    if ui.selectable_label(speed == terminal.baud(), speed.to_string()).clicked() {
                        pass.did(TerminalAction::ChoseSpeed(speed));
                    }
                }
            });
            let _ = response.response.labelled_by(id);
        });
        muted(ui, if terminal.job().is_some() { "bits a second; close to change it" } else { "bits a second" });
        RowEnd::new(ui, "end").show(ui, |ui| match terminal.scrolled_back() {
            _ if terminal.waiting_octets() > 0 => {
                muted(ui, &format!("Selected: {} bytes wait", terminal.waiting_octets()));
                if Button::new("Go on").quiet().named("Drop the selection and go on").pressed(ui) {
                    pass.did(TerminalAction::DroppedSelection);
                }
            }
            0 => {
                muted(ui, &format!("{} bytes received", terminal.heard_octets()));
            }
            lines => {
                muted(ui, &format!("{lines} lines back"));
                if Button::new("To the end").quiet().named("Scroll to the end").pressed(ui) {
                    pass.did(TerminalAction::Scrolled(-isize::try_from(lines).unwrap_or(isize::MAX)));
                }
            }
        });
    });
}

fn paste_question(ui: &mut Ui, lines: usize, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        crate::ui::widgets::icon(ui, icon::WARNING, palette(ui).warn);
        ui.label(format!("The pasted text has {lines} lines. Each of them is carried out as it arrives"));
        if Button::new("Drop it").named("Drop the pasted text").pressed(ui) {
            pass.did(TerminalAction::DroppedPaste);
        }
        if Button::new("Send it").danger().named("Send the pasted text").pressed(ui) {
            pass.did(TerminalAction::ConfirmedPaste);
        }
    });
}

fn screen(ui: &mut Ui, terminal: &Terminal, height: f32, pass: &mut Pass<'_>) {
    let font = FontId::monospace(FONT_SIZE);
    let (cell, line) = ui.fonts_mut(|fonts| (fonts.glyph_width(&font, 'M'), fonts.row_height(&font)));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click_and_drag());
    fit(terminal, rect, cell, line, pass);
    let name = terminal.link().map_or_else(String::new, |link| format!("Screen of {}", link.place()));
    let (is_enabled, contents) = (ui.is_enabled(), terminal.contents());
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(contents.clone()),
        ..WidgetInfo::labeled(Role::Terminal, is_enabled, &name)
    });
    if response.clicked() || response.drag_started() {
        response.request_focus();
    }
    let spot = |at: egui::Pos2| spot(terminal, rect, at, vec2(cell, line));
    point(ui, &response, terminal, rect, spot, pass);
    let has_focus = response.has_focus();
    if has_focus {
        let all = EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, all));
        if take_keys(ui, terminal, pass) {
            response.surrender_focus();
        }
    }
    if response.contains_pointer() {
        let scrolled = ui.input(|input| input.smooth_scroll_delta().y);
        #[expect(clippy::cast_possible_truncation, reason = "a wheel turns a few lines")]
        let lines = (scrolled / line).round() as isize;
        if lines != 0 {
            pass.did(TerminalAction::Scrolled(lines));
        }
    }
    let colours = palette(ui);
    ui.painter().rect_filled(rect, control_radius(), colours.input);
    let stroke =
        egui::Stroke::new(if has_focus { 2.0 } else { 1.0 }, if has_focus { colours.accent } else { colours.line });
    ui.painter().rect_stroke(rect, control_radius(), stroke, egui::StrokeKind::Inside);
    let origin = rect.min + vec2(MARGIN, MARGIN);
    let painter = ui.painter_at(rect.shrink(2.0));
    if let Some((row, column)) = terminal.cursor().filter(|_| terminal.job().is_some()) {
        let at = origin + vec2(f32::from(column) * cell, f32::from(row) * line);
        let block = Rect::from_min_size(at, vec2(cell, line));
        let stroke = egui::Stroke::new(1.0, colours.accent);
        if has_focus {
            painter.rect_filled(block, 0.0, colours.accent.gamma_multiply(0.6));
        } else {
            painter.rect_stroke(block, 0.0, stroke, egui::StrokeKind::Inside);
        }
    }
    if let Some(range) = terminal.selection() {
        let ground = colours.chosen;
        for (row, from, to) in selected_rows(terminal, range) {
            let at = origin + vec2(f32::from(from) * cell, f32::from(row) * line);
            let block = Rect::from_min_size(at, vec2(f32::from(to.saturating_sub(from)) * cell, line));
            painter.rect_filled(block, 0.0, ground);
            painter.hline(block.x_range(), block.bottom() - 0.5, egui::Stroke::new(1.0, colours.link));
        }
    }
    let mut top = origin.y;
    for runs in terminal.rows() {
        if !runs.is_empty() {
            let mut job = LayoutJob::default();
            for run in runs {
                let ink = if run.is_bold && run.ink == Ink::Usual {
                    colours.strong
                } else {
                    terminal_ink(ui, run.ink, colours.text)
                };
                let background = match run.ground {
                    Ink::Usual => egui::Color32::TRANSPARENT,
                    ground => terminal_ink(ui, ground, colours.input),
                };
                job.append(
                    &run.text,
                    0.0,
                    TextFormat { font_id: font.clone(), color: ink, background, ..TextFormat::default() },
                );
            }
            let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
            painter.galley(pos2(origin.x, top), galley, colours.text);
        }
        top += line;
    }
    if terminal.contents().is_empty() && *terminal.port() == Port::Open {
        let hint = "Nothing received yet. Click here and press Enter";
        painter.text(
            origin + vec2(cell * 2.0, line),
            egui::Align2::LEFT_TOP,
            hint,
            FontId::proportional(13.0),
            colours.muted,
        );
    }
}

/// The place between characters that is nearest to a point.
fn spot(terminal: &Terminal, rect: Rect, at: egui::Pos2, cell: egui::Vec2) -> Spot {
    let (rows, columns) = terminal.size();
    let inner = at - rect.min - vec2(MARGIN, MARGIN);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within the screen")]
    let (row, column) = (
        (inner.y / cell.y).floor().clamp(0.0, f32::from(rows.saturating_sub(1))) as u16,
        (inner.x / cell.x).round().clamp(0.0, f32::from(columns)) as u16,
    );
    Spot { line: terminal.first_line() + i32::from(row), column }
}

/// Selects by the pointer: drag, a word by a double click, a line by a triple one; beyond the edges it scrolls.
fn point(
    ui: &Ui,
    response: &egui::Response,
    terminal: &Terminal,
    rect: Rect,
    spot: impl Fn(egui::Pos2) -> Spot,
    pass: &mut Pass<'_>,
) {
    let Some(at) = response.interact_pointer_pos() else { return };
    let is_extending = ui.input(|input| input.modifiers.shift);
    if response.triple_clicked() {
        pass.did(TerminalAction::SelectedLine(spot(at)));
    } else if response.double_clicked() {
        pass.did(TerminalAction::SelectedWord(spot(at)));
    } else if response.clicked() && is_extending {
        pass.did(TerminalAction::SelectedTo(spot(at)));
    } else if response.clicked() && terminal.selection().is_some() {
        pass.did(TerminalAction::DroppedSelection);
    }
    if response.drag_started() && !is_extending {
        let began = ui.input(|input| input.pointer.press_origin()).unwrap_or(at);
        pass.did(TerminalAction::BeganSelecting(spot(began)));
    }
    if response.dragged() {
        let beyond = if at.y < rect.top() { 1 } else { -isize::from(at.y > rect.bottom()) };
        if beyond != 0 {
            pass.did(TerminalAction::Scrolled(beyond));
        }
        pass.did(TerminalAction::SelectedTo(spot(at)));
    }
}

/// The part of each row in sight that is selected: the row, and from which column to which.
fn selected_rows(terminal: &Terminal, (from, to): (Spot, Spot)) -> impl Iterator<Item = (u16, u16, u16)> {
    let (rows, columns) = terminal.size();
    let first = terminal.first_line();
    (0..rows).filter_map(move |row| {
        let line = first + i32::from(row);
        (from.line..=to.line).contains(&line).then(|| {
            let begin = if line == from.line { from.column } else { 0 };
            let end = if line == to.line { to.column } else { columns };
            (row, begin, end)
        })
    })
}

/// Tells when the room for characters has changed.
fn fit(terminal: &Terminal, rect: Rect, cell: f32, line: f32, pass: &mut Pass<'_>) {
    let count = |room: f32, size: f32| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept between 2 and 400")]
        let count = ((room - 2.0 * MARGIN) / size).floor().clamp(2.0, 400.0) as u16;
        count
    };
    let wanted = (count(rect.height(), line), count(rect.width(), cell));
    if terminal.size() != wanted {
        pass.did(TerminalAction::Resized(wanted.0, wanted.1));
    }
}

/// Sends the keys of this frame; tells whether the user leaves the screen. What selects and copies is not sent.
fn take_keys(ui: &Ui, terminal: &Terminal, pass: &mut Pass<'_>) -> bool {
    let mut bytes = Vec::new();
    let mut is_left = false;
    let events = ui.input(|input| input.events.clone());
    for event in events {
        match event {
            Event::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            // The window system has taken these for its clipboard; the device knows them as keys.
            Event::Copy if terminal.selection().is_some() => copy(ui, terminal, pass),
            Event::Copy => bytes.push(3),
            Event::Cut => bytes.push(0x18),
            Event::Paste(text) => pass.did(TerminalAction::Pasted(Secret::new(text))),
            Event::Key { key: Key::CloseBracket, pressed: true, modifiers, .. } if modifiers.ctrl => is_left = true,
            Event::Key { key: Key::Escape, pressed: true, .. } if terminal.selection().is_some() => {
                pass.did(TerminalAction::DroppedSelection);
            }
            Event::Key { key, pressed: true, modifiers, .. } if modifiers.shift && is_own(key, modifiers) => {
                own_key(ui, key, terminal, pass);
            }
            Event::Key { key, pressed: true, modifiers, .. } => {
                bytes.extend(octets_of(key, modifiers, terminal.is_application_cursor()));
            }
            _ => {}
        }
    }
    if !bytes.is_empty() {
        pass.did(TerminalAction::Typed(Secret::new(bytes)));
    }
    is_left
}

/// Whether a key with Shift is one of the terminal itself: it selects, scrolls, copies or pastes.
const fn is_own(key: Key, modifiers: Modifiers) -> bool {
    match key {
        Key::ArrowLeft
        | Key::ArrowRight
        | Key::ArrowUp
        | Key::ArrowDown
        | Key::Home
        | Key::End
        | Key::PageUp
        | Key::PageDown
        | Key::Insert => true,
        // With Ctrl and Shift letters are for people, as in other terminals; the device gets none of them.
        Key::A | Key::C | Key::V => modifiers.ctrl || modifiers.mac_cmd,
        _ => false,
    }
}

fn own_key(ui: &Ui, key: Key, terminal: &Terminal, pass: &mut Pass<'_>) {
    let page = isize::try_from(terminal.size().0).unwrap_or(1);
    let action = match key {
        Key::ArrowLeft => TerminalAction::Stepped(Step::Left),
        Key::ArrowRight => TerminalAction::Stepped(Step::Right),
        Key::ArrowUp => TerminalAction::Stepped(Step::Up),
        Key::ArrowDown => TerminalAction::Stepped(Step::Down),
        Key::Home => TerminalAction::Stepped(Step::LineStart),
        Key::End => TerminalAction::Stepped(Step::LineEnd),
        Key::PageUp => TerminalAction::Scrolled(page),
        Key::PageDown => TerminalAction::Scrolled(-page),
        Key::A => TerminalAction::SelectedAll,
        Key::C => return copy(ui, terminal, pass),
        _ => return ui.send_viewport_cmd(egui::ViewportCommand::RequestPaste),
    };
    pass.did(action);
}

/// Copies what is selected, and only that.
fn copy(ui: &Ui, terminal: &Terminal, pass: &mut Pass<'_>) {
    if let Some(text) = terminal.selected_text() {
        ui.copy_text(text);
        pass.did(TerminalAction::DroppedSelection);
        pass.did(Action::Copied("Selection"));
    }
}

/// What a key sends that is no character.
fn octets_of(key: Key, modifiers: Modifiers, is_application: bool) -> Vec<u8> {
    let arrow = |letter: u8| vec![0x1b, if is_application { b'O' } else { b'[' }, letter];
    match key {
        Key::Enter => b"\r".to_vec(),
        Key::Backspace => vec![0x7f],
        Key::Tab => b"\t".to_vec(),
        Key::Escape => vec![0x1b],
        Key::ArrowUp => arrow(b'A'),
        Key::ArrowDown => arrow(b'B'),
        Key::ArrowRight => arrow(b'C'),
        Key::ArrowLeft => arrow(b'D'),
        Key::Home => arrow(b'H'),
        Key::End => arrow(b'F'),
        Key::Insert => b"\x1b[2~".to_vec(),
        Key::Delete => b"\x1b[3~".to_vec(),
        Key::PageUp => b"\x1b[5~".to_vec(),
        Key::PageDown => b"\x1b[6~".to_vec(),
        Key::F1 => b"\x1bOP".to_vec(),
        Key::F2 => b"\x1bOQ".to_vec(),
        Key::F3 => b"\x1bOR".to_vec(),
        Key::F4 => b"\x1bOS".to_vec(),
        key if modifiers.ctrl => match key.name().as_bytes() {
            [letter @ b'A'..=b'Z'] => vec![letter - b'A' + 1],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn file(ui: &mut Ui, terminal: &mut Terminal, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        if let Some(file) = terminal.file() {
            #[expect(clippy::cast_precision_loss, reason = "a share for a bar")]
            let share = if file.total == 0 { 0.0 } else { file.sent as f32 / file.total as f32 };
            let text = format!("{} of {} bytes sent", file.sent, file.total);
            ui.add(egui::ProgressBar::new(share).desired_width(240.0).text(text));
            if Button::new("Stop").named("Stop sending the file").pressed(ui) {
                pass.did(TerminalAction::StoppedFile);
            }
            return;
        }
        let left = ui.available_width() - SEND_WIDTH;
        let field = ui.scope(|ui| {
            ui.set_max_width(left);
            path_field(ui, "Send a file", &mut terminal.file_path, "/home/me/script.txt")
        });
        let (_, is_browsing) = field.inner;
        if is_browsing {
            pass.browse = Some(PathField::TerminalFile);
        }
        let is_ready = *terminal.port() == Port::Open && !terminal.file_path.trim().is_empty();
        let send = Button::new("Send").icon(icon::SEND).named("Send the file");
        if send.enabled_if(is_ready, "Open the terminal and type a path first").pressed(ui) {
            pass.did(TerminalAction::SentFile);
        }
    });
    if let Some(note) = terminal.file_note() {
        notice(ui, palette(ui).muted, icon::INFO, note);
    }
}
