//! Reads what a profile says of the device: how it is recognised, driven, joined to Wi-Fi, given credentials and wiped.

use super::{read_basis, read_id};
use crate::model::drivers::{DriverId, Place, SettingKind, SettingRule};
use crate::model::ids::LinkKind;
use crate::model::wifi::{Security, WifiRules};
use crate::model::wipe::{Actor, Claim, WIFI};
use crate::profile::pattern::{ServiceUuid, parse_hex16};
use crate::profile::read::{Table, Taken};
use crate::profile::rules::{
    AtRest, BannerRule, BleRule, CredentialRule, Discovery, Document, DriverBinding, DriverSettings, PushPath,
    PushRule, PushWay, SettingValue, Statement, Template, UsbRule, WipePlan, WipeStep,
};
use crate::profile::schema;

pub(super) fn read_discovery(top: &Table<'_>, documents: &[Document]) -> Discovery {
    let Some(table) = top.table("discovery", &schema::DISCOVERY) else { return Discovery::default() };
    let usb = table.tables("usb", &schema::USB);
    let ble = table.tables("ble", &schema::BLE);
    let banners = table.tables("banner", &schema::BANNER);
    Discovery {
        usb: usb.iter().filter_map(|rule| read_usb(rule, documents)).collect(),
        ble: ble.iter().filter_map(|rule| read_ble(rule, documents)).collect(),
        banners: banners.iter().filter_map(|rule| read_banner(rule, documents)).collect(),
    }
}

fn read_usb(table: &Table<'_>, documents: &[Document]) -> Option<UsbRule> {
    if !["vid", "product", "manufacturer"].iter().any(|key| table.has(key)) {
        table.missing("vid", "a USB rule needs `vid`, `product` or `manufacturer`");
    }
    if table.has("pid") && !table.has("vid") {
        table.inconsistent("pid", "`pid` means nothing without `vid`");
    }
    let vid = table.parsed_with("vid", parse_hex16);
    let pid = table.parsed_with("pid", parse_hex16);
    let product = table.parsed_opt("product");
    let manufacturer = table.parsed_opt("manufacturer");
    let (means, says, basis) = (table.word("means"), table.text("says"), read_basis(table, documents));
    Some(UsbRule { vid, pid, product, manufacturer, means: means?, says: says?, basis: basis? })
}

fn read_ble(table: &Table<'_>, documents: &[Document]) -> Option<BleRule> {
    if !["service", "company", "name"].iter().any(|key| table.has(key)) {
        table.missing("service", "a Bluetooth rule needs `service`, `company` or `name`");
    }
    let service = table.parsed_opt("service");
    let company = table.parsed_with("company", parse_hex16);
    let name = table.parsed_opt("name");
    let (says, basis) = (table.text("says"), read_basis(table, documents));
    Some(BleRule { service, company, name, says: says?, basis: basis? })
}

fn read_banner(table: &Table<'_>, documents: &[Document]) -> Option<BannerRule> {
    let (line, says, basis) = (table.parsed("line"), table.text("says"), read_basis(table, documents));
    Some(BannerRule { line: line?, says: says?, basis: basis? })
}

pub(super) fn read_drivers(top: &Table<'_>, documents: &[Document]) -> Vec<DriverBinding> {
    let mut taken = Taken::new();
    let tables = top.tables("driver", &schema::DRIVER);
    tables.iter().filter_map(|table| read_driver(table, documents, &mut taken)).collect()
}

fn read_driver(table: &Table<'_>, documents: &[Document], taken: &mut Taken) -> Option<DriverBinding> {
    let (driver, link) = (table.word::<DriverId>("driver"), table.word::<LinkKind>("link"));
    let (basis, ambiguity) = (read_basis(table, documents), table.text_opt("ambiguity"));
    let (driver, link) = (driver?, link?);
    let links = driver.facts().links;
    if !links.contains(&link) {
        let words: Vec<&str> = links.iter().map(|link| link.as_str()).collect();
        table.inconsistent("link", format!("{driver} does not run over {link}; its links are {}", words.join(", ")));
    }
    table.take("driver", &format!("{driver} over {link}"), taken);
    let settings = read_settings(table, driver);
    Some(DriverBinding { driver, link, settings, basis: basis?, ambiguity })
}

fn read_settings(driver_table: &Table<'_>, driver: DriverId) -> DriverSettings {
    let table = driver_table.table("settings", schema::settings_of(driver));
    let read = |rule: &SettingRule| (rule.key, read_setting(table.as_ref(), rule));
    DriverSettings::new(driver.facts().settings.iter().map(read).collect())
}

