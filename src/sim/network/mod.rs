//! The network of the simulated site: stand-ins on loopback for what a profile has to reach, some of them in trouble.
//!
//! They are reached by an override file and by nothing else: addresses, ports and a test CA change, what is asked and how it is
//! judged stays. `assets/simulated-network.toml` says what is done to which row.

mod authority;
mod names;
mod plan;
mod server;
mod table;
mod time;
mod view;

use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper::body::Bytes;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use self::authority::Authority;
pub(super) use self::plan::portal_url;
pub use self::plan::{Does, Tour, Trouble};
use self::plan::{GATEWAY, Needs, Speaks, StandIn};
use self::server::Service;
pub(super) use self::table::Behind;
pub use self::table::NetworkTable;
use self::view::SimulatedProbes;
use super::site::SimError;
use crate::check::evidence::Overrides;
use crate::check::plan::Target;
use crate::flow::port::Probes;
use crate::model::ids::ProfileId;
use crate::profile::Profile;
use crate::profile::overrides::{Mapping, OverrideFile};
use crate::profile::site::{ExpectedGateway, HostChoice, Site};

/// What the site is called.
const NAME: &str = "Simulated site";
/// The two CAs.
const TRUSTED: &str = "Linesman simulated site CA";
const BOX: &str = "Simulated firewall inspection CA";

/// The files of a simulated network, as they are written for a check by another program.
pub const CA_FILE: &str = "ca.pem";
/// The override file.
pub const OVERRIDE_FILE: &str = "override.toml";
/// The site file, which names the override file.
pub const SITE_FILE: &str = "site.toml";

/// What the tour of the site shows of a network check.
pub fn tour() -> Option<(Tour, Vec<Trouble>)> {
    plan::troubles().ok().map(|troubles| (troubles.tour, troubles.row))
}

/// The stand-ins of one profile. They end when this is dropped.
pub struct Network {
    site: Site,
    file: OverrideFile,
    authority: Authority,
    name_server: SocketAddr,
    troubles: Vec<Trouble>,
    /// Ports that are closed: taken, so that nobody else comes to listen there.
    _closed: Vec<TcpSocket>,
    _tasks: JoinSet<()>,
}

impl Network {
    /// Starts what a profile needs, each at a port that the system chooses. Call it inside a tokio runtime.
    pub async fn start(profile: &Profile, ssid: &str) -> Result<Self, SimError> {
        Self::try_start(profile, ssid).await.map_err(|source| SimError::NoStandIn { source })
    }

    async fn try_start(profile: &Profile, ssid: &str) -> io::Result<Self> {
        let troubles = plan::troubles().map_err(io::Error::other)?.row;
        let mut needs = Needs::of(profile, &troubles);
        needs.names.insert(plan::lists_host());
        needs.stand_ins.push(lists());
        let authorities = (Authority::new(TRUSTED)?, Authority::new(BOX)?);
        let revoked = Bytes::from(authorities.0.revoked()?);
        let mut tasks = JoinSet::new();
        let (mut map, mut closed) = (Vec::new(), Vec::new());
        for stand_in in needs.stand_ins {
            let Target { host, port } = stand_in.target.clone();
            let to = if stand_in.does == Does::Closed && stand_in.speaks != Speaks::Time {
                closed.push(closed_port()?);
                closed[closed.len() - 1].local_addr()?
            } else {
                start(stand_in, &authorities, &revoked, &mut tasks).await?
            };
            map.push(Mapping { host, port: Some(port), to });
        }
        let name_server = names::start(needs.names, &mut tasks).await?;
        let file =
            OverrideFile { map, name_servers: vec![name_server], ntp_port: None, root_files: vec![CA_FILE.into()] };
        let rows: Vec<_> = profile.row_ids().collect();
        let troubles = troubles.into_iter().filter(|trouble| rows.contains(&&trouble.id)).collect();
        let site = site(std::iter::once(profile), ssid);
        Ok(Self { site, file, authority: authorities.0, name_server, troubles, _closed: closed, _tasks: tasks })
    }

    /// The site: names of what the vendor leaves open, the network's name, the gateway's address.
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// Where packets go, as an override file says it.
    pub const fn override_file(&self) -> &OverrideFile {
        &self.file
    }

    /// The same, as a check takes it.
    pub fn overrides(&self) -> Overrides {
        Overrides::new(&self.file, vec![self.authority.der()])
    }

    /// What is done to rows of the profile.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    /// The way to this network, by a way that reaches loopback.
    pub fn probes(&self, inner: Arc<dyn Probes>) -> Arc<dyn Probes> {
        let ssid = self.site.ssid.clone().unwrap_or_default();
        Arc::new(SimulatedProbes { inner, name_server: self.name_server, ssid })
    }

