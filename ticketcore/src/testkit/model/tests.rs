//! Random histories of the model, audited; and how the model deals with time.

use std::collections::BTreeSet;

use super::*;
use crate::testkit::{Auditor, Generator};

/// The model and the auditor count the same.
fn same(model: &Model, auditor: &Auditor, context: &str) {
    assert_eq!(auditor.sale_state(), Some(model.sale_state()), "{context}");
    assert_eq!(auditor.seat_states(), model.seat_states(), "{context}");
    assert_eq!(auditor.sections(), model.sections(), "{context}");
    assert_eq!(auditor.allocations(), model.allocations(), "{context}");
    assert_eq!(auditor.pools(), model.pools(), "{context}");
    assert_eq!(auditor.quotas(), model.quotas(), "{context}");
    let (mut held, mut audited) = (model.holds(), auditor.holds());
    loop {
        match (held.next(), audited.next()) {
            (None, None) => break,
            (Some((number, hold)), Some((same, audited))) => {
                assert_eq!(number, same, "{context}");
                assert_eq!((hold.user, &hold.lines), (audited.user, &audited.lines), "{context}");
                assert_eq!(hold.effective_deadline(), audited.effective_deadline(), "{context}");
                assert_eq!(hold.extensions_left, audited.extensions_left, "{context}");
                assert_eq!(model.used(hold.user), auditor.user(hold.user).used(), "{context}");
            }
            (held, audited) => panic!("{context}: {held:?} in the model, {audited:?} in the audit"),
        }
    }
    for (number, order) in model.orders() {
        assert_eq!(auditor.order_state(number), Some(order.state), "{context}");
    }
}

/// One random history of `steps` commands; gives the codes of its refusals and the kinds of its facts.
fn history(seed: u64, steps: usize) -> BTreeSet<String> {
    let mut generator = Generator::new(seed);
    let mut at = UtcMs(1_700_000_000_000);
    let definition = generator.definition(at);
    let mut model = Model::new(EventId(7), &definition, at).unwrap();
    let mut auditor = Auditor::new();
    let mut audited = 0;
    let mut seen = BTreeSet::new();
    for step in 0..steps {
        at = at.plus_ms(generator.pause_ms());
        if step % 2 == 0 {
            model.expire_due(at);
        }
        let command = generator.command(&model);
        let before = model.log().len();
        let answer = model.run(&command, at);
        let context = format!("seed {seed}, step {step}: {command:?} -> {answer:?}");
        match &answer {
            Ok(ModelAnswer::Logged(_, fact)) => {
                assert_eq!(model.log().last().map(|(_, last)| last), Some(fact), "{context}");
                seen.insert(format!("{fact:?}").split(['(', ' ']).next().unwrap_or_default().to_owned());
            }
            Ok(ModelAnswer::Again(stamp, _)) => {
                assert!(stamp.revision <= model.revision(), "{context}");
                seen.insert("again".to_owned());
            }
            Ok(_) => assert_eq!(model.log().len(), before, "{context}"),
            Err(refusal) => {
                let fact = model.log()[before..]
                    .iter()
                    .find(|(_, fact)| !matches!(fact, Fact::HoldEnded(_) | Fact::AllocationReleased { .. }));
                assert_eq!(fact, None, "{context}");
                seen.insert(refusal.to_string().split(':').next().unwrap_or_default().to_owned());
            }
        }
        for (stamp, fact) in &model.log()[audited..] {
            auditor.fact(*stamp, fact).unwrap_or_else(|violation| panic!("{violation}; {context}"));
        }
        audited = model.log().len();
        same(&model, &auditor, &context);
    }
    auditor.check_all().unwrap();
    seen
}

#[test]
fn random_histories_break_no_invariant_and_count_the_same() {
    let mut seen = BTreeSet::new();
    for seed in 0..80 {
        seen.extend(history(seed, 400));
    }
    // What a random history meets now and then, so that this test keeps testing something.
    for outcome in [
        "HoldPlaced",
        "HoldAmended",
        "HoldExtended",
        "HoldEnded",
        "OrderOpened",
        "OrderConfirmed",
        "OrderCancelled",
        "SeatsChanged",
        "PlacesChanged",
        "AllocationReleased",
        "SaleStateChanged",
        "ManifestChanged",
        "again",
        "idempotency_key_reused",
        "unknown_event",
        "unknown_hold",
        "unknown_order",
        "sale_state",
        "sale_transition",
        "order_state",
        "hold_expired",
        "hold_pinned",
        "no_extension_left",
        "in_use",
        "unknown_seats",
        "not_sold",
        "allocation_released",
        "seat_mismatch",
        "places_mismatch",
        "user_limit",
        "allocation_locked",
        "seats_unavailable",
        "area_exhausted",
        "best_available_miss",
        "orphan_seat",
        "quota_exhausted",
        "limit_exceeded",
        "hold_would_be_empty",
        "unknown_ticket_type",
        "duplicate_seat",
    ] {
        assert!(seen.contains(outcome), "no history meets {outcome}: {seen:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_facts() {
    let run = |seed| {
        let mut generator = Generator::new(seed);
        let definition = generator.definition(UtcMs(5));
        let mut model = Model::new(EventId(7), &definition, UtcMs(5)).unwrap();
        let mut at = UtcMs(5);
        for _ in 0..200 {
            at = at.plus_ms(generator.pause_ms());
            let command = generator.command(&model);
            // Refusals are part of a history.
            drop(model.run(&command, at));
        }
        model.log().to_vec()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn logged_time_never_decreases_and_maintenance_has_an_order() {
    let definition = Generator::new(1).definition(UtcMs::NEVER);
    let mut model = Model::new(EventId(7), &definition, UtcMs(1_000)).unwrap();
    let onsale = crate::request::SaleStateRequest { event: EventId(7), to: SaleState::Onsale };
    model.set_sale_state(onsale, UtcMs(10)).unwrap();
    assert_eq!(model.log()[1].0.at, UtcMs(1_000));
    for (user, ttl_ms) in [(1u128, 400_000), (2, 300_000), (3, 300_000)] {
        let best = crate::request::BestAvailable::adjacent(1, crate::TicketTypeIndex(0));
        let items = vec![crate::request::Item::Best(best)];
        let mut request = crate::request::HoldRequest::new(EventId(7), UserId::from(user), items);
        request.ttl_ms = Some(ttl_ms);
        model.hold(&request, UtcMs(1_000)).unwrap();
    }
    let due = |model: &mut Model, at| -> Vec<UserId> {
        let facts = model.expire_due(UtcMs(at));
        facts
            .iter()
            .map(|(_, fact)| if let Fact::HoldEnded(f) = fact { f.user } else { UserId::from(0) })
            .collect()
    };
    assert_eq!(due(&mut model, 300_999), []);
    assert_eq!(due(&mut model, 401_000), [2, 3, 1].map(UserId::from));
}