fn read_setting(table: Option<&Table<'_>>, rule: &SettingRule) -> Option<SettingValue> {
    match rule.kind {
        SettingKind::Number { least, most, usual } => {
            let number = table.and_then(|table| table.integer_opt(rule.key, &(least..=most)));
            Some(SettingValue::Number(number.unwrap_or(usual)))
        }
        SettingKind::Text { usual } => {
            let text = table.and_then(|table| table.text_opt(rule.key));
            text.or_else(|| usual.map(str::to_owned)).map(SettingValue::Text)
        }
        SettingKind::Service => {
            let service: Option<ServiceUuid> = table.and_then(|table| table.parsed_opt(rule.key));
            service.map(|service| SettingValue::Text(service.to_string()))
        }
    }
}

pub(super) fn read_wifi(top: &Table<'_>, documents: &[Document], rows: &mut Taken) -> Option<(WifiRules, Statement)> {
    let table = top.table("wifi", &schema::WIFI)?;
    let id = table.parsed_opt("id");
    take_row(&table, rows);
    let bands = table.words("bands");
    let security = table.words("security");
    let ciphers = table.words("ciphers");
    for key in ["bands", "security"] {
        if !table.has(key) {
            table.missing(key, "a list with at least one word");
        } else if table.is_empty_list(key) {
            table.inconsistent(key, format!("`{key}` needs at least one word"));
        }
    }
    let passphrase_min = table.integer_opt("passphrase_min", &(0..=63)).unwrap_or(8);
    let passphrase_max = table.integer_opt("passphrase_max", &(1..=64)).unwrap_or(63);
    if passphrase_min > passphrase_max {
        table.inconsistent("passphrase_min", "`passphrase_min` is greater than `passphrase_max`");
    }
    let is_sae_only = security.iter().all(|security| matches!(security, Security::Wpa3 | Security::Open));
    if passphrase_min < 8 && !is_sae_only {
        table.inconsistent("passphrase_min", "below 8 characters is possible with WPA3 alone");
    }
    let is_raw_psk_accepted = table.flag("raw_psk", false);
    let ambiguity = table.text_opt("ambiguity");
    let basis = read_basis(&table, documents)?;
    let source = if basis.is_assumed() { format!("assumed: {}", basis.text()) } else { basis.text().to_owned() };
    let rules = WifiRules { bands, security, ciphers, passphrase_min, passphrase_max, is_raw_psk_accepted, source };
    Some((rules, Statement { id, basis, ambiguity }))
}

/// Notes a row id that was given before.
pub(super) fn take_row(table: &Table<'_>, rows: &mut Taken) {
    if let Some(id) = table.get("id").and_then(|value| value.as_str()) {
        table.take("id", id, rows);
    }
}

pub(super) fn read_credentials(top: &Table<'_>, documents: &[Document]) -> Vec<CredentialRule> {
    let mut taken = Taken::new();
    let tables = top.tables("credential", &schema::CREDENTIAL);
    tables.iter().filter_map(|table| read_credential(table, documents, &mut taken)).collect()
}

fn read_credential(table: &Table<'_>, documents: &[Document], taken: &mut Taken) -> Option<CredentialRule> {
    let (id, kind) = (read_id(table, "id", taken), table.word("kind"));
    if id.as_deref() == Some(WIFI) {
        table.refuse("id", "`wifi` stands for the Wi-Fi credentials, which every profile has without a table");
    }
    let form = table.text_opt("form");
    let (purpose, pushed) = (table.text("purpose"), table.word("pushed"));
    let push = read_push(table, documents);
    if !push.is_empty() && pushed == Some(PushPath::Never) {
        table.inconsistent("pushed", "what never reaches the device has no [[credential.push]]");
    }
    let (kept, at_rest, revoked) = (table.text("kept"), table.word("at_rest"), table.text("revoked"));
    let (basis, ambiguity) = (read_basis(table, documents), table.text_opt("ambiguity"));
    Some(CredentialRule {
        push,
        id: id?,
        kind: kind?,
        form,
        purpose: purpose?,
        pushed: pushed?,
        kept: kept?,
        at_rest: at_rest?,
        revoked: revoked?,
        basis: basis?,
        ambiguity,
    })
}

fn read_push(credential: &Table<'_>, documents: &[Document]) -> Vec<PushRule> {
    let mut taken = Taken::new();
    let tables = credential.tables("push", &schema::PUSH);
    tables.iter().filter_map(|table| read_push_rule(table, documents, &mut taken)).collect()
}

