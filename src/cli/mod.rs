//! The command line: one file per subcommand, text for people and JSON lines for programs.

pub mod profiles;
