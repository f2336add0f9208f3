//! What becomes of one push: what was known before it, the sending, what the gateway says of it at once, when it is asked again
//! and later unasked, and the verdict that comes of all that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::Session;
use crate::flow::conclude::{End, Facts, asked_again, before_the_push, conclude, evidence_of};
use crate::flow::driver::{Driver, Followed};
use crate::flow::error::SessionError;
use crate::flow::port::{LinkError, Sight};
use crate::flow::{look, step};
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{Protection, ProvisioningState};
use crate::model::outcome::{Evidence, EvidenceKind, Verdict};
use crate::model::problem::Explain as _;
use crate::model::verdict::{Asked, Before, Ground, Look, Observation, Seen, Station, rule};
use crate::msg::{Progress, Step};

/// A push whose end is open.
pub(super) struct OpenPush {
    pub(super) credentials: WifiCredentials,
    evidence: Vec<Evidence>,
    sent_at: Duration,
    /// What was known of its network before.
    before: Before,
    followed: Followed,
    /// What was told of it last.
    told: Option<Ground>,
    /// How often what the gateway said unasked has changed that.
    late_words: usize,
    /// When a late "it could not join" has stood for long enough.
    settles_at: Option<Instant>,
}

/// How long this computer looks for a gateway that joined.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// How long "it could not join" has to stand before it counts.
const SETTLE: Duration = Duration::from_secs(3);
/// The same where it named no error and only waits for a network again: one that restarts on the way says that too until it has
/// joined.
const SETTLE_UNNAMED: Duration = Duration::from_secs(25);
/// The same once the gateway says that it joins again.
const TRYING_AGAIN: Duration = Duration::from_secs(15);
/// So often a gateway may change its word while nobody asks; after that it is left at what was known last.
const LATE_WORDS: usize = 8;

impl OpenPush {
    /// Takes in a state that the gateway told unasked. What it told so before is worth nothing any more, so that a gateway
    /// that goes on telling takes no more memory. Whether that state says anything of the network.
    fn hear(&mut self, state: ProvisioningState) -> bool {
        let Some(heard) = unasked(state) else { return false };
        self.followed.last_word = Some(state.label().to_owned());
        let is_unasked = |seen: &Observation| matches!(seen, Observation::Look(look) if look.seen == Seen::Unasked);
        let observations = &mut self.followed.observations;
        observations.retain(|seen| !is_unasked(seen) && *seen != heard);
        observations.push(heard);
        true
    }

    /// For how long a gateway that could not join, by its word so far, may take that back; nothing for every other end.
    fn settles_in(&self) -> Option<Duration> {
        match self.end().ground {
            Ground::FellBack => Some(SETTLE_UNNAMED),
            Ground::Refused(refusal) => refusal.kind.is_about_joining().then_some(SETTLE),
            _ => None,
        }
    }

    /// It was heard starting on the way. Noted once: one that starts over and over takes no more memory.
    fn note_restart(&mut self) {
        let observations = &mut self.followed.observations;
        if !observations.contains(&Observation::Restarted) {
            observations.extend([Observation::Restarted, Observation::TimeOver]);
        }
        self.followed.last_word = Some("restarted on the way".to_owned());
    }

    /// A start that was heard later. What was refused before it stays refused.
    fn take_in_start(&mut self, device: &mut dyn Driver) {
        let is_refused = self.told.as_ref().is_some_and(|told| told.verdict() == Verdict::Refused);
        if device.heard_start() && !is_refused {
            self.note_restart();
        }
    }

    /// The link broke while it was listened to.
    fn note_loss(&mut self, error: LinkError) {
        self.followed.observations.push(Observation::LinkLost);
        self.followed.broken = Some(error);
    }

    /// Rules on what was observed so far.
    fn end(&self) -> End {
        let Followed { observations, connection, last_word, broken } = &self.followed;
        let asked = Asked { ssid: &self.credentials.ssid, connection: connection.as_deref() };
        let ground = rule(asked, &self.before, observations);
        End::new(ground, observations, last_word.clone(), broken.clone())
    }
}

