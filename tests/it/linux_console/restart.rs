//! A removal over a real console whose gateway really restarts: agetty and login as root in a pid namespace of its own, which
//! the kernel ends when its first process calls reboot(2), and which is then started again over the same disk.
//!
//! Each start has a boot id of its own, laid over the kernel's, as systemd-nspawn does it. What a removal searches lies in a
//! folder of the test, over the machine's own; `reboot` is one that can reach only the namespace's first process. The connections
//! of NetworkManager are those of the mock, which stands for the disk here and isn't restarted.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;

use super::*;

const ROOT: Login = Login { account: "root", uid: 0 };
/// Where the gateway keeps a second copy of the key, which a step of the profile deletes.
const SECOND_COPY: &str = "/etc/NetworkManager/system-connections/old.nmconnection";
/// Where a copy comes back from with each start, in the tests of that.
const RESURRECTED: &str = "/run/NetworkManager/system-connections/netplan-wlan0.nmconnection";

/// What the gateway's first process does. It ends by reboot(2), as a real one.
const INIT: &str = r#"
[ $$ = 1 ] || exit 1
mount --make-rprivate / && mount -t proc proc /proc || exit 1
for place in etc var/log var/lib home root boot; do
  [ ! -d "/$place" ] || mount --bind "disk/$place" "/$place" || exit 1
done
mount -t tmpfs tmpfs /run || exit 1
for program in /sbin/reboot /usr/sbin/reboot; do
  [ ! -e "$program" ] || mount --bind tools/reboot "$program" || exit 1
done
cat /proc/sys/kernel/random/uuid >boot-id && mount --bind boot-id /proc/sys/kernel/random/boot_id || exit 1
cat boot-id >>starts
trap 'exec perl -e "syscall(169, 0xfee1dead, 672274793, 0x1234567, 0)"' TERM
. ./at-each-start
while :; do
  setsid --wait agetty --local-line --issue-file "$PWD/issue" 115200 TTY linux &
  wait $!
done
"#;

/// Power: what restarted is started again, and whatever ended otherwise stays so.
const POWER: &str = "while :; do unshare --mount --pid --fork --kill-child sh ./init; [ $? = 129 ] || exit 1; done";

/// Whether a namespace's first process may call reboot(2) here, and ends by it as a restart.
fn can_restart() -> bool {
    let why = "its system call restarts the console's namespace (Debian: perl-base)";
    if !has_what_it_takes() || !peers::require("perl", peers::has_program("perl"), why) {
        return false;
    }
    let call = "[ $$ = 1 ] && exec perl -e 'syscall(169, 0xfee1dead, 672274793, 0x1234567, 0)'";
    let tried = Command::new("unshare").args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", call]).status();
    // The kernel's signal for a namespace that restarted; switched off it would be another one.
    let is_restart = tried.is_ok_and(|status| status.signal() == Some(Signal::HUP.as_raw()));
    peers::require("a pid namespace that restarts", is_restart, "reboot(2) ends one with a signal of its own")
}

/// A gateway that restarts. `at_each_start` is run by its first process.
fn site(at_each_start: &str) -> Option<Site> {
    if !cfg!(target_arch = "x86_64") {
        peers::require("an x86-64 machine", false, "the number of the system call is written for it");
        return None;
    }
    if !can_restart() || !has_shell("bash") {
        return None;
    }
    let manager = NetworkManager::start()?;
    let mut console = RealConsole::prepare_as(ROOT, "bash", "", "")?;
    let place = console.home.parent().unwrap().to_owned();
    let tools = place.join("tools");
    fs::create_dir(&tools).unwrap();
    let reboot = tools.join("reboot");
    fs::write(&reboot, "#!/bin/sh\nkill -TERM 1\n").unwrap();
    fs::set_permissions(&reboot, fs::Permissions::from_mode(0o755)).unwrap();
    let profile = format!("{}\nexport PATH='{}':$PATH\n", manager.profile, tools.display());
    fs::write(console.home.join(".profile"), profile).unwrap();
    build_disk(&place);
    let tty = console.script.split_whitespace().find_map(|word| word.strip_prefix("pts/")).unwrap().to_owned();
    fs::write(place.join("init"), INIT.replace("TTY", &format!("pts/{tty}"))).unwrap();
    fs::write(place.join("at-each-start"), format!("{at_each_start}\n")).unwrap();
    console.script = format!("cd '{}' && {POWER}", place.display());
    console.switch_on();
    let steps = format!("\nfiles = [\"{SECOND_COPY}\"]");
    Some(Site::on(console, manager, &steps))
}

