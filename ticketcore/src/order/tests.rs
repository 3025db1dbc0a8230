//! Properties of the machine alone: whatever is heard of an order's money, in whatever order and however often.

use proptest::prelude::*;

use super::observed::{PaymentSeen, RefundSeen};
use super::payment::{Payment, PaymentState};
use super::record::OrderRecord;
use super::refund::{Refund, RefundState};
use super::step::{CheckoutOpened, EndReason, OrderStep};
use super::terms::{CaptureMode, LateMoney, OnDecline, PaymentRules, Terms};
use super::{Effect, OrderState, StepKind, TicketStatus, Word};
use crate::fact::{Lines, OrderOpened, SeatLine};
use crate::id::{HoldNumber, Revision, SeatIndex, TicketTypeIndex, UserId};
use crate::time::UtcMs;

pub(super) const AMOUNT: i64 = 300;
const AT: UtcMs = UtcMs(1);

pub(super) fn lines() -> Lines {
    let seat =
        |at| SeatLine { seat: SeatIndex(at), ticket_type: TicketTypeIndex(0), price_minor: AMOUNT / 2 };
    Lines { seats: [seat(0), seat(1)].into_iter().collect(), areas: Vec::new() }
}

pub(super) fn order(capture: CaptureMode, on_decline: OnDecline, review: bool) -> OrderRecord {
    let terms = Terms {
        rules: PaymentRules { capture, on_decline, ..PaymentRules::default() },
        late_money: LateMoney::Refund,
        review,
        pay_until: AT,
        hard_deadline: AT,
    };
    let user = UserId::from(1);
    let hold = HoldNumber::new(Revision(1), user.shard());
    let opened = OrderOpened { hold, user, keyed: None, payment_deadline: AT, lines: lines() };
    let checkout = CheckoutOpened { opened, terms, extra: Vec::new(), amount_minor: AMOUNT };
    OrderRecord::opened(user, Revision(2), 0, Some(&checkout))
}

/// One of everything that a gateway may say of a payment.
pub(super) fn all_seen() -> [PaymentSeen; 6] {
    let reference = Word::cut("r");
    [
        PaymentSeen::ActionRequired { next_action: Word::cut("3ds") },
        PaymentSeen::Authorized { reference: reference.clone(), lapses_at: None, fingerprint: None },
        PaymentSeen::Captured { reference, amount_minor: AMOUNT, fingerprint: None },
        PaymentSeen::Declined { code: Word::cut("no") },
        PaymentSeen::Voided,
        PaymentSeen::NotFound,
    ]
}

/// How much is known of a payment in a state: news only ever leads up.
fn certainty(state: PaymentState) -> u8 {
    match state {
        PaymentState::Started => 0,
        PaymentState::ActionRequired => 1,
        PaymentState::Declined => 2,
        PaymentState::Authorized => 3,
        PaymentState::Voided => 4,
        PaymentState::Captured => 5,
    }
}

fn started() -> Payment {
    let mut fresh = order(CaptureMode::Immediate, OnDecline::Keep, false);
    pay(&mut fresh);
    fresh.payments()[0].clone()
}

pub(super) fn pay(order: &mut OrderRecord) -> bool {
    let attempt = super::count(order.payments().len()) + 1;
    let (gateway, method) = (Word::cut("g"), Word::cut("m"));
    take(order, OrderStep::PaymentStarted { attempt, gateway, method, amount_minor: AMOUNT, deadline: AT })
}

/// Takes a step if it is legal, as an engine would that has decided so.
pub(super) fn take(order: &mut OrderRecord, step: OrderStep) -> bool {
    let mut next = order.clone();
    let taken = next.step(&step, AT).is_ok();
    if taken {
        *order = next;
    }
    taken
}

pub(super) fn hear(order: &mut OrderRecord, attempt: u32, seen: &PaymentSeen) -> bool {
    let new = order.payment(attempt).is_some_and(|payment| payment.after(seen).is_some());
    let seen = seen.clone();
    new && take(order, OrderStep::PaymentObserved { attempt, seen, deadline: None })
}

pub(super) fn refund(order: &mut OrderRecord, attempt: u32, amount_minor: i64, tickets: Vec<u32>) -> bool {
    let refund = super::count(order.refunds().len()) + 1;
    let (back, reason) = (order.places_of(&tickets), EndReason::Asked);
    take(order, OrderStep::RefundStarted { refund, attempt, amount_minor, tickets, back, reason })
}

