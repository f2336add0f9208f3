//! What only time and a person can show of a gateway: that its power was away, and whether it comes back afterwards.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::Wiper;
use super::ear::Heard;
use super::network::Sought;
use super::run::{ACT_LIMIT, Broken, Job, word};
use crate::flow::driver::CLOSE_LIMIT;
use crate::model::record::Phase;
use crate::model::wipe::{Guard, Look, StoreState, WIFI, Watched, When};
use crate::msg::wipe::{PowerAsk, PowerWish, WipeEvent};

/// How long somebody may take to take the power away and give it back.
const POWER_LIMIT: Duration = Duration::from_mins(10);
/// How long to wait between two looks whether it is still there.
const POWER_PAUSE: Duration = Duration::from_secs(4);
/// How long to wait between two looks of a watch.
const WATCH_PAUSE: Duration = Duration::from_secs(30);

impl Job {
    /// Where software restarts nothing: asks whoever stands beside it, and waits until it was gone and is back.
    pub(super) async fn power_by_hand(
        &mut self,
        place: &mut Option<Box<dyn Wiper>>,
        why: String,
    ) -> Result<bool, String> {
        if !self.setup.is_attended {
            return Err(why);
        }
        let (cycle, of) = (self.trail.restarts + 1, self.plan.restarts);
        let wish = |ask| WipeEvent::Power(PowerWish { ask, cycle, of, limit: POWER_LIMIT });
        self.tell(wish(PowerAsk::Off)).await;
        self.leave(place).await;
        let (until, mut was_away) = (Instant::now() + POWER_LIMIT, false);
        while Instant::now() < until {
            sleep(POWER_PAUSE).await;
            match self.open_quietly(place).await {
                Err(error) => {
                    *place = None;
                    if !was_away && error.is_absence() {
                        was_away = true;
                        self.tell(wish(PowerAsk::On)).await;
                    }
                }
                Ok(told) => {
                    if let Some(guard) = told.is_swapped(&self.told) {
                        self.trail.guard = guard;
                        return Err("another gateway answers".into());
                    }
                    if has_restarted(self.told.start.as_deref(), told.start.as_deref(), was_away) {
                        self.told = told;
                        return Ok(true);
                    }
                    self.leave(place).await;
                    if std::mem::take(&mut was_away) {
                        self.tell(wish(PowerAsk::Off)).await;
                    }
                }
            }
        }
        Err(format!("Its power wasn't seen to be away within {} min", POWER_LIMIT.as_secs() / 60))
    }

    /// Watches whether the gateway comes back to its old network or under a new name, where that was asked for.
    pub(super) async fn watch(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<(), Broken> {
        let Some(limit) = self.setup.watch.filter(|_| self.trail.guard == Guard::Passed) else { return Ok(()) };
        let mut watched = Watched { seconds: limit.as_secs(), ..Watched::default() };
        self.write("watch", Phase::Intent, "", json!({ "seconds": watched.seconds })).await?;
        self.tell(WipeEvent::Busy { what: "Watch whether it comes back".into(), limit }).await;
        let look = self.setup.broker.clone().filter(|look| !look.topics.is_empty());
        let ear = match &look {
            Some(look) => look.listen(&self.beside).await,
            None => None,
        };
        let mut network = Sought::new(&self.setup, &self.told);
        let until = Instant::now() + limit;
        while Instant::now() < until {
            sleep(WATCH_PAUSE.min(until - Instant::now())).await;
            watched.finding = self.glance(place, &mut watched.answers).await?;
            if watched.finding.is_none() {
                watched.finding = network.glance(self.setup.links.neighbourhood()).await;
            }
            if watched.finding.is_some() {
                break;
            }
        }
        watched.old_network = network.seen();
        if look.is_some() {
            let heard = match ear {
                Some(Ok(ear)) => ear.end().await,
                Some(Err(why)) => Heard::nothing(why),
                None => Heard::nothing("there is no good credential to listen with"),
            };
            let publishes = heard.live.keys().next().map(|topic| format!("it publishes on {topic}"));
            watched.finding = watched.finding.or(publishes);
            watched.not_listened = heard.broken;
        }
        let outcome = if watched.finding.is_some() { "still-there" } else { "done" };
        self.write("watch", Phase::Outcome, outcome, json!(watched)).await?;
        self.trail.watched = Some(watched);
        Ok(())
    }

    /// One look of a watch: what is seen that should not be.
    async fn glance(
        &mut self,
        place: &mut Option<Box<dyn Wiper>>,
        answers: &mut u32,
    ) -> Result<Option<String>, Broken> {
        self.leave(place).await;
        let Ok(told) = self.open_quietly(place).await else {
            *place = None;
            return Ok(None);
        };
        *answers += 1;
        if let Some(Guard::Swapped(text)) = told.is_swapped(&self.told) {
            return Ok(Some(text));
        }
        for at in 0..self.plan.stores.len() {
            let store = self.plan.stores[at].clone();
            let target = self.place_of(&store.credential, &store.key).filter(|_| store.is_reachable);
            let (Some(target), Some(wiper), true) = (target, place.as_mut(), store.credential == WIFI) else {
                continue;
            };
            let when = When::After(self.trail.restarts);
            if let Ok(Ok((StoreState::StillThere, text))) = timeout(ACT_LIMIT, wiper.look(&target)).await {
                let state = StoreState::StillThere;
                let detail =
                    json!({ "credential": store.credential, "place": store.place, "when": word(when), "text": text });
                self.write("look", Phase::Outcome, state.as_str(), detail).await?;
                let look = Look { store: at, state, text: text.clone(), when };
                self.trail.looks.push(look.clone());
                self.tell(WipeEvent::Looked(look)).await;
                return Ok(Some(format!("{}: {text}", store.place)));
            }
        }
        Ok(None)
    }

    /// Ends the conversation in an orderly way.
    async fn leave(&self, place: &mut Option<Box<dyn Wiper>>) {
        if let Some(mut wiper) = place.take() {
            let _ = timeout(CLOSE_LIMIT, wiper.close()).await;
        }
    }
}

/// Whether a gateway has another start behind it. Where it names its starts, that says better than a link that was away: a cable may
/// have been pulled instead.
fn has_restarted(before: Option<&str>, now: Option<&str>, was_away: bool) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before != now,
        _ => was_away,
    }
}

#[cfg(test)]
mod tests {
    use super::has_restarted;

    #[test]
    fn a_pulled_cable_is_no_restart_of_a_gateway_that_names_its_starts() {
        assert!(!has_restarted(Some("1b4f"), Some("1b4f"), true));
        assert!(has_restarted(Some("1b4f"), Some("9c02"), false));
        assert!(has_restarted(None, None, true) && !has_restarted(None, None, false));
        assert!(!has_restarted(None, Some("1b4f"), false), "named only now, it says nothing of a restart");
    }
}
