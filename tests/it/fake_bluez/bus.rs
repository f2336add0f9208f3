//! A message bus of its own, and a process of its own for each test that uses it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::peers;

/// Set in the process that runs the test itself.
const INNER: &str = "LINESMAN_TEST_ON_FAKE_BUS";
/// Where libdbus looks for the system's bus.
pub(crate) const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// A message bus that ends with this value.
pub(crate) struct Bus {
    /// Its address, as libdbus takes it.
    pub(crate) address: String,
    daemon: Option<Child>,
    _folder: Option<tempfile::TempDir>,
}

impl Bus {
    /// Starts one; nothing where there is no bus to be had, which is then said.
    pub(crate) fn start() -> Option<Self> {
        Self::with_rules("")
    }

    /// As [`Bus::start`], with more rules in its policy.
    pub(crate) fn with_rules(rules: &str) -> Option<Self> {
        if !peers::require("dbus-daemon", peers::has_program("dbus-daemon"), "the fake Bluetooth service needs a bus") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("bus.conf");
        let text = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {rules}
  </policy>
</busconfig>"#,
            folder.path().display()
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(!address.is_empty(), "the bus did not start");
        Some(Self { address, daemon: Some(daemon), _folder: Some(folder) })
    }

    /// Ends the bus.
    pub(crate) fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs the test on a bus of its own. The test function may do nothing else.
pub(crate) fn on_fake_bus<F: AsyncFnOnce(Bus)>(test: F) {
    on_fake_bus_with("", test);
}

/// As [`on_fake_bus`], with more rules in the bus's policy.
pub(crate) fn on_fake_bus_with<F: AsyncFnOnce(Bus)>(rules: &str, test: F) {
    if std::env::var_os(INNER).is_some() {
        let bus = Bus { address: std::env::var(ADDRESS).unwrap(), daemon: None, _folder: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(bus));
        runtime.shutdown_background();
        return;
    }
    let Some(bus) = Bus::with_rules(rules) else { return };
    let name = std::any::type_name::<F>();
    let name = name.strip_suffix("::{{closure}}").and_then(|name| name.split_once("::")).map(|(_, name)| name).unwrap();
    let inner = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INNER, "1")
        .env(ADDRESS, &bus.address)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&inner.stdout), String::from_utf8_lossy(&inner.stderr));
    assert!(inner.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no test is called {name}: {said}");
}