/// What an order's money must always be.
fn sound(order: &OrderRecord) -> Result<(), TestCaseError> {
    for attempt in 1..=super::count(order.payments().len()) {
        prop_assert!(order.left_minor(attempt) >= 0, "less than nothing is left of {attempt}: {order:?}");
    }
    let unresolved = order.payments().iter().rev().skip(1).filter(|payment| payment.is_unresolved());
    prop_assert_eq!(unresolved.count(), 0, "only the last attempt may be unresolved");
    if order.state != OrderState::Confirmed {
        prop_assert_eq!(order.sold(), Lines::default());
    }
    let lost: i64 = order.disputes().iter().map(|dispute| dispute.lost_minor).sum();
    prop_assert_eq!(lost, order.account.as_ref().map_or(0, |account| account.disputed_minor));
    let out_of_use = order
        .live_tickets()
        .iter()
        .any(|at| order.ticket(*at).is_some_and(|t| t.status == TicketStatus::Disputed));
    let last = super::count(order.payments().len());
    prop_assert!(!out_of_use || order.is_disputed(last), "out of use for nothing: {order:?}");
    if order.state == OrderState::Cancelled {
        prop_assert_eq!(order.live_tickets().len(), 0, "what is cancelled has no tickets: {:?}", order);
    }
    Ok(())
}

/// Answers an effect: as a gateway would that says yes if `yes`, and as the engine would.
fn answer(order: &mut OrderRecord, effect: &Effect, yes: bool) -> bool {
    let [_, authorized, captured, declined, voided, _] = all_seen();
    let pick = |good, bad| if yes { good } else { bad };
    match effect {
        Effect::Authorize(charge) => hear(order, charge.attempt, &pick(authorized, declined)),
        Effect::LookUp(charge) => hear(order, charge.attempt, &pick(captured, PaymentSeen::NotFound)),
        Effect::Capture(charge) if yes => hear(order, charge.attempt, &captured),
        Effect::Capture(charge) => {
            take(order, OrderStep::CaptureRefused { attempt: charge.attempt, code: Word::cut("no") })
        }
        Effect::Void(charge) => hear(order, charge.attempt, &pick(voided, captured)),
        Effect::Refund { refund, tries, .. } | Effect::LookUpRefund { refund, tries, .. } => {
            let (refund, tries) = (*refund, *tries);
            let seen = pick_refund(yes, Word::cut("r"));
            take(order, OrderStep::RefundTryObserved { refund, tries, seen })
        }
        Effect::Confirm => order.close(StepKind::Confirmed, &lines()).is_ok(),
        Effect::Drop(reason) => take(order, OrderStep::Dropped { reason: *reason, lines: lines() }),
        Effect::SettleLate if yes => take(order, OrderStep::LateConfirmed { lines: lines() }),
        Effect::SettleLate => take(order, OrderStep::LateRefused { reason: EndReason::TooLate }),
        Effect::StartRefund { attempt, .. } => {
            let tickets = if order.pays(*attempt) { order.live_tickets() } else { Vec::new() };
            let left = order.left_minor(*attempt);
            refund(order, *attempt, left, tickets)
        }
        Effect::Reverse => {
            let back = order.sold();
            take(order, OrderStep::Reversed { reason: EndReason::CaptureRefused, back })
        }
    }
}

fn pick_refund(yes: bool, reference: Word) -> RefundSeen {
    if yes {
        RefundSeen::Succeeded { reference }
    } else {
        RefundSeen::Failed { code: Word::cut("no"), retry: true }
    }
}

/// Anything that may happen to an order, from outside.
#[derive(Clone, Debug)]
enum Chance {
    Pay,
    Heard { attempt: u32, seen: usize },
    CaptureRefused { attempt: u32 },
    RefundHeard { refund: u32, tries: u32, yes: bool },
    Refund { attempt: u32, amount_minor: i64, tickets: Vec<u32> },
    Closed { kind: usize },
    Approved,
    Outside,
    Dispute { attempt: u32, name: u8, amount_minor: i64 },
    DisputeOver { attempt: u32, name: u8, amount_minor: i64, won: bool },
    Transfer { ticket: u32 },
    Effect { yes: bool, cancelled: bool },
}

