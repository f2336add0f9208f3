//! Tables of what the user does on Device and what happens, against the commands that come of it.

use std::time::Instant;

use super::*;
use crate::app::jobs::Jobs;
use crate::app::toasts::Toasts;
use crate::model::ids::ProfileId;
use crate::profile::Catalog;

struct Bench {
    device: Device,
    jobs: Jobs,
    toasts: Toasts,
    catalog: Catalog,
}

impl Bench {
    fn new() -> Self {
        let catalog = Catalog::built_in();
        Self { device: Device::default(), jobs: Jobs::default(), toasts: Toasts::default(), catalog }
    }

    fn act(&mut self, action: DeviceAction) -> Vec<Command> {
        let target = Target {
            link: LinkAddress::Serial("/dev/ttyACM0".into()),
            profile: Some(ProfileId::new("generic-zephyr")),
            access: Access::default(),
        };
        let Self { device, jobs, toasts, catalog } = self;
        let mut desk = Desk { catalog, jobs, toasts, now: Instant::now() };
        device.act(action, Some(target), Some(DriverId::Smp), &mut desk)
    }

    fn job(&self) -> JobId {
        self.device.session().expect("a session").job
    }

    fn tell(&mut self, progress: DeviceProgress) -> Vec<Command> {
        let job = self.job();
        self.device.progressed(job, progress, std::time::Instant::now())
    }

    /// Connected to a gateway with settings and a shell.
    fn connected() -> Self {
        let mut bench = Self::new();
        bench.act(DeviceAction::Connected);
        let offers = Offers { settings: true, shell: true, reset: true, ..Offers::default() };
        let (driver, protection) = (DriverId::Smp, Protection::Cable);
        bench.tell(DeviceProgress::Opened { name: "gw-7".into(), driver, protection, offers });
        bench.tell(DeviceProgress::Ready);
        bench
    }
}

/// The act that a command asks for, with the name it is confirmed by.
fn change(commands: &[Command]) -> Option<(&DeviceChange, &str)> {
    match commands {
        [Command::Device { request: DeviceRequest::Change { change, confirmed }, .. }] => Some((change, confirmed)),
        _ => None,
    }
}

fn read(commands: &[Command]) -> Option<&DeviceRead> {
    match commands {
        [Command::Device { request: DeviceRequest::Read(read), .. }] => Some(read),
        _ => None,
    }
}

#[test]
fn what_is_offered_is_asked_one_after_the_other() {
    let mut bench = Bench::new();
    let commands = bench.act(DeviceAction::Connected);
    assert!(matches!(&commands[..], [Command::OpenDevice { driver: DriverId::Smp, .. }]));
    assert!(bench.act(DeviceAction::Connected).is_empty(), "one connection at a time");
    let offers = Offers { info: true, images: true, ..Offers::default() };
    let (driver, protection) = (DriverId::Smp, Protection::Cable);
    bench.tell(DeviceProgress::Opened { name: "gw-7".into(), driver, protection, offers });
    assert_eq!(read(&bench.tell(DeviceProgress::Ready)), Some(&DeviceRead::Info));
    assert!(bench.act(DeviceAction::Asked(DeviceRead::Images)).is_empty(), "it is busy");
    bench.tell(DeviceProgress::Failed(Problem::new("a.b", "a", "b", "c")));
    assert_eq!(read(&bench.tell(DeviceProgress::Ready)), Some(&DeviceRead::Images));
    bench.tell(DeviceProgress::Images(Vec::new()));
    assert!(bench.tell(DeviceProgress::Ready).is_empty());
    let session = bench.device.session().expect("a session");
    assert!(session.is_ready() && session.info.problem().is_some() && session.problem.is_none());
}

#[test]
fn an_act_waits_for_the_name_and_carries_it() {
    let mut bench = Bench::connected();
    assert!(bench.act(DeviceAction::AskedToReset).is_empty());
    assert_eq!(bench.device.question().map(|(title, _)| title), Some("Restart gw-7?"));
    for wrong in ["", "gw-8", "GW-7", "gw"] {
        bench.device.typed_name = wrong.into();
        assert!(bench.act(DeviceAction::Confirmed).is_empty(), "{wrong}");
    }
    bench.device.typed_name = " gw-7 ".into();
    let commands = bench.act(DeviceAction::Confirmed);
    assert!(matches!(change(&commands), Some((DeviceChange::Reset, "gw-7"))));
    assert!(bench.device.question().is_none() && bench.device.typed_name.is_empty());
    bench.device.typed_name = "gw-7".into();
    assert!(bench.act(DeviceAction::Confirmed).is_empty(), "once confirmed, once done");
}

