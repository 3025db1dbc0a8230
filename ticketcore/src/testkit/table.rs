//! Table tests: a small language in which one row is one command with its expected outcome.
//!
//! ```text
//! category gold                        # what is for sale, until the first `case`: for every case
//! type adult
//! price adult gold 1000
//! section A
//! row A 6 aisle 4                      # seats A1 to A6, an aisle before A4
//! case a hold dies at its deadline     # a new event, in draft; more lines of setup may follow
//! sale onsale
//! hold A1 A2 by ann key k -> held h1 A1 A2 total 2000 until 480s
//! hold A2 by bob -> refused seats_unavailable A2=held@480s
//! tick 480s
//! order h1 by ann -> refused hold_expired 480s
//! ```
//!
//! **Setup**: `rule NAME VALUE` (hold_ttl, hold_ttl_min, hold_ttl_max, lifetime, payment_ttl, extensions, user_limit,
//! orphan), `category NAME`, `type NAME`, `price TYPE CATEGORY MINOR`, `allocation NAME [channel C].. [code X]
//! [release TIME]`, `section NAME`, `row LABEL COUNT [category C] [allocation A] [aisle N].. [accessible N]..
//! [companion N].. [restricted N]..`, `area NAME PLACES [category C] [allocated A N]..`, `quota NAME CAP [types T]..
//! [categories C].. [areas A]..`, `focal X Y` (seats stand at their number and row). An entry of a known name is replaced.
//!
//! **Things**: seats `A1`, `A1-A4`; places `GA*3`; best available `best*4` with `/in=SECTION`, `/of=CATEGORY`, `/max=MINOR`,
//! `/split`, `/accessible`, `/fullview`; each with `:TYPE` after its name or number (the first type if left out).
//! `#9` in place of a name is the bare index. Holds are h1, h2, .. in the order in which they are first seen; an order bears its hold's name.
//!
//! **Commands** (all but the last seven take `by USER`, `key K`, `event other`):
//! `hold THINGS [ttl TIME] [channel C] [code X]`, `amend H [add THINGS] [drop THINGS] [version first|latest] [channel C]
//! [code X]`, `extend H [ttl TIME]`, `release H`, `order H`, `confirm H`, `cancel H`, `force H`, `block SEATS`, `unblock SEATS`,
//! `move SEATS to ALLOCATION|none` (each seat as `A1@VERSION`, version 0 if left out), `places AREA from N to N [of ALLOCATION]`;
//! `publish ALLOCATION`, `sale STATE`, `change SETUP LINE` (or `change drop SEATS`, `change recategorise SEAT CATEGORY`),
//! `maintain`, `seat SEAT`, `allows STATE ACTIVITY`, `tick TIME`.
//!
//! **Outcomes**: `held H LINES total N until TIME extensions N`, `open|confirmed|cancelled|expired H LINES total N
//! [until TIME]`, `done`, `not_held`, each after `again` if no fact was logged; `maintained N`; `free`, `held`, `sold`,
//! `blocked` for `seat`; `yes`, `no` for `allows`; `refused CODE` and what the refusal carries. A row expects the outcome to begin with the words
//! after `->`; without `->` any outcome but a refusal will do. TIME is in `ms`, `s`, `m` or `h`, from the start of the case.

mod parse;
mod setup;
mod show;
mod subject;

use std::collections::BTreeSet;

pub use self::subject::{Outcome, Subject};

use self::parse::Row;
use self::setup::Setup;
use crate::id::{EventId, HoldNumber, Revision};
use crate::manifest::Definition;
use crate::refusal::Refusal;
use crate::testkit::Command;
use crate::time::UtcMs;

/// When every case begins.
pub const START: UtcMs = UtcMs(1_700_000_000_000);
/// The event of every case.
pub const EVENT: EventId = EventId(7);

/// A row was not understood or had another outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}\n  {row}")]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// The row.
    pub row: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What a table did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableReport {
    /// Cases run.
    pub cases: usize,
    /// Commands run.
    pub commands: usize,
    /// First words of all outcomes, two for refusals.
    pub outcomes: BTreeSet<String>,
}

