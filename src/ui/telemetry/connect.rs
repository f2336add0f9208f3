//! The form of a connection: broker, login, subscriptions, encryption, and what is rarer.

use std::path::PathBuf;

use egui::{ComboBox, Id, Key, Response, RichText, TextEdit, Ui};

use crate::app::App;
use crate::app::telemetry::connect::{ConnectAction, ConnectForm, LoginKind};
use crate::app::telemetry::{Setup, TelemetryAction};
use crate::model::mqtt::connect::TlsChecks;
use crate::model::mqtt::message::{Grant, Qos};
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{FIELD_WIDTH, GRID, mono, palette};
use crate::ui::widgets::{
    Button, check, choice, field, finding, focus_ring, fold, forget_undo, goes_to, group, icon as show_icon, labelled,
    muted, notice, path_field, titled_group, truncated,
};

const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

/// Draws the form.
pub(super) fn form(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    for problem in app.telemetry.form.problems() {
        finding(ui, problem, true);
    }
    broker(ui, app, pass);
    sign_in(ui, &mut app.telemetry.form, pass);
    subscriptions(ui, app, pass);
    if app.telemetry.form.is_tls() {
        let whole = app.whole_path(&app.telemetry.form.key_log);
        encryption(ui, &mut app.telemetry.form, whole, pass);
    }
    rarer(ui, &mut app.telemetry.form, pass);
}

fn broker(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    titled_group(ui, "Broker", "", |ui| {
        let form = &mut app.telemetry.form;
        let response = labelled(ui, "Address", |ui, id| {
            let edit = TextEdit::singleline(&mut form.url).hint_text("mqtts://broker.example:8883").font(mono());
            ui.add(edit.desired_width(width(ui)).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id)
        });
        if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            pass.did(TelemetryAction::Connected);
        }
        muted(ui, "mqtt and ws are in clear text, mqtts and wss encrypted");
        profile(ui, app, pass);
        dialect(ui, &app.telemetry.form, pass);
        let form = &mut app.telemetry.form;
        if form.dialect() == Dialect::AzureIotHub {
            hub_notice(ui, pass);
        }
        client_id(ui, form, pass);
        labelled(ui, "Version", |ui, _| {
            for (version, text) in [(MqttVersion::V311, "3.1.1"), (MqttVersion::V5, "5")] {
                if choice(ui, form.version == version, text, &format!("MQTT {text}")) {
                    form.version = version;
                }
            }
        });
    });
}

fn profile(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let chosen = app.telemetry.form.profile();
    let name = chosen.and_then(|id| app.catalog().get(id)).map_or("None", |profile| &profile.name);
    labelled(ui, "Profile", |ui, id| {
        let combo = ComboBox::from_id_salt("profile").width(width(ui)).selected_text(visible(name, 60));
        let response = combo.show_ui(ui, |ui| {
            if ui.selectable_label(chosen.is_none(), "None").clicked() {
                pass.did(TelemetryAction::Connect(ConnectAction::ChoseProfile(None)));
            }
            for profile in app.catalog().iter().filter(|profile| profile.mqtt.is_some()) {
                if ui.selectable_label(chosen == Some(&profile.id), &profile.name).clicked() {
                    let action = ConnectAction::ChoseProfile(Some(profile.id.clone()));
                    pass.did(TelemetryAction::Connect(action));
                }
            }
        });
        let _ = response.response.labelled_by(id);
    });
}

const fn dialect_label(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Plain => "Any broker",
        Dialect::AzureIotHub => "Azure IoT Hub",
        Dialect::AwsIotCore => "AWS IoT Core",
        Dialect::Proxy => "A proxy to a cloud",
    }
}

fn dialect(ui: &mut Ui, form: &ConnectForm, pass: &mut Pass<'_>) {
    labelled(ui, "Kind", |ui, id| {
        let combo = ComboBox::from_id_salt("dialect").width(width(ui)).selected_text(dialect_label(form.dialect()));
        let response = combo.show_ui(ui, |ui| {
            for dialect in [Dialect::Plain, Dialect::AzureIotHub, Dialect::AwsIotCore, Dialect::Proxy] {
                if ui.selectable_label(form.dialect() == dialect, dialect_label(dialect)).clicked() {
                    pass.did(TelemetryAction::Connect(ConnectAction::ChoseDialect(dialect)));
                }
            }
        });
        let _ = response.response.labelled_by(id);
    });
}