#[test]
fn a_written_setting_is_read_again_and_its_value_forgotten() {
    let mut bench = Bench::connected();
    bench.device.key = " bridge/token ".into();
    bench.device.value = Secret::new("hex:00ff".into());
    bench.act(DeviceAction::AskedToWrite);
    bench.device.typed_name = "gw-7".into();
    let commands = bench.act(DeviceAction::Confirmed);
    let Some((DeviceChange::WriteSetting { key, value }, _)) = change(&commands) else { panic!("a setting") };
    assert_eq!((key.as_str(), value.expose().as_slice()), ("bridge/token", [0, 255].as_slice()));
    assert!(bench.device.value.expose().is_empty());
    let key = "bridge/token".to_owned();
    assert_eq!(read(&bench.tell(DeviceProgress::Ready)), Some(&DeviceRead::Setting(key)));
}

#[test]
fn a_value_that_is_no_hexadecimal_is_not_sent() {
    let mut bench = Bench::connected();
    assert!(bench.device.why_not_writable().is_some(), "without a key");
    bench.device.key = "a/b".into();
    assert_eq!(bench.device.why_not_writable(), None, "an empty value is one");
    bench.device.value = Secret::new("hex:0".into());
    assert!(bench.device.why_not_writable().is_some());
    bench.act(DeviceAction::AskedToWrite);
    assert!(bench.device.question().is_none());
}

#[test]
fn the_shell_asks_once_and_again_after_it_was_locked() {
    let mut bench = Bench::connected();
    bench.device.command = "help".into();
    assert!(bench.act(DeviceAction::RanCommand).is_empty());
    bench.device.typed_name = "gw-7".into();
    assert!(
        matches!(change(&bench.act(DeviceAction::Confirmed)), Some((DeviceChange::Shell(line), _)) if line == "help")
    );
    bench.tell(DeviceProgress::Ready);
    bench.device.command = "kernel version".into();
    assert!(change(&bench.act(DeviceAction::RanCommand)).is_some());
    bench.tell(DeviceProgress::Ready);
    bench.act(DeviceAction::LockedShell);
    bench.device.command = "kernel reboot".into();
    assert!(bench.act(DeviceAction::RanCommand).is_empty());
    assert!(bench.device.question().is_some());
}

#[test]
fn up_and_down_go_through_the_commands_without_doubles() {
    let mut bench = Bench::connected();
    bench.device.command = "one".into();
    bench.act(DeviceAction::RanCommand);
    bench.device.typed_name = "gw-7".into();
    bench.act(DeviceAction::Confirmed);
    for line in ["two", "one"] {
        bench.tell(DeviceProgress::Ready);
        bench.device.command = line.into();
        bench.act(DeviceAction::RanCommand);
    }
    let mut seen = Vec::new();
    for is_earlier in [true, true, true, false, false, false] {
        bench.act(DeviceAction::Recalled { is_earlier });
        seen.push(bench.device.command.clone());
    }
    assert_eq!(seen, ["one", "two", "two", "one", "", ""]);
}

#[test]
fn a_value_is_hidden_until_it_is_shown_and_octets_are_hexadecimal() {
    let mut bench = Bench::connected();
    let value = |octets: &[u8]| Some(SettingValue { octets: Secret::new(octets.to_vec()), may_be_cut: false });
    bench.tell(DeviceProgress::Setting { key: "a/b".into(), value: value(b"token") });
    let shown = |bench: &Bench| bench.device.session().expect("a session").settings[0].shown();
    assert_eq!(shown(&bench), "5 bytes");
    bench.act(DeviceAction::ToggledValue("a/b".into()));
    assert_eq!(shown(&bench), "token");
    bench.tell(DeviceProgress::Setting { key: "a/b".into(), value: value(b"a\x1b[2J") });
    assert_eq!(shown(&bench), "hex:611b5b324a", "control characters do not reach the screen");
    bench.tell(DeviceProgress::Setting { key: "a/b".into(), value: None });
    assert_eq!(shown(&bench), "no such setting");
    assert_eq!(bench.device.session().expect("a session").settings.len(), 1);
}

#[test]
fn log_and_output_stay_bounded() {
    let mut bench = Bench::connected();
    for _ in 0..3 {
        let lines = vec!["line".to_owned(); MAX_LINES];
        bench.tell(DeviceProgress::Log(lines.clone()));
        bench.tell(DeviceProgress::Output { line: "x".into(), lines, status: 0 });
    }
    let session = bench.device.session().expect("a session");
    assert_eq!((session.log.len(), session.shell.len()), (MAX_LINES, MAX_LINES));
}

#[test]
fn what_comes_after_the_end_is_dropped() {
    let mut bench = Bench::connected();
    bench.act(DeviceAction::AskedToReset);
    let job = bench.job();
    bench.device.finished(job, JobEnd::Cancelled);
    assert!(bench.device.question().is_none(), "the question went with the connection");
    bench.tell(DeviceProgress::Log(vec!["late".into()]));
    assert!(bench.device.session().expect("it is kept to look at").log.is_empty());
    assert!(bench.act(DeviceAction::Closed).is_empty());
}
