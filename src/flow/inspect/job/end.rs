//! The end of an inspection: farewell, files closed, what it amounted to, the outcome on record.

use serde_json::json;
use tokio::time::{Instant, timeout};

use super::super::link::Happened;
use super::recording::{Held, writer_ready};
use super::{FINISH_LIMIT, Job, Told};
use crate::flow::port::{Delivery, RecordsError};
use crate::msg::telemetry::{InspectionStats, TelemetryEvent};

/// Silent topics that are told at the end.
const SILENT: usize = 100;

impl Job {
    /// Says farewell, closes the files, tells what it amounted to, and puts the outcome on record.
    pub(in crate::flow::inspect) async fn wind_down(&mut self, is_patient: bool) -> Result<String, RecordsError> {
        // As it stands now: with the farewell nothing can come any more.
        let silent = self.inspector.silent(self.now_mono(), SILENT);
        if self.link.close() && is_patient {
            self.take_what_is_on_its_way().await;
        }
        self.link.drop_now();
        let mut told = Told::default();
        self.acts.end(&mut told);
        self.take_told(told).await;
        self.stop_searching().await;
        if let Some(Held { batch, .. }) = self.held.take() {
            self.ingest(batch).await;
        }
        self.close_identity("done", json!({})).await;
        self.finish_recorders().await;
        self.make_snapshot(Instant::now()).await;
        let totals = self.inspector.totals();
        let (cpu, peak_rss_bytes) = (self.setup.usage)();
        let stats = InspectionStats {
            messages: totals.messages,
            bytes: totals.bytes,
            span: totals.span,
            held: totals.held,
            evicted: totals.evicted,
            dropped: totals.dropped,
            left_out: totals.left_out,
            cpu,
            peak_rss_bytes,
        };
        if !silent.is_empty() {
            self.tell(TelemetryEvent::Silent(silent)).await;
        }
        self.tell(TelemetryEvent::Stats(stats)).await;
        self.write_end(totals.messages).await
    }

    /// Messages, packets and answers that come before the farewell is over.
    async fn take_what_is_on_its_way(&mut self) {
        while !self.link.is_off() {
            let finish = async {
                while self.held.is_some() {
                    writer_ready(self.held.as_ref(), self.ring.as_ref(), self.recording.as_ref()).await;
                    self.offer_held().await;
                }
            };
            if timeout(FINISH_LIMIT, finish).await.is_err() {
                return;
            }
            let Happened::Delivery(delivery) = self.link.next(true).await else { continue };
            match delivery {
                Delivery::Messages(batch) => self.take(batch).await,
                Delivery::Packets(packets) => self.packets(packets).await,
                Delivery::Published { ticket, end } => {
                    let mut told = Told::default();
                    self.acts.answered(ticket, end, &mut told);
                    self.take_told(told).await;
                }
                Delivery::Subscribed { .. } | Delivery::Unsubscribed { .. } | Delivery::Ended(_) => {}
            }
        }
    }

    pub(super) async fn write_end(&mut self, messages: u64) -> Result<String, RecordsError> {
        let note = match messages {
            0 => "No message came".to_owned(),
            1 => "One message came".to_owned(),
            messages => format!("{messages} messages came"),
        };
        let (Ok(records), Some(record)) = (&self.setup.records, self.record) else { return Ok(note) };
        let (outcome, reason, summary) = match (&self.last_problem, self.acts_unknown) {
            (_, 1..) => {
                let requests = match self.acts_unknown {
                    1 => "one request".to_owned(),
                    requests => format!("{requests} requests"),
                };
                let summary = format!("What came of {requests} is unknown; check the broker");
                ("unknown", "inspect.unknown".to_owned(), summary)
            }
            (Some(problem), 0) if !self.was_connected => ("failed", problem.code.to_owned(), problem.what.clone()),
            (_, 0) if !self.was_connected => {
                ("cancelled", "inspect.stopped".to_owned(), "Stopped before there was a connection".to_owned())
            }
            (_, 0) => {
                let acts = match self.acts_done {
                    0 => "nothing was changed".to_owned(),
                    1 => "one act was done".to_owned(),
                    acts => format!("{acts} acts were done"),
                };
                let in_vain = match self.acts_in_vain {
                    0 => String::new(),
                    1 => "; one act changed nothing".to_owned(),
                    acts => format!("; {acts} acts changed nothing"),
                };
                let lost = match self.losses {
                    0 => String::new(),
                    1 => "; the connection was lost once".to_owned(),
                    losses => format!("; the connection was lost {losses} times"),
                };
                ("done", "inspect.closed".to_owned(), format!("{note}; {acts}{in_vain}{lost}"))
            }
        };
        records.end(record, outcome, reason, summary).await?;
        Ok(note)
    }
}
