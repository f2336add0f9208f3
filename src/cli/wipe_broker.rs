//! The look at a broker, made of the arguments of `wipe`.

use std::path::PathBuf;

use super::secret_input;
use super::wipe_args::LookAtBroker;
use crate::model::mqtt::connect::{ConnectPlan, Login, TlsFiles};
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::model::wipe::{Consent, LastWill};
use crate::msg::wipe::BrokerWish;

/// What is to be looked at; nothing where no broker was named.
pub(super) fn wish(args: &LookAtBroker) -> Result<Option<Box<BrokerWish>>, Problem> {
    let Some(url) = &args.look_mqtt else { return Ok(None) };
    let plan = |client_id: String, login: Login, certificates: &Option<PathBuf>, key: &Option<PathBuf>| {
        let files =
            TlsFiles { authorities: args.look_ca.clone(), certificates: certificates.clone(), key: key.clone() };
        ConnectPlan::with_files(url.clone(), client_id, login, files)
    };
    // A name of our own: the gateway's would end a session that still runs, and hide that it does.
    let own = |what: &str| format!("linesman-{what}-{}", std::process::id());
    let old_id = args.old_client_id.clone().unwrap_or_else(|| own("old"));
    let old = plan(
        old_id,
        login(args.old_username.as_ref(), args.old_password_file.as_ref())?,
        &args.old_cert,
        &args.old_key,
    );
    let has_control = args.control_username.is_some() || args.control_cert.is_some();
    let control = if has_control {
        let login = login(args.control_username.as_ref(), args.control_password_file.as_ref())?;
        Some(plan(own("control"), login, &args.control_cert, &args.control_key))
    } else {
        None
    };
    let topics = args.look_topics.iter().map(|filter| Subscription { filter: filter.clone(), qos: Qos::AtMostOnce });
    let will = args.will_topic.clone().zip(args.will_payload.clone());
    let will = will.map(|(topic, payload)| LastWill { topic, payload });
    let consent = args.clear_retained.map(|count| count.map_or(Consent::Listed, Consent::Counted));
    if consent == Some(Consent::Listed) {
        args.look_topics.iter().find(|filter| is_of_many(filter)).map_or(Ok(()), |filter| Err(too_wide(filter)))?;
    }
    Ok(Some(Box::new(BrokerWish { old, control, topics: topics.collect(), will, consent })))
}

/// Whether a filter means topics of more than one gateway for sure: nothing stands before its first wildcard.
fn is_of_many(filter: &TopicFilter) -> bool {
    filter.as_str().starts_with(['#', '+'])
}

fn too_wide(filter: &TopicFilter) -> Problem {
    Problem::new(
        "wipe.clears_too_much",
        format!("Clearing all of {filter} would clear messages of other gateways"),
        "The filter begins with a wildcard",
        "Name the gateway's own topics, or give the number that was listed: --clear-retained=N",
    )
}

fn login(username: Option<&String>, file: Option<&PathBuf>) -> Result<Login, Problem> {
    let Some(username) = username.cloned() else { return Ok(Login::None) };
    let password = file.map(|file| secret_input::read(Some(file))).transpose()?;
    Ok(Login::Password { username, password })
}
