//! What happened, line by line: the last lines for people, a hash of all of them to tell two runs apart.

use std::collections::VecDeque;

use crate::answer::Answer;
use crate::event::{Outcome, Progress};
use crate::key::fingerprint;
use crate::testkit::{Command, START};

const LINES_KEPT: usize = 30;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Trace {
    last: VecDeque<String>,
    hash: u64,
}

impl Trace {
    pub fn line(&mut self, line: String) {
        let chained = [&self.hash.to_le_bytes()[..], line.as_bytes()].concat();
        self.hash = fingerprint(&chained);
        if self.last.len() == LINES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    pub const fn hash(&self) -> u64 {
        self.hash
    }

    pub fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

/// Where an office stands: time since the start, sequenced and durable revision, rebases.
pub(super) fn progress(progress: &Progress) -> String {
    let Progress { now, sequenced, durable, epoch } = progress;
    format!("{} ms, {sequenced} of which {durable} durable, epoch {epoch}", now.since_ms(START))
}

/// A command in one line.
pub(super) fn command(command: &Command) -> String {
    match command {
        Command::ChangeManifest(request) => {
            let seats: usize =
                request.definition.sections.iter().flat_map(|s| &s.rows).map(|r| r.seats.len()).sum();
            format!("ChangeManifest({} seats, {:?})", seats, request.definition.rules.name)
        }
        other => format!("{other:?}"),
    }
}

/// An outcome in one line.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Ok(Answer::Change(_)) => "Change".to_owned(),
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{error}"),
    }
}
