//! The simulated site of a demo, and a single simulator on the command line. What is simulated comes from the profiles.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::network;
use crate::flow::port::Links;
use crate::io::bench_broker::{BenchBroker, BenchError};
use crate::model::gateway::{DeviceInfo, PortFacts};
use crate::model::ids::{DriverId, LinkAddress, LinkKind, ProfileId};
use crate::model::mqtt::bench::BenchPlan;
use crate::model::mqtt::url::BrokerUrl;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::{DemoCheck, DemoSite, SIMULATED_PASSPHRASE, SIMULATED_SSID, SimAccess, SimEsp, SimPlan, SimReady};
use crate::profile::{Catalog, Profile, PushWay};
use crate::proto::esp::version::Scheme;
use crate::sim::network::NetworkTable;
use crate::sim::telemetry::{Habit, TelemetryPlan};
use crate::sim::{
    self, Air, CONSOLE_ACCOUNT, CONSOLE_PASSWORD, EspPlan, Fault, GatewayPlan, Site, Uplink, is_on_ports,
};

/// Gateways of the generic profiles by the place they hang at, some of them in trouble. A vendor's is named after it.
const GENERIC_GATEWAYS: [(&str, &str, &[Fault]); 5] = [
    ("generic-esp", "Workshop", &[]),
    ("generic-improv", "Boiler room", &[]),
    ("generic-improv", "Far hall", &[Fault::WeakSignal]),
    ("generic-improv", "Noisy pump", &[Fault::Noise]),
    ("generic-improv", "Mute attic", &[Fault::Silent]),
];

/// Gateways that speak Improv on the simulated air: place, trouble.
const ON_THE_AIR: [(&str, &[Fault]); 2] =
    [("Cold store", &[Fault::SmallMtu]), ("Loading dock", &[Fault::Authorization])];

/// Gateways that publish from the start, as if they had been commissioned long ago.
const IN_SERVICE: [(&str, Habit); 3] =
    [("Heat pump", Habit::Json), ("Freezer", Habit::Moody), ("Packing line", Habit::Sparkplug)];

/// The simulated site of a demo.
#[derive(Clone, Debug)]
pub struct DemoPlan {
    /// Name of its access point.
    pub ssid: String,
    /// The access point's passphrase.
    pub passphrase: String,
    /// How long a good join takes.
    pub join_after: Duration,
}

impl Default for DemoPlan {
    fn default() -> Self {
        Self {
            ssid: SIMULATED_SSID.into(),
            passphrase: SIMULATED_PASSPHRASE.into(),
            join_after: Duration::from_millis(1200),
        }
    }
}

impl DemoPlan {
    /// A site for a tour that nobody waits for: its gateways join at once.
    #[must_use]
    pub fn in_a_hurry() -> Self {
        Self { join_after: Duration::from_millis(200), ..Self::default() }
    }

    /// What a person needs to try the site.
    pub(super) fn site(&self, catalog: &Catalog, broker: Option<&BrokerUrl>) -> DemoSite {
        DemoSite {
            ssid: self.ssid.clone(),
            passphrase: self.passphrase.clone(),
            access: access(),
            broker: broker.map(ToString::to_string),
            check: network::shown(catalog).map(|check| self.expecting(check, catalog)),
        }
    }

    /// The site expects the gateways that hang at its ports, one of each profile.
    fn expecting(&self, mut check: DemoCheck, catalog: &Catalog) -> DemoCheck {
        let at_ports = self.at_ports(catalog);
        let is_of = |(_, (profile, _)): &(usize, &(ProfileId, GatewayPlan)), wanted: &Option<ProfileId>| {
            Some(profile) == wanted.as_ref()
        };
        check.site.gateways.retain_mut(|expected| {
            let Some((at, (_, plan))) = at_ports.iter().enumerate().find(|plan| is_of(plan, &expected.profile)) else {
                return false;
            };
            expected.name.clone_from(&plan.info.name);
            expected.serial_number = Some(serial_number(at + 1));
            true
        });
        check
    }

    /// The gateways that hang at ports, each with its profile, in the order of their serial numbers.
    fn at_ports(&self, catalog: &Catalog) -> Vec<(ProfileId, GatewayPlan)> {
        let of = |profile: &Profile| {
            let id = profile.id.clone();
            self.gateways(profile).into_iter().map(move |plan| (id.clone(), plan))
        };
        catalog.iter().flat_map(of).collect()
    }

    /// Starts the broker of the site, on loopback. It ends with the runtime.
    pub(super) async fn start_broker(data: &Path) -> Result<BrokerUrl, Problem> {
        let (mut broker, facts) = BenchBroker::start(&BenchPlan::default(), &data.join("bench")).await?;
        // Nobody reads who comes and goes at the simulated site.
        tokio::spawn(async move { while broker.seen().await.is_some() {} });
        let url = facts.urls.first().and_then(|url| url.parse().ok());
        url.ok_or_else(|| BenchError::NoPort.explain())
    }

