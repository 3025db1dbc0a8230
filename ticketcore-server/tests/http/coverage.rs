//! Every operation and every code that the interface can produce stands in the name of a test, or in a test that shows it.

use std::collections::BTreeSet;

use ticketcore_server::api::routes;
use ticketcore_server::http::Code;

use super::server::Server;

const TESTS: &[&str] = &[
    include_str!("bad_input.rs"),
    include_str!("bots.rs"),
    include_str!("browse.rs"),
    include_str!("buying.rs"),
    include_str!("codes.rs"),
    include_str!("disputes.rs"),
    include_str!("door.rs"),
    include_str!("external.rs"),
    include_str!("faults.rs"),
    include_str!("limits.rs"),
    include_str!("prepared.rs"),
    include_str!("refusals.rs"),
    include_str!("staff.rs"),
    include_str!("stopping.rs"),
    include_str!("admission.rs"),
    include_str!("waiting_room.rs"),
];

/// Codes that can't come about over HTTP, and why not.
const NOT_PRODUCED: &[(&str, &str)] = &[
    ("internal", "only a fault of ours leads to it"),
    ("room_full", "a hundred million people would have to join"),
    ("in_use", "no route changes what an event sells"),
    ("batch_differs", NO_VOUCHERS),
    ("duplicate_code", NO_VOUCHERS),
    ("unknown_batch", NO_VOUCHERS),
    ("unknown_allocation", NO_ALLOCATIONS),
    ("allocation_released", NO_ALLOCATIONS),
    ("seat_mismatch", "no route blocks seats"),
    ("places_mismatch", "no route blocks places"),
];
const NO_VOUCHERS: &str = "no route adds or revokes vouchers";
const NO_ALLOCATIONS: &str = "no route names an allocation";

#[test]
fn every_operation_stands_in_the_name_of_a_test() {
    let names: Vec<&str> =
        TESTS.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("fn ")).collect();
    let missing: Vec<_> = routes()
        .iter()
        .map(|route| route.operation)
        .filter(|operation| !names.iter().any(|name| name.contains(operation)))
        .collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
}

#[test]
fn every_code_that_can_be_produced_is() {
    let shown = |code: &str| TESTS.iter().any(|text| text.contains(&format!(".problem(\"{code}\")")));
    let missing: Vec<_> = Code::ALL
        .iter()
        .map(|code| code.name())
        .filter(|code| !shown(code) && NOT_PRODUCED.iter().all(|(known, _)| known != code))
        .collect();
    assert!(missing.is_empty(), "no test shows {missing:?}");
    let stale: Vec<_> = NOT_PRODUCED.iter().filter(|(code, _)| shown(code)).collect();
    assert!(stale.is_empty(), "{stale:?} are produced after all");
}

#[test]
fn the_document_has_every_operation_and_no_other() {
    let document = Server::start().anybody().get("/openapi.json").ok(200).json();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            described.insert((
                path.clone(),
                method.to_uppercase(),
                operation["operationId"].as_str().unwrap().to_owned(),
            ));
        }
    }
    let undescribed = [
        "get_health",
        "get_readiness",
        "get_metrics",
        "get_openapi",
        "get_docs",
        "get_docs_file",
        "get_page",
        "get_page_file",
    ];
    let there: BTreeSet<_> = routes()
        .iter()
        .filter(|route| !undescribed.contains(&route.operation))
        .map(|route| (route.path.to_owned(), route.method.to_owned(), route.operation.to_owned()))
        .collect();
    assert_eq!(described, there);
}

#[test]
fn the_page_about_the_interface_lists_every_code() {
    let page = include_str!("../../../docs/API.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} | {} |", code.name(), code.status().as_u16(), code.title());
        assert!(page.contains(&row), "docs/API.md lacks {row}");
    }
}
