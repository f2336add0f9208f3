//! What `inspect`, `publish` and `retained` have in common: a connection made of arguments.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use super::args::BrokerArgs;
use super::secret_input;
use crate::backend::local;
use crate::model::mqtt::connect::{ConnectPlan, Login, Proxy, TlsFiles, Trust};
use crate::model::mqtt::message::{Outgoing, Qos};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::profile::{Profile, broker};
use crate::proto::mqtt::{dialect, guard};

/// A connection without subscriptions.
pub(super) fn plan(args: &BrokerArgs, profile: Option<&Profile>) -> Result<ConnectPlan, Problem> {
    let dialect = broker::dialect(args.dialect, &args.broker.host, profile);
    let client_id = args.client_id.clone().or_else(|| args.device.clone()).unwrap_or_else(|| observer(args));
    let mut plan = ConnectPlan::new(args.broker.clone(), client_id);
    plan.dialect = dialect;
    plan.version = args.mqtt.unwrap_or(dialect::usual(dialect).version);
    plan.keep_alive = Duration::from_secs(args.keep_alive.into());
    plan.stage_limit = Duration::from_secs(args.stage_limit);
    plan.max_packet_bytes = args.max_packet * 1024 * 1024;
    plan.key_log.clone_from(&args.key_log);
    plan.is_clean = !args.no_clean;
    plan.session_expiry_secs = args.session_expiry;
    plan.will = will(args)?;
    plan.headers = headers(args)?;
    plan.check_headers().map_err(|error| error.explain())?;
    plan.login = login(args)?;
    plan.tls.key_password = args.key_password_file.as_deref().map(secret).transpose()?;
    plan.proxy = proxy(args)?;
    plan.tls.alpn.clone_from(&args.alpn);
    plan.tls.server_name.clone_from(&args.server_name);
    plan.tls.checks = args.tls_checks;
    if args.system_ca {
        plan.tls.trust = Trust::SystemAnd(Vec::new());
    }
    plan.tls.files = TlsFiles { authorities: args.ca.clone(), certificates: args.cert.clone(), key: args.key.clone() };
    Ok(plan)
}

/// A name of our own. Two of these programs at the same moment have different ones.
fn observer(args: &BrokerArgs) -> String {
    let moment = jiff::Timestamp::now().as_microsecond().unsigned_abs();
    let folded = moment ^ (moment >> 16) ^ u64::from(std::process::id()).wrapping_mul(0x9E37_79B9);
    guard::observer_id(args.gateway.as_deref(), u32::try_from(folded & 0xFFFF_FFFF).unwrap_or_default())
}

fn secret(file: &Path) -> Result<Secret<String>, Problem> {
    secret_input::read(Some(file))
}

fn will(args: &BrokerArgs) -> Result<Option<Outgoing>, Problem> {
    let Some(topic) = &args.will_topic else { return Ok(None) };
    let payload = match &args.will_payload_file {
        Some(file) => read_payload(file)?,
        None => args.will_payload.clone().unwrap_or_default().into_bytes(),
    };
    let qos = Qos::from_number(args.will_qos).unwrap_or_default();
    let will = Outgoing { topic: topic.clone(), payload, qos, is_retained: args.will_retain, ..Outgoing::default() };
    will.check().map_err(|error| error.explain())?;
    Ok(Some(will))
}

fn headers(args: &BrokerArgs) -> Result<Vec<(String, Secret<String>)>, Problem> {
    let given = args.ws_header.iter().map(|(name, value)| Ok((name.clone(), Secret::new(value.clone()))));
    let filed = args.ws_header_file.iter().map(|(name, file)| Ok((name.clone(), secret(Path::new(file))?)));
    given.chain(filed).collect()
}

/// The largest payload that is read: the protocol takes no more.
const MAX_PAYLOAD: usize = 256 * 1024 * 1024;

/// The bytes of a file; `-` is standard input.
pub(super) fn read_payload(path: &Path) -> Result<Vec<u8>, Problem> {
    let read = if path == Path::new("-") {
        let mut payload = Vec::new();
        std::io::stdin().lock().take(MAX_PAYLOAD as u64).read_to_end(&mut payload).map(|_| payload)
    } else {
        local::read_whole(path, MAX_PAYLOAD).map(|mut payload| std::mem::take(payload.expose_mut()))
    };
    match read {
        Ok(payload) => Ok(payload),
        Err(error) => Err(Problem::new(
            "publish.unreadable",
            format!("{} could not be read", path.display()),
            "The file is missing or may not be read",
            "Check the path and its permissions",
        )
        .with_detail(error.to_string())),
    }
}

fn login(args: &BrokerArgs) -> Result<Login, Problem> {
    if let Some(file) = &args.sas_key_file {
        return Ok(Login::SharedAccess {
            hub: args.hub.clone().unwrap_or_else(|| args.broker.host.clone()),
            device: args.device.clone().unwrap_or_default(),
            key: secret(file)?,
            policy: args.policy.clone(),
            lifetime: Duration::from_secs(args.sas_lifetime),
        });
    }
    if let (Some(id), Some(region), Some(file)) = (&args.sigv4, &args.sigv4_region, &args.sigv4_secret_file) {
        return Ok(Login::SignatureV4 {
            region: region.clone(),
            access_key_id: id.clone(),
            secret_key: secret(file)?,
            session_token: args.sigv4_token_file.as_deref().map(secret).transpose()?,
        });
    }
    match &args.username {
        Some(username) => {
            let password = args.password_file.as_deref().map(secret).transpose()?;
            Ok(Login::Password { username: username.clone(), password })
        }
        None => Ok(Login::None),
    }
}

fn proxy(args: &BrokerArgs) -> Result<Option<Proxy>, Problem> {
    let Some(url) = &args.proxy else { return Ok(None) };
    let password = args.proxy_password_file.as_deref().map(secret).transpose()?;
    let login = match (url.user.clone(), password) {
        (None, None) => None,
        (user, password) => Some((user.unwrap_or_default(), password.unwrap_or_else(|| Secret::new(String::new())))),
    };
    Ok(Some(Proxy { host: url.host.clone(), port: url.port, login }))
}
