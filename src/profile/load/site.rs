//! Reads what a profile says of the network and the servers around the device: rows, brokers, expected messages.

use super::device::take_row;
use super::{parse_date, read_basis, read_id};
use crate::model::endpoint::{
    Direction, Endpoint, HostPattern, Level, Need, ProbeKind, Transport, Vantage, is_dns_name,
};
use crate::model::roots::TrustAnchor;
use crate::profile::read::{Table, Taken, Value};
use crate::profile::rules::{
    Carrier, Dialect, Document, Expectation, FieldRule, Limit, MqttRules, NetworkFact, NetworkRule, NetworkRules,
    TlsUse,
};
use crate::profile::schema;

/// The ports there are.
const PORTS: std::ops::RangeInclusive<i64> = 1..=65_535;
/// The statuses of HTTP.
const STATUSES: std::ops::RangeInclusive<i64> = 100..=599;

pub(super) fn read_network(top: &Table<'_>, documents: &[Document], rows: &mut Taken) -> Option<NetworkRules> {
    let Some(table) = top.table("network", &schema::NETWORK) else {
        if !top.has("network") {
            top.missing("network", "a table [network] with at least `vantage`");
        }
        return None;
    };
    let vantage = table.word("vantage");
    let mut said: Vec<NetworkFact> = Vec::new();
    let mut rules = Vec::new();
    for rule in table.tables("rule", &schema::NETWORK_RULE) {
        let Some(rule) = read_network_rule(&rule, documents, rows, &said) else { continue };
        said.push(rule.fact);
        rules.push(rule);
    }
    Some(NetworkRules { vantage: vantage?, rules })
}

fn read_network_rule(
    table: &Table<'_>,
    documents: &[Document],
    rows: &mut Taken,
    said: &[NetworkFact],
) -> Option<NetworkRule> {
    let (id, fact, says) = (table.parsed_opt("id"), table.word::<NetworkFact>("fact"), table.text("says"));
    take_row(table, rows);
    if let (Some(fact), Some(opposite)) = (fact, fact.and_then(NetworkFact::opposite))
        && said.contains(&opposite)
    {
        table.inconsistent("fact", format!("`{fact}` contradicts `{opposite}`, which stands further up"));
    }
    let level = table.word_or("level", Level::Required);
    let (basis, ambiguity) = (read_basis(table, documents), table.text_opt("ambiguity"));
    Some(NetworkRule { id, fact: fact?, says: says?, level, basis: basis?, ambiguity })
}

pub(super) fn read_endpoints(
    top: &Table<'_>,
    documents: &[Document],
    vantage: Option<Vantage>,
    rows: &mut Taken,
) -> Vec<Endpoint> {
    let own_roots = read_roots(top);
    let vantage = vantage.unwrap_or(Vantage::Gateway);
    let tables = top.tables("endpoint", &schema::ENDPOINT);
    check_choices(&tables);
    tables.iter().filter_map(|table| read_endpoint(table, documents, vantage, &own_roots, rows)).collect()
}

/// Notes a choice of one row: `one_of` joins rows of which one is enough.
fn check_choices(tables: &[Table<'_>]) {
    let choice = |table: &Table<'_>| table.get("one_of").and_then(|value| value.as_str()).map(str::to_owned);
    for table in tables {
        let Some(own) = choice(table) else { continue };
        if tables.iter().filter(|other| choice(other).as_ref() == Some(&own)).count() < 2 {
            table.inconsistent("one_of", "no other row has the same `one_of`: a choice needs two rows at least");
        }
    }
}

fn read_roots(top: &Table<'_>) -> Vec<TrustAnchor> {
    let mut taken = Taken::new();
    let read = |table: &Table<'_>| {
        let (id, name) = (read_id(table, "id", &mut taken), table.text("name"));
        if id.as_deref().and_then(TrustAnchor::known).is_some() {
            table.refuse("id", "every profile may name this root already; give another id or take the table out");
        }
        let (sha256, not_after) = (table.text("sha256"), table.text("not_after"));
        let sha256 = sha256.filter(|digits| {
            let is_sha256 = digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !is_sha256 {
                table.refuse("sha256", "a SHA-256 has 64 hexadecimal digits, in lower case and without colons");
            }
            is_sha256
        });
        let not_after = not_after.filter(|date| {
            let is_day = date.len() == 10 && parse_date(date).is_ok();
            if !is_day {
                table.refuse("not_after", "a day is written YYYY-MM-DD");
            }
            is_day
        });
        Some(TrustAnchor { id: id?, name: name?, sha256: sha256?, not_after: not_after? })
    };
    top.tables("root", &schema::ROOT).iter().filter_map(read).collect()
}

