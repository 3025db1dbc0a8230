//! Replay: a known key gets its outcome again, made from the fact in the journal.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{EventCore, Verdict, touched::key_of};
use crate::answer::{CommandError, Logged, Reply};
use crate::command::Command;
use crate::fact::{Fact, Stamp};
use crate::id::Revision;
use crate::refusal::Refusal;

impl EventCore {
    /// The outcome that the key of `command` names: read back from the journal.
    pub(super) fn replay(&self, revision: Revision, command: &Command) -> Verdict {
        // There is an outcome, so that "failed" would be a lie.
        let unknown = |reason: String| CommandError::Unknown { reason };
        let asked = command.key().ok_or_else(|| unknown("a replay without a key".to_owned()))?;
        let (stamp, fact) = self.read_fact(revision).map_err(unknown)?;
        let logged = key_of(&fact);
        let same = logged.is_some_and(|(user, operation, keyed)| {
            user == asked.user
                && operation == asked.operation
                && keyed.key == *asked.key
                && keyed.fingerprint == asked.fingerprint()
        });
        if same {
            Ok(Reply::Logged(Logged { event: self.id, stamp, fact: Arc::new(fact), replayed: true }))
        } else {
            Err(Refusal::KeyReused { revision }.into())
        }
    }

    /// One fact of the journal.
    fn read_fact(&self, revision: Revision) -> Result<(Stamp, Fact), String> {
        let mut found = None;
        let before = Revision(revision.0.saturating_sub(1));
        let read = self.log.store().read(self.log.stream(), before, &mut |record| {
            found = Some((record.stamp, Fact::decode(record.body)));
            ControlFlow::Break(())
        });
        read.map_err(|error| error.to_string())?;
        let (stamp, fact) = found.ok_or_else(|| format!("{revision} is not in the journal"))?;
        Ok((stamp, fact.map_err(|error| error.to_string())?))
    }
}
