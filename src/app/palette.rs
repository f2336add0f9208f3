//! The palette: one field that reaches every act, gateway and topic.
//!
//! Its lines are made anew from what the window knows whenever they are shown or run: none of them goes stale. Acts come
//! first and name what they act on. `>`, `@` and `#` narrow it to acts, gateways or topics.

use super::batch::BatchAction;
use super::commission::CommissionAction;
use super::discover::{DiscoverAction, can_be_asked, display_name};
use super::gateways::{NextAct, Tab};
use super::settings::SettingsAction;
use super::telemetry::tree::TreeAction;
use super::telemetry::{Inspection, TelemetryAction};
use super::{Action, App, Place};
use crate::model::gateway::Sighting;
use crate::model::settings::ThemeChoice;

/// Gateways and topics shown at most, each; who looks for another types more of it.
const MOST: usize = 8;

/// What a line of the palette is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that is done.
    Act,
    /// A gateway that is selected.
    Gateway,
    /// A topic that is shown.
    Topic,
}

impl Kind {
    /// The head of its section.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Act => "Acts",
            Self::Gateway => "Gateways",
            Self::Topic => "Topics",
        }
    }

    /// The sign that narrows the palette to this kind.
    const fn sign(self) -> char {
        match self {
            Self::Act => '>',
            Self::Gateway => '@',
            Self::Topic => '#',
        }
    }
}

/// A line of the palette.
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// What it does, or the name of what it leads to.
    pub title: String,
    /// What is said beside it.
    pub beside: String,
    /// The keys that do the same, as they are written on them.
    pub keys: &'static str,
    actions: Vec<Action>,
}

/// What the user did with the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaletteAction {
    /// Opened it.
    Opened,
    /// Closed it without running anything.
    Closed,
    /// Typed something: the choice goes back to the first line.
    Typed,
    /// Went to a line.
    Chose(usize),
    /// Ran a line.
    Ran(usize),
}

/// The palette, while it is open.
#[derive(Debug, Default)]
pub struct Palette {
    /// What is searched for; edited in place.
    pub text: String,
    chosen: usize,
}

impl Palette {
    /// The line that Enter runs.
    pub const fn chosen(&self) -> usize {
        self.chosen
    }
}

/// What a text asks for: the kind it is narrowed to, if any, and the words to be found, lower case.
fn wanted(text: &str) -> (Option<Kind>, Vec<String>) {
    let text = text.trim_start();
    let kind = [Kind::Act, Kind::Gateway, Kind::Topic].into_iter().find(|kind| text.starts_with(kind.sign()));
    let rest = kind.map_or(text, |kind| &text[kind.sign().len_utf8()..]);
    (kind, rest.split_whitespace().map(str::to_lowercase).collect())
}

/// Where what was typed is found in a title: start and end in bytes, in order and apart, for marking.
pub fn found_in(title: &str, text: &str) -> Vec<(usize, usize)> {
    let lower = title.to_lowercase();
    // A letter whose lower case is longer would move all that follows it.
    if lower.len() != title.len() {
        return Vec::new();
    }
    let (_, words) = wanted(text);
    let mut found: Vec<(usize, usize)> =
        words.iter().filter_map(|word| lower.find(word.as_str()).map(|at| (at, at + word.len()))).collect();
    found.sort_unstable();
    let mut end = 0;
    found.retain(|(from, to)| {
        let is_apart = *from >= end && title.is_char_boundary(*from) && title.is_char_boundary(*to);
        end = if is_apart { *to } else { end };
        is_apart
    });
    found
}

impl App {
    /// The palette, if it is open.
    pub const fn palette(&self) -> Option<&Palette> {
        self.palette.as_ref()
    }

    /// The field of the palette, to be edited in place.
    pub fn palette_text(&mut self) -> Option<&mut String> {
        self.palette.as_mut().map(|palette| &mut palette.text)
    }

    /// The lines of the palette that fit what is typed: acts first, then gateways, then topics.
    pub fn palette_entries(&self) -> Vec<Entry> {
        let Some(palette) = &self.palette else { return Vec::new() };
        let (kind, words) = wanted(&palette.text);
        let fits = |entry: &Entry| {
            let hay = format!("{} {}", entry.title, entry.beside).to_lowercase();
            kind.is_none_or(|kind| kind == entry.kind) && words.iter().all(|word| hay.contains(word.as_str()))
        };
        let mut entries: Vec<Entry> = self.acts().into_iter().filter(fits).collect();
        // What bears the words in its title is meant rather than what is only explained by them.
        let is_titled = |entry: &Entry| words.iter().all(|word| entry.title.to_lowercase().contains(word.as_str()));
        entries.sort_by_key(|entry| !is_titled(entry));
        entries.extend(
            self.discover
                .rows()
                .filter(|row| self.discover.is_face(&row.link))
                .map(|row| self.gateway_entry(row))
                .filter(fits)
                .take(MOST),
        );
        entries.extend(self.topic_entries().filter(fits).take(MOST));
        entries
    }