fn read_push_rule(table: &Table<'_>, documents: &[Document], taken: &mut Taken) -> Option<PushRule> {
    let (driver, basis) = (table.word::<DriverId>("driver")?, read_basis(table, documents));
    table.take("driver", driver.as_str(), taken);
    let fitting: Vec<&str> = driver.facts().takes.iter().map(|place| place.key()).collect();
    let given: Vec<&str> = Place::ALL.map(Place::key).into_iter().filter(|key| table.has(key)).collect();
    match given[..] {
        [] if fitting.is_empty() => {
            table.refuse("driver", "this driver carries no tokens and no files");
            return None;
        }
        [] => {
            table.missing(fitting[0], format!("where {driver} puts it: `{}`", fitting.join("` or `")));
            return None;
        }
        [key] if fitting.contains(&key) => {}
        _ => {
            table.inconsistent("driver", format!("{driver} takes exactly one of `{}`", fitting.join("`, `")));
            return None;
        }
    }
    let way = match given[0] {
        "endpoint" => read_endpoint_way(table)?,
        "setting" => PushWay::Setting { name: table.text("setting")? },
        _ => PushWay::File { path: table.text("file")? },
    };
    Some(PushRule { driver, way, basis: basis? })
}

fn read_endpoint_way(table: &Table<'_>) -> Option<PushWay> {
    let template = table.word_or("template", Template::Raw);
    let json = table.text_opt("json");
    let field: Vec<u32> = table.list("field").iter().filter_map(|value| value.integer(&(1..=536_870_911))).collect();
    let holds_content = |text: &String| text.contains("{text}") || text.contains("{base64}");
    match template {
        Template::Json if !json.as_ref().is_some_and(holds_content) => {
            table.missing("json", "a JSON text in which `{text}` or `{base64}` stands for the content");
        }
        Template::Protobuf if field.is_empty() => {
            table.missing("field", "the numbers of the fields, from the outermost message to the one that takes it");
        }
        Template::Raw | Template::Json | Template::Protobuf => {}
    }
    Some(PushWay::Endpoint { name: table.text("endpoint")?, template, json, field })
}

pub(super) fn read_wipe(top: &Table<'_>, documents: &[Document], credentials: &[CredentialRule]) -> Option<WipePlan> {
    let table = top.table("wipe", &schema::WIPE)?;
    let preconditions = table.words("preconditions");
    let guidance = table.text("guidance");
    let medium = table.text_opt("medium").unwrap_or_else(|| "The storage".into());
    let at_rest = table.word_or("at_rest", AtRest::NotStated);
    let mut taken = Taken::new();
    let tables = table.tables("step", &schema::WIPE_STEP);
    if tables.is_empty() {
        table.missing("step", "a wipe has at least one [[wipe.step]]");
    }
    let steps = tables.iter().filter_map(|step| read_step(step, documents, credentials, &mut taken)).collect();
    Some(WipePlan { preconditions, guidance: guidance?, medium, at_rest, steps })
}

fn read_step(
    table: &Table<'_>,
    documents: &[Document],
    credentials: &[CredentialRule],
    taken: &mut Taken,
) -> Option<WipeStep> {
    let (id, does, by) = (read_id(table, "id", taken), table.text("does"), table.word("by"));
    let needs = table.words("needs");
    let removes = read_removes(table, credentials);
    let evidence = table.texts("evidence");
    if evidence.is_empty() {
        table.missing("evidence", "a list of what shows that the step happened");
    }
    let claim = table.word_or("claim", Claim::Removed);
    let (files, commands) = (table.texts("files"), table.texts("commands"));
    if by.is_some_and(|by| by != Actor::Driver) && !(files.is_empty() && commands.is_empty()) {
        table.inconsistent("by", "`files` and `commands` are for steps by a driver");
    }
    if files.iter().any(|file| !file.starts_with('/')) {
        table.inconsistent("files", "a path begins with `/`");
    }
    let warning = table.text_opt("warning");
    let (otherwise, basis) = (table.text("otherwise"), read_basis(table, documents));
    Some(WipeStep {
        id: id?,
        does: does?,
        by: by?,
        claim,
        needs,
        removes,
        evidence,
        otherwise: otherwise?,
        warning,
        files,
        commands,
        basis: basis?,
    })
}

fn read_removes(table: &Table<'_>, credentials: &[CredentialRule]) -> Vec<String> {
    let known = credentials.iter().map(|credential| credential.id.as_str()).chain([WIFI]);
    let read = |value: &crate::profile::read::Value<'_>| {
        let id = value.text()?;
        if !known.clone().any(|known| known == id) {
            value.refuse_word(id, known.clone());
        }
        Some(id.to_owned())
    };
    table.list("removes").iter().filter_map(read).collect()
}