/// A hub shows nobody what its devices send, over MQTT.
fn hub_notice(ui: &mut Ui, pass: &mut Pass<'_>) {
    let text = "An IoT Hub shows nobody what a gateway sends over MQTT: only what is sent to this one device arrives \
                here, and the gateway itself is thrown out meanwhile. To see what it sends, point it at the bench \
                broker of this computer";
    notice(ui, palette(ui).warn, icon::WARNING, text);
    if Button::new("Open the bench broker").icon(icon::NEXT).pressed(ui) {
        pass.did(TelemetryAction::ChoseSetup(Setup::Bench));
    }
}

fn client_id(ui: &mut Ui, form: &mut ConnectForm, pass: &mut Pass<'_>) {
    if form.login() == LoginKind::Hub {
        return;
    }
    labelled(ui, "Client id", |ui, id| {
        let edit = TextEdit::singleline(&mut form.client_id).font(mono());
        let width = width(ui) - 40.0;
        ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        if Button::icon_only(icon::REFRESH, "Make another client id up").pressed(ui) {
            pass.did(TelemetryAction::Connect(ConnectAction::ProposedId));
        }
    });
    if form.is_id_proposed() {
        muted(ui, "Random ID, so no gateway gets disconnected");
    } else if !form.client_id.trim().is_empty() {
        let text = "If a gateway uses this ID, the broker disconnects it when you connect";
        notice(ui, palette(ui).warn, icon::WARNING, text);
    }
}

const fn login_label(login: LoginKind) -> &'static str {
    match login {
        LoginKind::None => "No login",
        LoginKind::Password => "User and password",
        LoginKind::Hub => "As a device",
        LoginKind::Signature => "Access key",
    }
}

fn sign_in(ui: &mut Ui, form: &mut ConnectForm, pass: &mut Pass<'_>) {
    titled_group(
        ui,
        "Sign in",
        "Beside a client certificate, which stands under encryption. Passwords and keys are never stored",
        |ui| {
            ui.horizontal_wrapped(|ui| {
                for login in form.logins() {
                    if choice(ui, form.login() == *login, login_label(*login), login_label(*login)) {
                        pass.did(TelemetryAction::Connect(ConnectAction::ChoseLogin(*login)));
                    }
                }
            });
            match form.login() {
                LoginKind::None => {}
                LoginKind::Password => {
                    field(ui, "User", &mut form.username, "");
                    login_secret(
                        ui,
                        "Password",
                        &mut form.password,
                        &mut form.wants_secret_focus,
                        &mut form.is_secret_shown,
                        pass,
                    );
                }
                LoginKind::Hub => {
                    field(ui, "Device", &mut form.device, "the device's id, as the hub has it");
                    field(ui, "Hub", &mut form.hub, "the host of the address");
                    login_secret(
                        ui,
                        "Key",
                        &mut form.hub_key,
                        &mut form.wants_secret_focus,
                        &mut form.is_secret_shown,
                        pass,
                    );
                    field(ui, "Policy", &mut form.policy, "none: the key is the device's own");
                    muted(
                        ui,
                        "A token is made from the key and renewed before it ends. Without a key the certificate has to do",
                    );
                }
                LoginKind::Signature => {
                    field(ui, "Region", &mut form.region, "eu-central-1");
                    field(ui, "Access key id", &mut form.access_key_id, "");
                    login_secret(
                        ui,
                        "Access key",
                        &mut form.access_key,
                        &mut form.wants_secret_focus,
                        &mut form.is_secret_shown,
                        pass,
                    );
                    let _ = secret(ui, "Session token", &mut form.session_token, &mut form.is_secret_shown);
                    muted(ui, "The address has to begin with wss");
                }
            }
        },
    );
}

/// The secret a login needs: Enter connects, and a saved connection leads here.
fn login_secret(
    ui: &mut Ui,
    label: &str,
    text: &mut Secret<String>,
    wants_focus: &mut bool,
    is_shown: &mut bool,
    pass: &mut Pass<'_>,
) {
    let response = secret(ui, label, text, is_shown);
    if std::mem::take(wants_focus) {
        response.request_focus();
        response.scroll_to_me(Some(egui::Align::Center));
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        pass.did(TelemetryAction::Connected);
    }
}

/// A masked field. What is typed is not kept for undoing.
fn secret(ui: &mut Ui, label: &str, text: &mut Secret<String>, is_shown: &mut bool) -> Response {
    labelled(ui, label, |ui, id| {
        let edit_id = Id::unique(("broker-secret", label));
        let edit = TextEdit::singleline(text.expose_mut()).id(edit_id).password(!*is_shown);
        let width = width(ui) - 40.0;
        let response = ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        forget_undo(ui, edit_id);
        let (glyph, verb) = if *is_shown { (icon::HIDE, "Hide") } else { (icon::SHOW, "Show") };
        if Button::icon_only(glyph, &format!("{verb} {label}")).pressed(ui) {
            *is_shown = !*is_shown;
        }
        response
    })
}

