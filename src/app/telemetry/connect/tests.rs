//! What a form makes of what is typed.

use super::*;
use crate::model::mqtt::connect::{Login, Trust};

fn form(url: &str) -> ConnectForm {
    ConnectForm { url: url.into(), client_id: "me".into(), ..ConnectForm::default() }
}

#[track_caller]
fn refuses(mut form: ConnectForm, code: &str) {
    assert!(form.plan().is_none());
    let codes: Vec<_> = form.problems().iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [code]);
}

#[test]
fn a_form_that_makes_no_plan_says_why() {
    refuses(form(""), "mqtt.address");
    refuses(form("http://broker"), "mqtt.address");
    refuses(form("mqtt://me:secret@broker"), "mqtt.address_with_login");
    refuses(ConnectForm { client_id: " ".into(), ..form("mqtt://broker") }, "mqtt.no_client_id");
    refuses(ConnectForm { proxy: "proxy".into(), ..form("mqtt://broker") }, "mqtt.proxy_address");
    refuses(ConnectForm { proxy: ":3128".into(), ..form("mqtt://broker") }, "mqtt.proxy_address");
    refuses(ConnectForm { key_path: "/k".into(), ..form("mqtts://broker") }, "mqtt.key_without_certificate");
    refuses(ConnectForm { subscriptions: Vec::new(), ..form("mqtt://broker") }, "mqtt.no_subscription");
    let hub = ConnectForm { login: LoginKind::Hub, ..form("mqtts://hub.example") };
    refuses(hub, "mqtt.no_device");
    let signature = || ConnectForm { login: LoginKind::Signature, region: "r".into(), ..form("wss://broker") };
    refuses(signature(), "mqtt.no_access_key");
    let key = Secret::new("k".into());
    let plain = ConnectForm { access_key_id: "id".into(), access_key: key, ..signature() };
    refuses(ConnectForm { url: "mqtts://broker".into(), ..plain }, "mqtt.signature_without_websocket");
}

#[test]
fn files_are_named_and_not_read() {
    let mut form = form("mqtts://broker");
    form.ca_path = " /ca.pem ".into();
    form.certificate_path = "/c.pem".into();
    form.alpn = "a, ,b".into();
    let plan = form.plan().unwrap();
    assert_eq!(plan.tls.files.authorities.as_deref(), Some(std::path::Path::new("/ca.pem")));
    assert!(matches!(&plan.tls.trust, Trust::Only(pem) if pem.is_empty()));
    assert_eq!(plan.tls.alpn, ["a", "b"]);
    form.trusts_system_too = true;
    assert!(matches!(form.plan().unwrap().tls.trust, Trust::SystemAnd(_)));
    form.url = "mqtt://broker".into();
    assert!(form.plan().unwrap().tls.files.is_empty(), "in clear text no file is touched");
}

#[test]
fn will_session_headers_and_key_password_reach_the_plan() {
    let mut form = form("wss://broker/mqtt");
    form.version = MqttVersion::V5;
    form.is_clean = false;
    form.session_expiry_secs = 600;
    form.will_topic = " site/gw/state ".into();
    form.will_payload = "lost".into();
    form.is_will_retained = true;
    form.certificate_path = "/c.pem".into();
    form.key_password = Secret::new("open it".into());
    let value = |text: &str| Secret::new(text.to_owned());
    form.headers = vec![("Authorization".into(), value("Bearer x")), (String::new(), value(""))];
    let plan = form.plan().unwrap();
    assert_eq!((plan.is_clean, plan.session_expiry_secs), (false, Some(600)));
    let will = plan.will.clone().unwrap();
    assert_eq!((will.topic.as_str(), will.payload.as_slice(), will.is_retained), ("site/gw/state", &b"lost"[..], true));
    assert_eq!((plan.headers.len(), plan.headers[0].0.as_str()), (1, "Authorization"));
    assert!(plan.secrets().contains(&&b"Bearer x"[..]) && plan.secrets().contains(&&b"open it"[..]));

    form.will_topic = "a/+".into();
    refuses(form, "mqtt.topic");
    let host = ConnectForm { headers: vec![("Host".into(), value("x"))], ..self::form("ws://broker") };
    refuses(host, "mqtt.header_reserved");
}

#[test]
fn a_device_of_a_hub_signs_in_by_key_or_by_certificate() {
    let mut form = form("mqtts://example.azure-devices.net");
    form.choose_dialect(Dialect::AzureIotHub);
    form.device = "gw-7".into();
    let plan = form.plan().unwrap();
    assert_eq!(plan.client_id, "gw-7");
    let Login::Password { username, password: None } = &plan.login else { panic!("by its certificate") };
    assert_eq!(username, "example.azure-devices.net/gw-7/?api-version=2021-04-12");
    form.hub_key = Secret::new("a2V5".into());
    assert!(matches!(&form.plan().unwrap().login, Login::SharedAccess { device, .. } if device == "gw-7"));
}

#[test]
fn the_host_of_a_cloud_brings_its_rules() {
    let mut form = form("mqtts://example.azure-devices.net");
    assert_eq!(form.plan().unwrap().dialect, Dialect::AzureIotHub);
    form.url = "mqtt://192.168.1.10".into();
    assert_eq!(form.plan().unwrap().dialect, Dialect::Plain);
}

#[test]
fn what_is_kept_holds_no_secret_and_comes_back() {
    let mut form = form("mqtts://broker");
    form.login = LoginKind::Password;
    form.username = "user".into();
    form.password = Secret::new("canary-secret".into());
    form.proxy_password = Secret::new("canary-secret".into());
    form.new_filter = "site/+/t".into();
    form.new_qos = Qos::AtLeastOnce;
    form.subscribe();
    let mut saved = Vec::new();
    form.save(&mut saved);
    form.save(&mut saved);
    assert_eq!(saved.len(), 1);
    assert!(!format!("{saved:?}").contains("canary-secret"));
    let mut other = ConnectForm::default();
    other.take(&saved[0]);
    assert_eq!((other.url.as_str(), other.username.as_str()), ("mqtts://broker", "user"));
    assert_eq!((other.login, other.client_id.as_str()), (LoginKind::Password, "me"));
    assert_eq!(other.subscriptions, form.subscriptions);
    assert!(other.password.expose().is_empty());
}

#[test]
fn a_profile_brings_its_rules_and_a_hub_its_own_login() {
    let catalog = Catalog::built_in();
    for profile in catalog.iter().filter(|profile| profile.mqtt.is_some()) {
        let rules = profile.mqtt.as_ref().unwrap();
        let mut form = ConnectForm::default();
        form.choose_profile(Some(profile.id.clone()), &catalog);
        assert_eq!(form.dialect(), rules.dialect, "{}", profile.id);
        assert!(form.logins().contains(&form.login()), "{}", profile.id);
        let is_hub = rules.dialect == Dialect::AzureIotHub;
        if !is_hub && !rules.topics.is_empty() {
            assert_eq!(form.subscriptions().len(), rules.topics.len(), "{}", profile.id);
        }
    }
}

#[test]
fn a_made_up_client_id_is_short_and_never_the_same() {
    let (one, other) = (proposed_id(), proposed_id());
    assert!(one != other && one.len() <= 32 && one.starts_with(OBSERVER));
}
