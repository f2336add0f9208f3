//! Files held and dropped over the window: on every place they say what letting go does, and none is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{DroppedFile, HoveredFile, Theme};
use egui_kittest::kittest::Queryable as _;
use linesman::app::{Action, Place, ToastText};
use linesman::msg::Command;

use super::states::{STATES, Stage};
use super::{LARGE, Opened, SMALLEST, open};

#[derive(Debug)]
struct File(PathBuf);

impl DroppedFile for File {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the frame reads no file".to_owned())
    }
}

fn hold(opened: &mut Opened, names: &[&str]) {
    let held = names.iter().map(|name| HoveredFile { path: Some(name.into()), ..HoveredFile::default() });
    opened.harness.input_mut().hovered_files = held.collect();
    // While files are held over it a window is painted again and again.
    opened.harness.run_steps(4);
}

fn let_go(opened: &mut Opened, names: &[&str]) {
    let input = opened.harness.input_mut();
    input.hovered_files.clear();
    input.dropped_files = names.iter().map(|name| Arc::new(File(name.into())) as _).collect();
    opened.harness.run();
}

fn looked_at(opened: &mut Opened) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    while let Ok(command) = opened.commands.try_recv() {
        if let Command::LookAtFiles { paths: more } = command {
            paths.extend(more);
        }
    }
    paths
}

#[test]
fn held_files_say_on_every_place_what_letting_go_does_and_are_handed_over_once() {
    for (place, size) in Place::ALL.into_iter().flat_map(|place| [(place, LARGE), (place, SMALLEST)]) {
        let mut opened = open(size, Theme::Dark, |stage: &mut Stage| {
            stage.gateways();
            let _ = stage.app.act(Action::WentTo(place), stage.now);
        });
        hold(&mut opened, &["/home/me/Hall 2.csv"]);
        opened.harness.get_by_label("Drop to open Hall 2.csv");
        hold(&mut opened, &["/home/me/Hall 2.csv", "/home/me/site.lmrec"]);
        opened.harness.get_by_label("Drop to open 2 files");
        let_go(&mut opened, &["/home/me/Hall 2.csv", "/home/me/site.lmrec"]);
        assert!(opened.harness.query_by_label_contains("Drop to open").is_none());
        opened.harness.run();
        let dropped: Vec<PathBuf> = vec!["/home/me/Hall 2.csv".into(), "/home/me/site.lmrec".into()];
        assert_eq!(looked_at(&mut opened), dropped, "{place:?}");
    }
}

#[test]
fn what_is_dropped_on_a_question_is_named_and_not_lost_in_silence() {
    let state = STATES.iter().find(|state| state.name == "close_dialog").expect("a state");
    let mut opened = open(LARGE, Theme::Light, state.plant);
    hold(&mut opened, &["/home/me/walk.csv"]);
    opened.harness.get_by_label("Answer the question first; files aren't opened until then");
    let_go(&mut opened, &["/home/me/walk.csv"]);
    assert_eq!(looked_at(&mut opened), Vec::<PathBuf>::new());
    let mut toasts = opened.harness.state().app.toasts().iter();
    let is_told = toasts
        .any(|toast| matches!(&toast.text, ToastText::Problem(problem) if problem.what == "walk.csv was not opened"));
    assert!(is_told);
}