impl Session {
    /// Sends credentials, and concludes what became of that.
    pub(super) async fn push(
        &mut self,
        device: &mut dyn Driver,
        credentials: WifiCredentials,
    ) -> Result<(), SessionError> {
        let ssid = credentials.ssid.shown();
        let detail = json!({ "ssid": ssid, "key": credentials.key_label(), "hidden": credentials.is_hidden });
        self.begin(Step::Push, detail).await?;
        let report = self.setup.report.clone();
        let limits = self.limits()?;
        let (waits_for, began) = ("the credentials to be taken", report.elapsed());
        let before = step::within(&report, Step::Push, waits_for, limits.push, device.before()).await?;
        let before = self.before(before);
        let requested = format!("Join “{ssid}” with {}", credentials.key_label());
        let mut evidence = vec![Evidence { kind: EvidenceKind::Requested, text: requested, at: report.elapsed() }];
        evidence.extend(before_the_push(&before, report.elapsed()));
        // What is known of an earlier push stands until something of this one is on its way.
        let earlier_verdict = self.last.take();
        let earlier_push = self.open_push.replace(OpenPush {
            evidence,
            sent_at: report.elapsed(),
            before,
            followed: Followed::default(),
            credentials,
            told: None,
            late_words: 0,
            settles_at: None,
        });
        let sent = match &self.open_push {
            Some(push) => {
                // What was looked at before took some of the time.
                let left = limits.push.saturating_sub(report.elapsed().saturating_sub(began));
                step::within(&report, Step::Push, waits_for, left, device.push(&push.credentials)).await
            }
            None => Ok(()),
        };
        let sent = step::settle(device, sent);
        let mut broken = None;
        let is_sent = sent.is_ok();
        let followed = match sent {
            Ok(()) => {
                report.done(Step::Push, "The credentials were sent").await;
                let followed = async { Ok(device.follow().await) };
                let waits_for = "the gateway's verdict";
                let followed = step::within(&report, Step::Follow, waits_for, limits.join, followed).await;
                step::settle(device, followed).unwrap_or_else(|error| {
                    broken = error.is_final().then_some(error);
                    // What was not observed in time is not known.
                    Followed { observations: vec![Observation::TimeOver], ..Followed::default() }
                })
            }
            // What was under way when the link broke may have arrived.
            Err(SessionError::Link(error)) => {
                Followed { observations: vec![Observation::LinkLost], broken: Some(error), ..Followed::default() }
            }
            // What was sent may have been taken although no answer says so: that is no failure to send.
            Err(error) if error.may_have_pushed() => {
                broken = error.is_final().then_some(error);
                Followed { observations: vec![Observation::TimeOver], ..Followed::default() }
            }
            Err(error) => {
                (self.last, self.open_push) = (earlier_verdict, earlier_push);
                return Err(error);
            }
        };
        self.note_began(device.began_joining().filter(|_| is_sent));
        let Some(word) = self.note_followed(followed) else { return Ok(()) };
        if is_sent {
            report.done(Step::Follow, word).await;
        }
        if broken.is_none() {
            self.read_back(device, &mut broken).await;
        }
        if broken.is_none() {
            self.settle(device, &mut broken).await;
        }
        self.look_from_here().await;
        self.finish_push().await?;
        broken.map_or(Ok(()), Err)
    }

    /// What the gateway's network was before a push. One that it had in this session may come back at any time.
    fn before(&mut self, told: Before) -> Before {
        match told {
            Before::SomeNetwork { .. } => self.had_network = true,
            Before::NoNetwork if self.had_network => return Before::SomeNetwork { addresses: Vec::new() },
            Before::NoNetwork | Before::NotKnown | Before::On { .. } => {}
        }
        told
    }

    /// Puts among the evidence that the gateway began to join.
    fn note_began(&mut self, at: Option<Duration>) {
        if let (Some(push), Some(at)) = (&mut self.open_push, at) {
            let text = "The gateway took the credentials and began to join".to_owned();
            push.evidence.push(Evidence { kind: EvidenceKind::Acknowledged, text, at });
        }
    }

    /// Takes in what was observed, puts what it means among the evidence and returns it in words.
    fn note_followed(&mut self, followed: Followed) -> Option<String> {
        let at = self.setup.report.elapsed();
        let push = self.open_push.as_mut()?;
        push.followed = followed;
        let evidence = evidence_of(&push.end(), at);
        let word = evidence.text.clone();
        push.evidence.push(evidence);
        Some(word)
    }

    /// Asks once more: it strengthens "joined", and may settle what gave no verdict.
    /// `broken` gets the error after which the driver cannot go on.
    async fn read_back(&mut self, device: &mut dyn Driver, broken: &mut Option<SessionError>) {
        let Some(ground) = self.open_push.as_ref().map(|push| push.end().ground) else { return };
        if ground == Ground::LinkLost || ground.verdict() == Verdict::Refused {
            return;
        }
        let report = self.setup.report.clone();
        let waits_for = "the gateway to say again where it stands";
        // The driver is open, so it has limits.
        let Ok(limits) = self.limits() else { return };
        let asked = async { device.read_back().await.transpose() };
        let asked = step::within(&report, Step::ReadBack, waits_for, limits.connect, asked).await;
        let Some(answer) = step::settle(device, asked).transpose() else {
            return self.skip(Step::ReadBack, "The gateway ends the connection once it has joined").await;
        };
        let at = report.elapsed();
        let Some(push) = &mut self.open_push else { return };
        let evidence = match answer {
            Ok(observation) => {
                let addresses = match &observation {
                    Observation::Look(look) => look.addresses.clone(),
                    _ => Vec::new(),
                };
                push.followed.observations.push(observation);
                asked_again(&ground, &push.end(), &addresses, at)
            }
            Err(error) => {
                let text = format!("Whether the gateway keeps the network: {}", error.explain().what);
                *broken = Some(error).filter(|error| matches!(error, SessionError::TooSlow { is_over: true, .. }));
                Evidence { kind: EvidenceKind::NotChecked, text, at }
            }
        };
        let word = evidence.text.clone();
        push.evidence.push(evidence);
        report.done(Step::ReadBack, word).await;
    }