fn read_endpoint(
    table: &Table<'_>,
    documents: &[Document],
    vantage: Vantage,
    own_roots: &[TrustAnchor],
    rows: &mut Taken,
) -> Option<Endpoint> {
    let id = table.parsed("id");
    take_row(table, rows);
    let hosts = read_hosts(table);
    let need = table.word_or("need", Need::All);
    let one_of = table.text_opt("one_of");
    let tls_min = table.word_opt("tls_min");
    let transport = table.word::<Transport>("transport");
    let (purpose, level) = (table.text("purpose"), table.word("level"));
    let port = table.integer_opt("port", &PORTS);
    let probes = table.words("probes");
    let samples = read_samples(table, &hosts);
    let path = read_path(table);
    let roots: Vec<TrustAnchor> =
        table.list("roots").iter().filter_map(|value| read_root_name(value, own_roots)).collect();
    let roots_from = table.text_opt("roots_from").unwrap_or_default();
    let idle_secs = table.integer_opt("idle_secs", &(1..=3600));
    let expect_status = read_statuses(table);
    let unblock = table.list("unblock").iter().filter_map(Value::parse).collect();
    let endpoint = Endpoint {
        hosts,
        need,
        one_of,
        port,
        is_port_stated: table.flag("port_stated", port.is_some()),
        path,
        transport: transport.unwrap_or(Transport::NotStated),
        tls_min,
        direction: table.word_or("direction", Direction::Out),
        vantage: table.word_or("vantage", vantage),
        roots,
        roots_from,
        probes,
        samples,
        expect_status,
        unblock,
        idle_secs,
        ambiguity: table.text_opt("ambiguity"),
        basis: read_basis(table, documents)?,
        id: id?,
        purpose: purpose?,
        level: level?,
    };
    if transport.is_some() {
        check_endpoint(table, &endpoint);
    }
    Some(endpoint)
}

fn read_hosts(table: &Table<'_>) -> Vec<HostPattern> {
    let hosts: Vec<HostPattern> = table.list("hosts").iter().filter_map(Value::parse).collect();
    if !table.has("hosts") {
        table.missing("hosts", "a list of names, *.parents, addresses or <placeholders>");
    } else if table.is_empty_list("hosts") {
        table.inconsistent("hosts", "`hosts` needs at least one host");
    }
    hosts
}

fn read_samples(table: &Table<'_>, hosts: &[HostPattern]) -> Vec<String> {
    let read = |value: &Value<'_>| {
        let name = value.text()?;
        if !is_dns_name(name) {
            value.refuse("a sample is one host name in lower case");
        } else if !hosts.iter().any(|host| host.is_wildcard() && host.covers(name)) {
            value.refuse("no wildcard of this row covers it");
        }
        Some(name.to_owned())
    };
    table.list("samples").iter().filter_map(read).collect()
}

fn read_statuses(table: &Table<'_>) -> Vec<u16> {
    table.list("expect_status").iter().filter_map(|value| value.integer(&STATUSES)).collect()
}

fn read_path(table: &Table<'_>) -> Option<String> {
    let path = table.text_opt("path")?;
    if !path.starts_with('/') || path.contains([' ', '?', '#']) {
        table.refuse("path", "a path begins with a slash and has neither blanks nor a query");
    }
    Some(path)
}

fn read_root_name(value: &Value<'_>, own_roots: &[TrustAnchor]) -> Option<TrustAnchor> {
    let id = value.text()?;
    let root = own_roots.iter().find(|root| root.id == id).cloned().or_else(|| TrustAnchor::known(id));
    if root.is_none() {
        let mut known: Vec<&str> = TrustAnchor::known_ids().collect();
        known.extend(own_roots.iter().map(|root| root.id.as_str()));
        value.refuse_word(id, known.iter().copied());
    }
    root
}

/// Notes what does not fit together in a row.
fn check_endpoint(table: &Table<'_>, row: &Endpoint) {
    let has_port = row.port.is_some();
    let is_asked = row.asked().next().is_some();
    match row.transport {
        Transport::Icmp if has_port => table.inconsistent("port", "ICMP has no ports"),
        Transport::Tcp | Transport::Udp | Transport::UdpOrTcp if !has_port && !is_asked && !table.has("port") => {
            table.missing("port", "a row over TCP or UDP has a port, unless its host has to be asked for");
        }
        _ => {}
    }
    if row.is_port_stated && !has_port && !table.has("port") {
        table.inconsistent("port_stated", "`port_stated` is true but there is no `port`");
    }
    if row.roots.is_empty() != row.roots_from.is_empty() && !(row.roots.is_empty() && table.has("roots")) {
        table.inconsistent("roots", "`roots` and `roots_from` belong together: which roots, and who says so");
    }
    if row.idle_secs.is_some() != row.probes.contains(&ProbeKind::Idle) && !table.has("idle_secs") {
        table.missing("idle_secs", "the probe `idle` needs the seconds a session must survive");
    }
    if !row.expect_status.is_empty() && !row.probes.contains(&ProbeKind::Http) {
        table.inconsistent("expect_status", "`expect_status` is told by the probe `http` alone");
    }
    if row.unblock.iter().any(|host| !matches!(host, HostPattern::Name(_) | HostPattern::Wildcard { .. })) {
        table.inconsistent("unblock", "`unblock` holds names and *.parents, as a firewall takes them");
    }
    if row.path.is_some() && !row.probes.contains(&ProbeKind::Http) {
        table.inconsistent("path", "`path` is tried by the probe `http` alone");
    }
    let is_udp_only = |probe: &ProbeKind| matches!(probe, ProbeKind::Ntp);
    if row.transport == Transport::Tcp && row.probes.iter().any(is_udp_only) {
        table.inconsistent("probes", "`ntp` runs over UDP, this row over TCP");
    }
}

