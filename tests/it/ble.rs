//! Bluetooth against a fake service: what is heard, what is read and written, and what goes wrong on the way.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use linesman::flow::port::{AdapterOff, BleError, GattEvent, GattLink, LinkError, Links as _, Radio, RadioEvent};
use linesman::io::ble::BleLinks;
use linesman::model::ids::LinkAddress;
use uuid::{Uuid, uuid};

use crate::fake_bluez::{Answer, Bus, FakeBluez, FakeCharacteristic, FakeDevice, on_fake_bus, on_fake_bus_with};
use crate::program::Place;

const ADDRESS: &str = "C4:4F:33:00:12:AF";
const SERVICE: Uuid = uuid!("00467768-6228-2272-4663-277478268000");
const STATE: Uuid = uuid!("00467768-6228-2272-4663-277478268001");
const COMMAND: Uuid = uuid!("00467768-6228-2272-4663-277478268003");

fn link() -> LinkAddress {
    LinkAddress::Ble(ADDRESS.into())
}

fn device(characteristics: impl IntoIterator<Item = FakeCharacteristic>) -> FakeDevice {
    FakeDevice::new(ADDRESS).name("Gateway 7").service(SERVICE, characteristics)
}

#[test]
fn a_device_is_heard_then_read_written_and_listened_to() {
    on_fake_bus(async |bus| {
        let written = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&written);
        let state =
            FakeCharacteristic::new(STATE, &["read", "notify"]).on_read(|_| Answer::Value(vec![7; 300])).label("state");
        let command = FakeCharacteristic::new(COMMAND, &["write"]).on_write(move |peer, value| {
            keep.lock().unwrap().push(value);
            peer.notify(STATE, &[9]);
            Answer::taken()
        });
        let radio = FakeBluez::new().heard_on_scan(device([state, command]).rssi(-47).advertises(SERVICE)).start(&bus);
        let links = BleLinks::default();

        let mut air = links.watch_radio().await.unwrap();
        let RadioEvent::Heard { link: heard, advertisement } = air.events.recv().await.unwrap() else { panic!() };
        assert_eq!(heard, link());
        assert_eq!(advertisement.name.as_deref(), Some("Gateway 7"));
        assert_eq!((advertisement.rssi_dbm, advertisement.services), (Some(-47), vec![SERVICE]));
        assert_eq!(advertisement.adapter, "hci0");
        assert!(radio.is_scanning());
        drop(air);

        let mut connection = links.connect(&link()).await.unwrap();
        let gatt = Arc::clone(&connection.gatt);
        assert_eq!(gatt.payload_octets(), 244);
        assert_eq!(gatt.characteristics().len(), 2);
        assert_eq!(gatt.label(STATE).await.unwrap().as_deref(), Some("state"));
        gatt.subscribe(STATE).await.unwrap();
        assert_eq!(gatt.read(STATE).await.unwrap(), [7; 300], "long values are read whole");
        gatt.write(COMMAND, vec![1; 200]).await.unwrap();
        assert_eq!(*written.lock().unwrap(), [vec![1; 200]]);
        let event = connection.events.recv().await.unwrap();
        assert_eq!(event, GattEvent::Notified { characteristic: STATE, value: vec![9] });
        gatt.disconnect().await;
        assert!(!radio.is_connected(ADDRESS));
        assert!(matches!(connection.events.recv().await, Some(GattEvent::Closed(_))));
    });
}

fn state(answer: Answer) -> FakeCharacteristic {
    FakeCharacteristic::new(STATE, &["read", "notify"]).on_read(move |_| answer.clone())
}

