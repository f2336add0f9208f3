//! The look at a broker, made of the arguments of `wipe`.

use std::path::PathBuf;

use super::secret_input;
use super::wipe_args::LookAtBroker;
use crate::model::mqtt::connect::Login;
use crate::model::problem::Problem;
use crate::model::wipe::{Consent, LastWill, clears_too_much};
use crate::msg::wipe::{BrokerWish, LookCredential};

/// What is to be looked at; nothing where no broker was named.
pub(super) fn wish(args: &LookAtBroker) -> Result<Option<Box<BrokerWish>>, Problem> {
    let Some(url) = &args.look_mqtt else { return Ok(None) };
    // A name of our own: the gateway's would end a session that still runs, and hide that it does.
    let own = |what: &str| format!("linesman-{what}-{}", std::process::id());
    let old = LookCredential {
        client_id: args.old_client_id.clone().unwrap_or_else(|| own("old")),
        login: login(args.old_username.as_ref(), args.old_password_file.as_ref())?,
        certificates: args.old_cert.clone(),
        key: args.old_key.clone(),
    };
    let has_control = args.control_username.is_some() || args.control_cert.is_some();
    let control = || {
        Ok::<_, Problem>(LookCredential {
            client_id: own("control"),
            login: login(args.control_username.as_ref(), args.control_password_file.as_ref())?,
            certificates: args.control_cert.clone(),
            key: args.control_key.clone(),
        })
    };
    let control = has_control.then(control).transpose()?;
    let will = args.will_topic.clone().zip(args.will_payload.clone());
    let will = will.map(|(topic, payload)| LastWill { topic, payload });
    let consent = args.clear_retained.map(|count| count.map_or(Consent::Listed, Consent::Counted));
    if let Some(problem) = clears_too_much(consent, &args.look_topics) {
        return Err(problem);
    }
    let wish = BrokerWish::new(url, args.look_ca.as_ref(), old, control, args.look_topics.clone());
    Ok(Some(Box::new(BrokerWish { will, consent, ..wish })))
}

fn login(username: Option<&String>, file: Option<&PathBuf>) -> Result<Login, Problem> {
    let Some(username) = username.cloned() else { return Ok(Login::None) };
    let password = file.map(|file| secret_input::read(Some(file))).transpose()?;
    Ok(Login::Password { username, password })
}