    /// Starts a gateway for every profile that can be simulated over serial or on the air, some of them in trouble.
    /// Those that are in their network publish to the broker, if there is one; some have been in service all along.
    pub(super) fn start(
        &self,
        real: Arc<dyn Links>,
        catalog: &Catalog,
        data: &Path,
        broker: Option<&BrokerUrl>,
    ) -> Result<Site, Problem> {
        let mut cards = Cards { folder: data.join("cards"), count: 0 };
        // Each demo begins with empty cards. That there are none yet is as good.
        let _ = std::fs::remove_dir_all(&cards.folder);
        let mut plans: Vec<GatewayPlan> = self.at_ports(catalog).into_iter().map(|(_, plan)| plan).collect();
        for plan in &mut plans {
            plan.card = Some(cards.next());
            plan.facts.serial_number = Some(serial_number(cards.count));
        }
        let publish = |name: &str, habit: Habit, uplink: &Uplink| {
            let plan = broker.and_then(|broker| TelemetryPlan::new(broker.clone(), name, habit).ok());
            if let Some(plan) = plan {
                drop(plan.start(uplink));
            }
        };
        for (name, habit) in IN_SERVICE {
            let uplink = Uplink::default();
            uplink.up();
            publish(name, habit, &uplink);
        }
        for plan in &plans {
            if !plan.driver.facts().offers.wifi {
                // It is behind a SIM: there is no network to bring to it.
                plan.air.uplink.up();
            }
            publish(&plan.info.name, Habit::Json, &plan.air.uplink);
        }
        let mut site = Site::start(real, plans).map_err(|error| error.explain())?;
        let mut addresses = (1_u8..).map(|number| LinkAddress::Ble(format!("02:4C:4E:00:00:{number:02X}")));
        if let Some(profile) = catalog.iter().find(|profile| is_on_the_air(profile)) {
            for ((name, faults), address) in ON_THE_AIR.into_iter().zip(&mut addresses) {
                let mut plan = plan(profile, name.to_owned(), self.air(), faults.to_vec());
                plan.card = Some(cards.next());
                publish(&plan.info.name, Habit::Json, &plan.air.uplink);
                site = site.with_radio(address, &plan).map_err(|error| error.explain())?;
            }
        }
        let on_the_air = catalog.iter().filter_map(|profile| self.locked_on_the_air(profile));
        for (mut plan, address) in on_the_air.zip(addresses) {
            plan.card = Some(cards.next());
            publish(&plan.info.name, Habit::Json, &plan.air.uplink);
            site = site.with_radio(address, &plan).map_err(|error| error.explain())?;
        }
        Ok(site)
    }

    fn air(&self) -> Air {
        Air { join_after: self.join_after, ..Air::site(&self.ssid, &self.passphrase) }
    }

    /// The gateway on the air that a profile recognises by its name, if it looks for one that asks to be let in.
    fn locked_on_the_air(&self, profile: &Profile) -> Option<GatewayPlan> {
        let name = profile.discovery.ble.iter().find_map(|rule| rule.name.as_ref())?.to_string().replace('*', "");
        let mut bindings = profile.drivers_over(LinkKind::Ble);
        let binding = bindings.find(|binding| binding.driver.facts().wanted.is_some())?;
        // The name as the rule wants it, with the end that devices give it.
        let name = if name.ends_with('_') { format!("{name}SIM001") } else { name };
        let mut plan = plan(profile, name, self.air(), Vec::new());
        plan.driver = binding.driver;
        plan.esp.lock.scheme = match binding.settings.number("security") {
            Some(0 | 1) => Scheme::Security1 { is_without_proof: false },
            _ => Scheme::Security2 { has_counter: true },
        };
        let SimAccess { username, secret } = access();
        (plan.esp.lock.username, plan.esp.lock.secret) = (username, secret);
        // It can be tried again, after a reprovision.
        plan.esp.stops_after_success = false;
        Some(plan)
    }

    /// The gateways of a profile that hang at ports of their own.
    fn gateways(&self, profile: &Profile) -> Vec<GatewayPlan> {
        let Some(driver) = simulated_over_serial(profile) else { return Vec::new() };
        let generic = GENERIC_GATEWAYS.iter().filter(|(id, ..)| profile.id.as_str() == *id);
        let mut plans: Vec<_> =
            generic.map(|(_, name, faults)| plan(profile, (*name).to_owned(), self.air(), faults.to_vec())).collect();
        if plans.is_empty() {
            plans.push(plan(profile, profile.name.clone(), self.air(), Vec::new()));
        }
        for plan in &mut plans {
            plan.driver = driver;
            // A console asks for a login under the gateway's name.
            plan.info.hostname = Some(profile.id.to_string());
        }
        plans
    }
}

/// The serial number of the simulated gateway of that number.
fn serial_number(number: usize) -> String {
    format!("SIM{number:04}")
}

/// Hands out a folder for each card.
struct Cards {
    folder: PathBuf,
    count: usize,
}

impl Cards {
    fn next(&mut self) -> PathBuf {
        self.count += 1;
        self.folder.join(format!("{:02}", self.count))
    }
}

