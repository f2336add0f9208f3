//! What this laptop sees on the air, as the operating system lists it: `nmcli` on Linux, `netsh` on Windows.
//!
//! Evidence for the laptop's place, never proof for the gateway's; so whatever stands in the way makes "not checked" of it
//! and no failure. No new scan is asked for, which would disturb the laptop's own connection. The tool gets five seconds.

use std::path::Path;
use std::time::Duration;

use super::tool::{self, Ran};
use crate::model::wifi::{LaptopScan, NearbyNetwork};
use crate::proto::laptop_scan;

/// How long the tool may take before it is ended.
const LIMIT: Duration = Duration::from_secs(5);

/// How a list is come by.
struct Tool<'a> {
    program: &'a Path,
    arguments: &'a [&'a str],
    parse: fn(&str) -> Option<Vec<NearbyNetwork>>,
    /// What an exit code means, where it is known.
    explain: fn(i32) -> Option<&'static str>,
    limit: Duration,
}

/// Lists the networks this laptop sees.
pub async fn scan() -> LaptopScan {
    if cfg!(target_os = "linux") {
        scan_with(nmcli(Path::new("nmcli"), LIMIT)).await
    } else if cfg!(windows) {
        scan_with(netsh(Path::new("netsh"), LIMIT)).await
    } else if cfg!(target_os = "macos") {
        not_checked("macOS shows network names only to programs with the location permission")
    } else {
        not_checked("this system has no list that Linesman can read")
    }
}

fn nmcli(program: &Path, limit: Duration) -> Tool<'_> {
    Tool {
        program,
        arguments: &[
            "--terse",
            "--escape",
            "yes",
            "--fields",
            "SSID,FREQ,SECURITY",
            "device",
            "wifi",
            "list",
            "--rescan",
            "no",
        ],
        parse: laptop_scan::parse_nmcli,
        // nmcli(1), "EXIT STATUS".
        explain: |code| match code {
            8 => Some("NetworkManager is not running"),
            10 => Some("it has no Wi-Fi that NetworkManager knows"),
            _ => None,
        },
        limit,
    }
}

fn netsh(program: &Path, limit: Duration) -> Tool<'_> {
    Tool {
        program,
        arguments: &["wlan", "show", "networks", "mode=bssid"],
        parse: laptop_scan::parse_netsh,
        explain: |_| Some("Windows gives no list: Wi-Fi is off or missing, or the location permission is"),
        limit,
    }
}

async fn scan_with(tool: Tool<'static>) -> LaptopScan {
    let listed = tokio::task::spawn_blocking(move || list(&tool)).await;
    listed.unwrap_or_else(|error| {
        tracing::error!(%error, "listing the laptop's networks crashed");
        not_checked("a mistake in the program")
    })
}

/// Runs the tool to its end or its limit.
fn list(tool: &Tool<'_>) -> LaptopScan {
    let name = tool.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (text, code) = match tool::run(tool.program, tool.arguments, tool.limit) {
        Ran::Ended { text, code } => (text, code),
        Ran::NotThere => return not_checked(format!("{name} is not installed")),
        Ran::NotStarted => return not_checked(format!("{name} could not be started")),
        Ran::TooLong => return not_checked(format!("{name} took too long")),
    };
    match code {
        Some(0) => match (tool.parse)(&text) {
            Some(networks) if !networks.is_empty() => LaptopScan::Seen(networks),
            Some(_) => not_checked("it lists no network with a name"),
            None if text.trim().is_empty() => not_checked("it lists no network; its Wi-Fi may be off or missing"),
            None => not_checked(format!("{name} answers in a way Linesman does not know")),
        },
        Some(code) => not_checked(
            (tool.explain)(code).map_or_else(|| format!("{name} ended with code {code}"), ToOwned::to_owned),
        ),
        None => not_checked(format!("{name} was ended by a signal")),
    }
}

fn not_checked(reason: impl Into<String>) -> LaptopScan {
    LaptopScan::NotChecked { reason: reason.into() }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    use super::*;

    /// Between two tries to start a script.
    const PAUSE: Duration = Duration::from_millis(10);
    use crate::model::wifi::{Band, Security, Ssid};

    /// Runs a stand-in for nmcli that does this.
    fn run(script: &str, limit: Duration) -> LaptopScan {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nmcli");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        // A child that another test starts at this moment may still hold the file open for writing.
        let mut tries = (0..50).map(|_| {
            std::thread::sleep(PAUSE);
            list(&nmcli(&program, limit))
        });
        let is_busy = LaptopScan::NotChecked { reason: "nmcli could not be started".into() };
        tries.find(|scan| *scan != is_busy).unwrap()
    }

    fn reason(scan: LaptopScan) -> String {
        match scan {
            LaptopScan::NotChecked { reason } => reason,
            LaptopScan::Seen(networks) => panic!("{networks:?}"),
        }
    }

    #[test]
    fn a_list_is_read_and_no_scan_is_asked_for() {
        let script = r#"case "$*" in *"--rescan no") ;; *) exit 2 ;; esac
[ "$LC_ALL" = C.UTF-8 ] || exit 3
echo 'Café\: 1:5180 MHz:WPA2'"#;
        let ssid = Ssid::from_octets("Café: 1").unwrap();
        let network = NearbyNetwork { ssid, band: Band::Ghz5, security: Security::Wpa2 };
        assert_eq!(run(script, LIMIT), LaptopScan::Seen(vec![network]));
    }

    #[test]
    fn whatever_stands_in_the_way_is_a_reason() {
        for (script, expected) in [
            ("exit 8", "NetworkManager is not running"),
            ("exit 10", "it has no Wi-Fi that NetworkManager knows"),
            ("echo 'a:2412 MHz:WPA2'; exit 4", "nmcli ended with code 4"),
            ("kill -9 $$", "nmcli was ended by a signal"),
            ("true", "it lists no network; its Wi-Fi may be off or missing"),
            ("echo ':2412 MHz:WPA2'", "it lists no network with a name"),
            ("echo something else", "nmcli answers in a way Linesman does not know"),
        ] {
            assert_eq!(reason(run(script, LIMIT)), expected, "{script}");
        }
        let missing = list(&nmcli(Path::new("/nowhere/nmcli"), LIMIT));
        assert_eq!(reason(missing), "nmcli is not installed");
        let forbidden = tempfile::NamedTempFile::new().unwrap();
        assert!(reason(list(&nmcli(forbidden.path(), LIMIT))).ends_with("could not be started"));
    }

    #[test]
    fn a_tool_that_hangs_is_ended() {
        let limit = Duration::from_millis(200);
        for script in ["exec sleep 30", "exec >&-; exec sleep 30", "echo 'a:2412 MHz:WPA2'; exec >&-; exec sleep 30"] {
            let started = Instant::now();
            assert_eq!(reason(run(script, limit)), "nmcli took too long");
            assert!(started.elapsed() < Duration::from_secs(5), "{script}");
        }
    }

    #[test]
    fn a_tool_that_prints_without_end_is_cut_off() {
        let scan = run("while :; do echo 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa:2412 MHz:WPA2' || exit 1; done", LIMIT);
        assert!(matches!(scan, LaptopScan::NotChecked { .. }), "{scan:?}");
    }
}