/// What is on the gateway's disk: this machine's /etc with the test's accounts, and places of their own for all that is searched.
fn build_disk(place: &Path) {
    let disk = place.join("disk");
    for folder in ["etc", "var/log", "var/lib/NetworkManager", "home", "root", "boot"] {
        fs::create_dir_all(disk.join(folder)).unwrap();
    }
    // What can't be read here isn't the gateway's.
    let _ = Command::new("cp").args(["-a", "/etc/."]).arg(disk.join("etc")).stderr(Stdio::null()).status().unwrap();
    for name in ["NetworkManager", "netplan", "wpa_supplicant"] {
        let _ = fs::remove_dir_all(disk.join("etc").join(name));
    }
    for name in ["passwd", "shadow"] {
        fs::rename(place.join(name), disk.join("etc").join(name)).unwrap();
    }
    fs::write(disk.join("var/log/boot.log"), "started\n").unwrap();
    let copy = disk.join(SECOND_COPY.trim_start_matches('/'));
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::write(copy, "[wifi-security]\nkey-mgmt=wpa-psk\npsk=an old copy\n").unwrap();
}

impl Site {
    fn starts(&self) -> usize {
        let starts = fs::read_to_string(self.console.home.parent().unwrap().join("starts")).unwrap();
        let ids: std::collections::BTreeSet<&str> = starts.lines().collect();
        assert_eq!(ids.len(), starts.lines().count(), "each start has an id of its own");
        ids.len()
    }

    /// The name by which the gateway is confirmed.
    fn own_name(&self) -> String {
        let wrong = self.wipe("another-gateway").expect(1);
        assert_eq!(wrong.result()["outcome"], "refused", "{wrong:#?}");
        let told = wrong.lines().into_iter().find(|line| line["kind"] == "wipe-identity").unwrap();
        told["serial"].as_str().or(told["name"].as_str()).unwrap().to_owned()
    }
}

/// The looks after the restart that found something, with where.
fn found_after(ran: &Ran) -> String {
    let mut found = String::new();
    for line in ran.lines() {
        if line["kind"] == "wipe-look" && line["after_restarts"] == 1 && line["state"] != "seen-empty" {
            write!(found, "{}: {}; ", line["state"], line["text"]).unwrap();
        }
    }
    found
}

#[test]
fn a_removal_over_a_real_console_is_complete_once_the_gateway_restarted_and_holds_nothing() {
    let Some(site) = site("") else { return };
    let token = site.place.write("token.txt", TOKEN);
    site.commission(SSID, PASSPHRASE, &["--no-scan", "--credential", &format!("token={token}")]).expect(0);
    let name = site.own_name();
    assert_eq!(site.starts(), 1, "nothing was restarted yet");

    let ran = site.wipe(&name).expect(0);
    let result = ran.result();
    assert_eq!((&result["outcome"], &result["restarts"]), (&"complete".into(), &1.into()), "{ran:#?}");
    assert_eq!(result["claims"]["removed"], "observed", "{ran:#?}");
    assert_eq!(result["claims"]["sanitised"], "not-by-software", "{ran:#?}");
    assert_eq!(site.starts(), 2, "the gateway restarted once");
    assert!(!result["summary"].as_str().unwrap().contains("says that it restarted"), "it was seen: {ran:#?}");
    let before = |text: &str| {
        let is_it = |line: &Value| {
            line["kind"] == "wipe-look"
                && line["after_restarts"].is_null()
                && line["text"].as_str().unwrap().contains(text)
        };
        ran.lines().iter().any(is_it)
    };
    assert!(before(SECOND_COPY), "the copy was there before: {ran:#?}");
    assert_eq!(found_after(&ran), "", "{ran:#?}");
    assert!(!site.console.home.join("token").exists());
    assert!(!ran.out.contains(PASSPHRASE) && !ran.out.contains(TOKEN), "only names of files come back");
    drop(site.manager);
}

#[test]
fn a_key_that_comes_back_with_the_restart_is_never_called_removed() {
    let written = format!(
        "mkdir -p /run/NetworkManager/system-connections && \
         printf '[wifi-security]\\npsk=a generated copy\\n' >{RESURRECTED}"
    );
    // Not at the first start: what is there before a removal may be deleted by it; what the next start writes can't be.
    let Some(site) = site(&format!("if [ $(wc -l <starts) -gt 1 ]; then {written}; fi")) else { return };
    site.commission(SSID, PASSPHRASE, &["--no-scan"]).expect(0);
    let name = site.own_name();
    let ran = site.wipe(&name).expect(1);
    let result = ran.result();
    assert_eq!((&result["outcome"], &result["restarts"]), (&"incomplete".into(), &1.into()), "{ran:#?}");
    assert_eq!(result["claims"]["removed"], "no", "{ran:#?}");
    assert!(found_after(&ran).contains(RESURRECTED), "{ran:#?}");
    assert_eq!(site.starts(), 2);
    drop(site.manager);
}