    /// The files for a check by another program: name and content of each.
    pub fn files(&self) -> [(&'static str, String); 3] {
        [
            (CA_FILE, self.authority.pem()),
            (OVERRIDE_FILE, override_text(&self.file)),
            (SITE_FILE, site_text(&self.site)),
        ]
    }
}

/// The server with the lists of revoked certificates of the site's own CA.
fn lists() -> StandIn {
    StandIn {
        target: Target { host: plan::lists_host(), port: 80 },
        speaks: Speaks::Lists,
        is_encrypted: false,
        status: 200,
        does: Does::Nothing,
        ahead_secs: 0,
    }
}

async fn start(
    stand_in: StandIn,
    (trusted, inspection): &(Authority, Authority),
    revoked: &Bytes,
    tasks: &mut JoinSet<()>,
) -> io::Result<SocketAddr> {
    if stand_in.speaks == Speaks::Time {
        return time::start(stand_in.ahead_secs, stand_in.does == Does::Silent, tasks).await;
    }
    let authority = if stand_in.does == Does::Intercepted { inspection } else { trusted };
    let config =
        if stand_in.is_encrypted { Some(authority.server(&stand_in.target.host, &plan::lists_host())?) } else { None };
    server::start(Service { stand_in, config, revoked: revoked.clone() }, tasks).await
}

/// A port on which nothing listens.
fn closed_port() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    Ok(socket)
}

/// Serves each connection apart, until it is dropped.
async fn accept<F: Future<Output = ()> + Send + 'static>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send) {
    let mut visits = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                visits.spawn(serve(stream));
            },
            Some(_) = visits.join_next(), if !visits.is_empty() => {}
        }
    }
}

/// The site of these profiles: names of what their vendors leave open, and where their gateways are.
pub fn site<'a>(profiles: impl Iterator<Item = &'a Profile>, ssid: &str) -> Site {
    let mut site = Site {
        name: NAME.into(),
        ssid: Some(ssid.to_owned()),
        overrides: Some(OVERRIDE_FILE.into()),
        notes: vec!["Stand-ins on this computer: they end with the program that offers them".into()],
        ..Site::default()
    };
    for profile in profiles {
        site.gateways.push(gateway(&profile.id));
        let hosts = plan::open_hosts(profile).into_iter();
        site.hosts.extend(hosts.map(|(word, names)| HostChoice { word, profile: Some(profile.id.clone()), names }));
    }
    site
}

fn gateway(profile: &ProfileId) -> ExpectedGateway {
    ExpectedGateway {
        name: "Simulated gateway".into(),
        place: None,
        profile: Some(profile.clone()),
        driver: None,
        ssid: None,
        serial_number: None,
        firmware: None,
        address: Some(GATEWAY.into()),
        note: None,
    }
}

/// As TOML. What is written are names, addresses and ports, which need no escapes but quotes.
fn override_text(file: &OverrideFile) -> String {
    let mut text = String::from("# Stand-ins of the simulated site. They end with the program that offers them.\n");
    for Mapping { host, port, to } in &file.map {
        let port = port.map(|port| format!("port = {port}\n")).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = write!(text, "\n[[map]]\nhost = {host:?}\n{port}to = \"{to}\"\n");
    }
    let servers: Vec<String> = file.name_servers.iter().map(ToString::to_string).collect();
    let _ = write!(text, "\n[dns]\nservers = {servers:?}\n\n[trust]\nroots = {:?}\n", file.root_files);
    text
}

fn site_text(site: &Site) -> String {
    let mut text = format!("schema = 1\nname = {:?}\n", site.name);
    if let Some(overrides) = &site.overrides {
        let _ = writeln!(text, "overrides = {overrides:?}");
    }
    let _ = writeln!(text, "notes = {:?}", site.notes);
    if let Some(ssid) = &site.ssid {
        let _ = write!(text, "\n[network]\nssid = {ssid:?}\n");
    }
    for gateway in &site.gateways {
        let _ = write!(text, "\n[[gateway]]\nname = {:?}\n", gateway.name);
        let profile = gateway.profile.as_ref().map(|id| ("profile", id.as_str()));
        let address = gateway.address.as_ref().map(|address| ("address", address.as_str()));
        for (key, value) in profile.into_iter().chain(address) {
            let _ = writeln!(text, "{key} = {value:?}");
        }
    }
    for host in &site.hosts {
        let _ = write!(text, "\n[[host]]\nfor = {:?}\nnames = {:?}\n", host.word, host.names);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Catalog;
    use crate::profile::overrides::parse_overrides;
    use crate::profile::site::parse_site;

    #[tokio::test]
    async fn its_files_say_what_it_is() {
        for profile in Catalog::built_in().iter() {
            let network = Network::start(profile, "Site-Office").await.unwrap();
            let [_, (name, text), (site_name, site_text)] = network.files();
            assert_eq!(parse_overrides(name, &text).as_ref(), Ok(network.override_file()), "{text}");
            let site = parse_site(site_name, &site_text).unwrap();
            assert_eq!(site.hosts_for(&profile.id), network.site().hosts_for(&profile.id));
            assert_eq!((&site.ssid, &site.overrides), (&network.site().ssid, &network.site().overrides));
            assert_eq!(site.gateways, network.site().gateways);
        }
    }
}
