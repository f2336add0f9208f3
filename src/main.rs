//! Arguments, workers and window; nothing else.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use linesman::backend::{self, Backend, Config, DemoPlan, Handle};
use linesman::cli::args::{Cli, Command, ProfilesCommand, RecordsCommand, SiteCommand};
use linesman::cli::{self, Exit, Output};
use linesman::io::files::{self, DataDir};
use linesman::io::{records, save};
use linesman::model::audit::Digest;
use linesman::model::destination::{Destination, Existing};
use linesman::model::ids::ProfileId;
use linesman::model::problem::Explain as _;
use linesman::profile::schema::MAX_BYTES;
use linesman::ui;

fn main() -> ExitCode {
    let matches = Cli::command().try_get_matches().unwrap_or_else(|error| cli::without_secrets(error).exit());
    let mut arguments = Cli::from_arg_matches(&matches)
        .unwrap_or_else(|error| cli::without_secrets(error.format(&mut Cli::command())).exit());
    // Before anything runs: what cannot be written at the end would have been done in vain.
    let is_output_taken =
        match cli::settle(&mut arguments, &cli::read_by(&matches), save::check, |error| error.explain()) {
            Ok(is_taken) => is_taken,
            Err(problem) => return cli::fail(arguments.json, &problem, Exit::of(&problem)).into(),
        };
    let mut out = if is_output_taken { Output::beside(arguments.json) } else { Output::standard(arguments.json) };
    let exit = run(&arguments, &mut out);
    out.end(exit).into()
}

fn run(arguments: &Cli, out: &mut Output) -> Exit {
    match &arguments.command {
        None => window(arguments, None),
        Some(Command::Discover(args)) => {
            let data_dir = arguments.data_dir.as_deref();
            with_workers(arguments, None, |handle| cli::discover(handle, data_dir, args, out))
        }
        Some(Command::Terminal(args)) => with_workers(arguments, None, |handle| cli::terminal(handle, args, out)),
        Some(Command::Commission(args)) => with_workers(arguments, None, |handle| cli::commission(handle, args, out)),
        Some(Command::Batch(args)) => {
            let data_dir = arguments.data_dir.as_deref();
            with_workers(arguments, None, |handle| cli::batch(handle, data_dir, args, out))
        }
        Some(Command::Device(command)) => with_workers(arguments, None, |handle| cli::device(handle, command, out)),
        Some(Command::Wipe(args)) => with_workers(arguments, None, |handle| cli::wipe(handle, args, out)),
        Some(Command::Inspect(args)) => with_workers(arguments, None, |handle| cli::inspect(handle, args, out)),
        Some(Command::Replay(args)) => with_workers(arguments, None, |handle| cli::replay(handle, args, out)),
        Some(Command::Publish(args)) => with_workers(arguments, None, |handle| cli::publish(handle, args, out)),
        Some(Command::Retained(command)) => with_workers(arguments, None, |handle| cli::retained(handle, command, out)),
        Some(Command::BenchBroker(args)) => {
            with_workers(arguments, None, |handle| cli::bench_broker(handle, args, out))
        }
        Some(Command::Check(args)) => with_workers(arguments, None, |handle| cli::check(handle, args, out)),
        Some(Command::Profiles(command)) => profiles(arguments, command, out),
        Some(Command::Site(command)) => site(arguments, command, out),
        Some(Command::Records(RecordsCommand::Sync { setup: true, .. })) => cli::server_setup(out),
        Some(Command::Records(RecordsCommand::Verify { head })) => verify(arguments, *head, out),
        Some(Command::Records(command)) => {
            let data_dir = arguments.data_dir.as_deref();
            with_workers(arguments, None, |handle| cli::records(handle, data_dir, command, out))
        }
        Some(Command::Sim(args)) => sim(arguments, args, out),
        Some(Command::Demo(args)) => demo(arguments, args.headless, out),
        Some(Command::About) => cli::about(out),
        Some(Command::Completions { shell }) => {
            // Written to memory first: clap_complete panics when the reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "linesman", &mut script);
            out.line(String::from_utf8_lossy(&script));
            Exit::Good
        }
        Some(Command::Man { out: folder, overwrite }) => manual(arguments, folder.as_deref(), overwrite.overwrite, out),
    }
}

/// Starts the workers, runs a front end on them, and ends them.
fn with_workers(arguments: &Cli, demo: Option<DemoPlan>, front_end: impl FnOnce(&mut Handle) -> Exit) -> Exit {
    match start(arguments, demo) {
        Ok((mut handle, backend)) => {
            let exit = front_end(&mut handle);
            drop(handle);
            backend.finish();
            exit
        }
        Err(exit) => exit,
    }
}

fn start(arguments: &Cli, demo: Option<DemoPlan>) -> Result<(Handle, Backend), Exit> {
    let config = Config { data_dir: arguments.data_dir.clone(), is_verbose: arguments.verbose, demo };
    backend::start(config).map_err(|problem| cli::fail(arguments.json, &problem, Exit::CouldNotRun))
}

fn window(arguments: &Cli, demo: Option<DemoPlan>) -> Exit {
    let is_demo = demo.is_some();
    match start(arguments, demo) {
        Ok((handle, backend)) => {
            let title = if is_demo { "Linesman — simulated site" } else { "Linesman" };
            let shown = ui::run(handle, title, backend.window());
            backend.finish();
            match shown {
                Ok(()) => Exit::Good,
                Err(problem) if problem.code == ui::NO_OPENGL && ui::has_other_renderer() => {
                    again_with_other_renderer()
                        .unwrap_or_else(|| cli::fail(arguments.json, &problem, Exit::CouldNotRun))
                }
                Err(problem) => cli::fail(arguments.json, &problem, Exit::CouldNotRun),
            }
        }
        Err(exit) => exit,
    }
}