    /// What a gateway says first isn't always its last word: some try again by themselves, and some tell a state that is over.
    /// So "it could not join" counts once it has stood for a while, and what takes it back is asked about like any other word.
    async fn settle(&mut self, device: &mut dyn Driver, broken: &mut Option<SessionError>) {
        let settles_in = self.open_push.as_ref().and_then(OpenPush::settles_in);
        let Some(settles_in) = settles_in.filter(|_| device.tells_unasked()) else { return };
        let before = self.ground();
        let waits_for = "the gateway to stand by that, or to try again by itself";
        self.hear_out(device, waits_for, settles_in, |push| push.settles_in().is_none()).await;
        let has_fallen_back = self.ground() == Some(Ground::FellBack);
        if let Some(push) = self.open_push.as_mut().filter(|_| has_fallen_back && device.heard_start()) {
            push.note_restart();
        }
        if self.ground() == before {
            return;
        }
        if self.ground().is_some_and(|ground| ground.verdict() == Verdict::Joined) {
            self.hear_out(device, "the gateway to stand by that", SETTLE, |_| false).await;
            self.note_word();
            return self.read_back(device, broken).await;
        }
        self.note_word();
    }

    /// Takes in what the gateway tells for so long, or until that settles it.
    async fn hear_out(
        &mut self,
        device: &mut dyn Driver,
        waits_for: &str,
        span: Duration,
        is_settled: fn(&OpenPush) -> bool,
    ) {
        let report = self.setup.report.clone();
        let Some(push) = &mut self.open_push else { return };
        let heard = async {
            let (mut until, mut is_trying_again) = (Instant::now() + span, false);
            loop {
                match heard_until(&mut until, &mut is_trying_again, device).await {
                    Ok(None) => break,
                    Ok(Some(state)) => {
                        let is_word = push.hear(state);
                        if is_word && state != ProvisioningState::Provisioning && is_settled(push) {
                            break;
                        }
                    }
                    Err(error) => {
                        push.note_loss(error);
                        break;
                    }
                }
            }
            Ok(())
        };
        // It ends by itself before.
        let _ = step::within(&report, Step::ReadBack, waits_for, span + TRYING_AGAIN, heard).await;
        let word = evidence_of(&push.end(), report.elapsed()).text;
        report.done(Step::ReadBack, word).await;
    }

    fn ground(&self) -> Option<Ground> {
        self.open_push.as_ref().map(|push| push.end().ground)
    }

    /// Puts among the evidence what is known by now.
    fn note_word(&mut self) {
        let at = self.setup.report.elapsed();
        if let Some(push) = &mut self.open_push {
            push.evidence.push(evidence_of(&push.end(), at));
        }
    }

    /// Where the gateway joined: looks from this computer whether the address it reported answers.
    async fn look_from_here(&mut self) {
        let Some(end) = self.open_push.as_ref().map(OpenPush::end) else { return };
        if end.ground.verdict() != Verdict::Joined {
            return;
        }
        let report = self.setup.report.clone();
        let links = Arc::clone(&self.setup.links);
        let evidence = match (end.addresses.iter().find_map(|address| look::address_in(address)), links.neighbourhood())
        {
            (None, _) => look::not_checked("its address", "the gateway reported none", report.elapsed()),
            // What a simulator reports may be an address of somebody else's here.
            (Some(address), _) if self.setup.intent.is_simulated => {
                look::not_checked(&address.to_string(), "the gateway is simulated", report.elapsed())
            }
            (Some(address), None) => look::not_checked(&address.to_string(), "not over this link", report.elapsed()),
            (Some(address), Some(neighbourhood)) => {
                let waits_for = format!("{address} to answer this computer");
                let looked = async { Ok(neighbourhood.look(address).await) };
                let sight = step::within(&report, Step::Look, &waits_for, LOOK_LIMIT, looked).await;
                let sight = sight.unwrap_or(Sight::Elsewhere);
                let evidence = look::evidence(address, &sight, &self.setup.link, report.elapsed());
                report.done(Step::Look, evidence.text.clone()).await;
                evidence
            }
        };
        if let Some(push) = &mut self.open_push {
            push.evidence.push(evidence);
        }
    }

