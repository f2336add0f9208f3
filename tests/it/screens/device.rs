//! The states of the screen Device, built from events, and what its keyboard and dialogs do.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::app::Action;
use linesman::app::device::DeviceAction;
use linesman::app::discover::DiscoverAction;
use linesman::app::gateways::Tab;
use linesman::model::gateway::Protection;
use linesman::model::ids::{DriverId, JobId};
use linesman::model::outcome::{Evidence, EvidenceKind};
use linesman::model::problem::Problem;
use linesman::model::secret::Secret;
use linesman::msg::device::{
    DeviceChange, DeviceProgress, DeviceRead, DeviceRequest, ImageRow, Offers, SettingValue, Table,
};
use linesman::msg::{Command, Event, JobEnd};

use super::open;
use super::states::{Stage, serial};

const SIZE: [f32; 2] = [1024.0, 640.0];

impl Stage {
    /// A gateway is chosen and the screen shown.
    pub(crate) fn device_choose(&mut self) {
        self.gateways();
        self.act(DiscoverAction::Selected(serial("/dev/ttyUSB0")));
        self.act(Action::OpenedTab(Tab::Device));
    }

    /// Connecting.
    pub(crate) fn device_connect(&mut self) -> JobId {
        self.device_choose();
        self.act(DeviceAction::Connected);
        self.app.device.session().expect("a session").job
    }

    /// Connected; everything that is asked at the start was answered.
    pub(crate) fn device_ready(&mut self) -> JobId {
        let job = self.device_connect();
        let offers = Offers {
            info: true,
            statistics: true,
            images: true,
            settings: true,
            files: true,
            shell: true,
            time: true,
            reset: true,
            erase: true,
        };
        let opened = DeviceProgress::Opened {
            name: "gw-7".into(),
            driver: DriverId::Smp,
            protection: Protection::Cable,
            offers,
        };
        self.tell(job, opened);
        self.tell(job, DeviceProgress::Ready);
        let rows = [("Operating system", "Zephyr"), ("Version", "4.4.0"), ("Message buffers", "4 of 384 bytes")];
        let rows = rows.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.tell(job, DeviceProgress::Info(rows));
        self.tell(job, DeviceProgress::Ready);
        self.tell(job, DeviceProgress::Statistics(tables()));
        self.tell(job, DeviceProgress::Ready);
        let image = ImageRow {
            version: "1.2.3".into(),
            hash: "9f86d081884c7d659a2feaa0c55ad015".into(),
            flags: vec!["active", "confirmed"],
            ..ImageRow::default()
        };
        self.tell(job, DeviceProgress::Images(vec![image]));
        self.tell(job, DeviceProgress::Ready);
        // It never had its clock set: 1970, and TLS fails by it.
        self.tell(job, DeviceProgress::Time("1970-01-01T00:00:12".into()));
        self.tell(job, DeviceProgress::Ready);
        job
    }

    /// Settings were read, commands run, an act done.
    pub(crate) fn device_used(&mut self) {
        let job = self.device_ready();
        let value = |octets: &[u8], may_be_cut| Some(SettingValue { octets: Secret::new(octets.to_vec()), may_be_cut });
        for (key, value) in [
            ("bridge/token", value(b"from-the-code-77", false)),
            ("bridge/broker", value(b"broker.example:8883", true)),
            ("bridge/nothing", None),
        ] {
            self.tell(job, DeviceProgress::Setting { key: key.into(), value });
        }
        self.act(DeviceAction::ToggledValue("bridge/broker".into()));
        self.app.device.command = "kernel version".into();
        self.act(DeviceAction::RanCommand);
        self.app.device.typed_name = "gw-7".into();
        self.act(DeviceAction::Confirmed);
        let lines = vec!["Zephyr version 4.4.0".to_owned()];
        self.tell(job, DeviceProgress::Output { line: "kernel version".into(), lines, status: 0 });
        self.tell(job, DeviceProgress::Log(vec!["[00:00:01.000] <inf> app: started".into()]));
        let evidence = Evidence {
            kind: EvidenceKind::Observed,
            text: "The setting bridge/token was written and saved; it reads back equal".into(),
            at: Duration::from_secs(9),
        };
        self.tell(job, DeviceProgress::Changed { change: "write-setting", evidence });
        self.tell(job, DeviceProgress::Ready);
    }

    /// An act was refused.
    pub(crate) fn device_refused(&mut self) {
        let job = self.device_ready();
        self.app.device.key = "mqtt/host".into();
        self.act(DeviceAction::AskedToWrite);
        self.app.device.typed_name = "gw-7".into();
        self.act(DeviceAction::Confirmed);
        self.tell(job, DeviceProgress::Failed(refused()));
        self.tell(job, DeviceProgress::Ready);
    }

