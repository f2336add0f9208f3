//! One budget of memory for all that is watched: it is shared in equal parts, and shared anew when something opens or closes.

use super::Telemetry;
use crate::app::App;
use crate::msg::Command;
use crate::msg::telemetry::TelemetryCommand;

/// How the memory for messages stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use by all items, in bytes.
    pub held_bytes: u64,
    /// What all of them may use.
    pub budget_bytes: u64,
    /// Among how many it is shared.
    pub items: u64,
}

impl Memory {
    /// What one item may use.
    pub const fn share_bytes(&self) -> u64 {
        match self.budget_bytes.checked_div(self.items) {
            Some(share) => share,
            None => self.budget_bytes,
        }
    }
}

impl App {
    /// How the memory for messages stands, over all that is watched.
    pub fn memory(&self) -> Memory {
        let all = std::iter::once(&self.telemetry).chain(self.items.others()).filter(|one| one.job().is_some());
        let budget_bytes = u64::try_from(self.settings.values.telemetry.budget_bytes()).unwrap_or(u64::MAX);
        all.fold(Memory { budget_bytes, ..Memory::default() }, |memory, one| Memory {
            held_bytes: memory.held_bytes + one.counters().held_bytes,
            items: memory.items + 1,
            ..memory
        })
    }

    /// Tells each item what it may use where that changed; one that is about to open is told at once.
    pub(in crate::app) fn share_memory(&mut self, commands: &mut Vec<Command>) {
        let share = usize::try_from(self.memory().share_bytes()).unwrap_or(usize::MAX);
        for command in commands.iter_mut() {
            if let Command::Telemetry { command: TelemetryCommand::Open(start), .. } = command {
                start.budget_bytes = share;
            }
        }
        if std::mem::replace(&mut self.items.share, share) == share {
            return;
        }
        let opens = |job| {
            commands.iter().any(|command| {
            matches!(command, Command::Telemetry { job: opened, command: TelemetryCommand::Open(_) } if *opened == job)
        })
        };
        let all = std::iter::once(&self.telemetry).chain(self.items.others()).filter_map(Telemetry::job);
        let told: Vec<Command> = all
            .filter(|job| !opens(*job))
            .map(|job| Command::Telemetry { job, command: TelemetryCommand::SetBudget(share) })
            .collect();
        commands.extend(told);
    }
}