    /// Concludes the open push, puts it on record and reports it. An open end stays open for a late word.
    async fn finish_push(&mut self) -> Result<(), SessionError> {
        let Some(mut push) = self.open_push.take() else { return Ok(()) };
        let end = push.end();
        push.told = Some(end.ground.clone());
        let is_lost = end.ground == Ground::LinkLost;
        let link_error = end.broken.clone().filter(|_| is_lost);
        let is_open = !is_lost && (end.ground.verdict() == Verdict::Unknown || push.settles_in().is_some());
        let at = self.setup.report.elapsed();
        let outcome = conclude(Facts {
            credentials: &push.credentials,
            seen: self.seen.as_deref(),
            rules: &self.setup.rules,
            driver: self.setup.driver,
            protection: self.protection.unwrap_or(Protection::ClearText),
            end,
            took: at.saturating_sub(push.sent_at),
            evidence: push.evidence.clone(),
            at,
        });
        self.last = Some(outcome.clone());
        let recorded = self.end(Step::Push, outcome.verdict.as_str(), json!(outcome)).await;
        // What was seen is shown even if it could not be written down.
        self.setup.report.send(Progress::Pushed(Box::new(outcome))).await;
        recorded?;
        if is_open {
            self.open_push = Some(push);
        }
        link_error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// A word of the gateway while nobody asked: it may settle a push that had no verdict. That it could not join has to stand for
    /// as long as it had to at first.
    pub(super) async fn handle_unasked(
        &mut self,
        device: &mut dyn Driver,
        state: ProvisioningState,
    ) -> Result<(), SessionError> {
        let Some(push) = &mut self.open_push else { return Ok(()) };
        push.take_in_start(device);
        if !push.hear(state) {
            return Ok(());
        }
        let is_news = push.told.as_ref() != Some(&push.end().ground);
        if let Some(span) = push.settles_in().filter(|_| is_news) {
            push.settles_at.get_or_insert(Instant::now() + span);
            return Ok(());
        }
        push.settles_at = None;
        if state == ProvisioningState::Provisioning { Ok(()) } else { self.tell_late().await }
    }

    /// When a late "it could not join" has stood for long enough.
    pub(super) fn settles_at(&self) -> Option<Instant> {
        self.open_push.as_ref()?.settles_at
    }

    /// It has stood for long enough, unless the gateway was heard starting meanwhile.
    pub(super) async fn settled(&mut self, device: &mut dyn Driver) -> Result<(), SessionError> {
        if let Some(push) = &mut self.open_push {
            push.settles_at = None;
            push.take_in_start(device);
        }
        self.tell_late().await
    }

    /// Tells what is known by now of a push whose end was told before, if that is news.
    async fn tell_late(&mut self) -> Result<(), SessionError> {
        let at = self.setup.report.elapsed();
        let Some(push) = &mut self.open_push else { return Ok(()) };
        let end = push.end();
        if push.told.as_ref() == Some(&end.ground) {
            return Ok(());
        }
        push.evidence.push(evidence_of(&end, at));
        push.late_words += 1;
        let is_fickle = push.late_words == LATE_WORDS;
        if is_fickle {
            let text = format!(
                "The gateway changed its report {LATE_WORDS} times; what it reports unasked is ignored from here on"
            );
            push.evidence.push(Evidence { kind: EvidenceKind::NotChecked, text, at });
        }
        self.finish_push().await?;
        if is_fickle {
            self.open_push = None;
        }
        Ok(())
    }
}

/// What a state that was told unasked says of the network.
fn unasked(state: ProvisioningState) -> Option<Observation> {
    match state {
        ProvisioningState::Provisioned => Some(Observation::Look(Look::unnamed(Station::Connected, Seen::Unasked))),
        ProvisioningState::Ready => Some(Observation::Look(Look::unnamed(Station::Apart, Seen::Unasked))),
        ProvisioningState::Provisioning => Some(Observation::Began),
        ProvisioningState::Stopped | ProvisioningState::AuthorizationRequired => None,
    }
}

/// The next state that a gateway tells until then. One that is on its way again, or still, gets more time for that, once.
async fn heard_until(
    until: &mut Instant,
    is_trying_again: &mut bool,
    device: &mut dyn Driver,
) -> Result<Option<ProvisioningState>, LinkError> {
    loop {
        let heard = timeout_at(*until, device.listen()).await.ok().transpose()?;
        let is_on_its_way = heard.or_else(|| device.state()) == Some(ProvisioningState::Provisioning);
        if is_on_its_way && !std::mem::replace(is_trying_again, true) {
            *until = (*until).max(Instant::now() + TRYING_AGAIN);
        } else if heard.is_none() {
            return Ok(None);
        }
        if heard.is_some() {
            return Ok(heard);
        }
    }
}
