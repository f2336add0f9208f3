//! The simulated site of a demo, and a single simulator on the command line. What is simulated comes from the profiles.

use std::path::Path;
use std::sync::Arc;

use crate::flow::port::Links;
use crate::model::gateway::{DeviceInfo, PortFacts};
use crate::model::ids::{DriverId, LinkAddress, LinkKind};
use crate::model::problem::{Explain as _, Problem};
use crate::msg::{DemoSite, SIMULATED_PASSPHRASE, SIMULATED_SSID, SimAccess, SimEsp, SimPlan, SimReady};
use crate::profile::{Catalog, Profile, PushWay};
use crate::proto::esp::security::device::Lock;
use crate::proto::esp::version::Scheme;
use crate::sim::{
    Air, CONSOLE_ACCOUNT, CONSOLE_PASSWORD, EspGatewayPlan, EspPlan, Fault, GatewayPlan, SimError, SimulatedGateway,
    Site, start_console, start_datagram_gateway, start_esp_console, start_esp_http, start_gateway,
};

/// Gateways of the generic profiles by the place they hang at, some of them in trouble. A vendor's is named after it.
const GENERIC_GATEWAYS: [(&str, &str, &[Fault]); 5] = [
    ("generic-esp", "Workshop", &[]),
    ("generic-improv", "Boiler room", &[]),
    ("generic-improv", "Far hall", &[Fault::WeakSignal]),
    ("generic-improv", "Noisy pump", &[Fault::Noise]),
    ("generic-improv", "Mute attic", &[Fault::Silent]),
];

/// Gateways on the simulated air: address, place, trouble.
const ON_THE_AIR: [(&str, &str, &[Fault]); 2] = [
    ("02:4C:4E:00:00:01", "Cold store", &[Fault::SmallMtu]),
    ("02:4C:4E:00:00:02", "Loading dock", &[Fault::Authorization]),
];

/// The simulated site of a demo.
#[derive(Clone, Debug)]
pub struct DemoPlan {
    /// Name of its access point.
    pub ssid: String,
    /// The access point's passphrase.
    pub passphrase: String,
}

impl Default for DemoPlan {
    fn default() -> Self {
        Self { ssid: SIMULATED_SSID.into(), passphrase: SIMULATED_PASSPHRASE.into() }
    }
}

impl DemoPlan {
    /// What a person needs to try the site.
    pub(super) fn site(&self) -> DemoSite {
        DemoSite { ssid: self.ssid.clone(), passphrase: self.passphrase.clone() }
    }

    /// Starts a gateway for every profile that can be commissioned over serial, some of them in trouble.
    pub(super) fn start(&self, real: Arc<dyn Links>, catalog: &Catalog, data: &Path) -> Result<Site, Problem> {
        let cards = data.join("cards");
        // Each demo begins with empty cards. That there are none yet is as good.
        let _ = std::fs::remove_dir_all(&cards);
        let mut plans: Vec<GatewayPlan> = catalog
            .iter()
            .filter(|profile| is_simulated(profile, DriverId::Improv))
            .flat_map(|profile| self.gateways(profile))
            .collect();
        for (number, plan) in plans.iter_mut().enumerate() {
            plan.facts.serial_number = Some(format!("SIM{:04}", number + 1));
            plan.card = Some(cards.join(format!("{:02}", number + 1)));
        }
        let count = plans.len();
        let mut site = Site::start(real, plans).map_err(|error| error.explain())?;
        let profile = catalog.iter().find(|profile| is_on_the_air(profile));
        for (number, (address, name, faults)) in ON_THE_AIR.into_iter().enumerate() {
            let Some(profile) = profile else { break };
            let air = Air::site(&self.ssid, &self.passphrase);
            let mut plan = plan(profile, name.to_owned(), air, faults.to_vec());
            plan.card = Some(cards.join(format!("{:02}", count + number + 1)));
            let address = LinkAddress::Ble(address.to_owned());
            site = site.with_improv_ble(address, &plan).map_err(|error| error.explain())?;
        }
        Ok(site)
    }

    fn gateways(&self, profile: &Profile) -> Vec<GatewayPlan> {
        let air = || Air::site(&self.ssid, &self.passphrase);
        let generic = GENERIC_GATEWAYS.iter().filter(|(id, ..)| profile.id.as_str() == *id);
        let plans: Vec<_> =
            generic.map(|(_, name, faults)| plan(profile, (*name).to_owned(), air(), faults.to_vec())).collect();
        if plans.is_empty() { vec![plan(profile, profile.name.clone(), air(), Vec::new())] } else { plans }
    }
}

fn is_simulated(profile: &Profile, driver: DriverId) -> bool {
    profile.drivers.iter().any(|binding| binding.driver == driver && binding.link == LinkKind::Serial)
}

/// The profile of any gateway that speaks Improv over Bluetooth, as distinct from a vendor's.
fn is_on_the_air(profile: &Profile) -> bool {
    profile.id.as_str() == "generic-improv"
}

fn plan(profile: &Profile, name: String, air: Air, faults: Vec<Fault>) -> GatewayPlan {
    let usb = profile.discovery.usb.first();
    // The text that the profile looks for, so that it is recognised by the same rule as a real one.
    let product = usb.and_then(|usb| usb.product.as_ref()).map(|pattern| pattern.to_string().replace('*', ""));
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
            pid: usb.and_then(|usb| usb.pid),
            product: Some(product.unwrap_or_else(|| profile.name.clone())),
            manufacturer: Some("simulated".into()),
            is_simulated: true,
            ..PortFacts::default()
        },
        driver: DriverId::Improv,
        air,
        faults,
        card: None,
    }
}