fn chance() -> impl Strategy<Value = Chance> {
    let attempt = 1..4u32;
    prop_oneof![
        2 => Just(Chance::Pay),
        6 => (attempt.clone(), 0..6usize).prop_map(|(attempt, seen)| Chance::Heard { attempt, seen }),
        1 => attempt.clone().prop_map(|attempt| Chance::CaptureRefused { attempt }),
        4 => (1..4u32, 0..4u32, any::<bool>())
            .prop_map(|(refund, tries, yes)| Chance::RefundHeard { refund, tries, yes }),
        2 => (0..4u32, -1..AMOUNT + 2, proptest::sample::subsequence(vec![0, 1, 2], 0..3))
            .prop_map(|(attempt, amount_minor, tickets)| Chance::Refund { attempt, amount_minor, tickets }),
        2 => (0..3usize).prop_map(|kind| Chance::Closed { kind }),
        1 => Just(Chance::Approved),
        1 => Just(Chance::Outside),
        1 => (attempt.clone(), 0..3u8, 0..AMOUNT + 2)
            .prop_map(|(attempt, name, amount_minor)| Chance::Dispute { attempt, name, amount_minor }),
        1 => (attempt, 0..3u8, 0..AMOUNT + 2, any::<bool>()).prop_map(|(attempt, name, amount_minor, won)| {
            Chance::DisputeOver { attempt, name, amount_minor, won }
        }),
        1 => (0..3u32).prop_map(|ticket| Chance::Transfer { ticket }),
        8 => (any::<bool>(), any::<bool>()).prop_map(|(yes, cancelled)| Chance::Effect { yes, cancelled }),
    ]
}

fn happen(order: &mut OrderRecord, chance: &Chance) {
    match chance {
        Chance::Pay => _ = pay(order),
        Chance::Heard { attempt, seen } => _ = hear(order, *attempt, &all_seen()[*seen]),
        Chance::CaptureRefused { attempt } => {
            _ = take(order, OrderStep::CaptureRefused { attempt: *attempt, code: Word::cut("no") });
        }
        Chance::RefundHeard { refund, tries, yes } => {
            let seen = pick_refund(*yes, Word::cut("r"));
            _ = take(order, OrderStep::RefundTryObserved { refund: *refund, tries: *tries, seen });
        }
        Chance::Refund { attempt, amount_minor, tickets } => {
            _ = refund(order, *attempt, *amount_minor, tickets.clone());
        }
        Chance::Closed { kind } => {
            let kind = [StepKind::Confirmed, StepKind::Cancelled, StepKind::Expired][*kind];
            let paid = kind != StepKind::Confirmed || order.is_paid();
            if paid && order.after_kind(kind).is_some() {
                assert_eq!(order.close(kind, &lines()), Ok(()));
            }
        }
        Chance::Approved => _ = take(order, OrderStep::Approved { deadline: AT }),
        Chance::Outside => {
            _ = take(order, OrderStep::ConfirmedOutside { reference: Word::cut("desk"), lines: lines() });
        }
        Chance::Dispute { attempt, name, amount_minor } => {
            let (attempt, reference) = (*attempt, named(*name));
            let known = order.dispute(&reference).is_some();
            let taken = captured_minor(order, attempt);
            let fits = taken.is_some_and(|taken| *amount_minor <= taken)
                && order.after_kind(StepKind::DisputeOpened).is_some();
            let step = OrderStep::DisputeBegun { attempt, reference, amount_minor: *amount_minor };
            assert_eq!(take(order, step), fits && !known, "{order:?}");
        }
        Chance::DisputeOver { attempt, name, amount_minor, won } => {
            let (reference, won) = (named(*name), *won);
            let known = order.dispute(&reference).cloned();
            let attempt = known.as_ref().map_or(*attempt, |known| known.attempt);
            let most = known.as_ref().map(|known| known.amount_minor).or(captured_minor(order, attempt));
            let amount_minor = most.unwrap_or_default().min(*amount_minor);
            let left = order.left_minor(attempt);
            let lost_minor = if won { 0 } else { amount_minor.min(left) };
            let dies = !won && order.pays(attempt) && lost_minor == left;
            let back = if dies { order.sold() } else { Lines::default() };
            let fits = most.is_some()
                && known.is_none_or(|known| known.is_open())
                && order.after_kind(StepKind::DisputeClosed).is_some();
            let step = OrderStep::DisputeEnded { attempt, reference, won, amount_minor, lost_minor, back };
            assert_eq!(take(order, step), fits, "{order:?}");
        }
        Chance::Transfer { ticket } => {
            _ = take(order, OrderStep::Transferred { tickets: vec![*ticket], to: UserId::from(2) });
        }
        Chance::Effect { yes, cancelled } => {
            if let Some(effect) = order.next_effect(*cancelled) {
                assert!(answer(order, &effect, *yes), "{effect:?} is due and can't be done: {order:?}");
            }
        }
    }
}

fn named(name: u8) -> Word {
    Word::cut(&format!("d{name}"))
}