    /// What the palette was told to do; the acts of a line that was run are returned.
    pub(super) fn on_palette(&mut self, action: &PaletteAction) -> Vec<Action> {
        match action {
            PaletteAction::Opened => self.palette = Some(Palette::default()),
            PaletteAction::Closed => self.palette = None,
            PaletteAction::Typed => self.choose_line(0),
            PaletteAction::Chose(line) => self.choose_line(*line),
            PaletteAction::Ran(line) => {
                let Some(entry) = self.palette_entries().into_iter().nth(*line) else { return Vec::new() };
                self.palette = None;
                return entry.actions;
            }
        }
        Vec::new()
    }

    fn choose_line(&mut self, line: usize) {
        let last = self.palette_entries().len().saturating_sub(1);
        if let Some(palette) = &mut self.palette {
            palette.chosen = line.min(last);
        }
    }

    fn gateway_entry(&self, row: &Sighting) -> Entry {
        let stand = self.discover.stand(row).standing.title();
        let place = row.link.place();
        let place = place.strip_prefix("/dev/").unwrap_or(place);
        Entry {
            kind: Kind::Gateway,
            title: display_name(row).into_owned(),
            beside: format!("{stand} \u{b7} {place}"),
            keys: "",
            actions: vec![Action::WentTo(Place::Gateways), DiscoverAction::Selected(row.link.clone()).into()],
        }
    }

    /// The topics of the tree that are at hand, by their whole path.
    fn topic_entries(&self) -> impl Iterator<Item = Entry> {
        let mut levels: Vec<&str> = Vec::new();
        self.telemetry.tree.page().rows.iter().filter_map(move |row| {
            let depth = usize::from(row.depth);
            // What stands above the first rows at hand is not known: their path is not whole.
            if depth > levels.len() {
                return None;
            }
            levels.truncate(depth);
            levels.push(&row.name);
            row.topic.map(|topic| Entry {
                kind: Kind::Topic,
                title: levels.join("/"),
                beside: row.last.as_deref().unwrap_or_default().to_owned(),
                keys: "",
                actions: vec![
                    Action::WentTo(Place::Telemetry),
                    TelemetryAction::Tree(TreeAction::Revealed(topic)).into(),
                ],
            })
        })
    }

    fn acts(&self) -> Vec<Entry> {
        let mut acts = self.acts_of_selected();
        acts.extend(self.acts_of_all());
        acts.extend(self.places());
        acts
    }

    /// What can be done with the gateway selected; each names it.
    fn acts_of_selected(&self) -> Vec<Entry> {
        let Some(row) = self.discover.selected().and_then(|link| self.discover.row(link)) else { return Vec::new() };
        let name = display_name(row);
        let mut acts = Vec::new();
        if let Some((title, action)) = self.next_act().and_then(|next| self.next_entry(next, &name)) {
            acts.push(act(title, "goes on with the gateway selected", "Enter", action));
        }
        if self.commission.open_session().is_some_and(|session| session.capabilities.identify) {
            acts.push(act(format!("Identify {name}"), "makes it blink", "", CommissionAction::Identified));
        }
        if row.is_present && can_be_asked(row) && self.commission.open_session().is_none() {
            let asked = DiscoverAction::Asked(row.link.clone());
            acts.push(act(format!("Query {name}"), "a harmless question", "", asked));
        }
        for tab in Tab::ALL {
            acts.push(act(format!("{}: {name}", tab.title()), "opens the tab", "", Action::OpenedTab(tab)));
        }
        acts
    }

    fn next_entry(&self, next: NextAct, name: &str) -> Option<(String, Action)> {
        Some(match next {
            NextAct::Connect => (format!("Connect to {name}"), CommissionAction::Connected.into()),
            // What is not right yet is sent from its form, where the fields say why.
            NextAct::Send if !self.commission.form.errors().is_empty() => return None,
            NextAct::Send => (format!("Send the network to {name}"), CommissionAction::Sent.into()),
            NextAct::Correct => (format!("Try again with {name}"), CommissionAction::Corrected.into()),
            NextAct::CorrectLogin => (format!("Correct the login of {name}"), CommissionAction::CorrectedLogin.into()),
            NextAct::CheckNetwork => (format!("Check the network for {name}"), Action::TookToCheck),
            NextAct::GoOn => {
                let next = self.next_gateway()?;
                (format!("Go on with {}", display_name(next)), Action::WentOnWith(next.link.clone()))
            }
        })
    }

