//! Disputes of one order's money: the auditor's own books.

use super::books::{Broken, Checked, ensure};
use super::till::{Till, Where, money};
use crate::invariant::Invariant;

/// A dispute.
#[derive(Clone, Debug)]
pub(super) struct Quarrel {
    /// The gateway's name of it. None once it was closed in the words of before: nobody went by names then.
    name: Option<String>,
    attempt: u32,
    disputed_minor: i64,
    over: bool,
    lost_minor: i64,
}

/// What a fact says of a dispute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub attempt: u32,
    pub name: &'a str,
    pub disputed_minor: i64,
}

impl Quarrel {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

impl Till {
    /// Whether an attempt's money is in dispute.
    pub fn in_dispute(&self, attempt: u32) -> bool {
        self.quarrels.iter().any(|quarrel| !quarrel.over && quarrel.attempt == attempt)
    }

    /// What lost disputes took of an attempt.
    pub fn lost_minor(&self, attempt: u32) -> i64 {
        let of = self.quarrels.iter().filter(|quarrel| quarrel.attempt == attempt);
        of.map(|quarrel| quarrel.lost_minor).sum()
    }

    /// What the last attempt took and no dispute has taken from it.
    pub fn kept_minor(&self) -> i64 {
        let last = self.last();
        self.attempt(last).map_or(0, |attempt| attempt.taken_minor) - self.lost_minor(last)
    }

    /// What lost disputes took of all attempts.
    pub fn all_lost_minor(&self) -> i64 {
        self.quarrels.iter().map(|quarrel| quarrel.lost_minor).sum()
    }

    /// All of an attempt is disputed, and nothing else is: as it was said before disputes had amounts.
    pub fn dispute_all(&mut self, attempt: u32, name: &str) -> Checked {
        let open = self.quarrels.iter().any(|quarrel| !quarrel.over);
        ensure(!open, Invariant::I7Money, || "a dispute is open".to_owned())?;
        let disputed_minor = self.attempt(attempt)?.taken_minor - self.lost_minor(attempt);
        self.add(Said { attempt, name, disputed_minor })
    }

    /// The one dispute that is open is over: as it was said before disputes had names. Answers of which attempt it was.
    pub fn close_the_one(&mut self, won: bool) -> Result<u32, Broken> {
        let open = self.quarrels.iter().position(|quarrel| !quarrel.over);
        let Some(at) = open else { return money("no dispute is open") };
        let attempt = self.quarrels[at].attempt;
        let lost_minor = if won { 0 } else { self.left_minor(attempt) };
        let quarrel = &mut self.quarrels[at];
        quarrel.over = true;
        quarrel.lost_minor = lost_minor;
        quarrel.name = None;
        Ok(attempt)
    }

    /// Somebody disputes money of an attempt.
    pub fn begin_dispute(&mut self, said: Said<'_>) -> Checked {
        let known = self.quarrels.iter().any(|quarrel| quarrel.is(said.name));
        ensure(!known, Invariant::I7Money, || format!("{} is known, and begins again", said.name))?;
        self.add(said)
    }

    /// A dispute is over, whether its beginning was heard of or not. It takes what was disputed and is there, if it is lost.
    pub fn end_dispute(&mut self, said: Said<'_>, won: bool, lost_minor: i64) -> Checked {
        if !self.quarrels.iter().any(|quarrel| quarrel.is(said.name)) {
            self.add(said)?;
        }
        let left = self.left_minor(said.attempt);
        let open = self.quarrels.iter_mut().find(|quarrel| quarrel.is(said.name) && !quarrel.over);
        let Some(quarrel) = open else { return money(format!("{} is over, and ends again", said.name)) };
        ensure(quarrel.attempt == said.attempt, Invariant::I7Money, || {
            format!("{} is about attempt {}, not {}", said.name, quarrel.attempt, said.attempt)
        })?;
        let disputed = quarrel.disputed_minor;
        ensure((0..=disputed).contains(&said.disputed_minor), Invariant::I7Money, || {
            format!("{disputed} were disputed, {} in the end", said.disputed_minor)
        })?;
        let takes = if won { 0 } else { said.disputed_minor.min(left) };
        ensure(lost_minor == takes, Invariant::I7Money, || {
            format!("{} takes {lost_minor} and not {takes}, of {left} that are left", said.name)
        })?;
        quarrel.over = true;
        quarrel.lost_minor = lost_minor;
        Ok(())
    }

    fn add(&mut self, said: Said<'_>) -> Checked {
        let Said { attempt, name, disputed_minor } = said;
        let of = self.attempt(attempt)?;
        let taken = of.money == Where::Taken;
        ensure(taken, Invariant::I7Money, || format!("attempt {attempt} took no money to dispute"))?;
        let there = of.taken_minor - self.lost_minor(attempt);
        ensure((0..=there).contains(&disputed_minor), Invariant::I7Money, || {
            format!("{disputed_minor} are disputed of {there} of attempt {attempt}")
        })?;
        let name = Some(name.to_owned());
        self.quarrels.push(Quarrel { name, attempt, disputed_minor, over: false, lost_minor: 0 });
        Ok(())
    }
}
