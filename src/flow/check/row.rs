//! How one row is looked at: its names, then each address in the way the row's probes say.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::Round;
use crate::check::plan::{PlannedRow, Subject, Target};
use crate::check::question::{Asked, Carrier, Question, Say, Shape, Talk};
use crate::check::seen::{Connect, ConnectEnd, NotRun, Seen};
use crate::model::endpoint::{Endpoint, HostPattern, ProbeKind, RowId};
use crate::model::mqtt::Dialect;

/// Addresses of a name that are tried.
const MAX_V4: usize = 4;
const MAX_V6: usize = 2;
/// How long connecting and each step after it may take.
pub(super) const STEP_LIMIT: Duration = Duration::from_secs(5);
/// Servers of one row that are asked for the time, how often each, and how long it must be left alone between.
const MAX_TIME_SERVERS: usize = 4;
const TIME_REQUESTS: usize = 2;
const TIME_PAUSE: Duration = Duration::from_secs(2);
const TIME_LIMIT: Duration = Duration::from_secs(3);
/// Addresses for revocation data that are asked.
const MAX_FETCHES: usize = 8;
/// The protocol that the broker of one provider wants to hear of on port 443.
const AWS_ALPN: &str = "x-amzn-mqtt-ca";

impl Round {
    pub(super) async fn look_at(&self, row: &PlannedRow) {
        match &row.subject {
            Subject::Endpoint(endpoint) => self.look_at_endpoint(row, endpoint).await,
            // What there is to know was told with the surroundings.
            Subject::Network(_) => {}
            Subject::Wifi(_) => {
                let ssid = Some(self.plan.about.ssid.clone()).filter(|ssid| !ssid.is_empty());
                self.ask(Some(&row.id), None, Question::Wifi { ssid }).await;
            }
        }
    }

    async fn look_at_endpoint(&self, row: &PlannedRow, endpoint: &Endpoint) {
        let has = |probe| endpoint.probes.contains(&probe);
        if endpoint.hosts.contains(&HostPattern::Resolver) {
            self.ask_resolvers(&row.id).await;
        }
        // Where it stands beside other probes, the row is looked at like any other and its chain tells the addresses.
        if endpoint.probes == [ProbeKind::Revocation] {
            return self.fetch(row, endpoint).await;
        }
        if has(ProbeKind::Ntp) {
            return self.ask_time(row).await;
        }
        let mut targets: FuturesUnordered<_> =
            row.targets.iter().map(|target| self.look_at_target(row, endpoint, target)).collect();
        while targets.next().await.is_some() {}
        drop(targets);
        if has(ProbeKind::Revocation) {
            self.fetch_of_chain(&row.id).await;
        }
    }

    /// The row is about the name servers: each is asked both ways for a name that the plan needs anyway.
    async fn ask_resolvers(&self, id: &RowId) {
        let mut names = self.plan.to_run().flat_map(|row| &row.targets).map(|target| target.host.as_str());
        let name = names.find(|host| host.parse::<IpAddr>().is_err()).unwrap_or("ipv4only.arpa").to_owned();
        for address in self.names.servers() {
            for by in [Carrier::Udp, Carrier::Tcp] {
                let asked = Asked::Server { address, by };
                self.ask_name_for(Some(id), &name, asked).await;
            }
        }
    }

    async fn ask_name_for(&self, row: Option<&RowId>, host: &str, asked: Asked) {
        let question = crate::check::question::Lookup {
            name: host.to_owned(),
            asked,
            purpose: crate::check::question::Purpose::Row,
            limit: STEP_LIMIT,
        };
        self.ask(row, Some(host), Question::Lookup(question)).await;
    }

    async fn look_at_target(&self, row: &PlannedRow, endpoint: &Endpoint, target: &Target) {
        let addresses = self.addresses(&target.host).await;
        if endpoint.probes.contains(&ProbeKind::Icmp) {
            let mapped = self.overrides.target(&target.host, target.port).map(|to| to.ip());
            if let Some(to) = mapped.or(addresses.first().copied()) {
                self.ask(Some(&row.id), Some(&target.host), Question::Ping { to, limit: STEP_LIMIT }).await;
            }
            return;
        }
        if !endpoint.probes.contains(&ProbeKind::Tcp) {
            return;
        }
        if let Some(to) = addresses.first().filter(|_| self.overrides.is_empty()) {
            self.ask(Some(&row.id), Some(&target.host), Question::Route { to: *to }).await;
        }
        let (v4, v6) = self.sockets(target, &addresses);
        let steps = self.steps(endpoint, target);
        tokio::join!(self.talk_to_family(row, target, &v4, &steps), self.talk_to_family(row, target, &v6, &steps));
    }