fn subscriptions(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let grants = app.telemetry.grants().to_vec();
    let hint = "Only subscribed topics arrive. + matches one level, # all levels below";
    titled_group(ui, "Subscriptions", hint, |ui| {
        let form = &mut app.telemetry.form;
        for (place, subscription) in form.subscriptions().iter().enumerate() {
            ui.push_id(place, |ui| {
                let filter = subscription.filter.as_str();
                ui.horizontal(|ui| {
                    let name = format!("Unsubscribe from {}", visible(filter, 80));
                    if Button::icon_only(icon::CLOSE, &name).pressed(ui) {
                        pass.did(TelemetryAction::Connect(ConnectAction::RemovedSubscription(place)));
                    }
                    let name = format!("Quality of service of {}", visible(filter, 80));
                    if let Some(qos) = qos_choice(ui, subscription.qos, &name) {
                        pass.did(TelemetryAction::Connect(ConnectAction::ChangedQos(place, qos)));
                    }
                    granted(ui, grants.iter().find(|grant| grant.filter == filter));
                    truncated(ui, RichText::new(visible(filter, 400)).font(mono()).color(palette(ui).strong));
                });
            });
        }
        if form.subscriptions().is_empty() {
            muted(ui, "No subscription: nothing will arrive");
        }
        ui.horizontal(|ui| {
            let id = ui.label("New").id;
            let edit = TextEdit::singleline(&mut form.new_filter).hint_text("site/+/temperature").font(mono());
            let width = (ui.available_width() - 190.0).clamp(80.0, 260.0);
            let response = ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
            if let Some(qos) = qos_choice(ui, form.new_qos, "Quality of service of the new subscription") {
                form.new_qos = qos;
            }
            let is_typed = !form.new_filter.trim().is_empty();
            let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let add = Button::new("Add").named("Add the subscription").enabled_if(is_typed, "Type a filter first");
            if add.pressed(ui) || (is_entered && is_typed) {
                pass.did(TelemetryAction::Connect(ConnectAction::AddedSubscription));
                response.request_focus();
            }
        });
    });
}

fn qos_choice(ui: &mut Ui, chosen: Qos, name: &str) -> Option<Qos> {
    let mut picked = None;
    let combo = ComboBox::from_id_salt(name).width(64.0).selected_text(format!("QoS {}", chosen.number()));
    let response = combo.show_ui(ui, |ui| {
        for qos in QOS {
            if ui.selectable_label(qos == chosen, format!("QoS {}", qos.number())).clicked() && qos != chosen {
                picked = Some(qos);
            }
        }
    });
    let is_enabled = ui.is_enabled();
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, is_enabled, name));
    focus_ring(ui, &response.response);
    picked
}

fn granted(ui: &mut Ui, grant: Option<&Grant>) {
    let palette = palette(ui);
    match grant.map(|grant| (grant.granted, grant)) {
        Some((Some(qos), grant)) if qos < grant.asked => {
            show_icon(ui, icon::WARNING, palette.warn);
            ui.label(RichText::new(format!("QoS {qos} granted")).small().color(palette.warn));
        }
        Some((Some(_), _)) => show_icon(ui, icon::JOINED, palette.ok),
        Some((None, grant)) if grant.code.is_none() => {
            show_icon(ui, icon::WARNING, palette.warn);
            ui.label(RichText::new(&grant.says).small().color(palette.warn));
        }
        Some((None, grant)) => {
            show_icon(ui, icon::REFUSED, palette.danger);
            ui.label(RichText::new(&grant.says).small().color(palette.danger));
        }
        None => {}
    }
}

