//! The window: draws the view models and reports what the user did. No operation of its own, no waiting, no I/O but the
//! file dialog, which runs on a thread of its own.

mod check;
mod dialogs;
mod dropped;
mod file_dialog;
mod frame;
mod gateways;
mod icon;
mod keys;
mod palette;
mod pass;
mod rail;
mod records;
mod run;
mod settings;
mod shell;
mod status;
mod sync;
mod telemetry;
mod theme;
mod widgets;

pub use run::{NO_OPENGL, RENDERER_VARIABLE, has_other_renderer, run};
pub use shell::{Clock, Window};
pub use theme::install as install_theme;
