//! The interface's description as it was agreed upon: whatever changes in it is seen in review.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use ticketcore::EventId;
use ticketcore::admission::{DrawRecord, EntrantTag, JoinTree, commitment, log_root};
use ticketcore_server::api::document::Document;
use utoipa::OpenApi;

/// How the file is written anew.
const REFRESH: &str = "WRITE_DOCS=1 cargo test -p ticketcore-server --all-features --test http golden";
/// Differences that are told; more are counted.
const TOLD_MAX: usize = 40;

#[test]
fn the_document_is_the_one_that_was_agreed_upon() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/openapi.json");
    let made = serde_json::to_value(Document::openapi()).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let agreed = fs::read_to_string(&path).unwrap_or_default();
    if agreed == text {
        return;
    }
    let mut found = Vec::new();
    differences("", &serde_json::from_str(&agreed).unwrap_or(Value::Null), &made, &mut found);
    let count = found.len();
    found.truncate(TOLD_MAX);
    panic!(
        "the OpenAPI document is another one than tests/golden/openapi.json, in {count} places:\n  {}\nIf that is meant: {REFRESH}",
        found.join("\n  ")
    );
}

/// Where two documents differ, by JSON pointers.
fn differences(at: &str, agreed: &Value, made: &Value, found: &mut Vec<String>) {
    match (agreed, made) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match after.get(name) {
                    Some(now) => differences(&at, value, now, found),
                    None => found.push(format!("- {at}: {}", short(value))),
                }
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                found.push(format!(
                    "+ {at}/{}: {}",
                    name.replace('~', "~0").replace('/', "~1"),
                    short(value)
                ));
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                differences(&format!("{at}/{index}"), before, after, found);
            }
        }
        _ if agreed != made => found.push(format!("~ {at}: {} is now {}", short(agreed), short(made))),
        _ => {}
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 {
        text
    } else {
        format!("{}...", text.chars().take(120).collect::<String>())
    }
}

/// The page checks draws with code of its own: it is tested with those of the engine.
#[test]
fn the_draws_that_the_page_is_tested_with_are_the_engines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/draws.json");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let draw = |entrants: u32| {
        let tag = |number: u64| EntrantTag(u128::from(number + 1).wrapping_mul(1 << 100 | 7).to_be_bytes());
        let leaf = |number| tag(number).leaf(number);
        let count = u64::from(entrants);
        let (mut tree, key) = (JoinTree::default(), [u8::try_from(entrants).unwrap(); 32]);
        tree.extend(count, leaf);
        let record = DrawRecord {
            event: EventId(42),
            commitment: commitment(&key),
            entropy_source: "a block to come".to_owned(),
            entrants,
            root: log_root(count, &tree.root(count, leaf)),
            entropy: "00abc".to_owned(),
            key,
        };
        let proof = |number: u64| {
            let path = tree.proof(number, count, leaf).unwrap();
            let place = record.check(u32::try_from(number).unwrap(), tag(number), &path).unwrap();
            let path: Vec<_> = path.iter().map(|hash| hex(hash)).collect();
            json!({"proof": {"number": number, "entrant": tag(number).to_string(), "path": path}, "place": place})
        };
        let shown = json!({
            "eventId": record.event.to_string(),
            "commitment": hex(&record.commitment),
            "entropySource": record.entropy_source,
            "entrants": entrants,
            "root": hex(&record.root),
            "entropy": record.entropy,
            "key": hex(&record.key),
        });
        json!({"draw": shown, "proofs": (0..count).map(proof).collect::<Vec<_>>()})
    };
    let made = json!([draw(1), draw(5), draw(37)]);
    let text = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "tests/golden/draws.json is old: {REFRESH}"
    );
}

#[test]
fn a_difference_is_told_with_its_place() {
    let before = serde_json::json!({"a/b": {"c": [1, 2]}, "gone": true, "same": null});
    let after = serde_json::json!({"a/b": {"c": [1, 3]}, "new": "x", "same": null});
    let mut found = Vec::new();
    differences("", &before, &after, &mut found);
    found.sort();
    assert_eq!(found, ["+ /new: \"x\"", "- /gone: true", "~ /a~1b/c/1: 2 is now 3"]);
}