fn captured_minor(order: &OrderRecord, attempt: u32) -> Option<i64> {
    let payment = order.payment(attempt)?;
    (payment.state == PaymentState::Captured).then_some(payment.captured_minor)
}

fn any_order() -> impl Strategy<Value = OrderRecord> {
    (0..3usize, any::<bool>(), any::<bool>()).prop_map(|(capture, free, review)| {
        let capture = [CaptureMode::Immediate, CaptureMode::OnConfirm, CaptureMode::Manual][capture];
        order(capture, if free { OnDecline::Free } else { OnDecline::Keep }, review)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn news_of_a_payment_lead_to_the_same_money_in_whatever_order(
        heard in proptest::collection::vec(0..6usize, 0..12),
        shuffled in any::<u64>(),
    ) {
        let all = all_seen();
        let last = |heard: &[usize]| {
            let mut payment = started();
            for seen in heard {
                let before = payment.clone();
                let new = payment.observe(&all[*seen]);
                prop_assert_eq!(new, payment != before, "what is new changes something, and only that");
                prop_assert!(certainty(payment.state) >= certainty(before.state));
                prop_assert!(!payment.observe(&all[*seen]), "twice is once");
            }
            Ok((payment.state, payment.captured_minor))
        };
        let mut other = heard.clone();
        let mut rng = shuffle(shuffled);
        other.sort_by_key(|_| rng());
        other.extend_from_slice(&heard[..heard.len() / 2]);
        prop_assert_eq!(last(&heard)?, last(&other)?);
    }

    #[test]
    fn money_is_conserved_and_settles_whatever_happens(
        mut order in any_order(),
        chances in proptest::collection::vec(chance(), 0..40),
        cancelled in any::<bool>(),
        answers in any::<u64>(),
    ) {
        for chance in &chances {
            happen(&mut order, chance);
            sound(&order)?;
        }
        // And then nothing more comes but the answers: sooner or later nothing is left to do.
        let mut rng = shuffle(answers);
        for _ in 0..500 {
            let Some(effect) = order.next_effect(cancelled) else { break };
            let yes = rng().is_multiple_of(2);
            prop_assert!(answer(&mut order, &effect, yes), "{:?} is due and can't be done: {:?}", effect, order);
            sound(&order)?;
        }
        prop_assert_eq!(order.next_effect(cancelled), None, "it ends");
        for (at, payment) in order.payments().iter().enumerate() {
            let attempt = super::count(at) + 1;
            let kept = order.pays(attempt) || order.is_disputed(attempt) || order.state.is_live();
            if !kept {
                prop_assert_eq!(order.left_minor(attempt), 0, "money of nobody: {:?}", order);
                prop_assert!(payment.state != PaymentState::Authorized, "reserved for nobody: {:?}", order);
            }
        }
    }

    #[test]
    fn what_an_order_was_told_once_changes_nothing_again(
        mut order in any_order(),
        chances in proptest::collection::vec(chance(), 0..30),
    ) {
        let mut told: Vec<(u32, usize)> = Vec::new();
        for chance in &chances {
            happen(&mut order, chance);
            if let Chance::Heard { attempt, seen } = chance
                && order.payment(*attempt).is_some()
            {
                told.push((*attempt, *seen));
            }
            for (attempt, seen) in &told {
                prop_assert!(!hear(&mut order, *attempt, &all_seen()[*seen]), "{} of {} again", seen, attempt);
            }
        }
    }
}

/// Numbers that depend on a seed.
fn shuffle(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

#[test]
fn a_refund_takes_every_news_once() {
    let mut fresh = order(CaptureMode::Immediate, OnDecline::Keep, false);
    pay(&mut fresh);
    hear(&mut fresh, 1, &all_seen()[2]);
    assert_eq!(fresh.close(StepKind::Confirmed, &lines()), Ok(()));
    assert!(refund(&mut fresh, 1, AMOUNT, vec![0, 1]));
    let refund: &Refund = &fresh.refunds()[0];
    let reference = || Word::cut("r");
    for seen in [
        RefundSeen::Submitted { reference: reference() },
        RefundSeen::Succeeded { reference: reference() },
        RefundSeen::Failed { code: reference(), retry: false },
    ] {
        let mut known = refund.clone();
        assert!(known.observe(0, &seen, AT));
        assert!(!known.observe(0, &seen, AT), "{seen:?} again");
        assert_ne!(known.state, RefundState::Requested);
    }
    assert!(!refund.clone().observe(0, &RefundSeen::NotFound, AT), "what is to be sent is to be sent");
}
