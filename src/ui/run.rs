//! Opens the window, and says in plain words why it could not.

use eframe::egui;
use egui::ViewportBuilder;

use super::shell::{Clock, Window};
use crate::backend::Handle;
use crate::model::layout::WindowSize;
use crate::model::problem::Problem;

/// The environment variable that names the renderer, `glow` or `wgpu`, and is set for the second try.
pub const RENDERER_VARIABLE: &str = "LINESMAN_RENDERER";
/// Code of the problem that a second try with the other renderer may get around.
pub const NO_OPENGL: &str = "window.no_opengl";

/// Name under which desktops group the window and find its icon.
const APP_ID: &str = "linesman";

/// Shows the window at that size until it is closed. Call it on the main thread; the workers end when the handle is dropped with it.
pub fn run(handle: Handle, title: &str, size: WindowSize) -> Result<(), Problem> {
    let options = eframe::NativeOptions {
        viewport: viewport(title, size),
        renderer: renderer(),
        persist_window: false,
        ..eframe::NativeOptions::default()
    };
    // A missing libxkbcommon-x11 is a panic deep in the window library, not an error.
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eframe::run_native(
            title,
            options,
            Box::new(|creation| Ok(Box::new(Window::new(&creation.egui_ctx, handle, Clock::default())))),
        )
    }));
    match opened {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(explain(&error)),
        Err(panic) => {
            let text = panic_text(panic.as_ref()).to_owned();
            match missing_library(&text) {
                Some("libgl") => Err(no_opengl(&text)),
                Some(library) => Err(no_window(&format!("{library} could not be loaded"))),
                None if speaks_of_opengl(&text) => Err(no_opengl(&text)),
                // Any other panic is a fault of ours: it goes on as one.
                None => std::panic::resume_unwind(panic),
            }
        }
    }
}

/// Whether this build has another renderer than OpenGL, and it was not the one that failed.
pub fn has_other_renderer() -> bool {
    cfg!(feature = "wgpu") && wanted_renderer() != "wgpu"
}

fn wanted_renderer() -> String {
    std::env::var(RENDERER_VARIABLE).unwrap_or_default().to_lowercase()
}

fn explain(error: &eframe::Error) -> Problem {
    let text = error.to_string();
    match error {
        eframe::Error::OpenGL(_) | eframe::Error::Glutin(_) | eframe::Error::NoGlutinConfigs(..) => no_opengl(&text),
        _ if speaks_of_opengl(&text) => no_opengl(&text),
        _ => no_window(&text),
    }
}

/// A context can be created on OpenGL 1.1, as a remote desktop offers it, and fails only when the first shader is made.
fn speaks_of_opengl(text: &str) -> bool {
    let lower = text.to_lowercase();
    ["opengl", "glutin", "glow", "shader", "egl "].iter().any(|word| lower.contains(word))
}

fn viewport(title: &str, size: WindowSize) -> ViewportBuilder {
    let (least_width, least_height) = WindowSize::LEAST;
    let viewport = ViewportBuilder::default()
        .with_title(title)
        .with_app_id(APP_ID)
        .with_inner_size([f32::from(size.width), f32::from(size.height)])
        .with_maximized(size.is_maximised)
        .with_min_inner_size([f32::from(least_width), f32::from(least_height)]);
    match eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon/linesman.png")) {
        Ok(icon) => viewport.with_icon(icon),
        Err(_) => viewport,
    }
}

/// OpenGL draws with the least memory and runs nearly anywhere, so it is tried first.
fn renderer() -> eframe::Renderer {
    #[cfg(feature = "wgpu")]
    if wanted_renderer() == "wgpu" {
        return eframe::Renderer::Wgpu;
    }
    eframe::Renderer::Glow
}

fn no_opengl(detail: &str) -> Problem {
    Problem::new(
        NO_OPENGL,
        "The window could not be drawn: OpenGL 2 or newer is missing",
        "The graphics driver is missing or old, or this is a remote desktop or virtual machine that offers OpenGL 1.1 only",
        "Install the graphics driver (Debian and Ubuntu: libgl1 libgl1-mesa-dri), start Linesman at the computer itself, or \
         use the command line: linesman --help",
    )
    .with_detail(detail)
}

fn no_window(detail: &str) -> Problem {
    Problem::new(
        "window.not_opened",
        "The window could not be opened",
        "There is no display, or a library the window needs is missing",
        "On Debian and Ubuntu install libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libgl1, and check that \
         DISPLAY or WAYLAND_DISPLAY is set; or use the command line: linesman --help",
    )
    .with_detail(detail)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("")
}

fn missing_library(panic: &str) -> Option<&'static str> {
    let lower = panic.to_lowercase();
    ["libxkbcommon-x11", "libxkbcommon", "libwayland", "libx11", "libxcursor", "libgl"]
        .into_iter()
        .find(|library| lower.contains(library) || lower.contains(library.trim_start_matches("lib")))
        .filter(|_| lower.contains("load") || lower.contains("open") || lower.contains("not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_told_from_a_fault() {
        let panic = "Library libxkbcommon-x11.so could not be loaded.";
        assert_eq!(missing_library(panic), Some("libxkbcommon-x11"));
        assert_eq!(missing_library("index out of bounds"), None);
        assert!(!speaks_of_opengl("index out of bounds: the len is 3"));
    }

    #[test]
    fn a_driver_without_shaders_is_told_from_a_missing_display() {
        for text in [
            "egui_glow: OpenGL version 1.1 is too old",
            "glutin error: [a7] GLXBadFBConfig",
            "Found no glutin configs matching the template",
        ] {
            assert!(speaks_of_opengl(text), "{text}");
        }
        assert!(!speaks_of_opengl("winit EventLoopError: os error: Failed to open connection to X server"));
        assert_eq!(no_opengl("").code, NO_OPENGL);
        assert_eq!(no_window("").code, "window.not_opened");
    }
}
