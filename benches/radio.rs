//! How much memory the program holds while it listens to a crowded radio for a long time.
//!
//! The program itself runs (`discover --ble`), against a fake Bluetooth service with 500 devices on the air. Each is heard
//! once a second, with another strength and other data, and every ten seconds fifty of them take another address, as
//! phones do. Linux only. `cargo bench --bench radio` takes ten minutes; `LINESMAN_BENCH_SECONDS` says otherwise.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark prints what it measured, or ends"
)]

#[cfg(target_os = "linux")]
#[path = "../tests/it/fake_bluez/mod.rs"]
mod fake_bluez;
#[cfg(target_os = "linux")]
#[path = "../tests/it/peers.rs"]
#[allow(dead_code, unused_imports, reason = "its own tests are for the tests")]
mod peers;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there is no fake Bluetooth service on this system");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use tokio::time::interval;

    use super::fake_bluez::{Bus, FakeBluez, FakeDevice, Radio};

    const DEVICES: usize = 500;
    /// How often the air changes: this many devices are heard at a time.
    const TURN: Duration = Duration::from_millis(100);
    const A_TURN: usize = 50;
    /// How many devices take another address, and how often.
    const RENAMED: usize = 50;
    const RENAMED_EVERY: u64 = 10;

    pub(super) fn main() {
        let named = std::env::var("LINESMAN_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
        let seconds = named.unwrap_or(if std::env::args().any(|argument| argument == "--bench") { 600 } else { 3 });
        let Some(bus) = Bus::start() else { return };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let radio = runtime.block_on(async {
            let radio = (0..DEVICES).fold(FakeBluez::new(), |radio, number| radio.device(device(number, 0, 0)));
            let radio = radio.start(&bus);
            radio.ready().await;
            radio
        });
        let folder = tempfile::tempdir().unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_linesman"))
            .args(["discover", "--ble", "--json", "--for"])
            .arg(seconds.to_string())
            .arg("--data-dir")
            .arg(folder.path())
            .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        println!("{DEVICES} devices, each heard once a second, {RENAMED} new addresses every {RENAMED_EVERY} s");
        let heard = runtime.block_on(crowd(radio, seconds, &mut program));
        let status = program.wait().unwrap();
        println!("{heard} advertisements in {seconds} s; the program ended with {status}");
    }

    /// Lets the devices be heard, and prints the program's memory ten times.
    async fn crowd(radio: Radio, seconds: u64, program: &mut Child) -> usize {
        let (began, mut heard, mut turn) = (Instant::now(), 0, interval(TURN));
        let mut generations = vec![0; DEVICES];
        let (mut next, mut renamed, mut printed) = (0, 0, 0);
        let length = Duration::from_secs(seconds);
        while began.elapsed() < length.saturating_sub(Duration::from_millis(500)) {
            turn.tick().await;
            for _ in 0..A_TURN {
                radio.hear(device(next, generations[next], heard));
                next = (next + 1) % DEVICES;
                heard += 1;
            }
            if began.elapsed().as_secs() / RENAMED_EVERY > renamed {
                renamed += 1;
                for number in 0..RENAMED {
                    let number = (number + RENAMED * usize::try_from(renamed).unwrap()) % DEVICES;
                    radio.forget(&address(number, generations[number]));
                    generations[number] += 1;
                }
            }
            if began.elapsed() >= length.mul_f64(f64::from(printed) / 10.0) {
                println!("{:>5} s  {}", began.elapsed().as_secs(), memory(program));
                printed += 1;
            }
        }
        println!("{:>5} s  {}", began.elapsed().as_secs(), memory(program));
        heard
    }

    /// What the system says of the program's memory.
    fn memory(program: &Child) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap_or_default();
        let line = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or("?");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        format!("{}, {}", line("VmRSS"), line("VmHWM"))
    }

    fn address(number: usize, generation: usize) -> String {
        format!("C4:4F:{:02X}:{:02X}:{:02X}:{:02X}", generation / 256, generation % 256, number / 256, number % 256)
    }

    fn device(number: usize, generation: usize, turn: usize) -> FakeDevice {
        let strength = -40 - i16::try_from((number * 7 + turn / DEVICES * 3) % 55).unwrap();
        let data = [turn.to_le_bytes(), number.to_le_bytes()].concat();
        let device = FakeDevice::new(&address(number, generation)).rssi(strength).manufacturer_data(0x004c, &data);
        if number.is_multiple_of(5) { device.name(&format!("Device {number}")) } else { device }
    }
}
