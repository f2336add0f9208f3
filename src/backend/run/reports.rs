//! Reports of what is on record: gathers the jobs, the state of the records and the numbers of recordings, and has them written.

use std::path::Path;

use super::{Workers, crashed, operator};
use crate::io::{computer, recordings, records, save};
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::JobHistory;
use crate::model::standing::is_named_in;
use crate::msg::{Event, JobEnd, ReportPlan};
use crate::papers::commissioning::{self, Report, Writing};
use crate::papers::plot::Curve;
use crate::papers::{Form, html, pdf, text};

/// Pictures in one report.
const MOST_CURVES: usize = 12;

impl Workers {
    /// Makes a report, tells it, and writes it where the plan names a place.
    pub(super) fn write_report(&mut self, job: JobId, plan: ReportPlan) {
        let (records, data, reporter) = (self.parts.records.clone(), self.parts.data.clone(), self.reporter.clone());
        let operator = operator(&self.settings.borrow().operator);
        self.spawn(job, async move {
            let jobs = match records {
                Ok(records) => gather(&records, &plan).await,
                Err(error) => Err(error.explain()),
            };
            let jobs = match jobs {
                Ok(jobs) => jobs,
                Err(problem) => return JobEnd::Failed(problem),
            };
            let made = tokio::task::spawn_blocking(move || make(&plan, &jobs, &data, operator)).await;
            match made.unwrap_or_else(|error| Err(crashed(&error))) {
                Ok((report, note)) => {
                    reporter.report(Event::ReportMade { job, report: Box::new(report) }).await;
                    JobEnd::Done { note }
                }
                Err(problem) => JobEnd::Failed(problem),
            }
        });
    }
}

async fn gather(records: &records::RecordStore, plan: &ReportPlan) -> Result<Vec<JobHistory>, Problem> {
    let jobs = records.traces().await.map_err(|error| error.explain())?;
    let wanted = commissioning::wanted(&plan.about, &jobs)?;
    records.fill(jobs, wanted).await.map_err(|error| error.explain())
}

/// Blocks: it audits the records, reads recordings and writes the file.
fn make(
    plan: &ReportPlan,
    jobs: &[JobHistory],
    data: &crate::io::files::DataDir,
    operator: String,
) -> Result<(Report, String), Problem> {
    let audit = records::audit(data, None).map_err(|error| error.explain())?;
    let mut curves = Vec::new();
    for recording in &plan.recordings {
        curves.extend(curves_of(recording)?);
    }
    let now = jiff::Timestamp::now();
    let zone = jiff::tz::TimeZone::system();
    let mut writing = Writing {
        at: now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        zone: zone.clone(),
        computer: computer::name(),
        operator,
        audit: &audit,
        curves: &[],
    };
    let about_whom = commissioning::report(&plan.about, jobs, &writing)?;
    let curves = chosen(curves, &about_whom);
    writing.curves = &curves;
    let report = Report { curves: writing.curves.to_vec(), ..about_whom };
    let Some((form, destination)) = &plan.file else { return Ok((report, String::new())) };
    let bytes = bytes(&report, *form, &zone)?;
    save::save(&with_sources(destination, plan), &bytes).map_err(|error| error.explain())?;
    Ok((report, super::support::saved(destination)))
}

fn with_sources(destination: &Destination, plan: &ReportPlan) -> Destination {
    destination.clone().made_from(plan.recordings.iter().cloned())
}

fn bytes(report: &Report, form: Form, zone: &jiff::tz::TimeZone) -> Result<Vec<u8>, Problem> {
    let sheet = || commissioning::sheet(report, zone);
    Ok(match form {
        Form::Html => html(&sheet()).into_bytes(),
        Form::Pdf => pdf(&sheet(), &report.written_at)?,
        Form::Json => report.json(),
        Form::Text => text(&sheet()).into_bytes(),
    })
}

fn curves_of(path: &Path) -> Result<Vec<Curve>, Problem> {
    let mut source = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let (numbers, left_out) = recordings::numbers(path).map_err(|error| error.explain())?;
    if !left_out.is_nothing() {
        source.push_str(" (damaged: not all messages could be read)");
    }
    let curve = |numbers: crate::telemetry::curves::Numbers| {
        let name =
            if numbers.field.is_empty() { numbers.topic } else { format!("{}, {}", numbers.topic, numbers.field) };
        Curve { name, source: source.clone(), points: numbers.points }
    };
    Ok(numbers.into_iter().map(curve).collect())
}

/// Those that name a gateway of the report, where any does; else the busiest.
fn chosen(curves: Vec<Curve>, report: &Report) -> Vec<Curve> {
    let is_named = |curve: &Curve| {
        let topic = curve.name.split(", ").next().unwrap_or_default();
        report.gateways.iter().any(|gateway| is_named_in(topic, &gateway.name))
    };
    let has_named = curves.iter().any(is_named);
    curves.into_iter().filter(|curve| !has_named || is_named(curve)).take(MOST_CURVES).collect()
}
