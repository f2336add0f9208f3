//! The window: draws the view models and reports what the user did. No operation of its own, no waiting, no I/O but the
//! file dialog, which runs on a thread of its own.

mod batch;
mod check;
mod commission;
mod device;
mod dialogs;
mod discover;
mod file_dialog;
mod frame;
mod icon;
mod pass;
mod records;
mod run;
mod settings;
mod shell;
mod telemetry;
mod terminal;
mod theme;
mod widgets;

pub use run::run;
pub use shell::{Clock, Window};
pub use theme::install as install_theme;
