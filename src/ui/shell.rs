//! The window's frame loop: takes in events, draws the screens, hands actions to the view models and commands to the
//! workers.
//!
//! [`eframe::App::logic`] runs also while the window is hidden, so that a job goes on; `ui` only draws.

use std::time::{Duration, Instant};

use eframe::egui;
use egui::{Context, Ui, ViewportCommand};
use jiff::tz::TimeZone;

use super::file_dialog::{Answer, Begin, FileDialogs};
use super::pass::{Pass, PathField};
use super::widgets::shares;
use super::{dialogs, dropped, frame, keys, palette};
use crate::app::{Action, App, Ticket};
use crate::backend::Handle;
use crate::model::layout::{Arrangement, WindowSize};
use crate::model::settings::ThemeChoice;
use crate::msg::Command;

/// Events taken in before the next frame is drawn; more of them ask for another frame.
const EVENTS_PER_FRAME: usize = 256;
/// How often a running clock is drawn anew.
const TICK: Duration = Duration::from_millis(500);

/// Where the window takes the time and the zone from: the computer, or a test.
pub struct Clock {
    /// The time now.
    pub now: Box<dyn Fn() -> Instant>,
    /// The zone dates are shown in.
    pub zone: TimeZone,
    /// The date, in seconds since 1970 UTC: for what ends at some hour, such as a certificate.
    pub unix_secs: Box<dyn Fn() -> i64>,
}

impl Default for Clock {
    fn default() -> Self {
        let unix_secs = Box::new(|| jiff::Timestamp::now().as_second());
        Self { now: Box::new(Instant::now), zone: TimeZone::system(), unix_secs }
    }
}

/// The window.
pub struct Window {
    /// What it shows.
    pub app: App,
    handle: Handle,
    clock: Clock,
    dialogs: FileDialogs,
    /// Whether the desktop has file dialogs, as far as is known: without them a dialog of our own asks where to save.
    pub has_file_dialogs: bool,
    /// Whether the panes stand as the settings say.
    is_arranged: bool,
}

impl Window {
    /// A window on these workers. Wakes by a repaint request; sets fonts and themes; starts discovery.
    pub fn new(ctx: &Context, handle: Handle, clock: Clock) -> Self {
        super::theme::install(ctx);
        let waker = ctx.clone();
        handle.set_wake(move || waker.request_repaint());
        let mut window = Self {
            app: App::new(),
            handle,
            clock,
            dialogs: FileDialogs::default(),
            has_file_dialogs: true,
            is_arranged: false,
        };
        window.send(App::start());
        window
    }

    fn take_events(&mut self, ctx: &Context) {
        let now = (self.clock.now)();
        for _ in 0..EVENTS_PER_FRAME {
            let Some(event) = self.handle.try_recv() else {
                let commands = self.app.tick(now);
                return self.send(commands);
            };
            let commands = self.app.apply(event, now);
            self.send(commands);
        }
        let commands = self.app.tick(now);
        self.send(commands);
        ctx.request_repaint();
    }

    fn act(&mut self, action: Action) {
        let commands = self.app.act(action, (self.clock.now)());
        self.send(commands);
    }

    fn send(&mut self, commands: Vec<Command>) {
        for command in commands {
            let ticket = Ticket::of(&command);
            if let Err(problem) = self.handle.try_send(command) {
                self.app.not_taken(ticket, problem, (self.clock.now)());
            }
        }
    }

    /// Puts the panes where they were in the last run, once, and keeps the size of the window from then on.
    fn arrange(&mut self, ctx: &Context) {
        if !self.app.is_started() {
            return;
        }
        if !std::mem::replace(&mut self.is_arranged, true) {
            shares::restore(ctx, &self.app.settings.values.layout.shares);
        }
        if let Some(size) = window_size(ctx, self.app.settings.values.layout.window) {
            self.act(Action::Arranged(Arrangement::Window(size)));
        }
    }

