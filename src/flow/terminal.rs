//! A terminal on a serial port: bytes both ways, and files no faster than the line takes them.
//!
//! What the device writes is noted in the transcript; of what a person types or sends only the number of octets is, since
//! it may be a password. What the device echoes is written by the device.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::commission::stopped;
use super::port::{Link, LinkCommand, LinkError, LinkEvent, Links, Records};
use super::transcript::SharedTranscript;
use crate::model::ids::LinkAddress;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::JobIntent;
use crate::model::secret::Secret;
use crate::msg::JobEnd;
use crate::msg::terminal::TerminalOutput;

/// How long opening a port may take.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How long what the device writes is gathered before it is told.
const GATHER: Duration = Duration::from_millis(20);
/// Most octets told at once.
const MAX_PIECE: usize = 8 * 1024;
/// Octets of a file that go out at once.
const FILE_PIECE: usize = 128;
/// How often the progress of a file is told.
const FILE_NEWS: Duration = Duration::from_millis(100);
/// How long the line may take no more octets.
const WRITE_LIMIT: Duration = Duration::from_secs(5);
/// Octets handed over at once, so that the slowest line takes a piece within the limit.
const WRITE_PIECE: usize = 64;

/// What a terminal needs to begin.
pub struct Setup {
    /// The port.
    pub link: LinkAddress,
    /// The speed of the line, in bits a second.
    pub baud: u32,
    /// Where bytes come from.
    pub links: Arc<dyn Links>,
    /// Where what happens is told.
    pub output: mpsc::Sender<TerminalOutput>,
    /// Where bytes are noted.
    pub transcript: SharedTranscript,
    /// What goes on record at the start.
    pub intent: JobIntent,
    /// Where it is recorded that the port was open and how much went each way; of the content nothing is.
    pub records: Arc<dyn Records>,
}

/// Octets each way.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    sent: u64,
}

/// What is to be done.
pub enum Input {
    /// Write these.
    Bytes(Secret<Vec<u8>>),
    /// Send a file.
    File(Secret<Vec<u8>>),
    /// Stop sending the file.
    StopFile,
    /// End it.
    Close,
}

/// Runs a terminal until it is closed, stopped, or the port goes away.
pub async fn run(setup: Setup, mut inputs: mpsc::Receiver<Input>, mut stop: watch::Receiver<bool>) -> JobEnd {
    let records = Arc::clone(&setup.records);
    let record = match records.begin(setup.intent.clone()).await {
        Ok(record) => record,
        Err(error) => return JobEnd::Failed(error.explain()),
    };
    let mut counts = Counts::default();
    let end = tokio::select! {
        biased;
        () = stopped(&mut stop) => JobEnd::Cancelled,
        end = drive(setup, &mut inputs, &mut counts) => match end {
            Ok(()) => JobEnd::Done { note: "The terminal was closed".into() },
            Err(error) => JobEnd::Failed(error.explain()),
        },
    };
    let Counts { received, sent } = counts;
    let bytes = format!("{received} bytes received, {sent} sent");
    let (outcome, reason, summary) = match &end {
        JobEnd::Done { .. } => ("closed", "terminal.closed", format!("Terminal closed: {bytes}")),
        JobEnd::Cancelled => ("cancelled", "session.stopped", format!("Terminal stopped: {bytes}")),
        JobEnd::Failed(Problem { code, what, .. }) => ("failed", *code, format!("{what}; {bytes}")),
    };
    match records.end(record, outcome, reason.to_owned(), summary).await {
        Ok(()) => end,
        Err(error) => JobEnd::Failed(error.explain()),
    }
}