    /// A restart waits for its confirmation.
    pub(crate) fn device_asks(&mut self) {
        self.device_ready();
        self.act(DeviceAction::AskedToReset);
    }

    /// Nothing answered.
    pub(crate) fn device_failed(&mut self) {
        let job = self.device_connect();
        let problem = Problem::new(
            "smp.no_reply",
            "Echo: the gateway does not answer",
            "The gateway has no power, is still starting, hangs, or does not speak SMP here",
            "Check power, cable or address, restart the gateway, wait until it is up and try again",
        );
        self.apply(Event::JobFinished { job, end: JobEnd::Failed(problem) });
    }

    /// A gateway that offers little: no card stands for what it lacks.
    pub(crate) fn device_little(&mut self) {
        let job = self.device_connect();
        let opened = DeviceProgress::Opened {
            name: "/dev/ttyUSB0".into(),
            driver: DriverId::LinuxConsole,
            protection: Protection::CableLogin,
            offers: Offers { info: true, shell: true, ..Offers::default() },
        };
        self.tell(job, opened);
        self.tell(job, DeviceProgress::Ready);
        self.tell(job, DeviceProgress::Failed(refused()));
        self.tell(job, DeviceProgress::Ready);
    }

    fn tell(&mut self, job: JobId, progress: DeviceProgress) {
        self.apply(Event::DeviceProgressed { job, at: Duration::from_secs(1), progress });
    }
}

fn tables() -> Vec<Table> {
    let table = |name: &str, rows: &[(&str, i128)]| Table {
        name: name.into(),
        rows: rows.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect(),
    };
    vec![
        table("uplink", &[("sent", 1200), ("failed", 3)]),
        table("Task main", &[("prio", 0), ("stkuse", 312), ("stksiz", 1024)]),
        table("Task idle", &[("prio", 15), ("stkuse", 40), ("stksiz", 80)]),
    ]
}

fn refused() -> Problem {
    Problem::new(
        "smp.not_found",
        "Write a setting: the gateway refuses, there is no such key",
        "The name is mistyped, or this firmware has no such thing",
        "Check the name in the vendor documentation",
    )
}

#[test]
fn enter_reads_the_typed_setting() {
    let mut opened = open(SIZE, Theme::Light, |stage| {
        stage.device_ready();
    });
    opened.harness.get_by_role_and_label(Role::TextInput, "Key").focus();
    opened.harness.run();
    opened.harness.get_by_role_and_label(Role::TextInput, "Key").type_text("bridge/broker");
    opened.harness.run();
    opened.harness.key_press(Key::Enter);
    opened.harness.run();
    let Ok(Command::Device { request: DeviceRequest::Read(DeviceRead::Setting(key)), .. }) = opened.commands.try_recv()
    else {
        panic!("a question goes out")
    };
    assert_eq!(key, "bridge/broker");
}

#[test]
fn a_restart_goes_out_only_after_the_name_was_typed() {
    let label = "Type the gateway's name, gw-7, to confirm";
    for (text, is_sent) in [("gw-", false), ("gw-7", true)] {
        let mut opened = open(SIZE, Theme::Light, Stage::device_asks);
        opened.harness.get_by_role_and_label(Role::TextInput, label).focus();
        opened.harness.run();
        opened.harness.get_by_role_and_label(Role::TextInput, label).type_text(text);
        opened.harness.run();
        opened.harness.key_press(Key::Enter);
        opened.harness.run();
        let sent = opened.commands.try_recv();
        let is_reset = matches!(
            &sent,
            Ok(Command::Device { request: DeviceRequest::Change { change: DeviceChange::Reset, confirmed }, .. })
                if confirmed == "gw-7"
        );
        assert_eq!((is_reset, sent.is_ok()), (is_sent, is_sent), "after {text}");
    }
}

#[test]
fn escape_drops_the_question_and_sends_nothing() {
    let mut opened = open(SIZE, Theme::Light, Stage::device_asks);
    opened.harness.key_press(Key::Escape);
    opened.harness.run();
    assert!(opened.harness.state().app.device.question().is_none());
    assert!(opened.commands.try_recv().is_err());
}

#[test]
fn the_up_key_brings_the_last_command_back_and_the_second_runs_at_once() {
    let mut opened = open(SIZE, Theme::Light, Stage::device_used);
    opened.harness.get_by_role_and_label(Role::TextInput, "Command").focus();
    opened.harness.run();
    opened.harness.key_press(Key::ArrowUp);
    opened.harness.run();
    assert_eq!(opened.harness.state().app.device.command, "kernel version");
    opened.harness.key_press(Key::Enter);
    opened.harness.run();
    let sent = opened.commands.try_recv();
    let is_run = matches!(
        &sent,
        Ok(Command::Device { request: DeviceRequest::Change { change: DeviceChange::Shell(line), .. }, .. })
            if line == "kernel version"
    );
    assert!(is_run);
}
