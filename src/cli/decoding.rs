//! How payloads are read, from the arguments: rules by topic, and Protobuf by the schemas of a person.

use std::path::Path;

use super::args::SieveArgs;
use crate::backend::local;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::msg::telemetry::{DecoderRule, TelemetryCommand};
use crate::telemetry::decode::{Decoders, Rule};
use crate::telemetry::value::DecoderKind;

/// The largest schema that is read.
const MAX_SCHEMA_BYTES: usize = 4 << 20;
/// How many message types an error text names.
const NAMED: usize = 8;

/// Decoders that follow the arguments.
pub(super) fn decoders(args: &SieveArgs) -> Result<Decoders, Problem> {
    let mut decoders = Decoders::new();
    let schemas = args.proto.iter().map(|path| read_schema(path)).collect::<Result<Vec<_>, _>>()?;
    let types = if schemas.is_empty() { Vec::new() } else { decoders.load_schemas(&schemas)? };
    decoders.set_rules(rules(args, &types)?);
    Ok(decoders)
}

/// What tells an inspection to read payloads as these decoders do: expectations and exports go by its own.
pub(super) fn commands(args: &SieveArgs, decoders: &Decoders) -> Vec<TelemetryCommand> {
    let rule = |rule: &Rule| DecoderRule {
        filter: rule.filter.clone(),
        kind: rule.kind,
        message_type: rule.message_type.clone(),
    };
    let rules: Vec<DecoderRule> = decoders.rules().iter().map(rule).collect();
    let schemas = (!args.proto.is_empty()).then(|| TelemetryCommand::LoadSchemas { paths: args.proto.clone() });
    let rules = (!rules.is_empty()).then_some(TelemetryCommand::SetDecoders(rules));
    schemas.into_iter().chain(rules).collect()
}

fn rules(args: &SieveArgs, types: &[String]) -> Result<Vec<Rule>, Problem> {
    let mut rules: Vec<Rule> = args
        .decode
        .iter()
        .map(|rule| Rule { filter: rule.filter.clone(), kind: rule.kind, message_type: rule.message_type.clone() })
        .collect();
    for rule in rules.iter_mut().filter(|rule| rule.kind == DecoderKind::Protobuf) {
        match &rule.message_type {
            None if types.is_empty() => {}
            None => rule.message_type = Some(only_type(types)?),
            Some(name) => rule.message_type = Some(full_name(name, types)?),
        }
    }
    if !types.is_empty() && !rules.iter().any(|rule| rule.kind == DecoderKind::Protobuf) {
        let message_type = Some(only_type(types)?);
        rules.insert(0, Rule { filter: TopicFilter::everything(), kind: DecoderKind::Protobuf, message_type });
    }
    Ok(rules)
}

fn only_type(types: &[String]) -> Result<String, Problem> {
    match types {
        [only] => Ok(only.clone()),
        types => Err(Problem::new(
            "decode.schema_type",
            format!("The schemas have {} message types", types.len()),
            "It was not said which of them the payloads are",
            format!("Name it with --decode FILTER=protobuf:TYPE; there are {}", listed(types)),
        )),
    }
}

/// The message type of that name, with its package or without.
fn full_name(name: &str, types: &[String]) -> Result<String, Problem> {
    let name = name.trim_start_matches('.');
    let fits = |full: &&String| full.as_str() == name || full.ends_with(&format!(".{name}"));
    types.iter().find(|full| full.as_str() == name).or_else(|| types.iter().find(fits)).cloned().ok_or_else(|| {
        let next_step = match types {
            [] => "Give the schema's file with --proto".to_owned(),
            types => format!("Name one of {}", listed(types)),
        };
        Problem::new(
            "decode.schema_type",
            format!("No schema has a message type {}", visible(name, 80)),
            "It's spelled differently, or is in a file that wasn't chosen",
            next_step,
        )
    })
}

fn listed(types: &[String]) -> String {
    let named: Vec<String> = types.iter().take(NAMED).map(|name| visible(name, 80)).collect();
    let more = if types.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn read_schema(path: &Path) -> Result<(String, String), Problem> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let unreadable = |cause: &'static str, detail: String| {
        let what = format!("The schema {} could not be read", visible(&path.display().to_string(), 120));
        Problem::new("decode.schema_file", what, cause, "Check the path and its permissions").with_detail(detail)
    };
    let wrong = "The file is missing, may not be read, or isn't text";
    let read = local::read_whole(path, MAX_SCHEMA_BYTES + 1).map_err(|error| unreadable(wrong, error.to_string()))?;
    if read.expose().len() > MAX_SCHEMA_BYTES {
        return Err(unreadable("The file is too large for a schema", String::new()));
    }
    match std::str::from_utf8(read.expose()) {
        Ok(text) => Ok((name, text.to_owned())),
        Err(error) => Err(unreadable(wrong, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "syntax = \"proto3\"; package site; message Reading { int32 t = 1; }";

    fn args(decode: &str) -> SieveArgs {
        let (filter, message_type) = decode.split_once('=').unwrap();
        let rule = super::super::args::DecodeRule {
            filter: filter.parse().unwrap(),
            kind: DecoderKind::Protobuf,
            message_type: Some(message_type.to_owned()).filter(|name| !name.is_empty()),
        };
        SieveArgs { decode: vec![rule], ..SieveArgs::default() }
    }

    #[test]
    fn a_message_type_is_found_by_its_short_name_or_because_it_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reading.proto");
        std::fs::write(&path, SCHEMA).unwrap();
        let read = |args: SieveArgs| {
            let decoders = decoders(&SieveArgs { proto: vec![path.clone()], ..args }).unwrap();
            decoders.value(b"a", &[0x08, 21], 0).at("t").and_then(crate::telemetry::value::Value::as_number)
        };
        assert_eq!(read(args("a=Reading")), Some(21.0));
        assert_eq!(read(args("a=site.Reading")), Some(21.0));
        assert_eq!(read(args("a=")), Some(21.0));
        assert_eq!(read(SieveArgs::default()), Some(21.0));
        let wrong = decoders(&SieveArgs { proto: vec![path.clone()], ..args("a=Other") }).unwrap_err();
        assert_eq!((wrong.code, wrong.next_step.as_str()), ("decode.schema_type", "Name one of site.Reading"));
        let missing = SieveArgs { proto: vec![folder.path().join("no.proto")], ..SieveArgs::default() };
        assert_eq!(decoders(&missing).unwrap_err().code, "decode.schema_file");
    }
}
