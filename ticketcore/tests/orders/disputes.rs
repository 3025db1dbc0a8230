//! Disputes: of all and of a part, one after the other and at once, in whatever order they are heard of.

use ticketcore::order::{DisputeState, Effect, EndReason, PaymentRules, RefundWhat, TicketStatus, Way};
use ticketcore::{CommandError, NotAdmitted, OrderState, Refusal, SeatState};

use crate::desk::{Desk, PRICE, captured, declined, in_state, refused, rules};

fn too_large<T>(left_minor: i64) -> Result<T, CommandError> {
    Err(refused(Refusal::RefundTooLarge { left_minor }))
}

/// Every dispute: state, disputed, lost.
fn disputes(desk: &Desk, order: ticketcore::OrderId) -> Vec<(DisputeState, i64, i64)> {
    let all = desk.details(order).disputes;
    all.iter().map(|dispute| (dispute.state, dispute.amount_minor, dispute.lost_minor)).collect()
}

#[test]
fn a_dispute_takes_tickets_out_of_use_until_it_is_won_or_lost() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.refund(order, RefundWhat::Tickets(vec![1])).unwrap();
    assert_eq!(desk.dispute(order, 2), Err(refused(Refusal::UnknownPayment { attempt: 2 })));
    assert!(desk.dispute(order, 1).unwrap().revision.is_some());
    assert_eq!(desk.dispute(order, 1).unwrap().revision, None, "open already");
    assert_eq!(desk.statuses(order), [TicketStatus::Disputed, TicketStatus::Refunded]);
    let no = Err(refused(Refusal::NotAdmitted(NotAdmitted::Disputed)));
    assert_eq!(desk.redeem(order, 0, 1, Way::Entry), no);
    desk.dispute_over(order, true).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Valid, TicketStatus::Refunded]);
    desk.disputed(order, 1, "another", PRICE).unwrap();
    desk.settled(order, "another", PRICE, false).unwrap();
    assert_eq!(desk.settled(order, "another", PRICE, false).unwrap().revision, None);
    let details = desk.details(order);
    assert_eq!((details.disputed_minor, details.order.state), (PRICE, OrderState::Confirmed));
    assert_eq!(desk.statuses(order), [TicketStatus::Refunded; 2]);
    assert_eq!(desk.seat(0), SeatState::Free, "it can be sold again");
    assert_eq!(desk.refund(order, RefundWhat::Full), too_large(0), "the money is gone");
    desk.check();
}

#[test]
fn a_dispute_may_leave_tickets_in_use_by_the_rules() {
    let desk = Desk::with(PaymentRules { disputes_revoke: false, ..rules() });
    let order = desk.sold(1, &[0]);
    desk.dispute(order, 1).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Valid]);
    desk.redeem(order, 0, 1, Way::Entry).unwrap();
    desk.check();
}

#[test]
fn money_in_dispute_is_not_sent_back_as_well() {
    for disputes_revoke in [false, true] {
        let desk = Desk::with(PaymentRules { disputes_revoke, ..rules() });
        let order = desk.sold(1, &[0]);
        desk.dispute(order, 1).unwrap();
        assert_eq!(desk.refund(order, RefundWhat::Full), too_large(0));
        assert_eq!(desk.refund(order, RefundWhat::Amount(1)), too_large(0));
        assert!(desk.refund(order, RefundWhat::Tickets(vec![0])).is_err());
        desk.cancel_event();
        assert_eq!(desk.next(order), None, "also when the event is cancelled");
        desk.dispute_over(order, true).unwrap();
        let refund = Effect::StartRefund { attempt: 1, reason: EndReason::EventCancelled };
        assert_eq!(desk.next(order), Some(refund));
        desk.check();
    }
}

#[test]
fn a_dispute_of_money_that_did_not_buy_the_tickets_leaves_them_alone() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    desk.pay(order).unwrap();
    desk.seen(order, 1, declined()).unwrap();
    desk.pay(order).unwrap();
    desk.seen(order, 2, captured(PRICE)).unwrap();
    desk.due(order, &Effect::Confirm);
    desk.seen(order, 1, captured(PRICE)).unwrap();
    desk.dispute(order, 1).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Valid]);
    desk.dispute_over(order, false).unwrap();
    assert_eq!((desk.statuses(order), desk.seat(0)), (vec![TicketStatus::Valid], SeatState::Sold));
    assert_eq!((desk.details(order).disputed_minor, desk.next(order)), (PRICE, None));
    desk.check();
}

#[test]
fn a_part_that_is_lost_is_all_that_is_lost_and_the_tickets_stay() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.disputed(order, 1, "part", 1_000).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Disputed; 2]);
    assert_eq!(desk.refund(order, RefundWhat::Amount(1)), too_large(0));
    desk.settled(order, "part", 1_000, false).unwrap();
    let details = desk.details(order);
    assert_eq!((details.disputed_minor, desk.seat(0)), (1_000, SeatState::Sold));
    assert!(details.tickets.iter().all(|(_, ticket)| ticket.status == TicketStatus::Valid));
    assert!(details.tickets.iter().all(|(_, ticket)| ticket.issue == 2), "codes from before are dead");
    assert_eq!(desk.refund(order, RefundWhat::Amount(2 * PRICE)), too_large(2 * PRICE - 1_000));
    let report = desk.sale.office.money_report(desk.sale.event).unwrap();
    assert_eq!((report.disputed_minor, report.kept_minor), (1_000, 2 * PRICE - 1_000));
    desk.refund(order, RefundWhat::Full).unwrap();
    assert_eq!(desk.details(order).refunds[0].amount_minor, 2 * PRICE - 1_000);
    desk.check();
}