/// Starts this program once more with the renderer that does not need OpenGL: a process can open windows by one only.
fn again_with_other_renderer() -> Option<Exit> {
    let program = std::env::current_exe().ok()?;
    let mut command = std::process::Command::new(program);
    let status = command.args(std::env::args_os().skip(1)).env(ui::RENDERER_VARIABLE, "wgpu").status().ok()?;
    Some(if status.success() { Exit::Good } else { Exit::CouldNotRun })
}

fn demo(arguments: &Cli, is_headless: bool, out: &mut Output) -> Exit {
    if is_headless || !has_display() {
        if !is_headless {
            out.text("No display: the tour of the simulated site runs in the terminal.\n");
        }
        return with_workers(arguments, Some(DemoPlan::in_a_hurry()), |handle| cli::tour(handle, out));
    }
    window(arguments, Some(DemoPlan::default()))
}

/// Whether a window can be shown at all. Elsewhere than on Unix without macOS there always is a display.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos"))) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

fn profiles(arguments: &Cli, command: &ProfilesCommand, out: &mut Output) -> Exit {
    if let ProfilesCommand::Validate { file } = command {
        return match files::read_text(file, MAX_BYTES as u64) {
            Ok(text) => {
                let (report, is_good) = cli::profiles::validate(&file.display().to_string(), &text, arguments.json);
                out.line(report);
                if is_good { Exit::Good } else { Exit::Findings }
            }
            Err(error) => cli::fail(arguments.json, &error.explain(), Exit::Usage),
        };
    }
    let catalog = match DataDir::open(arguments.data_dir.as_deref()) {
        Ok(data) => catalog(&data, out),
        Err(error) => return cli::fail(arguments.json, &error.explain(), Exit::CouldNotRun),
    };
    cli::profiles::list_or_show(&catalog, command, out)
}

/// The built-in profiles and those of the user; files that cannot be used are named.
fn catalog(data: &DataDir, out: &mut Output) -> linesman::profile::Catalog {
    let (texts, problems) = data.load_profiles();
    let texts: Vec<(String, String)> =
        texts.into_iter().map(|profile| (profile.path.display().to_string(), profile.text)).collect();
    let (catalog, more) = linesman::profile::Catalog::built_in().with_user_files(&texts);
    problems.iter().chain(&more).for_each(|problem| out.problem(problem));
    catalog
}

/// Only what looks into the records needs the workers.
fn site(arguments: &Cli, command: &SiteCommand, out: &mut Output) -> Exit {
    let data_dir = arguments.data_dir.as_deref();
    if matches!(command, SiteCommand::Compare { records: true, .. }) {
        return with_workers(arguments, None, |handle| cli::site(Some(handle), data_dir, command, out));
    }
    cli::site(None, data_dir, command, out)
}

/// Without workers: they would enter what was cut off, and an audit leaves everything as it is.
fn verify(arguments: &Cli, head: Option<Digest>, out: &mut Output) -> Exit {
    let data = match DataDir::open(arguments.data_dir.as_deref()) {
        Ok(data) => data,
        Err(error) => return cli::fail(arguments.json, &error.explain(), Exit::CouldNotRun),
    };
    match records::audit(&data, head) {
        Ok(audit) => cli::verified(&audit, out),
        Err(error) => cli::fail(arguments.json, &error.explain(), Exit::CouldNotRun),
    }
}

fn sim(arguments: &Cli, args: &cli::args::SimArgs, out: &mut Output) -> Exit {
    let data = match DataDir::open(arguments.data_dir.as_deref()) {
        Ok(data) => data,
        Err(error) => return cli::fail(arguments.json, &error.explain(), Exit::CouldNotRun),
    };
    let ran = if args.network {
        let folder = cli::network_folder(args, data.root());
        backend::run_network(&ProfileId::new(&args.profile), &folder, |ready| cli::announce_network(ready, out))
    } else {
        let plan = cli::sim_plan(args, data.root());
        backend::run_simulator(&plan, |ready| cli::announce(ready, &plan, out))
    };
    match ran {
        Ok(()) => Exit::Good,
        Err(problem) => {
            let exit = if problem.code.starts_with("profile.") { Exit::Usage } else { Exit::CouldNotRun };
            cli::fail(arguments.json, &problem, exit)
        }
    }
}

/// Prints the manual page, or writes one for each subcommand.
fn manual(arguments: &Cli, folder: Option<&std::path::Path>, is_replacing: bool, out: &mut Output) -> Exit {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = folder else {
        let mut page = Vec::new();
        // Written to memory, which does not fail.
        let _ = clap_mangen::Man::new(command).render(&mut page);
        out.line(String::from_utf8_lossy(&page));
        return Exit::Good;
    };
    let existing = if is_replacing { Existing::Replace } else { Existing::Refuse };
    for (name, page) in manual_pages(&command) {
        let destination = Destination { existing, ..Destination::file(folder.join(name)) };
        if let Err(error) = save::save(&destination, &page) {
            let problem = error.explain();
            return cli::fail(arguments.json, &problem, Exit::of(&problem));
        }
    }
    Exit::Good
}

/// The pages of a command and of all below it, by the names of their files.
fn manual_pages(command: &clap::Command) -> Vec<(String, Vec<u8>)> {
    let man = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    // Written to memory, which does not fail.
    let _ = man.render(&mut page);
    let mut pages = vec![(man.get_filename(), page)];
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages.extend(manual_pages(sub));
    }
    pages
}