fn ble<T>(answer: Result<T, LinkError>) -> BleError {
    match answer {
        Err(LinkError::Ble(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it went well"),
    }
}

async fn closed(connection: &mut GattLink) -> LinkError {
    loop {
        match connection.events.recv().await {
            Some(GattEvent::Closed(error)) => return error,
            Some(GattEvent::Notified { .. }) => {}
            None => panic!("the end was not told"),
        }
    }
}

/// The names that are heard, until there are so many.
async fn names_heard(air: &mut Radio, count: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    while names.len() < count {
        match air.events.recv().await {
            Some(RadioEvent::Heard { advertisement, .. }) => names.insert(advertisement.name.unwrap_or_default()),
            other => panic!("{other:?}"),
        };
    }
    names
}

#[test]
fn without_a_usable_adapter_the_reason_is_told() {
    on_fake_bus(async |bus| {
        let radio = FakeBluez::without_adapter().start(&bus);
        let links = BleLinks::default();
        assert_eq!(ble(links.watch_radio().await), BleError::NoAdapter);
        assert_eq!(ble(links.connect(&link()).await), BleError::NoAdapter);
        assert!(!radio.is_scanning());
    });
}

#[test]
fn an_adapter_that_is_off_is_not_switched_on() {
    on_fake_bus(async |bus| {
        let radio = FakeBluez::powered_off().start(&bus);
        let off = BleError::PoweredOff { off: AdapterOff::Switched };
        assert_eq!(ble(BleLinks::default().watch_radio().await), off);
        assert!(!radio.calls().iter().any(|call| call.starts_with("Set")), "{:?}", radio.calls());
        radio.power(true);
        let links = BleLinks::default();
        let mut air = links.watch_radio().await.unwrap();
        radio.power(false);
        assert_eq!(air.events.recv().await, Some(RadioEvent::Stopped(off.into())));
        assert_eq!(air.events.recv().await, None);
    });
}

#[test]
fn without_the_service_that_is_told_and_it_works_once_it_runs() {
    on_fake_bus(async |bus| {
        let links = BleLinks::default();
        assert!(matches!(ble(links.watch_radio().await), BleError::NoService { .. }));
        FakeBluez::new().device(FakeDevice::new(ADDRESS)).start(&bus).ready().await;
        assert!(links.watch_radio().await.is_ok());
    });
}

#[test]
fn a_bus_that_lets_nobody_through_means_no_permission() {
    on_fake_bus_with(
        r#"<deny send_destination="org.bluez" send_interface="org.freedesktop.DBus.ObjectManager"/>"#,
        async |bus| {
            FakeBluez::new().start(&bus).ready().await;
            assert!(matches!(ble(BleLinks::default().watch_radio().await), BleError::NoPermission { .. }));
        },
    );
}

#[test]
fn only_what_is_heard_in_this_scan_is_told() {
    on_fake_bus(async |bus| {
        let remembered = FakeDevice::new("C4:4F:33:00:00:01").name("remembered").only_remembered().advertises(SERVICE);
        let broken = FakeDevice::new("C4:4F:33:00:00:02").name("broken").without("AddressType");
        let hostile = FakeDevice::new("C4:4F:33:00:00:03").name("\u{202E}\u{7}\u{1b}[2J");
        let nameless = FakeDevice::new("C4:4F:33:00:00:04");
        let radio = FakeBluez::new().device(remembered).device(broken).device(hostile).device(nameless).start(&bus);
        let links = BleLinks::default();
        let mut air = links.watch_radio().await.unwrap();
        radio.hear(FakeDevice::new("C4:4F:33:00:00:05").name("last"));
        let names = names_heard(&mut air, 3).await;
        assert_eq!(Vec::from_iter(&names), ["", "last", "\u{202E}\u{7}\u{1b}[2J"], "the address is no name");
        radio.rssi("C4:4F:33:00:00:01", -71);
        assert!(names_heard(&mut air, 1).await.contains("remembered"), "now it is heard");
    });
}

#[test]
fn a_device_that_is_heard_all_the_time_is_told_twice_a_second() {
    on_fake_bus(async |bus| {
        let radio = FakeBluez::new().device(FakeDevice::new(ADDRESS).rssi(-50)).start(&bus);
        let links = BleLinks::default();
        let mut air = links.watch_radio().await.unwrap();
        let mut told = Vec::new();
        for strength in 0..50 {
            radio.rssi(ADDRESS, -60 - strength);
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        while told.last() != Some(&Some(-109)) {
            let RadioEvent::Heard { advertisement, .. } = air.events.recv().await.unwrap() else { panic!() };
            told.push(advertisement.rssi_dbm);
        }
        assert!(told.len() <= 2 + began.elapsed().as_millis() as usize / 500, "{told:?}");
    });
}

/// More devices than any channel between the bus and the list has room for.
const CROWD: usize = 450;

#[test]
fn on_a_crowded_radio_each_device_has_its_turn() {
    on_fake_bus(async |bus| {
        let name = |number: usize| format!("Gateway {number}");
        let address = |number: usize| format!("C4:4F:33:00:{:02X}:{:02X}", number / 256, number % 256);
        let plan = |number| FakeDevice::new(&address(number)).name(&name(number));
        let radio = (0..CROWD).fold(FakeBluez::new(), |radio, number| radio.device(plan(number))).start(&bus);
        let links = BleLinks::default();
        let mut air = links.watch_radio().await.unwrap();
        assert_eq!(names_heard(&mut air, CROWD).await, (0..CROWD).map(name).collect());
        drop(radio);
    });
}

#[test]
fn an_unplugged_adapter_ends_the_scan_and_the_connection() {
    on_fake_bus(async |bus| {
        let radio = FakeBluez::new().device(device([state(Answer::Never)])).start(&bus);
        let links = BleLinks::default();
        let mut air = links.watch_radio().await.unwrap();
        let mut connection = links.connect(&link()).await.unwrap();
        radio.unplug();
        closed(&mut connection).await;
        let stopped = loop {
            match air.events.recv().await {
                Some(RadioEvent::Stopped(error)) => break error,
                Some(RadioEvent::Heard { .. }) => {}
                None => panic!("the end was not told"),
            }
        };
        assert_eq!(stopped, LinkError::Ble(BleError::NoAdapter));
    });
}

#[test]
fn a_device_nobody_hears_is_not_connected_to() {
    on_fake_bus(async |bus| {
        let radio = FakeBluez::new().device(FakeDevice::new(ADDRESS).only_remembered()).start(&bus);
        let began = Instant::now();
        assert_eq!(ble(BleLinks::default().connect(&link()).await), BleError::NotHeard { device: ADDRESS.into() });
        assert!(began.elapsed() < Duration::from_secs(15));
        assert_eq!(radio.calls(), ["StartDiscovery hci0"], "it was listened for, and nothing else");
    });
}

#[test]
fn services_may_be_told_before_the_connection_and_the_mtu_not_at_all() {
    on_fake_bus(async |bus| {
        let plan = device([state(Answer::Value(vec![2]))]).tells_services_first().mtu(None);
        let radio = FakeBluez::new().device(plan).start(&bus);
        let mut connection = BleLinks::default().connect(&link()).await.unwrap();
        assert_eq!(connection.gatt.payload_octets(), 20, "what is not told is not assumed");
        connection.gatt.subscribe(STATE).await.unwrap();
        radio.notify(ADDRESS, STATE, &[7; 60]);
        let cut = GattEvent::Notified { characteristic: STATE, value: vec![7; 20] };
        assert_eq!(connection.events.recv().await, Some(cut), "a long value arrives cut");
    });
}

#[test]
fn a_value_that_comes_before_the_answer_to_the_subscription_is_not_lost() {
    on_fake_bus(async |bus| {
        let early = FakeCharacteristic::new(STATE, &["notify"]).on_subscribe(|peer| {
            peer.notify(STATE, &[4]);
            Answer::After(Duration::from_millis(200), Box::new(Answer::taken()))
        });
        let _radio = FakeBluez::new().device(device([early]).mtu(23)).start(&bus);
        let mut connection = BleLinks::default().connect(&link()).await.unwrap();
        assert_eq!(connection.gatt.payload_octets(), 20);
        connection.gatt.subscribe(STATE).await.unwrap();
        let value = GattEvent::Notified { characteristic: STATE, value: vec![4] };
        assert_eq!(connection.events.recv().await, Some(value));
    });
}

#[test]
fn a_connection_that_breaks_in_mid_read_ends_the_read_at_once() {
    on_fake_bus(async |bus| {
        let breaking = FakeCharacteristic::new(STATE, &["read"]).on_read(|peer| {
            peer.drop_link();
            Answer::Never
        });
        let _radio = FakeBluez::new().device(device([breaking])).start(&bus);
        let mut connection = BleLinks::default().connect(&link()).await.unwrap();
        let began = Instant::now();
        let broken = BleError::Disconnected { device: ADDRESS.into() };
        assert_eq!(ble(connection.gatt.read(STATE).await), broken);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(closed(&mut connection).await, broken.into());
        assert_eq!(connection.events.recv().await, None);
    });
}

#[test]
fn a_read_that_a_pairing_swallows_says_so_at_once_and_the_next_connection_is_answered() {
    on_fake_bus(async |bus| {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let swallowed = FakeCharacteristic::new(STATE, &["read"]).on_read(move |peer| {
            if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                peer.pair();
                Answer::Never
            } else {
                Answer::Value(vec![2])
            }
        });
        let _radio = FakeBluez::new().device(device([swallowed])).start(&bus);
        let links = BleLinks::default();
        let connection = links.connect(&link()).await.unwrap();
        let began = Instant::now();
        assert_eq!(ble(connection.gatt.read(STATE).await), BleError::LostToPairing { device: ADDRESS.into() });
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        connection.gatt.disconnect().await;
        drop(connection);
        let connection = links.connect(&link()).await.unwrap();
        assert_eq!(connection.gatt.read(STATE).await, Ok(vec![2]));
    });
}

#[test]
fn a_device_that_never_answers_is_given_the_time_of_a_pairing_once() {
    on_fake_bus(async |bus| {
        let answering = FakeCharacteristic::new(STATE, &["read"]).on_read(|_| Answer::Value(vec![2]));
        let silent = FakeCharacteristic::new(COMMAND, &["read"]).on_read(|_| Answer::Never);
        let _radio = FakeBluez::new().device(device([answering, silent])).start(&bus);
        let connection = BleLinks::default().connect(&link()).await.unwrap();
        assert_eq!(connection.gatt.read(STATE).await, Ok(vec![2]));
        let began = Instant::now();
        assert_eq!(ble(connection.gatt.read(COMMAND).await), BleError::NoAnswer { device: ADDRESS.into() });
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    });
}

#[test]
fn refusals_are_told_apart() {
    on_fake_bus(async |bus| {
        let device = || ADDRESS.to_owned();
        let cases = [
            ("NotPermitted", "Not paired", BleError::NotPaired { device: device() }),
            ("NotAuthorized", "", BleError::NotPaired { device: device() }),
            ("Failed", "Operation failed with ATT error: 0x0f", BleError::NotPaired { device: device() }),
            ("Failed", "Operation failed with ATT error: 0x0d", BleError::TooLong { device: device(), octets: 3 }),
            ("InvalidArguments", "Invalid Length", BleError::TooLong { device: device(), octets: 3 }),
            ("NotConnected", "Not connected", BleError::Disconnected { device: device() }),
            ("Failed", "Not connected", BleError::Disconnected { device: device() }),
            (
                "Failed",
                "Operation failed with ATT error: 0x80",
                BleError::Failed { detail: "org.bluez.Error.Failed: Operation failed with ATT error: 0x80".into() },
            ),
        ];
        let answers: Vec<_> = cases.iter().map(|(name, message, _)| Answer::Error(name, message)).collect();
        let turn = AtomicUsize::new(0);
        let refusing = FakeCharacteristic::new(COMMAND, &["write"])
            .on_write(move |_, _| answers[turn.fetch_add(1, Ordering::Relaxed)].clone());
        let _radio = FakeBluez::new().device(self::device([refusing])).start(&bus);
        let connection = BleLinks::default().connect(&link()).await.unwrap();
        for (name, message, expected) in cases {
            assert_eq!(ble(connection.gatt.write(COMMAND, vec![1, 2, 3]).await), expected, "{name}: {message}");
        }
        let missing = BleError::NoCharacteristic { device: device(), characteristic: SERVICE };
        assert_eq!(ble(connection.gatt.read(SERVICE).await), missing);
    });
}

#[test]
fn a_device_that_refuses_the_connection_is_told_apart_from_one_that_hides_its_services() {
    on_fake_bus(async |bus| {
        let refusing = FakeDevice::new(ADDRESS).on_connect(|_| Answer::Error("Failed", "le-connection-abort-by-local"));
        let radio = FakeBluez::new().device(refusing).start(&bus);
        let links = BleLinks::default();
        let device = || ADDRESS.to_owned();
        assert_eq!(ble(links.connect(&link()).await), BleError::NotConnected { device: device() });
        radio.hear(FakeDevice::new(ADDRESS).hides_services().on_connect(|peer| {
            let (radio, address) = (peer.radio.clone(), peer.address.to_owned());
            tokio::spawn(async move {
                // Once the connection stands it breaks; nothing was told until then.
                while !radio.is_connected(&address) {
                    tokio::task::yield_now().await;
                }
                radio.drop_link(&address);
            });
            Answer::taken()
        }));
        assert_eq!(ble(links.connect(&link()).await), BleError::Disconnected { device: device() });
    });
}

#[test]
fn ending_a_connection_takes_its_time_behind_and_the_next_one_waits_for_it() {
    on_fake_bus(async |bus| {
        let slow = device([state(Answer::Value(vec![2]))])
            .on_disconnect(|_| Answer::After(Duration::from_secs(2), Box::new(Answer::taken())));
        let radio = FakeBluez::new().device(slow).start(&bus);
        let links = BleLinks::default();
        let connection = links.connect(&link()).await.unwrap();
        let began = Instant::now();
        connection.gatt.disconnect().await;
        drop(connection);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        let connection = links.connect(&link()).await.unwrap();
        assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(connection.gatt.read(STATE).await, Ok(vec![2]));
        let wanted = format!("Connect {ADDRESS}, Disconnect {ADDRESS}, Connect {ADDRESS}");
        let calls: Vec<_> = radio.calls().into_iter().filter(|call| call.contains("onnect")).collect();
        assert_eq!(calls.join(", "), wanted);
    });
}

#[test]
fn giving_up_while_connecting_takes_the_attempt_back() {
    on_fake_bus(async |bus| {
        let silent = FakeDevice::new(ADDRESS).on_connect(|_| Answer::Never);
        let radio = FakeBluez::new().device(silent).start(&bus);
        let links = BleLinks::default();
        let is_called = |call: &str| radio.calls().contains(&format!("{call} {ADDRESS}"));
        {
            let address = link();
            let mut connecting = std::pin::pin!(links.connect(&address));
            while !is_called("Connect") {
                tokio::select! { biased; _ = &mut connecting => panic!("it cannot end"), () = tokio::task::yield_now() => {} }
            }
        }
        while !is_called("Disconnect") {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn streams_that_are_dropped_under_fire_take_nothing_down() {
    on_fake_bus(async |bus| {
        let radio = FakeBluez::new().device(device([state(Answer::Value(vec![2]))])).start(&bus);
        let links = BleLinks::default();
        for _ in 0..20 {
            let mut air = links.watch_radio().await.unwrap();
            let connection = links.connect(&link()).await.unwrap();
            connection.gatt.subscribe(STATE).await.unwrap();
            air.events.recv().await.unwrap();
            drop((air, connection));
            // Messages that come in between a stream's end and the end of its rule.
            for strength in 0..50 {
                radio.rssi(ADDRESS, -50 - strength);
                radio.notify(ADDRESS, STATE, &[1]);
            }
        }
        let connection = links.connect(&link()).await.unwrap();
        assert_eq!(connection.gatt.read(STATE).await, Ok(vec![2]));
    });
}

/// The library's tasks may panic (see the test above): the program must be built so that they end alone.
#[test]
fn no_build_ends_the_program_at_the_first_panic() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    for (name, profile) in manifest["profile"].as_table().unwrap() {
        let panic = profile.get("panic").and_then(toml::Value::as_str).unwrap_or("unwind");
        assert_eq!(panic, "unwind", "[profile.{name}]: a task of the Bluetooth library may panic at its end");
    }
}

/// The program with this bus as the system's.
fn discover(place: &Place, bus: &str, arguments: &[&str]) -> crate::program::Ran {
    let arguments = [&["discover", "--ble"], arguments].concat();
    let mut command = place.linesman(&arguments);
    crate::program::Ran::of(command.arg("--json").env("DBUS_SYSTEM_BUS_ADDRESS", bus))
}

#[test]
fn the_command_line_lists_what_is_heard() {
    let Some(bus) = Bus::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let improv = FakeDevice::new(ADDRESS)
        .name("Gate\u{202E}way\u{7}")
        .rssi(-47)
        .advertises(SERVICE)
        .service_data(uuid!("00004677-0000-1000-8000-00805f9b34fb"), &[2, 1, 0, 0, 0, 0])
        .manufacturer_data(0x02e5, &[1, 2]);
    let radio = FakeBluez::new().device(FakeDevice::new("7A:01:02:03:04:05").only_remembered()).heard_on_scan(improv);
    let radio = radio.start(&bus);
    runtime.block_on(radio.ready());
    let place = Place::new();
    let ran = discover(&place, &bus.address, &["--for", "2"]).expect(0);
    let lines = ran.lines();
    assert_eq!(lines.len(), 1, "{ran:#?}");
    let line = &lines[0];
    assert_eq!((&line["link"], &line["rssi_dbm"]), (&format!("ble:{ADDRESS}").into(), &(-47).into()), "{line:#}");
    assert_eq!(line["name"], "Gate\u{FFFD}way\u{FFFD}");
    assert_eq!((&line["profile"], &line["driver"]), (&"generic-improv".into(), &"improv".into()));
    let advertisement = &line["advertisement"];
    assert_eq!((&advertisement["state"], &advertisement["adapter"]), (&"ready".into(), &"hci0".into()));
    assert_eq!(advertisement["companies"][0], "02e5");

    radio.power(false);
    discover(&place, &bus.address, &[]).expect_problem(3, "ble.powered_off");
}

#[test]
fn the_command_line_says_why_nothing_can_be_heard() {
    let place = Place::new();
    discover(&place, "unix:path=/nowhere/bus", &[]).expect_problem(3, "ble.no_service");
    let Some(bus) = Bus::start() else { return };
    discover(&place, &bus.address, &[]).expect_problem(3, "ble.no_service");
}

#[test]
fn a_simulated_device_on_the_air_is_known_as_one() {
    let links = crate::support::ble_links(crate::support::ble_gateway(&[]));
    assert!(links.is_played(&crate::support::ble_address()));
    assert!(!links.is_played(&LinkAddress::Ble("C4:4F:33:00:00:99".into())));
}