#[test]
fn a_dispute_never_takes_more_than_is_left() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.refund(order, RefundWhat::Tickets(vec![1])).unwrap();
    desk.disputed(order, 1, "most", 2 * PRICE - 1).unwrap();
    desk.settled(order, "most", 2 * PRICE - 1, false).unwrap();
    assert_eq!(disputes(&desk, order), [(DisputeState::Lost, 2 * PRICE - 1, PRICE)]);
    assert_eq!(desk.statuses(order), [TicketStatus::Refunded; 2], "nothing is left");
    desk.disputed(order, 1, "more", 5).unwrap();
    desk.settled(order, "more", 5, false).unwrap();
    assert_eq!(desk.details(order).disputed_minor, PRICE);
    desk.check();
}

#[test]
fn tickets_are_good_again_when_no_dispute_is_open_any_more() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.disputed(order, 1, "a", 500).unwrap();
    desk.disputed(order, 1, "b", 700).unwrap();
    desk.settled(order, "b", 700, false).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Disputed]);
    assert_eq!(desk.refund(order, RefundWhat::Full), too_large(0));
    desk.settled(order, "a", 500, true).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Valid]);
    assert_eq!(disputes(&desk, order), [(DisputeState::Won, 500, 0), (DisputeState::Lost, 700, 700)]);
    desk.disputed(order, 1, "c", 1).unwrap();
    desk.disputed(order, 1, "d", PRICE).unwrap();
    desk.settled(order, "d", PRICE, false).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Refunded], "nothing is left to wait for");
    desk.settled(order, "c", 1, true).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Refunded]);
    assert_eq!((desk.details(order).disputed_minor, desk.seat(0)), (PRICE, SeatState::Free));
    desk.check();
}

#[test]
fn a_dispute_that_is_closed_before_it_is_opened_is_over_when_it_opens() {
    for (won, minor) in [(true, PRICE), (false, 300), (false, PRICE)] {
        let desk = Desk::new();
        let order = desk.sold(1, &[0]);
        assert!(desk.settled(order, "dp", minor, won).unwrap().revision.is_some());
        let before = desk.details(order);
        assert_eq!(desk.disputed(order, 1, "dp", minor).unwrap().revision, None);
        assert_eq!(desk.settled(order, "dp", minor, !won).unwrap().revision, None);
        assert_eq!(desk.details(order), before);
        let lost = if won { 0 } else { minor };
        assert_eq!((before.disputed_minor, before.disputes[0].lost_minor), (lost, lost));
        let dead = lost == PRICE;
        let status = if dead { TicketStatus::Refunded } else { TicketStatus::Valid };
        assert_eq!(desk.statuses(order), [status]);
        assert_eq!(desk.seat(0), if dead { SeatState::Free } else { SeatState::Sold });
        desk.check();
    }
}

#[test]
fn a_dispute_takes_at_most_what_was_disputed_when_it_began() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.disputed(order, 1, "less", 900).unwrap();
    desk.settled(order, "less", 400, false).unwrap();
    desk.disputed(order, 1, "more", 300).unwrap();
    desk.settled(order, "more", PRICE, false).unwrap();
    assert_eq!(disputes(&desk, order), [(DisputeState::Lost, 400, 400), (DisputeState::Lost, 300, 300)]);
    desk.check();
}

#[test]
fn what_is_disputed_is_something_and_at_most_what_came_in() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    for nothing in [0, -1, i64::MIN] {
        for answer in [desk.disputed(order, 1, "dp", nothing), desk.settled(order, "dp", nothing, true)] {
            assert!(matches!(answer, Err(CommandError::Refused(Refusal::Limit(_)))), "{answer:?}");
        }
    }
    desk.disputed(order, 1, "dp", i64::MAX).unwrap();
    assert_eq!(disputes(&desk, order), [(DisputeState::Open, PRICE, 0)]);
    assert_eq!(desk.disputed(order, 9, "dp", 5).unwrap().revision, None, "it is known by its name");
    let open = desk.open(2, &[1]);
    for answer in [desk.disputed(open, 9, "dp", 5), desk.settled(open, "dp", 5, false)] {
        assert_eq!(answer, in_state(OrderState::Open));
    }
    let outside = desk.open(3, &[2]);
    desk.outside(outside).unwrap();
    let unknown = Err(refused(Refusal::UnknownPayment { attempt: 1 }));
    assert_eq!(desk.disputed(outside, 1, "dp", 5), unknown);
    assert_eq!(desk.settled(outside, "dp", 5, true), unknown);
    desk.check();
}

#[test]
fn the_number_of_disputes_is_limited() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    for number in 0..256 {
        desk.settled(order, &format!("dp_{number}"), 1, true).unwrap();
    }
    let answer = desk.disputed(order, 1, "one more", 1);
    assert!(matches!(answer, Err(CommandError::Refused(Refusal::Limit(_)))), "{answer:?}");
    assert_eq!(desk.disputed(order, 1, "dp_7", 1).unwrap().revision, None);
    desk.check();
}

#[test]
fn what_a_lost_part_leaves_goes_back_when_the_event_is_cancelled() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.disputed(order, 1, "dp", 2_000).unwrap();
    desk.cancel_event();
    assert_eq!(desk.next(order), None);
    desk.settled(order, "dp", 2_000, false).unwrap();
    desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::EventCancelled });
    assert_eq!(desk.details(order).refunds[0].amount_minor, PRICE - 2_000);
    desk.check();
}
