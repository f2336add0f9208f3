//! The window's frame loop: takes in events, draws the screens, hands actions to the view models and commands to the
//! workers.
//!
//! [`eframe::App::logic`] runs also while the window is hidden, so that a job goes on; `ui` only draws.

use std::time::{Duration, Instant};

use eframe::egui;
use egui::{Context, Ui, ViewportCommand};
use jiff::tz::TimeZone;

use super::file_dialog::{Answer, FileDialogs};
use super::pass::{Pass, PathField};
use super::widgets::shares;
use super::{dialogs, frame, keys, palette};
use crate::app::check::CheckAction;
use crate::app::{Action, App, Ticket};
use crate::backend::Handle;
use crate::model::ids::LinkAddress;
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
    /// The gateway that was selected when the file dialog was opened.
    browsed_for: Option<LinkAddress>,
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
            browsed_for: None,
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

    fn take_path(&mut self) {
        let (field, path) = match self.dialogs.poll() {
            Some(Answer::Chosen(field, path)) => (field, path),
            Some(Answer::NoDialog) => return self.act(Action::FoundNoFileDialog),
            None => return,
        };
        if field.is_of_a_gateway() && self.browsed_for.as_ref() != self.app.discover.selected() {
            return self.act(Action::ChoseForAnother);
        }
        match field {
            PathField::QrPicture => self.app.commission.form.qr.path = path,
            PathField::TerminalFile => self.app.terminal.file_path = path,
            PathField::RecordsExport => self.app.records.export.path = path,
            PathField::Report(_) => {
                // Whoever names a file in a dialog that saves has said all there is to say.
                self.app.records.report.path = path;
                self.act(crate::app::records::RecordsAction::Reported.into());
            }
            PathField::Manifest => {
                self.app.batch.path = path;
                self.act(crate::app::batch::BatchAction::Opened.into());
            }
            PathField::BatchResults => self.app.batch.out = path,
            PathField::Certificate(_) => self.app.remove.certificate_path = path,
            PathField::CardImage => self.app.remove.card.path = path,
            PathField::Transcript => self.app.commission.transcript_path = path,
            PathField::BrokerAuthorities => self.app.telemetry.form.ca_path = path,
            PathField::BrokerCertificate => self.app.telemetry.form.certificate_path = path,
            PathField::BrokerKey => self.app.telemetry.form.key_path = path,
            PathField::BrokerKeyLog => self.app.telemetry.form.key_log = path,
            PathField::Schema => self.app.telemetry.detail.schema_path = path,
            PathField::PlotPicture => self.app.telemetry.panes.plot.picture_path = path,
            PathField::PlotPoints => self.app.telemetry.panes.plot.csv_path = path,
            PathField::RecordingNew => self.app.telemetry.panes.recorder.record_path = path,
            PathField::RecordingOpen => self.app.telemetry.panes.recorder.open_path = path,
            PathField::TelemetryExport => self.app.telemetry.panes.recorder.export_path = path,
            PathField::SupportBundle => self.app.telemetry.panes.recorder.bundle_path = path,
            PathField::CheckSite => {
                self.app.check.form.site_path = path;
                self.act(CheckAction::FormChanged.into());
            }
            PathField::CheckOverride => self.app.check.form.override_path = path,
            PathField::CheckEvidence => self.app.check.evidence_path = path,
            PathField::CheckBefore => self.app.check.before_path = path,
            PathField::CheckReport(_) => self.app.check.save.path = path,
            PathField::Token(id) => self.app.commission.tokens.input(&id).path = path,
        }
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
        if !self.app.is_covered() {
            for file in ui.input_mut(|input| std::mem::take(&mut input.raw.dropped_files)) {
                pass.did(Action::DroppedFile(file.path().to_path_buf()));
            }
        }
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
            self.browsed_for = self.app.discover.selected().cloned();
            self.dialogs.open(field, ui.ctx());
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_events(ctx);
        self.take_path();
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
