//! House rules that no tool checks. Each test lists everything that breaks its rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a Rust file may have.
const LINES_MAX: usize = 400;

/// The folder of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository").to_owned()
}

/// Every file of the repository that is written by hand, by its path from the root.
fn files() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    assert!(found.len() > 50, "the repository is here");
    found.sort();
    found
}

fn collect(folder: &Path, name: &str, found: &mut Vec<(String, PathBuf)>) {
    // What is made, not written: build output, what fuzzing finds, the version control's own.
    const MADE: [&str; 7] =
        [".git", "target", "out", "fuzz/corpus", "fuzz/artifacts", "fuzz/coverage", "fuzz/seeds"];
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let own = path.file_name().and_then(|name| name.to_str()).expect("names are text").to_owned();
        let name = if name.is_empty() { own.clone() } else { format!("{name}/{own}") };
        if MADE.contains(&name.as_str()) || own == "target" {
            continue;
        }
        if path.is_dir() {
            collect(&path, &name, found);
        } else {
            found.push((name, path));
        }
    }
}

fn rust_files() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|(name, _)| name.ends_with(".rs"));
    rust.map(|(name, path)| (name, fs::read_to_string(path).expect("Rust is text"))).collect()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

/// Names of direct dependencies in the sections of a manifest whose name ends with `dependencies`.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies");
            // `[dependencies.name]` would hide a name from the lines below.
            assert!(!section.contains("dependencies."), "dependencies are written as lists: {line}");
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            names.insert(name.to_owned());
        }
    }
    names.retain(|name| !name.starts_with("ticketcore"));
    names
}