/// Runs one simulator until it drops its link or the program is ended. `ready` is called once with where it is.
pub fn run_simulator(plan: &SimPlan, ready: impl FnOnce(&SimReady)) -> Result<(), Problem> {
    let catalog = Catalog::built_in();
    let profile = catalog.find(plan.profile.as_str())?;
    let mut air = Air::site(&plan.ssid, &plan.passphrase);
    air.join_after = plan.join_after;
    let name = format!("{} {}", profile.name, plan.serial_number);
    let simulator = simulator(plan, profile, name, air)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Problem::new("sim.no_runtime", "The simulator could not start", "The system is out of resources", "Try again")
            .with_detail(error.to_string())
    })?;
    runtime.block_on(async {
        let started = simulator.start().await.map_err(|error| error.explain())?;
        ready(&SimReady {
            port: started.address.place().to_owned(),
            pid: std::process::id(),
            state_dir: plan.state_dir.clone(),
            ssid: plan.ssid.clone(),
            password: plan.passphrase.clone(),
            link: started.address.to_string(),
            access: simulator.access(),
        });
        // A gateway that crashed is as gone as one that dropped its link.
        let _ = started.running.await;
        Ok(())
    })
}

/// A simulator that is ready to be started.
enum Simulator {
    Terminal(GatewayPlan),
    Datagrams(GatewayPlan),
    EspHttp(EspGatewayPlan),
    EspConsole(EspGatewayPlan),
    Console(GatewayPlan),
}

impl Simulator {
    async fn start(&self) -> Result<SimulatedGateway, SimError> {
        match self {
            Self::Terminal(plan) => start_gateway(plan),
            Self::Datagrams(plan) => start_datagram_gateway(plan).await,
            Self::EspHttp(plan) => start_esp_http(plan).await,
            Self::EspConsole(plan) => start_esp_console(plan),
            Self::Console(plan) => start_console(plan),
        }
    }

    fn access(&self) -> Option<SimAccess> {
        match self {
            Self::Console(_) => Some(SimAccess { username: CONSOLE_ACCOUNT.into(), secret: CONSOLE_PASSWORD.into() }),
            Self::Terminal(_) | Self::Datagrams(_) => None,
            Self::EspHttp(plan) | Self::EspConsole(plan) => {
                let Lock { username, secret, .. } = plan.esp.lock.clone();
                Some(SimAccess { username, secret })
            }
        }
    }
}

fn simulator(plan: &SimPlan, profile: &Profile, name: String, air: Air) -> Result<Simulator, Problem> {
    match (plan.driver, plan.link) {
        (DriverId::Improv | DriverId::Smp, None | Some(LinkKind::Serial)) => {
            Ok(Simulator::Terminal(gateway_plan(plan, profile, name, air)))
        }
        (DriverId::LinuxConsole, None | Some(LinkKind::Serial)) => {
            Ok(Simulator::Console(gateway_plan(plan, profile, name, air)))
        }
        (DriverId::Smp, Some(LinkKind::Udp)) => Ok(Simulator::Datagrams(gateway_plan(plan, profile, name, air))),
        (DriverId::EspProv, None | Some(LinkKind::Http)) => Ok(Simulator::EspHttp(esp_plan(plan, profile, name, air))),
        (DriverId::EspProv, Some(LinkKind::Serial)) => Ok(Simulator::EspConsole(esp_plan(plan, profile, name, air))),
        (driver, link) => Err(Problem::new(
            "sim.no_driver",
            match link {
                Some(link) => format!("There is no simulator for the driver {driver} over {link}"),
                None => format!("There is no simulator for the driver {driver}"),
            },
            "This version simulates improv and linux-console over serial, smp over serial and udp, and esp-prov over http and serial",
            "Use --driver improv, smp or linux-console, or --driver esp-prov with --via http",
        )),
    }
}

fn gateway_plan(plan: &SimPlan, profile: &Profile, name: String, air: Air) -> GatewayPlan {
    let mut gateway = self::plan(profile, name, air, plan.faults.clone());
    gateway.facts.serial_number = Some(plan.serial_number.clone());
    gateway.card = Some(plan.state_dir.clone());
    gateway.driver = plan.driver;
    gateway
}

fn esp_plan(plan: &SimPlan, profile: &Profile, name: String, air: Air) -> EspGatewayPlan {
    let SimEsp { security, has_legacy_nonce, is_without_proof, is_without_control, attempts } = plan.esp;
    let mut esp = EspPlan::new(match security {
        0 => Scheme::Security0,
        1 => Scheme::Security1 { is_without_proof },
        _ => Scheme::Security2 { has_counter: !has_legacy_nonce },
    });
    esp.has_control = !is_without_control;
    esp.attempts = attempts.max(1);
    esp.name = name;
    // The endpoints that the profile puts credentials to.
    let pushes = profile.credentials.iter().flat_map(|credential| &credential.push);
    let named = pushes.filter_map(|push| match &push.way {
        PushWay::Endpoint { name, .. } => Some(name.clone()),
        PushWay::Setting { .. } | PushWay::File { .. } => None,
    });
    esp.custom.extend(named);
    EspGatewayPlan { esp, air, faults: plan.faults.clone(), card: Some(plan.state_dir.clone()) }
}