fn encryption(ui: &mut Ui, form: &mut ConnectForm, whole: Option<PathBuf>, pass: &mut Pass<'_>) {
    titled_group(ui, "Encryption", "", |ui| {
        let mut path = |ui: &mut Ui, label: &str, text: &mut String, hint: &str, of: PathField| {
            if path_field(ui, label, text, hint).1 {
                pass.browse = Some(of);
            }
        };
        path(ui, "Trusted CA", &mut form.ca_path, "whom this computer trusts", PathField::BrokerAuthorities);
        if !form.ca_path.trim().is_empty() {
            check(ui, &mut form.trusts_system_too, "Trust whom this computer trusts as well", "");
        }
        path(ui, "Certificate", &mut form.certificate_path, "none", PathField::BrokerCertificate);
        path(ui, "Key", &mut form.key_path, "in the certificate's file", PathField::BrokerKey);
        if !form.certificate_path.trim().is_empty() {
            let _ = secret(ui, "Key password", &mut form.key_password, &mut form.is_secret_shown);
        }
        fold(ui, "encryption", "More on encryption", |ui| {
            field(ui, "Server name", &mut form.server_name, "the host of the address");
            field(ui, "ALPN", &mut form.alpn, "x-amzn-mqtt-ca");
            labelled(ui, "Check", |ui, _| {
                let all = [
                    (TlsChecks::All, "Everything"),
                    (TlsChecks::NotTheName, "Not the name"),
                    (TlsChecks::Nothing, "Nothing"),
                ];
                for (checks, text) in all {
                    if choice(ui, form.checks == checks, text, &format!("Check {}", text.to_lowercase())) {
                        form.checks = checks;
                    }
                }
            });
            if form.checks != TlsChecks::All {
                let text = "The other end can read everything sent, including the password. Certificate faults are still shown";
                notice(ui, palette(ui).warn, icon::NO_LOCK, text);
            }
            let (_, is_browsing) = path_field(ui, "Key log", &mut form.key_log, "none");
            if is_browsing {
                pass.browse = Some(PathField::BrokerKeyLog);
            }
            goes_to(ui, whole);
            if !form.key_log.trim().is_empty() {
                let text = "With this file and a packet capture, anyone can read this connection. Delete it afterwards";
                notice(ui, palette(ui).warn, icon::WARNING, text);
            }
        });
    });
}

fn rarer(ui: &mut Ui, form: &mut ConnectForm, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        fold(ui, "rarer", "Proxy, session and guard", |ui| {
            ui.spacing_mut().item_spacing.y = GRID;
            field(ui, "Proxy", &mut form.proxy, "proxy.example:3128");
            if !form.proxy.trim().is_empty() {
                field(ui, "Proxy user", &mut form.proxy_username, "");
                let _ = secret(ui, "Proxy password", &mut form.proxy_password, &mut form.is_secret_shown);
            }
            field(ui, "Gateway's id", &mut form.gateway_client_id, "the client id to guard");
            muted(
                ui,
                "Linesman asks before it uses this ID: a broker disconnects the first of two clients with the same",
            );
            labelled(ui, "Keep-alive", |ui, id| {
                let drag = egui::DragValue::new(&mut form.keep_alive_secs).range(5..=1200).suffix(" s");
                let response = ui.add(drag).labelled_by(id);
                focus_ring(ui, &response);
            });
            check(
                ui,
                &mut form.is_clean,
                "Begin a clean session",
                "Otherwise the broker delivers what it stored for this client ID",
            );
            if !form.is_clean && form.version == MqttVersion::V5 {
                labelled(ui, "Session expiry", |ui, id| {
                    let drag = egui::DragValue::new(&mut form.session_expiry_secs).suffix(" s");
                    let response = ui.add(drag).labelled_by(id);
                    focus_ring(ui, &response);
                });
            }
            will(ui, form);
            if form.is_websocket() {
                headers(ui, form);
            }
        });
        let _ = pass;
    });
}

fn will(ui: &mut Ui, form: &mut ConnectForm) {
    field(ui, "Last will", &mut form.will_topic, "topic, published when the connection is lost");
    if form.will_topic.trim().is_empty() {
        return;
    }
    field(ui, "Will payload", &mut form.will_payload, "empty");
    labelled(ui, "Will delivery", |ui, _| {
        if let Some(qos) = qos_choice(ui, form.will_qos, "Quality of service of the last will") {
            form.will_qos = qos;
        }
        let response = ui.checkbox(&mut form.is_will_retained, "Retain the last will");
        focus_ring(ui, &response);
    });
}

/// Headers for the WebSocket. A value may be a secret, and is masked as one.
fn headers(ui: &mut Ui, form: &mut ConnectForm) {
    let ConnectForm { headers, is_secret_shown, .. } = form;
    let mut gone = None;
    for (place, (name, value)) in headers.iter_mut().enumerate() {
        ui.push_id(("header", place), |ui| {
            let number = place + 1;
            field(ui, &format!("Header {number}"), name, "Authorization");
            let _ = secret(ui, &format!("Value {number}"), value, is_secret_shown);
            if Button::new("Remove").named(&format!("Remove header {number}")).pressed(ui) {
                gone = Some(place);
            }
        });
    }
    if let Some(place) = gone {
        headers.remove(place);
    }
    if Button::new("Add a header").named("Add a WebSocket header").pressed(ui) {
        headers.push((String::new(), Secret::default()));
    }
}

/// The width of a field on this page.
fn width(ui: &Ui) -> f32 {
    (ui.available_width() - 4.0).min(FIELD_WIDTH - 2.0 * GRID)
}