    fn watch_close(&mut self, ctx: &Context) {
        if ctx.input(|input| input.viewport().close_requested()) && !self.app.is_closing() {
            self.act(Action::AskedToClose);
            if !self.app.is_closing() {
                ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            }
        }
    }

    fn take_path(&mut self, ctx: &Context) {
        let has_keyboard = ctx.input(|input| input.focused);
        match self.dialogs.poll(has_keyboard) {
            Some(Answer::Chosen(wanted, path)) => self.act(Action::ChoseFile(wanted, path)),
            Some(Answer::NoDialog(wanted)) => {
                self.has_file_dialogs = false;
                self.act(Action::FoundNoFileDialog(wanted));
            }
            None => {}
        }
    }

    fn browse(&mut self, field: PathField, ctx: &Context) {
        let wanted = self.app.file_for(field);
        // What was missing a moment ago isn't asked for again; a dialog that reads may have come meanwhile.
        if !self.has_file_dialogs && wanted.field.is_saved() {
            return self.act(Action::FoundNoFileDialog(wanted));
        }
        let begin = Begin { folder: self.app.save_folder().to_owned(), name: wanted.field.proposed_name() };
        self.dialogs.open(wanted, begin, ctx);
    }

    fn draw(&mut self, ui: &mut Ui) {
        let mut pass = Pass::new((self.clock.now)(), &self.clock.zone, (self.clock.unix_secs)());
        ui.scope(|ui| {
            // A click through the accessibility tree passes behind a dialog unless the page is disabled.
            if self.app.is_covered() {
                ui.disable();
            }
            frame::show(ui, &mut self.app, &mut pass);
        });
        if self.app.is_dialog_open() {
            dialogs::show(ui, &mut self.app, &mut pass);
        } else if self.app.palette().is_some() {
            palette::show(ui, &mut self.app, &mut pass);
        } else if self.app.is_showing_keys() {
            keys::list(ui, &mut pass);
        }
        dropped::take(ui, &self.app, &mut pass);
        let Pass { actions, browse, .. } = pass;
        for action in actions {
            let closes = matches!(action, Action::ConfirmedClose);
            self.act(action);
            if closes {
                ui.ctx().send_viewport_cmd(ViewportCommand::Close);
            }
        }
        if let Some(shares) = shares::take_changed(ui.ctx()) {
            self.act(Action::Arranged(Arrangement::Shares(shares)));
        }
        if let Some(field) = browse {
            self.browse(field, ui.ctx());
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_events(ctx);
        self.take_path(ctx);
        self.watch_close(ctx);
        if self.app.is_closing() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if self.app.is_ticking() {
            ctx.request_repaint_after(TICK);
        }
        if let Some(text) = self.app.take_clipboard() {
            ctx.copy_text(text);
        }
        self.arrange(ctx);
        apply_settings(ctx, &self.app);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }
}

/// The size of the window where it is another than that on record. One that fills the screen keeps the size it had before.
fn window_size(ctx: &Context, kept: WindowSize) -> Option<WindowSize> {
    let (is_maximised, is_minimised, rect) = ctx.input(|input| {
        let viewport = input.viewport();
        let is_filling = viewport.maximized.map(|is_maximised| is_maximised || viewport.fullscreen.unwrap_or_default());
        (is_filling, viewport.minimized.unwrap_or_default(), viewport.inner_rect)
    });
    let (is_maximised, size) = (is_maximised?, rect?.size() * ctx.zoom_factor());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a screen has some thousand points")]
    let now = if is_maximised {
        WindowSize { is_maximised, ..kept }
    } else {
        WindowSize { width: size.x.round() as u16, height: size.y.round() as u16, is_maximised }
    };
    (now != kept && !is_minimised).then_some(now)
}

fn apply_settings(ctx: &Context, app: &App) {
    if !app.is_started() {
        return;
    }
    let settings = &app.settings.values;
    ctx.set_theme(match settings.theme {
        ThemeChoice::System => egui::ThemePreference::System,
        ThemeChoice::Light => egui::ThemePreference::Light,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
    });
    ctx.set_zoom_factor(settings.scale);
}
