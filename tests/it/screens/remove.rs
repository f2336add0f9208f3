//! The tab Remove: what the look at a broker and the watch are set up from, by a person's hand.

use std::time::Duration;

use egui::accesskit::Role;
use egui::{Key, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::app::Action;
use linesman::app::gateways::Tab;
use linesman::model::mqtt::connect::Login;
use linesman::msg::Command;
use linesman::msg::wipe::WipeStart;

use super::{Opened, open};

fn removal(is_connected: bool) -> Opened {
    open([1600.0, 1000.0], Theme::Light, |stage| {
        if is_connected {
            stage.telemetry_connected_empty();
        }
        stage.choose();
        stage.act(Action::OpenedTab(Tab::Remove));
    })
}

impl Opened {
    fn press(&mut self, role: Role, name: &str) {
        self.harness.get_by_role_and_label(role, name).click();
        self.harness.run();
    }

    fn types(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run();
        self.harness.event(egui::Event::Text(text.into()));
        self.harness.run();
    }

    fn begun(&mut self) -> Option<WipeStart> {
        self.types("Serial number or name", "GW-7");
        self.harness.key_press(Key::Enter);
        self.harness.run();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Wipe { start, .. } = command {
                return Some(*start);
            }
        }
        None
    }
}

const FOLD: &str = "Check the broker and watch";

#[test]
fn the_look_at_the_broker_takes_the_connection_of_telemetry_as_the_good_credential() {
    let mut opened = removal(true);
    opened.press(Role::DisclosureTriangle, FOLD);
    let offer = opened.harness.get_by_role_and_label(Role::Button, "Use the connection to mqtts://broker.example:8883");
    offer.click();
    opened.harness.run();
    opened.types("Old user name", "gw-7");
    opened.types("Topics", "site/gw-7/# plant/gw-7");
    opened.types("Minutes", "10");
    let start = opened.begun().expect("it begins");
    assert_eq!(start.watch, Some(Duration::from_mins(10)));
    let look = start.broker.expect("a look");
    assert!(matches!(&look.old.login, Login::Password { username, .. } if username == "gw-7"));
    assert_eq!(look.old.url.host, "broker.example");
    assert!(look.old.client_id.starts_with("linesman-old-"), "never the gateway's own");
    let topics: Vec<String> = look.topics.iter().map(|topic| topic.filter.to_string()).collect();
    assert_eq!(topics, ["site/gw-7/#", "plant/gw-7"]);
}

#[test]
fn what_is_wrong_with_the_look_is_said_and_nothing_begins() {
    let mut opened = removal(false);
    opened.press(Role::DisclosureTriangle, FOLD);
    opened.types("Minutes", "90");
    assert!(opened.begun().is_none());
    opened.harness.get_by_label_contains("The gateway can't be watched that long");
}