async fn drive(setup: Setup, inputs: &mut mpsc::Receiver<Input>, counts: &mut Counts) -> Result<(), LinkError> {
    let Setup { link, baud, links, output, transcript, .. } = setup;
    let port = link.place().to_owned();
    let opened = timeout(OPEN_LIMIT, links.open_at(&link, baud)).await;
    let link =
        opened.unwrap_or_else(|_| Err(LinkError::Io { port, detail: "opening the port took too long".into() }))?;
    let mut terminal = Terminal {
        link,
        output,
        transcript,
        counts,
        started: Instant::now(),
        gathered: Vec::new(),
        tell_at: None,
        file: None,
        pace: Duration::from_micros(FILE_PIECE as u64 * 10 * 1_000_000 / u64::from(baud.max(1))),
    };
    terminal.tell(TerminalOutput::Opened).await;
    loop {
        let file_at = terminal.file.as_ref().map(|file| file.next_at);
        tokio::select! {
            input = inputs.recv() => match input {
                None | Some(Input::Close) => break,
                Some(input) => terminal.handle_input(input).await?,
            },
            event = terminal.link.incoming.recv() => terminal.handle_link(event).await?,
            () = at(terminal.tell_at) => terminal.tell_gathered().await,
            () = at(file_at) => terminal.send_piece().await?,
        }
    }
    terminal.finish().await;
    Ok(())
}

/// Waits until then; without a time for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

struct Terminal<'a> {
    link: Link,
    counts: &'a mut Counts,
    output: mpsc::Sender<TerminalOutput>,
    transcript: SharedTranscript,
    started: Instant,
    /// What the device wrote and nobody was told yet.
    gathered: Vec<u8>,
    tell_at: Option<Instant>,
    file: Option<File>,
    /// Time that one piece of a file takes on the line.
    pace: Duration,
}

/// A file on its way.
struct File {
    content: Secret<Vec<u8>>,
    sent: usize,
    next_at: Instant,
    news_at: Instant,
}

