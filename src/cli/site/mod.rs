//! `linesman site list|show|validate|compare`: what is expected at a site, and what was found there.

mod found;
mod print;

use std::path::Path;

pub(super) use print::comparison;

use super::args::SiteCommand;
use super::output::{Exit, Output};
use super::{profiles, records_report};
use crate::backend::Handle;
use crate::backend::local::{self, NotLoaded};
use crate::model::problem::Problem;
use crate::profile::site::{Comparison, Found, Site, compare};

/// Runs a subcommand. Only what looks into the records needs the workers.
pub fn site(handle: Option<&mut Handle>, data_dir: Option<&Path>, command: &SiteCommand, out: &mut Output) -> Exit {
    let done = match command {
        SiteCommand::List => list(data_dir, out),
        SiteCommand::Show { site } => show(data_dir, site, out),
        SiteCommand::Validate { site } => validate(data_dir, site, out),
        SiteCommand::Compare { site, found, .. } => compare_with(handle, data_dir, site, found.as_deref(), out),
    };
    done.unwrap_or_else(|problem| {
        out.problem(&problem);
        Exit::of(&problem)
    })
}

fn list(data_dir: Option<&Path>, out: &mut Output) -> Result<Exit, Problem> {
    let paths = local::list_sites(data_dir)?;
    for path in &paths {
        match local::load_site(path) {
            Ok(site) => print::site(path, &site, out),
            Err(error) => error.problems().iter().for_each(|problem| out.problem(problem)),
        }
    }
    if paths.is_empty() {
        out.text("There are no sites yet. docs/site.md says how to write one; put it into the folder `sites` of the data folder.");
    }
    out.json(&serde_json::json!({ "kind": "summary", "sites": paths.len() }));
    Ok(Exit::Good)
}

fn show(data_dir: Option<&Path>, named: &Path, out: &mut Output) -> Result<Exit, Problem> {
    let path = local::find_site(data_dir, named)?;
    let Some(site) = load(&path, out)? else { return Ok(Exit::Usage) };
    print::whole(&path, &site, out);
    site.remarks(&local::profiles(data_dir)?).iter().for_each(|remark| out.note(remark));
    out.json(&serde_json::json!({ "kind": "summary", "site": site.name, "gateways": site.gateways.len() }));
    Ok(Exit::Good)
}

fn validate(data_dir: Option<&Path>, named: &Path, out: &mut Output) -> Result<Exit, Problem> {
    let path = local::find_site(data_dir, named)?;
    let Some(site) = load(&path, out)? else { return Ok(Exit::Findings) };
    print::site(&path, &site, out);
    site.remarks(&local::profiles(data_dir)?).iter().for_each(|remark| out.note(remark));
    print::valid(&path, &site, out);
    Ok(Exit::Good)
}

fn compare_with(
    handle: Option<&mut Handle>,
    data_dir: Option<&Path>,
    named: &Path,
    file: Option<&Path>,
    out: &mut Output,
) -> Result<Exit, Problem> {
    let path = local::find_site(data_dir, named)?;
    let Some(site) = load(&path, out)? else { return Ok(Exit::Usage) };
    let found = match (file, handle) {
        (Some(file), _) => found::in_lines(&local::read_found(file)?)?,
        (None, Some(handle)) => return on_record(handle, &site, out),
        (None, None) => Vec::new(),
    };
    Ok(against(&site, &found, out))
}

/// Holds what is on record against a site, by the rule of its report.
fn on_record(handle: &mut Handle, site: &Site, out: &mut Output) -> Result<Exit, Problem> {
    let report = records_report::of_site(handle, site)?;
    let lines = report.site.map(|part| part.lines).unwrap_or_default();
    for line in &lines {
        print::on_record(line, out);
    }
    let compared = Comparison { lines: lines.into_iter().map(|line| line.line).collect() };
    print::summary(site, &compared, out);
    Ok(if compared.is_good() { Exit::Good } else { Exit::Findings })
}

/// The site that was named beside another command, read before anything is done.
pub(super) fn named(data_dir: Option<&Path>, named: &Path, out: &mut Output) -> Result<Site, Exit> {
    match local::find_site(data_dir, named).and_then(|path| load(&path, out)) {
        Ok(Some(site)) => Ok(site),
        Ok(None) => Err(Exit::Usage),
        Err(problem) => {
            out.problem(&problem);
            Err(Exit::of(&problem))
        }
    }
}

/// Prints how what was found stands against a site.
pub(super) fn against(site: &Site, found: &[Found], out: &mut Output) -> Exit {
    let compared = compare(site, found);
    comparison(site, &compared, out);
    if compared.is_good() { Exit::Good } else { Exit::Findings }
}

/// Loads a site; its mistakes are printed.
pub(super) fn load(path: &Path, out: &mut Output) -> Result<Option<Site>, Problem> {
    match local::load_site(path) {
        Ok(site) => Ok(Some(site)),
        Err(NotLoaded::Unread(problem)) => Err(*problem),
        Err(NotLoaded::Mistakes(errors)) => {
            out.line(profiles::mistakes(&path.display().to_string(), &errors, out.is_json()));
            Ok(None)
        }
    }
}