pub(super) fn read_mqtt(top: &Table<'_>, documents: &[Document]) -> Option<MqttRules> {
    let table = top.table("mqtt", &schema::MQTT)?;
    let (dialect, tls) = (table.word::<Dialect>("dialect"), table.word::<TlsUse>("tls"));
    let carrier = table.word_or("carrier", Carrier::Tcp);
    let authentication = table.word("authentication");
    let ports = table.list("ports").iter().filter_map(|value| value.integer(&PORTS)).collect();
    let topics = table.list("topics").iter().filter_map(read_filter).collect();
    let identity = table.text("identity");
    let (basis, ambiguity) = (read_basis(&table, documents), table.text_opt("ambiguity"));
    let (dialect, tls) = (dialect?, tls?);
    if matches!(dialect, Dialect::AzureIotHub | Dialect::AwsIotCore) && tls != TlsUse::Required {
        table.inconsistent("tls", format!("{dialect} takes MQTT inside TLS alone: write \"required\""));
    }
    Some(MqttRules {
        dialect,
        ports,
        carrier,
        tls,
        authentication: authentication?,
        topics,
        identity: identity?,
        basis: basis?,
        ambiguity,
    })
}

/// Reads an MQTT topic filter (MQTT 3.1.1, 4.7): `+` stands for one level, `#` at the end for the rest.
fn read_filter(value: &Value<'_>) -> Option<String> {
    let filter = value.text()?;
    let levels: Vec<&str> = filter.split('/').collect();
    let is_level = |(position, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => position + 1 == levels.len(),
        level => !level.contains(['+', '#']),
    };
    if !levels.iter().enumerate().all(is_level) {
        value.refuse("`+` and `#` each stand alone between slashes, `#` only at the end");
    }
    Some(filter.to_owned())
}

pub(super) fn read_limits(top: &Table<'_>, documents: &[Document]) -> Vec<Limit> {
    let mut taken = Taken::new();
    let read = |table: &Table<'_>| {
        let id = read_id(table, "id", &mut taken);
        if !table.has("at_most") {
            table.missing("at_most", "a number");
        }
        let (at_most, of) = (table.integer_opt("at_most", &(1..=1_000_000)), table.text("of"));
        let (basis, ambiguity) = (read_basis(table, documents), table.text_opt("ambiguity"));
        Some(Limit { id: id?, at_most: at_most?, of: of?, basis: basis?, ambiguity })
    };
    top.tables("limit", &schema::LIMIT).iter().filter_map(read).collect()
}

pub(super) fn read_expectations(top: &Table<'_>, documents: &[Document]) -> Vec<Expectation> {
    let mut taken = Taken::new();
    let read = |table: &Table<'_>| {
        let id = read_id(table, "id", &mut taken);
        let topic = table.text("topic").and_then(|_| table.get("topic")).and_then(|value| read_filter(&value));
        let within_secs = table.integer_opt("within_secs", &(1..=604_800));
        let fields = read_fields(table);
        let basis = read_basis(table, documents);
        Some(Expectation { id: id?, topic: topic?, within_secs, fields, basis: basis? })
    };
    top.tables("expect", &schema::EXPECT).iter().filter_map(read).collect()
}

fn read_fields(table: &Table<'_>) -> Vec<FieldRule> {
    let mut taken = Taken::new();
    let read = |table: &Table<'_>| {
        let (name, field_type) = (table.text("name"), table.word("type"));
        let (min, max) = (table.number_opt("min"), table.number_opt("max"));
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            table.inconsistent("min", "`min` is greater than `max`");
        }
        table.take("name", name.as_ref()?, &mut taken);
        Some(FieldRule { name: name?, field_type: field_type?, min, max })
    };
    table.tables("field", &schema::FIELD).iter().filter_map(read).collect()
}
