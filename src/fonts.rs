//! The fonts that are built in: the window's, and those embedded in papers.
//!
//! All are under the SIL Open Font License 1.1, which lets a program carry them and a document embed them; the texts of the
//! licences lie beside the files.

/// Inter, for what is read.
pub const INTER: &[u8] = include_bytes!("../assets/fonts/Inter-Regular.otf");
/// Inter Medium, for headings.
pub const INTER_MEDIUM: &[u8] = include_bytes!("../assets/fonts/Inter-Medium.otf");
/// JetBrains Mono, for addresses and commands.
pub const JETBRAINS_MONO: &[u8] = include_bytes!("../assets/fonts/JetBrainsMono-Regular.ttf");