    /// Where packets for a target go, by family.
    fn sockets(&self, target: &Target, addresses: &[IpAddr]) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        if let Some(to) = self.overrides.target(&target.host, target.port) {
            return if to.is_ipv4() { (vec![to], Vec::new()) } else { (Vec::new(), vec![to]) };
        }
        let of = |is_v4: bool, most: usize| {
            let own = addresses.iter().filter(move |address| address.is_ipv4() == is_v4);
            own.take(most).map(|address| SocketAddr::new(*address, target.port)).collect()
        };
        (of(true, MAX_V4), of(false, MAX_V6))
    }

    /// What is said on the connection.
    fn steps(&self, endpoint: &Endpoint, target: &Target) -> Vec<Say> {
        let mut steps = Vec::new();
        let has = |probe| endpoint.probes.contains(&probe);
        let is_aws = self.plan.dialect == Some(Dialect::AwsIotCore) && target.port == 443;
        for probe in &endpoint.probes {
            steps.extend(match probe {
                ProbeKind::Tls => Some(Say::Tls {
                    alpn: if is_aws && has(ProbeKind::Mqtt) && !has(ProbeKind::WebSocket) {
                        vec![AWS_ALPN.to_owned()]
                    } else {
                        Vec::new()
                    },
                    expected: endpoint.roots.iter().map(|root| root.sha256.clone()).collect(),
                }),
                ProbeKind::Http => Some(Say::Http { path: endpoint.path.clone().unwrap_or_else(|| "/".into()) }),
                ProbeKind::WebSocket => Some(Say::WebSocket {
                    path: self.plan.dialect.unwrap_or(Dialect::Plain).websocket_path().to_owned(),
                    protocol: "mqtt".into(),
                }),
                ProbeKind::Mqtt => {
                    Some(Say::Mqtt { client_id: format!("linesman-check-{:08x}", (self.random)() & 0xffff_ffff) })
                }
                ProbeKind::Idle => {
                    Some(Say::Idle { time: Duration::from_secs(endpoint.idle_secs.unwrap_or(60).into()) })
                }
                ProbeKind::Dns | ProbeKind::Tcp | ProbeKind::Ntp | ProbeKind::Icmp | ProbeKind::Revocation => None,
            });
        }
        steps
    }

    /// Everything is said to the first address that can be reached; the others are connected to.
    async fn talk_to_family(&self, row: &PlannedRow, target: &Target, addresses: &[SocketAddr], steps: &[Say]) {
        let Some((first, others)) = addresses.split_first() else { return };
        let mut connecting: FuturesUnordered<_> = others
            .iter()
            .map(|to| async move { (*to, self.talk(row, target, *to, &[], Shape::Plain).await) })
            .collect();
        let whole = self.talk(row, target, *first, steps, Shape::Plain);
        let connected = async {
            let mut reached = Vec::new();
            while let Some((to, told)) = connecting.next().await {
                if is_connected(&told) {
                    reached.push(to);
                }
            }
            reached
        };
        let (told, mut reached) = tokio::join!(whole, connected);
        if is_connected(&told) {
            return self.explain(row, target, *first, steps, &told).await;
        }
        reached.sort();
        match reached.first() {
            Some(next) => {
                let told = self.talk(row, target, *next, steps, Shape::Plain).await;
                self.explain(row, target, *next, steps, &told).await;
            }
            None => self.explain(row, target, *first, steps, &told).await,
        }
    }

    pub(super) async fn talk(
        &self,
        row: &PlannedRow,
        target: &Target,
        to: SocketAddr,
        steps: &[Say],
        shape: Shape,
    ) -> Vec<Seen> {
        let talk = Talk { to, host: target.host.clone(), steps: steps.to_vec(), shape, limit: STEP_LIMIT };
        self.ask(Some(&row.id), Some(&target.host), Question::Talk(talk)).await
    }

    /// Asks servers for the time until enough of them have answered. Each is left alone between its requests.
    async fn ask_time(&self, row: &PlannedRow) {
        let mut servers: Vec<(&Target, SocketAddr)> = Vec::new();
        for target in &row.targets {
            let addresses = self.addresses(&target.host).await;
            let port = self.overrides.ntp_port.unwrap_or(target.port);
            let mapped = self.overrides.target(&target.host, target.port);
            let own = addresses.iter().map(|address| SocketAddr::new(*address, port));
            let own: Vec<SocketAddr> = mapped.map_or_else(|| own.take(1).collect(), |to| vec![to]);
            servers.extend(own.into_iter().map(|to| (target, to)));
        }
        let mut seen = std::collections::BTreeSet::new();
        servers.retain(|(_, to)| seen.insert(*to));
        servers.truncate(MAX_TIME_SERVERS);
        if let Some((target, server)) = servers.first().filter(|_| self.overrides.is_empty()) {
            self.ask(Some(&row.id), Some(&target.host), Question::Route { to: server.ip() }).await;
        }
        let mut asking: FuturesUnordered<_> =
            servers.iter().map(|(target, server)| self.ask_time_of(row, target, *server)).collect();
        while asking.next().await.is_some() {}
        drop(asking);
        if let Some((target, server)) = servers.first().filter(|_| !self.book.has_time(&row.id)) {
            self.trace(row, target, *server, Carrier::Udp).await;
        }
    }

    async fn ask_time_of(&self, row: &PlannedRow, target: &Target, server: SocketAddr) {
        for request in 0..TIME_REQUESTS {
            if request > 0 {
                tokio::time::sleep(TIME_PAUSE).await;
            }
            let question = Question::Time { server, limit: TIME_LIMIT };
            let told = self.ask(Some(&row.id), Some(&target.host), question).await;
            let is_answered =
                told.iter().any(|seen| matches!(seen, Seen::Time(time) if time.end.offset_micros().is_some()));
            // One lost answer is no evidence; one that came is enough.
            if is_answered {
                return;
            }
        }
    }

    /// Revocation data of the row's own chain. Its addresses belong to third parties, so they are asked on consent only.
    async fn fetch_of_chain(&self, id: &RowId) {
        let urls = self.book.chain_urls(Some(id));
        let why = match (urls.is_empty(), self.plan.about.has_consent) {
            (true, _) => NotRun::NothingToAsk,
            (false, false) => NotRun::NoConsent,
            (false, true) => return self.fetch_all(id, urls.into_iter().filter_map(with_host).collect(), 80).await,
        };
        let what = Some(ProbeKind::Revocation);
        self.book.note(Some(id), None, Seen::NotRun { what, why, detail: String::new() }).await;
    }

    /// Revocation data from where the chains of other rows point, else from the names to sample.
    async fn fetch(&self, row: &PlannedRow, endpoint: &Endpoint) {
        let covered = |host: &str| endpoint.hosts.iter().any(|pattern| pattern.covers(host));
        let mut urls: Vec<(String, String)> = self.book.chain_urls(None).into_iter().filter_map(with_host).collect();
        urls.retain(|(host, _)| covered(host));
        if urls.is_empty() {
            urls = row.targets.iter().map(|target| (target.host.clone(), format!("http://{}/", target.host))).collect();
        }
        if urls.is_empty() {
            return self.book.not_run(&row.id, NotRun::NothingToAsk).await;
        }
        self.fetch_all(&row.id, urls, endpoint.port.unwrap_or(80)).await;
    }

    async fn fetch_all(&self, id: &RowId, urls: Vec<(String, String)>, port: u16) {
        for (host, url) in urls.into_iter().take(MAX_FETCHES) {
            let addresses = self.addresses(&host).await;
            let own = addresses.first().map(|address| SocketAddr::new(*address, port));
            if let Some(to) = self.overrides.target(&host, port).or(own) {
                self.ask(Some(id), Some(&host), Question::Fetch { url, to, limit: STEP_LIMIT }).await;
            }
        }
    }
}

/// An address with its host in front.
fn with_host(url: String) -> Option<(String, String)> {
    Some((host_of(&url)?, url))
}

/// The host of a plain HTTP address.
fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    let end = rest.find(['/', ':', '?']).unwrap_or(rest.len());
    Some(rest[..end].to_ascii_lowercase()).filter(|host| !host.is_empty())
}

/// Whether a connection stands in what was seen.
pub(super) fn is_connected(told: &[Seen]) -> bool {
    told.iter().any(|seen| matches!(seen, Seen::Connect(Connect { end: ConnectEnd::Connected, .. })))
}