/// What lets a person into the gateways of a demo.
fn access() -> SimAccess {
    SimAccess { username: CONSOLE_ACCOUNT.into(), secret: CONSOLE_PASSWORD.into() }
}

/// The driver by which a profile's gateway is simulated behind a port.
fn simulated_over_serial(profile: &Profile) -> Option<DriverId> {
    let mut drivers = profile.drivers_over(LinkKind::Serial).map(|binding| binding.driver);
    drivers.find(|driver| is_on_ports(*driver))
}

/// The profile of any gateway that speaks Improv over Bluetooth, as distinct from a vendor's.
fn is_on_the_air(profile: &Profile) -> bool {
    profile.id.as_str() == "generic-improv"
}

/// The endpoints that a profile puts credentials to.
fn endpoints(profile: &Profile) -> impl Iterator<Item = String> {
    let pushes = profile.credentials.iter().flat_map(|credential| &credential.push);
    pushes.filter_map(|push| match &push.way {
        PushWay::Endpoint { name, .. } => Some(name.clone()),
        PushWay::Setting { .. } | PushWay::File { .. } => None,
    })
}

fn plan(profile: &Profile, name: String, air: Air, faults: Vec<Fault>) -> GatewayPlan {
    let mut esp = EspPlan::default();
    esp.name.clone_from(&name);
    esp.custom.extend(endpoints(profile));
    let usb = profile.discovery.usb.first();
    // The text that the profile looks for, so that it is recognised by the same rule as a real one.
    let pattern = usb.and_then(|usb| usb.product.as_ref()).filter(|pattern| !pattern.matches(&profile.name));
    let product = pattern.map(|pattern| pattern.to_string().replace('*', ""));
    GatewayPlan {
        info: DeviceInfo {
            firmware: "Simulated gateway".into(),
            firmware_version: env!("CARGO_PKG_VERSION").into(),
            hardware: "simulation".into(),
            name,
            ..DeviceInfo::default()
        },
        facts: PortFacts {
            vid: usb.and_then(|usb| usb.vid),
            // A rule for all products of a vendor fits any.
            pid: usb.and_then(|usb| usb.pid.or(usb.vid.map(|_| 1))),
            product: Some(product.unwrap_or_else(|| profile.name.clone())),
            manufacturer: Some("simulated".into()),
            is_simulated: true,
            ..PortFacts::default()
        },
        driver: DriverId::usual_over(LinkKind::Serial),
        air,
        network: Arc::new(NetworkTable::of(profile)),
        faults,
        card: None,
        esp,
    }
}

/// Runs one simulator until it drops its link or the program is ended. `ready` is called once with where it is.
pub fn run_simulator(plan: &SimPlan, ready: impl FnOnce(&SimReady)) -> Result<(), Problem> {
    let catalog = Catalog::built_in();
    let profile = catalog.find(plan.profile.as_str())?;
    let mut air = Air::site(&plan.ssid, &plan.passphrase);
    air.join_after = plan.join_after;
    let name = format!("{} {}", profile.name, plan.serial_number);
    let telemetry = plan.broker.clone().map(|broker| TelemetryPlan::new(broker, &plan.serial_number, Habit::Json));
    let telemetry = telemetry.transpose().map_err(|error| error.explain())?;
    let uplink = air.uplink.clone();
    if !plan.driver.facts().offers.wifi {
        uplink.up();
    }
    let gateway = gateway_plan(plan, profile, name, air);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Problem::new("sim.no_runtime", "The simulator could not start", "The system is out of resources", "Try again")
            .with_detail(error.to_string())
    })?;
    runtime.block_on(async {
        let started = sim::start(&gateway, plan.link).await.map_err(|error| error.explain())?;
        let _publishing = telemetry.map(|plan| plan.start(&uplink));
        ready(&SimReady {
            port: started.address.place().to_owned(),
            pid: std::process::id(),
            state_dir: plan.state_dir.clone(),
            ssid: plan.ssid.clone(),
            password: plan.passphrase.clone(),
            link: started.address.to_string(),
            access: sim::access(&gateway).map(|(username, secret)| SimAccess { username, secret }),
        });
        // A gateway that crashed is as gone as one that dropped its link.
        let _ = started.running.await;
        Ok(())
    })
}

fn gateway_plan(plan: &SimPlan, profile: &Profile, name: String, air: Air) -> GatewayPlan {
    let mut gateway = self::plan(profile, name, air, plan.faults.clone());
    gateway.facts.serial_number = Some(plan.serial_number.clone());
    gateway.card = Some(plan.state_dir.clone());
    gateway.driver = plan.driver;
    let SimEsp { security, has_legacy_nonce, is_without_proof, is_without_control, attempts } = plan.esp;
    gateway.esp.lock.scheme = match security {
        0 => Scheme::Security0,
        1 => Scheme::Security1 { is_without_proof },
        _ => Scheme::Security2 { has_counter: !has_legacy_nonce },
    };
    gateway.esp.has_control = !is_without_control;
    gateway.esp.attempts = attempts.max(1);
    gateway
}