/// Runs every row of a table. `define` makes the subject of a case: an event with this definition, in draft.
///
/// # Errors
/// The first row with another outcome, or that can't be read.
pub fn run_table<S: Subject>(
    text: &str,
    mut define: impl FnMut(EventId, &Definition, UtcMs) -> S,
) -> Result<TableReport, TableError> {
    let mut report = TableReport::default();
    let mut common = Setup::default();
    let mut case: Option<Case<S>> = None;
    for (at, whole) in text.lines().enumerate() {
        let row = whole.split(" # ").next().unwrap_or_default().trim();
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let problem = |problem| TableError { line: at + 1, row: whole.to_owned(), problem };
        if row.starts_with("case ") {
            case = Some(Case::new(common.clone()));
            report.cases += 1;
        } else if let Some(case) = &mut case {
            case.row(row, &mut define, &mut report).map_err(problem)?;
        } else {
            common.line(&words(row)).map_err(problem)?;
        }
    }
    Ok(report)
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// One case: its setup, its subject once the first command has come, and the names seen so far.
struct Case<S> {
    setup: Setup,
    subject: Option<S>,
    now: UtcMs,
    holds: Vec<KnownHold>,
}

/// A hold's number and its versions.
struct KnownHold {
    number: HoldNumber,
    first: Revision,
    latest: Revision,
}

impl<S: Subject> Case<S> {
    const fn new(setup: Setup) -> Self {
        Self { setup, subject: None, now: START, holds: Vec::new() }
    }

    fn row(
        &mut self,
        row: &str,
        define: &mut impl FnMut(EventId, &Definition, UtcMs) -> S,
        report: &mut TableReport,
    ) -> Result<(), String> {
        let (command, expected) = match row.split_once("->") {
            Some((command, expected)) => (words(command), Some(words(expected))),
            None => (words(row), None),
        };
        if self.subject.is_none() && Setup::knows(command[0]) {
            return self.setup.line(&command);
        }
        let subject = self.subject.get_or_insert_with(|| define(EVENT, &self.setup.definition, START));
        let names = parse::Names { setup: &self.setup, holds: &self.holds };
        let outcome = match names.row(&command)? {
            Row::Tick(ms) => {
                self.now = self.now.plus_ms(ms);
                return Ok(());
            }
            Row::Seat(seat) => format!("{:?}", subject.seat_state(seat)).to_lowercase(),
            Row::Allows(state, activity) => (if state.allows(activity) { "yes" } else { "no" }).to_owned(),
            Row::Maintain => format!("maintained {}", subject.maintain(self.now)),
            Row::Command(command) => {
                let before = subject.revision();
                let outcome = subject.run(&command, self.now);
                let again = if subject.revision() == before { "again " } else { "" };
                self.learn(&outcome);
                self.took_place(&command, &outcome);
                self.show(&outcome, again)
            }
        };
        report.commands += 1;
        let found = words(&outcome);
        let code = if found[0] == "refused" { 2 } else { 1 };
        report.outcomes.insert(found[..code].join(" "));
        let fits = expected.map_or(found[0] != "refused", |expected| found.starts_with(&expected));
        if fits { Ok(()) } else { Err(format!("it is: {outcome}")) }
    }

    fn learn(&mut self, outcome: &Result<Outcome, Refusal>) {
        let Ok(Outcome::Hold { number, version, .. }) = outcome else { return };
        match self.holds.iter_mut().find(|hold| hold.number == *number) {
            Some(hold) => hold.latest = *version,
            None => self.holds.push(KnownHold { number: *number, first: *version, latest: *version }),
        }
    }

    fn took_place(&mut self, command: &Command, outcome: &Result<Outcome, Refusal>) {
        if let (Command::ChangeManifest(request), Ok(_)) = (command, outcome) {
            self.setup.changed_to(&request.definition);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testkit::Model;

    fn model(event: EventId, definition: &Definition, at: UtcMs) -> Model {
        Model::new(event, definition, at).unwrap()
    }

    /// Every table of `tests/tables` against the model, and all of them together meet every refusal.
    #[test]
    fn the_model_does_what_the_tables_say() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables");
        let (mut outcomes, mut wrong) = (BTreeSet::new(), Vec::new());
        let mut files = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match run_table(&fs::read_to_string(&path).unwrap(), model) {
                Ok(report) => outcomes.extend(report.outcomes),
                Err(error) => wrong.push(format!("{}, {error}", path.display())),
            }
            files += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(files >= 6, "{files} tables");
        let missing = show::CODES.iter().filter(|code| !outcomes.contains(&format!("refused {code}")));
        // Only an engine with a store is ever overloaded.
        assert_eq!(missing.collect::<Vec<_>>(), [&"overloaded"], "refusals that no table meets");
    }

    #[test]
    fn a_wrong_row_is_reported_with_its_line() {
        let setup =
            "category gold\ntype adult\nprice adult gold 10\nsection A\nrow A 2\n\ncase x\nsale onsale\n";
        let run = |row: &str| run_table(&format!("{setup}{row}"), model);
        let report = run("hold A1 by ann -> held h1 A1 total 10").unwrap();
        assert_eq!((report.cases, report.commands), (1, 2));
        let wrong = run("hold A1 by ann -> held h2").unwrap_err();
        assert_eq!(
            (wrong.line, wrong.problem.as_str()),
            (9, "it is: held h1 A1 total 10 until 480s extensions 2")
        );
        for row in [
            "hold A1 by ann -> refused",
            "hold A3 by ann",
            "hold by ann",
            "jump",
            "tick 5",
            "confirm A1 by ann",
        ] {
            assert!(run(row).is_err(), "{row}");
        }
    }
}
