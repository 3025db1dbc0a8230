use ticketcore::HoldNumber;
use ticketcore::checkout::Listed;

use super::*;

fn order(number: u64) -> OrderId {
    OrderId { event: EventId(7), number: HoldNumber(number) }
}

fn stuck(number: u64) -> Finding {
    Finding::RefundStuck { order: order(number), refund: 1, amount_minor: 5_000 }
}

fn report(at: u64, standing: Vec<Finding>) -> ReconcileReport {
    ReconcileReport { at: UtcMs(at), standing, ..ReconcileReport::default() }
}

fn watcher() -> Watcher {
    Watcher { counts: Family::default(), known: HashMap::new() }
}

#[test]
fn a_finding_is_told_once_and_again_when_it_was_gone_for_long() {
    let mut watcher = watcher();
    let mut new = |at, numbers: &[u64]| {
        let report = report(at, numbers.iter().map(|number| stuck(*number)).collect());
        let new = watcher.note(&found_in(&report), report.at);
        new.into_iter().filter_map(|about| about.order).collect::<Vec<_>>()
    };
    assert_eq!(new(1, &[1]), [order(1)]);
    assert_eq!(new(2, &[1, 2]), [order(2)], "it stands");
    assert_eq!(new(3, &[]), []);
    assert_eq!(new(4, &[1]), [], "it was gone for a moment");
    assert_eq!(new(4 + FORGET_AFTER_MS, &[1, 2]), [order(1), order(2)]);
}

#[test]
fn findings_are_counted_by_kind() {
    let watcher = watcher();
    let hold = HoldId { event: EventId(7), number: HoldNumber(3) };
    let standing = vec![stuck(1), stuck(2), Finding::PinnedWithoutOrder { hold }];
    watcher.count(&found_in(&report(1, standing)));
    let count = |kind: FindingKind| watcher.counts.get_or_create(&OfKind { kind: kind.name() }).get();
    assert_eq!((count(FindingKind::RefundStuck), count(FindingKind::PinnedWithoutOrder)), (2, 1));
    watcher.count(&[]);
    assert_eq!(count(FindingKind::RefundStuck), 0);
}

#[test]
fn a_report_that_is_full_says_that_there_may_be_more() {
    let of = |count: usize| has_more(&report(1, vec![stuck(1); count]));
    assert!(!of(ReconcileReport::STANDING_MAX - 1));
    assert!(of(ReconcileReport::STANDING_MAX));
    let unaccounted = Listed { count: 1, first: Vec::new() };
    assert!(has_more(&ReconcileReport { unaccounted, ..ReconcileReport::default() }), "one is not listed");
}

#[test]
fn kinds_are_written_as_they_are_named() {
    for kind in FindingKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
