//! Everybody who asks for something, one command after the other or several at the same moment.

use super::{Propose, key_of};
use crate::id::EventId;
use crate::request::HoldRequest;
use crate::testkit::sim::plan::{Ask, Plan};
use crate::testkit::small_sale::key;
use crate::testkit::{Command, Model, Rng};

/// Everybody who asks for something.
#[derive(Debug)]
pub(in crate::testkit::sim) struct Crowd {
    pub(super) event: EventId,
    pub(super) users: u32,
    /// How often a client knows what is there, in percent.
    pub(super) shrewd: u32,
    pub(super) serial: u64,
    /// Keyed commands, for retries; the youngest last.
    keyed: Vec<Command>,
}

impl Crowd {
    pub const fn new(event: EventId, plan: &Plan) -> Self {
        Self { event, users: plan.users, shrewd: plan.shrewd, serial: 0, keyed: Vec::new() }
    }

    /// The next command.
    pub fn next(&mut self, rng: &mut Rng, plan: &Plan, model: &Model) -> Command {
        self.serial += 1;
        let ask = plan.ask(rng);
        if ask == Ask::Retry && !self.keyed.is_empty() {
            return self.retry(rng, model);
        }
        self.one(rng, model, ask)
    }

    /// A command of one kind, often with a key.
    fn one(&mut self, rng: &mut Rng, model: &Model, ask: Ask) -> Command {
        let mut command = Propose { crowd: self, rng, model }.command(ask);
        if let Some(slot) = key_of(&mut command)
            && rng.chance(60)
        {
            // Few keys, so that they meet again; the operation is part of their name.
            let text = if rng.chance(10) { "the same".to_owned() } else { format!("k{}", self.serial) };
            *slot = Some(key(&text));
            self.keyed.push(command.clone());
        }
        command
    }

    /// What others ask for at the same moment: as `command`, if slices are made of its kind.
    pub fn beside(&mut self, rng: &mut Rng, model: &Model, command: &Command) -> Vec<Command> {
        let ask = match command {
            Command::Hold(_) => Ask::Hold,
            Command::Release(_) => Ask::Release,
            _ => return Vec::new(),
        };
        let count = 1 + rng.below(5);
        let next = |_| {
            self.serial += 1;
            self.one(rng, model, ask)
        };
        let kind = std::mem::discriminant(command);
        (0..count).map(next).filter(|other| std::mem::discriminant(other) == kind).collect()
    }

    /// A hold of what is there, or of what is not.
    pub fn hold(&self, rng: &mut Rng, model: &Model) -> HoldRequest {
        Propose { crowd: self, rng, model }.hold()
    }

    /// The same command again, or another one under its key.
    fn retry(&mut self, rng: &mut Rng, model: &Model) -> Command {
        let recent = self.keyed.len().min(12);
        let from = if rng.chance(80) { self.keyed.len() - recent } else { 0 };
        let at = from + rng.index(self.keyed.len() - from);
        let mut again = self.keyed[at].clone();
        if rng.chance(20) {
            let key = key_of(&mut again).and_then(|slot| slot.take());
            let mut other = Propose { crowd: self, rng, model }.like(&again);
            if let Some(slot) = key_of(&mut other) {
                *slot = key;
            }
            return other;
        }
        again
    }
}