impl Terminal<'_> {
    async fn tell(&self, output: TerminalOutput) {
        // A front end that has gone hears nothing; its going ends the job by another way.
        let _ = self.output.send(output).await;
    }

    async fn handle_input(&mut self, input: Input) -> Result<(), LinkError> {
        match input {
            Input::Bytes(bytes) => {
                self.note(&format!("typed {} bytes", bytes.expose().len()));
                self.write(bytes.expose().clone()).await
            }
            Input::File(content) => {
                self.note(&format!("a file of {} bytes begins", content.expose().len()));
                let now = Instant::now();
                self.file = Some(File { content, sent: 0, next_at: now, news_at: now });
                Ok(())
            }
            Input::StopFile => {
                self.end_file(Some("it was stopped".into())).await;
                Ok(())
            }
            Input::Close => Ok(()),
        }
    }

    async fn handle_link(&mut self, event: Option<LinkEvent>) -> Result<(), LinkError> {
        match event {
            Some(LinkEvent::Bytes(bytes)) => {
                self.transcript.received(self.started.elapsed(), &bytes);
                self.counts.received += bytes.len() as u64;
                self.gathered.extend_from_slice(&bytes);
                if self.gathered.len() >= MAX_PIECE {
                    self.tell_gathered().await;
                } else {
                    self.tell_at.get_or_insert_with(|| Instant::now() + GATHER);
                }
                Ok(())
            }
            Some(LinkEvent::Closed(error)) => {
                self.tell_gathered().await;
                Err(error)
            }
            None => Err(LinkError::Vanished { port: "the port".into() }),
        }
    }

    /// Lets the line take what is still on its way to the device, and tells what came in meanwhile.
    async fn finish(mut self) {
        self.link.outgoing = mpsc::channel(1).0;
        let rest = async {
            while let Some(event) = self.link.incoming.recv().await {
                if self.handle_link(Some(event)).await.is_err() {
                    break;
                }
            }
        };
        // A line that takes nothing any more loses the rest, as it would have anyway.
        let _ = timeout(WRITE_LIMIT, rest).await;
        self.tell_gathered().await;
    }

    async fn tell_gathered(&mut self) {
        self.tell_at = None;
        if !self.gathered.is_empty() {
            let bytes = std::mem::take(&mut self.gathered);
            self.tell(TerminalOutput::Bytes(bytes)).await;
        }
    }

    async fn send_piece(&mut self) -> Result<(), LinkError> {
        let now = Instant::now();
        let pace = self.pace;
        let Some(file) = &mut self.file else { return Ok(()) };
        let total = file.content.expose().len();
        let end = total.min(file.sent + FILE_PIECE);
        let piece = file.content.expose()[file.sent..end].to_vec();
        file.sent = end;
        file.next_at = now + pace;
        let news = (file.news_at <= now).then(|| {
            file.news_at = now + FILE_NEWS;
            TerminalOutput::FileProgressed { sent: end as u64, total: total as u64 }
        });
        if !piece.is_empty() {
            self.write(piece).await?;
        }
        if let Some(news) = news {
            self.tell(news).await;
        }
        if end == total {
            self.end_file(None).await;
        }
        Ok(())
    }

    async fn end_file(&mut self, stopped: Option<String>) {
        let Some(file) = self.file.take() else { return };
        self.note(&format!("the file ended after {} bytes", file.sent));
        self.tell(TerminalOutput::FileEnded { sent: file.sent as u64, stopped }).await;
    }

    /// Writes. A device that takes nothing for long keeps no keyboard waiting; one that takes it slowly is waited for, piece
    /// by piece.
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), LinkError> {
        for piece in bytes.chunks(WRITE_PIECE) {
            self.write_piece(piece.to_vec()).await?;
        }
        Ok(())
    }

    async fn write_piece(&mut self, bytes: Vec<u8>) -> Result<(), LinkError> {
        let octets = bytes.len() as u64;
        let sending = self.link.send(LinkCommand::Write(bytes));
        match timeout(WRITE_LIMIT, sending).await {
            Ok(Ok(())) => {
                self.counts.sent += octets;
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LinkError::Io { port: "the port".into(), detail: "it accepts no more data".into() }),
        }
    }

    fn note(&self, text: &str) {
        self.transcript.note(self.started.elapsed(), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    use crate::flow::port::{Boxed, RecordsError};
    use crate::model::gateway::PortFacts;
    use crate::model::record::{RecordId, StepEntry};

    /// One port whose far end the test holds.
    struct OnePort(std::sync::Mutex<Option<Link>>);

    impl Links for OnePort {
        fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }

        fn open<'a>(&'a self, _address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
            let link = self.0.lock().unwrap().take();
            Box::pin(std::future::ready(link.ok_or(LinkError::Busy { port: "one".into() })))
        }
    }

    /// Records as lines of text.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Records for Lines {
        fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
            self.0.lock().unwrap().push(format!("{} {}", intent.action, intent.link));
            Box::pin(std::future::ready(Ok(RecordId(1))))
        }

        fn step(&self, _job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
            panic!("{entry:?}")
        }

        fn end(
            &self,
            _job: RecordId,
            outcome: &'static str,
            reason: String,
            summary: String,
        ) -> Boxed<'_, Result<(), RecordsError>> {
            self.0.lock().unwrap().push(format!("{outcome} {reason} {summary}"));
            Box::pin(std::future::ready(Ok(())))
        }
    }

    struct Stage {
        records: Lines,
        inputs: mpsc::Sender<Input>,
        output: mpsc::Receiver<TerminalOutput>,
        commands: mpsc::Receiver<LinkCommand>,
        events: mpsc::Sender<LinkEvent>,
        transcript: SharedTranscript,
        job: tokio::task::JoinHandle<JobEnd>,
        _stop: watch::Sender<bool>,
    }

    fn start(baud: u32) -> Stage {
        let (outgoing, commands) = mpsc::channel(1);
        let (events, incoming) = mpsc::channel(64);
        let (output_tx, output) = mpsc::channel(64);
        let (inputs, input_rx) = mpsc::channel(64);
        let (stop, stop_rx) = watch::channel(false);
        let transcript = SharedTranscript::new("test");
        let records = Lines::default();
        let setup = Setup {
            intent: JobIntent {
                action: "terminal".into(),
                gateway: "one".into(),
                link: "serial:one".into(),
                profile: None,
                driver: None,
                operator: "tester".into(),
                is_simulated: true,
            },
            records: Arc::new(records.clone()),
            link: LinkAddress::Serial("one".into()),
            baud,
            links: Arc::new(OnePort(std::sync::Mutex::new(Some(Link { outgoing, incoming })))),
            output: output_tx,
            transcript: transcript.clone(),
        };
        let job = tokio::spawn(run(setup, input_rx, stop_rx));
        Stage { records, inputs, output, commands, events, transcript, job, _stop: stop }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_go_both_ways_and_what_is_typed_is_not_noted() {
        let mut stage = start(115_200);
        assert!(matches!(stage.output.recv().await, Some(TerminalOutput::Opened)));
        stage.inputs.send(Input::Bytes(Secret::new(b"hunter2\r".to_vec()))).await.ok().unwrap();
        assert!(matches!(stage.commands.recv().await, Some(LinkCommand::Write(bytes)) if bytes == b"hunter2\r"));
        for _ in 0..3 {
            stage.events.send(LinkEvent::Bytes(b"abc".to_vec())).await.unwrap();
        }
        assert!(matches!(stage.output.recv().await, Some(TerminalOutput::Bytes(bytes)) if bytes == b"abcabcabc"));
        stage.inputs.send(Input::Close).await.ok().unwrap();
        assert_eq!(stage.job.await.unwrap(), JobEnd::Done { note: "The terminal was closed".into() });
        let lines = stage.records.0.lock().unwrap().clone();
        let closed = "closed terminal.closed Terminal closed: 9 bytes received, 8 sent";
        assert_eq!(lines, ["terminal serial:one", closed]);
        let text = stage.transcript.render();
        assert!(text.contains("typed 8 bytes") && !text.contains("hunter"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_takes_the_time_of_the_line_and_can_be_stopped() {
        let mut stage = start(9600);
        let begun = Instant::now();
        stage.inputs.send(Input::File(Secret::new(vec![b'x'; 9600]))).await.ok().unwrap();
        let mut sent = 0;
        while sent < 4800 {
            let Some(LinkCommand::Write(bytes)) = stage.commands.recv().await else { panic!("the link ended") };
            sent += bytes.len();
        }
        let took = begun.elapsed();
        assert!((4.5..5.5).contains(&took.as_secs_f64()), "{took:?}");
        stage.inputs.send(Input::StopFile).await.ok().unwrap();
        loop {
            match stage.output.recv().await.unwrap() {
                TerminalOutput::FileEnded { sent, stopped } => {
                    assert!(sent < 6000 && stopped.is_some());
                    break;
                }
                TerminalOutput::FileProgressed { total, .. } => assert_eq!(total, 9600),
                TerminalOutput::Opened | TerminalOutput::Bytes(_) => {}
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_paste_of_some_kilobytes_at_9600_baud_is_not_given_up() {
        let mut stage = start(9600);
        let paste = vec![b'x'; 7000];
        for _ in 0..2 {
            stage.inputs.send(Input::Bytes(Secret::new(paste.clone()))).await.ok().unwrap();
        }
        stage.inputs.send(Input::Close).await.ok().unwrap();
        let mut taken = 0;
        while let Some(LinkCommand::Write(bytes)) = stage.commands.recv().await {
            taken += bytes.len();
            tokio::time::sleep(Duration::from_micros(bytes.len() as u64 * 10 * 1_000_000 / 9600)).await;
        }
        assert_eq!(taken, 14_000);
        assert!(matches!(stage.job.await.unwrap(), JobEnd::Done { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_that_goes_away_ends_the_terminal_with_its_reason() {
        let stage = start(115_200);
        stage.events.send(LinkEvent::Closed(LinkError::Vanished { port: "one".into() })).await.unwrap();
        assert!(matches!(stage.job.await.unwrap(), JobEnd::Failed(problem) if problem.code == "serial.vanished"));
        let lines = stage.records.0.lock().unwrap().clone();
        assert!(lines.last().is_some_and(|line| line.starts_with("failed serial.vanished")), "{lines:?}");
    }
}
