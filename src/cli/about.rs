//! `linesman about`: version, features, and what this build was proved on.

use serde_json::json;

use super::output::{Exit, Output, tagged};
use crate::model::proof::PROOFS;

/// What this build has beside the rest.
const FEATURES: [(&str, bool); 4] = [
    ("parquet", cfg!(feature = "parquet")),
    ("pdf", cfg!(feature = "pdf")),
    ("postgres", cfg!(feature = "postgres")),
    ("wgpu", cfg!(feature = "wgpu")),
];

/// Prints it.
pub fn about(out: &mut Output) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let features: Vec<&str> = FEATURES.iter().filter(|(_, is_built)| *is_built).map(|(name, _)| *name).collect();
    out.text(format!("Linesman {version}"));
    out.text(format!("Features: {}", if features.is_empty() { "none".to_owned() } else { features.join(", ") }));
    out.text("\nWhat this build was proved on");
    for proof in PROOFS {
        out.json(&tagged("proof", &proof));
        out.text(format!("  {:<11}  {}: {}", proof.on.title(), proof.part, proof.against));
    }
    out.json(&json!({ "kind": "summary", "version": version, "features": features }));
    Exit::Good
}