/// Names in the first column of the tables of the dependency page, with the reason given.
fn reasons() -> BTreeMap<String, String> {
    let page = text("docs/DEPENDENCIES.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let split = rows.filter_map(|row| row.split_once("` | "));
    split.map(|(name, reason)| (name.to_owned(), reason.trim_end_matches(" |").to_owned())).collect()
}

#[test]
fn every_dependency_has_its_reason_and_every_reason_its_dependency() {
    let manifests = files().into_iter().filter(|(name, _)| name.ends_with("Cargo.toml"));
    let manifests: Vec<_> =
        manifests.map(|(name, path)| (name, fs::read_to_string(path).expect("a manifest is text"))).collect();
    assert!(manifests.len() >= 4, "workspace, core, benches, fuzz");
    let reasons = reasons();
    let mut broken = Vec::new();
    let mut known = BTreeSet::new();
    for (manifest, content) in &manifests {
        for name in dependencies(content) {
            if !reasons.contains_key(&name) {
                broken.push(format!("{manifest}: `{name}` is not in docs/DEPENDENCIES.md"));
            }
            known.insert(name);
        }
    }
    for (name, reason) in &reasons {
        if !known.contains(name) {
            broken.push(format!("docs/DEPENDENCIES.md: nobody depends on `{name}`"));
        }
        if reason.split(' ').count() < 3 {
            broken.push(format!("docs/DEPENDENCIES.md: `{name}` has no reason"));
        }
    }
    none("every direct dependency is listed with its reason", &broken);
}

#[test]
fn no_file_is_too_long() {
    let long = rust_files().into_iter().map(|(name, content)| (name, content.lines().count()));
    let long = long.filter(|(_, lines)| *lines > LINES_MAX).map(|(name, lines)| format!("{name}: {lines}"));
    none("no Rust file has over 400 lines", &long.collect::<Vec<_>>());
}

#[test]
fn lints_are_expected_never_allowed() {
    // Put together, so that this file does not break its own rule.
    let patterns = [["#[", "allow("].concat(), ["#![", "allow("].concat(), [", ", "allow("].concat()];
    let mut broken = Vec::new();
    for (name, content) in rust_files() {
        for (at, line) in content.lines().enumerate() {
            if patterns.iter().any(|pattern| line.contains(pattern)) {
                broken.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    none("`#[expect(lint, reason)]` goes stale loudly, the other silently", &broken);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let patterns =
        [["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"], ["C:", "\\"]].map(|p| p.concat());
    let mut broken = Vec::new();
    for (name, path) in files() {
        // What is not text (corpora, pictures) is nobody's path.
        let Ok(content) = fs::read_to_string(path) else { continue };
        for (at, line) in content.lines().enumerate() {
            if let Some(pattern) = patterns.iter().find(|pattern| line.contains(pattern.as_str())) {
                broken.push(format!("{name}:{}: {pattern}", at + 1));
            }
        }
    }
    none("the project works wherever it is", &broken);
}

#[test]
fn tests_that_use_the_testkit_say_that_they_need_it() {
    let manifest = text("ticketcore/Cargo.toml");
    let mut silent = Vec::new();
    for (name, code) in rust_files() {
        let Some(rest) = name.strip_prefix("ticketcore/tests/") else { continue };
        let target = rest.split(['/', '.']).next().unwrap_or(rest);
        let said = manifest.contains(&format!("name = \"{target}\"\nrequired-features = [\"testkit\"]"));
        let whole = fs::read_to_string(root().join(format!("ticketcore/tests/{target}.rs")));
        let gated = whole.is_ok_and(|code| code.contains("cfg(feature = \"testkit\")"));
        let uses = code.lines().any(|line| line.trim_start().starts_with("use ticketcore::testkit"));
        if uses && !said && !gated {
            silent.push(name);
        }
    }
    none("names `testkit` and does not ask for the feature", &silent);
}

#[test]
fn every_limit_says_what_it_limits() {
    let limits = text("ticketcore/src/limits.rs");
    let mut before = "";
    let mut count = 0;
    let mut broken = Vec::new();
    for line in limits.lines() {
        if line.starts_with("pub const ") && !line.starts_with("pub const fn") {
            count += 1;
            if !before.starts_with("/// ") {
                broken.push(line.to_owned());
            }
        }
        before = line;
    }
    assert!(count >= 30, "the limits are here: {count}");
    none("every limit has a doc comment", &broken);
}

/// The codes of the refusals, in the order of the enum: the first word of each message.
fn refusal_codes() -> Vec<String> {
    let source = text("ticketcore/src/refusal.rs");
    let (_, list) = source.split_once("pub enum Refusal {").expect("the enum is there");
    let (list, _) = list.split_once("\n}").expect("the enum ends");
    let messages = list.lines().filter_map(|line| line.trim().strip_prefix("#[error(\""));
    let code = |message: &str| message.split([':', '"']).next().unwrap_or_default().to_owned();
    messages.map(code).collect()
}

#[test]
fn every_refusal_is_explained() {
    let codes = refusal_codes();
    assert!(codes.len() >= 30, "the refusals are here: {}", codes.len());
    let page = text("docs/SEMANTICS.md");
    let mut broken = Vec::new();
    for code in &codes {
        let snake = !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if !snake || !page.contains(&format!("`{code}`")) {
            broken.push(code.clone());
        }
    }
    none("docs/SEMANTICS.md names every refusal by its code", &broken);
}

#[test]
fn refusals_stand_in_their_documented_order() {
    let page = text("docs/SEMANTICS.md");
    let (_, list) = page.split_once("## Refusals, in order of precedence").expect("the section is there");
    let (list, _) = list.split_once("Per command").expect("the list ends");
    let mut at = 0;
    let mut broken = Vec::new();
    for code in refusal_codes() {
        match list[at..].find(&format!("`{code}`")) {
            Some(found) => at += found,
            None => broken.push(code),
        }
    }
    none("`Refusal` has the order of precedence of docs/SEMANTICS.md; these come too late", &broken);
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for (name, path) in files().into_iter().filter(|(name, _)| name.ends_with(".md")) {
        let folder = path.parent().expect("a file is in a folder").to_owned();
        let page = fs::read_to_string(&path).expect("a page is text");
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || file.is_empty();
            if !outside && !folder.join(file).exists() {
                broken.push(format!("{name}: {target}"));
            }
        }
    }
    none("every link of a page leads to a file", &broken);
}

#[test]
fn files_named_in_the_architecture_page_exist() {
    let page = text("docs/ARCHITECTURE.md");
    let mut named = 0;
    let mut broken = Vec::new();
    for word in page.split('`').skip(1).step_by(2) {
        let is_path =
            word.contains('/') && [".rs", ".md", ".toml", "/"].iter().any(|end| word.ends_with(end));
        if is_path && !word.contains(' ') {
            named += 1;
            if !root().join(word).exists() {
                broken.push(word.to_owned());
            }
        }
    }
    assert!(named >= 20, "the page names files: {named}");
    none("docs/ARCHITECTURE.md names files by their path from the root", &broken);
}
