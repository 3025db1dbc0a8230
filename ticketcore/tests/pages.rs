//! Pages that are drawn from the code, or name what proves them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ticketcore::admission::{PHASES, Phase};
use ticketcore::order::{StepKind, TRANSITIONS};
use ticketcore::{OrderState, SaleState};

/// Marks the beginning of a part of a page that is drawn.
fn begin(part: &str) -> String {
    format!(
        "<!-- {part}: drawn from the code; `WRITE_DOCS=1 cargo test -p ticketcore --test pages` draws it again -->\n"
    )
}

/// A part of a page is what is drawn, or becomes it if that was asked for.
fn check(page: &str, part: &str, drawn: &str) {
    let path = root().join(page);
    let (begin, end, text) = (begin(part), format!("<!-- end of {part} -->"), read(&path));
    let (before, rest) = text.split_once(&begin).expect("the page has the mark");
    let (found, after) = rest.split_once(&end).expect("the page has the other mark");
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, [before, &begin, drawn, &end, after].concat()).expect("the page can be written");
    } else {
        assert_eq!(found, drawn, "{page} is not what the code says: run with WRITE_DOCS=1");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name(state: Option<OrderState>) -> &'static str {
    state.map_or("[*]", OrderState::name)
}

/// From which state steps lead to which; and to which if the order is to be reviewed.
type Way = (Option<OrderState>, OrderState, OrderState);

/// Steps by where they lead from and to, in the order of the table.
fn steps() -> Vec<(Way, Vec<&'static str>)> {
    let mut steps: Vec<(_, Vec<_>)> = Vec::new();
    for row in TRANSITIONS {
        let way = (row.from, row.to, row.in_review);
        match steps.iter_mut().find(|(known, _)| *known == way) {
            Some((_, names)) => names.push(row.step.name()),
            None => steps.push((way, vec![row.step.name()])),
        }
    }
    steps
}

/// The state diagram and the table of transitions.
fn drawn() -> String {
    let mut page = String::from("```mermaid\nstateDiagram-v2\n");
    let mut arrows: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for ((from, to, in_review), steps) in steps() {
        // A colon would end the name of the arrow.
        let plain = |step: &&str| step.replace(':', "");
        arrows.entry((name(from), to.name())).or_default().extend(steps.iter().map(plain));
        if in_review != to {
            let reviewed = steps.iter().map(|step| format!("{} (to be reviewed)", plain(step)));
            arrows.entry((name(from), in_review.name())).or_default().extend(reviewed);
        }
    }
    for ((from, to), steps) in arrows {
        writeln!(page, "    {from} --> {to} : {}", steps.join(", ")).expect("a string");
    }
    page.push_str("```\n\n| in state | this step | leads to | if it is to be reviewed and was not |\n|---|---|---|---|\n");
    for ((from, to, in_review), steps) in steps() {
        let from = from.map_or("(none)", OrderState::name);
        let reviewed = if in_review == to { "-" } else { in_review.name() };
        writeln!(page, "| {from} | {} | {} | {reviewed} |", steps.join(", "), to.name()).expect("a string");
    }
    page
}

#[test]
fn the_state_diagram_of_an_order_is_drawn_from_its_table() {
    check("docs/SEMANTICS.md", "transitions", &drawn());
}

fn name_of(phase: Phase) -> String {
    format!("{phase:?}").to_lowercase()
}

#[test]
fn what_a_sale_makes_of_a_room_is_drawn_from_the_code() {
    let mut table = String::from("| phase |");
    for sale in SaleState::ALL {
        write!(table, " {sale:?} |").expect("a string");
    }
    let mut table = table.to_lowercase();
    table.push_str(&format!("\n{}|\n", "|---".repeat(SaleState::ALL.len() + 1)));
    for phase in PHASES {
        write!(table, "| `{}` |", name_of(phase)).expect("a string");
        for sale in SaleState::ALL {
            match phase.follow(sale) {
                same if same == phase => table.push_str(" - |"),
                next => write!(table, " `{}` |", name_of(next)).expect("a string"),
            }
        }
        table.push('\n');
    }
    check("docs/ADMISSION.md", "phases", &table);
}

#[test]
fn every_state_and_every_step_is_in_the_table() {
    for state in OrderState::ALL {
        assert!(
            TRANSITIONS.iter().any(|row| row.to == state || row.in_review == state),
            "{state:?} is reached"
        );
        assert!(TRANSITIONS.iter().any(|row| row.from == Some(state)), "{state:?} is left, or lives on");
    }
    for step in StepKind::ALL {
        assert!(TRANSITIONS.iter().any(|row| row.step == *step), "{step:?} is legal somewhere");
    }
    for (at, row) in TRANSITIONS.iter().enumerate() {
        let twice = TRANSITIONS[..at].iter().any(|other| (other.from, other.step) == (row.from, row.step));
        assert!(!twice, "{row:?} stands twice");
    }
}

#[test]
fn what_happens_when_is_proved_by_tests_that_are_there() {
    let folder = root().join("docs");
    let page = read(&folder.join("WHAT_HAPPENS_WHEN.md"));
    let mut broken = Vec::new();
    let mut named = 0;
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        let proofs = section.lines().filter_map(|line| line.strip_prefix("* [`")?.strip_suffix(')'));
        let mut proved = false;
        for (test, path) in proofs.filter_map(|proof| proof.split_once("`](")) {
            (proved, named) = (true, named + 1);
            let source = fs::read_to_string(folder.join(path)).unwrap_or_default();
            // With or without the indentation of a macro.
            let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
            let there = lines.windows(2).any(|pair| {
                pair[0] == "#[test]"
                    && pair[1].strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{test}(")))
            });
            if !there {
                broken.push(format!("{title}: {path} has no test {test}"));
            }
        }
        if !proved {
            broken.push(format!("{title}: proved by nothing"));
        }
    }
    assert!(named >= 30, "the page names its tests: {named}");
    assert!(broken.is_empty(), "docs/WHAT_HAPPENS_WHEN.md:\n  {}", broken.join("\n  "));
}