    fn acts_of_all(&self) -> Vec<Entry> {
        let mut acts = Vec::new();
        let askable = self.discover.askable();
        if askable > 0 {
            let plural = if askable == 1 { "gateway" } else { "gateways" };
            let beside = format!("{askable} {plural}, a harmless question each");
            acts.push(act("Query all gateways", beside, "", DiscoverAction::AskedAll));
        }
        if self.discover.waiting() > 0 || self.jobs.probes() > 0 {
            acts.push(act("Stop querying", "", "", DiscoverAction::StoppedAsking));
        }
        if self.discover.markable() > 0 {
            acts.push(act("Select all gateways", "for a batch", "", DiscoverAction::MarkedAll));
        }
        acts.push(act(
            "Open a manifest or the batch",
            "sets up or removes many gateways by a table",
            "",
            Action::OpenedBatch,
        ));
        if self.batch.is_running() {
            acts.push(act("Stop the batch", "after the gateways at work", "", BatchAction::Stopped));
        }
        let is_on = self.settings.values.scan_bluetooth;
        let title = if is_on { "Stop the Bluetooth scan" } else { "Scan Bluetooth" };
        acts.push(act(title, "", "", DiscoverAction::SwitchedBluetooth(!is_on)));
        if self.telemetry.inspection().is_some_and(Inspection::is_open) {
            acts.push(act("Disconnect from the broker", "what was received stays", "", TelemetryAction::Disconnected));
        }
        acts
    }

    fn places(&self) -> Vec<Entry> {
        let mut acts: Vec<Entry> = Place::ALL
            .into_iter()
            .filter(|place| *place != self.place)
            .map(|place| act(format!("Go to {}", place.title()), "", place.keys(), Action::WentTo(place)))
            .collect();
        for (theme, title) in [
            (ThemeChoice::Light, "Use the light theme"),
            (ThemeChoice::Dark, "Use the dark theme"),
            (ThemeChoice::System, "Use the theme of the system"),
        ] {
            if theme != self.settings.values.theme {
                acts.push(act(title, "", "", SettingsAction::ChoseTheme(theme)));
            }
        }
        acts.push(act("List the keys", "", "F1", Action::ShowedKeys(true)));
        acts
    }
}

fn act(title: impl Into<String>, beside: impl Into<String>, keys: &'static str, action: impl Into<Action>) -> Entry {
    Entry { kind: Kind::Act, title: title.into(), beside: beside.into(), keys, actions: vec![action.into()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn titles(app: &App) -> Vec<String> {
        app.palette_entries().into_iter().map(|entry| entry.title).collect()
    }

    fn typed(text: &str) -> App {
        let mut app = App::new();
        app.act(Action::Palette(PaletteAction::Opened), Instant::now());
        text.clone_into(app.palette_text().unwrap());
        app
    }

    #[test]
    fn words_in_any_order_find_an_act_and_a_sign_narrows_to_a_kind() {
        assert_eq!(titles(&typed("check go")), ["Go to Network check"]);
        assert_eq!(titles(&typed("> dark")), ["Use the dark theme"]);
        assert_eq!(
            titles(&typed("set"))[0],
            "Go to Settings",
            "a word of the title comes before one of the explanation"
        );
        assert!(titles(&typed("@ dark")).is_empty());
    }

    #[test]
    fn enter_runs_the_line_chosen_and_closes_the_palette() {
        let mut app = typed("records");
        let now = Instant::now();
        app.act(Action::Palette(PaletteAction::Chose(99)), now);
        assert_eq!(app.palette().unwrap().chosen(), 0, "the choice stays within the lines");
        app.act(Action::Palette(PaletteAction::Ran(0)), now);
        assert_eq!(app.place(), Place::Records);
        assert!(app.palette().is_none());
        app.act(Action::Palette(PaletteAction::Ran(0)), now);
        assert_eq!(app.place(), Place::Records, "a closed palette runs nothing");
    }

    #[test]
    fn what_was_typed_is_marked_where_it_stands() {
        assert_eq!(found_in("Cold store 2", "store cold"), [(0, 4), (5, 10)]);
        assert_eq!(found_in("Cold store 2", "> old"), [(1, 4)]);
        assert_eq!(found_in("\u{130}stanbul", "st"), [], "a letter that grows in lower case marks nothing");
        assert_eq!(found_in("aa", "aa a"), [(0, 1)]);
    }
}
