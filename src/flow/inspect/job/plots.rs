//! Tables of curves on their way to a file: made in slices between all else, so that messages, the window and the disk go on.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::InspectError;
use super::{Away, Job};
use crate::model::destination::Destination;
use crate::model::problem::Explain as _;
use crate::telemetry::inspector::PlotTable;
use crate::telemetry::view::PlotSpec;

/// Tables on their way, the first one being made.
#[derive(Default)]
pub(super) struct Plots(VecDeque<(Destination, std::io::Result<PlotTable>)>);

impl Plots {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Job {
    pub(super) fn export_plot(&mut self, destination: Destination, spec: PlotSpec) {
        self.plots.0.push_back((destination, self.inspector.plot_table(spec)));
    }

    /// Goes on with the first table for a slice; what is complete goes to the disk.
    pub(super) fn work_on_plots(&mut self) {
        let Some((_, table)) = self.plots.0.front_mut() else { return };
        let went_on = match table {
            Ok(table) => self.inspector.go_on(table),
            // It could not even be begun.
            Err(_) => Ok(true),
        };
        if matches!(went_on, Ok(false)) {
            return;
        }
        let Some((destination, table)) = self.plots.0.pop_front() else { return };
        let table = went_on.and_then(|_| table?.finish());
        let files = Arc::clone(&self.setup.files);
        self.away.push(Box::pin(async move {
            let path = destination.path().to_owned();
            let result = match table {
                Ok((table, points)) => files.save(destination, table).await.map(|()| points),
                Err(error) => Err(InspectError::NoTable { detail: error.to_string() }.explain()),
            };
            Away::Plot(path, result)
        }));
    }
}
