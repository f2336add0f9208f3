//! Folders as people see them: where files are saved unless they say otherwise, and a file shown in its folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Why a folder was not shown.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The program of the system that does it could not be started.
    #[error("{program} was not started: {error}")]
    NotStarted {
        /// The program.
        program: &'static str,
        /// Why.
        error: std::io::Error,
    },
}

impl Explain for FolderError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotStarted { program, error } => Problem::new(
                "app.no_file_manager",
                "The folder can't be shown",
                format!("{program} isn't installed, or can't be started"),
                "Copy the path and open it yourself",
            )
            .with_detail(visible(&error.to_string(), 200)),
        }
    }
}

/// The folder for documents, else the home of the person, else where the program runs.
pub fn usual() -> PathBuf {
    let Some(folders) = directories::UserDirs::new() else { return PathBuf::from(".") };
    let documents = folders.document_dir().filter(|folder| folder.is_dir());
    documents.unwrap_or_else(|| folders.home_dir()).to_owned()
}

/// Shows a file in the file manager of the desktop, chosen where the file manager can do that.
pub fn show(path: &Path) -> Result<(), FolderError> {
    let (program, mut command) = program_for(path);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        // It goes on by itself; only its end has to be taken note of.
        Ok(mut child) => {
            let _ = child.wait();
            Ok(())
        }
        Err(error) => Err(FolderError::NotStarted { program, error }),
    }
}

fn program_for(path: &Path) -> (&'static str, Command) {
    let with = |program: &'static str| (program, Command::new(program));
    if cfg!(windows) {
        let (program, mut command) = with("explorer");
        let mut select = std::ffi::OsString::from("/select,");
        select.push(path);
        command.arg(select);
        return (program, command);
    }
    if cfg!(target_os = "macos") {
        let (program, mut command) = with("open");
        command.arg("-R").arg(path);
        return (program, command);
    }
    let (program, mut command) = with("xdg-open");
    command.arg(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
    (program, command)
}
