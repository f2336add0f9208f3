//! What jobs are called: one name for an act in lists, in the status line, in records and on the command line.

/// An act as people read it, by the word under which it is on record. A word that isn't known stands for itself.
pub fn title(action: &str) -> &str {
    match action {
        "commission" => "Set up",
        "device" => "Device",
        "batch" => "Batch",
        "manifest" => "Manifest",
        "check" => "Network check",
        "wipe" => "Remove",
        "card-scan" => "Card search",
        "terminal" => "Terminal",
        "telemetry" | "inspect" => "Telemetry",
        "replay" => "Replay",
        "bench-broker" => "Bench broker",
        "publish" => "Publish",
        "probe" => "Query",
        "import" => "Import",
        "export" | "export-records" => "Export",
        other => other,
    }
}

/// A job: its act, and what it is done with.
pub fn named(action: &str, object: &str) -> String {
    let title = title(action);
    if object.is_empty() { title.to_owned() } else { format!("{title}: {object}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_its_act_and_its_object() {
        assert_eq!(named("commission", "Cold store 2"), "Set up: Cold store 2");
        assert_eq!(named("wipe", "GW-7"), "Remove: GW-7");
        assert_eq!(named("bench-broker", ""), "Bench broker");
        assert_eq!(named("later-than-this-version", "x"), "later-than-this-version: x");
    }
}
