//! What buyers, staff, doormen and the gateway's own people do about orders that a gateway pays.

use super::disputes::Said;
use super::paid::PaidCommand;
use super::venue::{self, between};
use super::world::World;
use crate::gateway::{ActionEnd, Capture, GatewayAction, GatewayKey, PaymentGateway, Reply, Seen, Void};
use crate::id::{HoldId, HoldNumber, OrderId, SeatIndex, TicketId, TicketTypeIndex, UserId};
use crate::invariant::Violation;
use crate::money::Money;
use crate::order::{
    CaptureMode, CheckoutRequest, ExchangeRequest, ExtraLine, LateMoney, News, ObserveRequest, OnDecline,
    OrderState, PayRequest, PaymentRules, PaymentRulesRequest, PaymentSeen, RedeemRequest, RefundSeen,
    RefundWhat, StaffAction, StaffOrderRequest, TransferRequest, Way, Word,
};
use crate::request::Item;
use crate::testkit::Rng;
use crate::testkit::small_sale::key;

/// How buyers pay; most go well. A card that ends with 7 can't be reserved, only charged.
const METHODS: [&str; 18] = [
    "pm_ok",
    "pm_ok#7",
    "pm_ok#8",
    "pm_declined",
    "pm_requires_action",
    "pm_requires_action#7",
    "pm_timeout_before",
    "pm_timeout_after",
    "pm_slow:9000",
    "pm_late:900000",
    "pm_late:120000#7",
    "pm_arrives_late:300000",
    "pm_arrives_late:300000#7",
    "pm_late_declined:600000",
    "pm_capture_declined",
    "pm_refund_stuck",
    "pm_refund_stuck",
    "pm_refund_pending:60000",
];

/// A card that many have.
const SHARED_CARD: &str = "pm_ok#8";

/// Who asks for something about paid orders, and under which keys.
#[derive(Default)]
pub(super) struct Payers {
    serial: u64,
    keyed: Vec<PaidCommand>,
}

/// Rules under which a small sale can be paid in every way.
pub(super) fn rules(rng: &mut Rng) -> PaymentRules {
    let minute = 60_000;
    PaymentRules {
        intent_ttl_ms: 20_000 + rng.below(10 * minute),
        payment_deadline_ms_max: minute + rng.below(180 * minute),
        review_ttl_ms: minute + rng.below(12 * 60 * minute),
        lapse_margin_ms: rng.below(60 * minute),
        capture: capture(rng),
        on_decline: *rng.pick(&[OnDecline::Keep, OnDecline::Free]),
        disputes_revoke: rng.chance(70),
    }
}

fn capture(rng: &mut Rng) -> CaptureMode {
    *rng.pick(&[CaptureMode::Immediate, CaptureMode::OnConfirm, CaptureMode::Manual])
}

impl World {
    /// Somebody asks for something about an order.
    pub fn ask_paid(&mut self, at: usize) -> Result<(), Violation> {
        self.payers.serial += 1;
        if self.rng.chance(10) && !self.payers.keyed.is_empty() {
            let recent = self.payers.keyed.len().saturating_sub(12);
            let again = recent + self.rng.index(self.payers.keyed.len() - recent);
            let command = self.payers.keyed[again].clone();
            return self.send_paid(at, command);
        }
        let mut command = self.paid_command();
        if let Some(slot) = key_of(&mut command)
            && self.rng.chance(50)
        {
            let same = self.rng.chance(5);
            *slot = Some(key(&if same { "the same".to_owned() } else { format!("p{}", self.payers.serial) }));
            self.payers.keyed.push(command.clone());
        }
        self.send_paid(at, command)
    }

    fn paid_command(&mut self) -> PaidCommand {
        let event = self.event;
        // Who has an order open pays, more often than not.
        let unpaid = self.history.model().orders().any(|(_, o)| o.checkout && o.state == OrderState::Open);
        let roll = if unpaid && self.rng.chance(50) { 30 } else { self.rng.below(100) };
        match roll {
            0..=21 => PaidCommand::Checkout(self.checkout()),
            22..=47 => {
                let (order, user) = self.some_paid(&[OrderState::Open]);
                let method = Word::cut(self.method());
                PaidCommand::Pay(PayRequest { order, user, key: None, gateway: Word::cut("sandbox"), method })
            }
            48..=74 => PaidCommand::Staff(self.staff()),
            75..=79 => {
                let (order, user) = self.some_paid(&[OrderState::Confirmed]);
                let (tickets, to) = (self.tickets(), self.somebody());
                let user = if self.rng.chance(30) { self.somebody() } else { user };
                PaidCommand::Transfer(TransferRequest { order, user, key: None, tickets, to })
            }
            80..=92 => {
                let (order, _) = self.some_paid(&[OrderState::Confirmed]);
                let ticket = TicketId { order, index: between(&mut self.rng, 0, 2) };
                let way = *self.rng.pick(&[Way::Entry, Way::Entry, Way::Exit]);
                let (issue, by) =
                    (between(&mut self.rng, 1, 10).saturating_sub(8).max(1), UserId::from(1_001));
                let force = self.rng.chance(20);
                PaidCommand::Redeem(RedeemRequest {
                    ticket,
                    issue,
                    by,
                    key: None,
                    way,
                    device_at: None,
                    force,
                })
            }
            93..=94 => {
                let (order, user) = self.some_paid(&[OrderState::Confirmed]);
                let seats = vec![SeatIndex(between(&mut self.rng, 0, 8))];
                let items = vec![Item::Seats { seats, ticket_type: TicketTypeIndex(0) }];
                PaidCommand::Exchange(ExchangeRequest {
                    order,
                    user,
                    key: None,
                    tickets: self.tickets(),
                    items,
                })
            }
            95..=96 => PaidCommand::Rules(PaymentRulesRequest { event, rules: rules(&mut self.rng) }),
            _ => PaidCommand::Observe(self.nonsense()),
        }
    }

    fn method(&mut self) -> &'static str {
        if self.plan.beside && self.rng.chance(75) {
            return SHARED_CARD;
        }
        if self.rng.chance(50) { METHODS[0] } else { METHODS[self.rng.index(METHODS.len())] }
    }

    fn checkout(&mut self) -> CheckoutRequest {
        let model = self.history.model();
        let free: Vec<(HoldNumber, UserId)> = model
            .holds()
            .filter(|(_, hold)| hold.payment_deadline.is_none())
            .map(|(number, hold)| (number, hold.user))
            .collect();
        let (order, user) = if free.is_empty() || self.rng.chance(8) {
            self.some_paid(&OrderState::ALL)
        } else {
            let (number, user) = *self.rng.pick(&free);
            (OrderId { event: self.event, number }, user)
        };
        let extra = match self.rng.below(20) {
            0 => vec![ExtraLine { code: Word::cut("voucher"), amount_minor: -1_000_000 }],
            1..=4 => vec![ExtraLine { code: Word::cut("fee"), amount_minor: 150 }],
            _ => Vec::new(),
        };
        CheckoutRequest {
            extra,
            capture: self.rng.chance(30).then(|| capture(&mut self.rng)),
            late_money: *self.rng.pick(&[LateMoney::Refund, LateMoney::Equivalent]),
            review: self.rng.chance(25),
            ..CheckoutRequest::new(HoldId { event: self.event, number: order.number }, user)
        }
    }

    /// An order, mostly one in one of these states.
    fn some_paid(&mut self, states: &[OrderState]) -> (OrderId, UserId) {
        let model = self.history.model();
        let all: Vec<_> = model.orders().map(|(number, order)| (number, order.user, order.state)).collect();
        let paid: Vec<_> = model.orders().filter(|(_, order)| order.checkout).collect();
        let paid = paid.into_iter().map(|(number, order)| (number, order.user, order.state));
        let fitting: Vec<_> = paid.filter(|(.., state)| states.contains(state)).collect();
        let from = if fitting.is_empty() || self.rng.chance(6) { &all } else { &fitting };
        let user = self.somebody();
        if from.is_empty() {
            return (OrderId { event: self.event, number: HoldNumber(77) }, user);
        }
        let (number, own, _) = *self.rng.pick(from);
        let user = if self.rng.chance(3) { user } else { own };
        (OrderId { event: self.event, number }, user)
    }

    fn somebody(&mut self) -> UserId {
        venue::user(between(&mut self.rng, 1, 7))
    }

    fn tickets(&mut self) -> Vec<u32> {
        match self.rng.below(8) {
            0 => Vec::new(),
            1..=4 => vec![0],
            5 => vec![1],
            6 => vec![0, 1],
            _ => vec![0, 9],
        }
    }

    fn staff(&mut self) -> StaffOrderRequest {
        use OrderState as S;
        let paid = [S::Confirmed, S::Confirmed, S::Cancelled, S::Expired];
        let attempt = if self.rng.chance(3) { 99 } else { between(&mut self.rng, 1, 2) };
        let (states, action): (&[S], StaffAction) = match self.rng.below(26) {
            0..=4 => (&[S::InReview], StaffAction::Approve),
            5..=6 => (&[S::InReview], StaffAction::Reject),
            7..=8 => (&[S::Open], StaffAction::ConfirmOutside { reference: Word::cut("cash") }),
            9..=11 => (&[S::Confirmed], StaffAction::Capture),
            12..=13 => (&paid, StaffAction::Refund(RefundWhat::Full)),
            14..=15 => (&paid, StaffAction::Refund(RefundWhat::Tickets(self.tickets()))),
            16 => (
                &paid,
                StaffAction::Refund(RefundWhat::Amount(i64::from(between(&mut self.rng, 0, 3)) * 300)),
            ),
            17..=18 => match self.stuck() {
                Some((order, refund)) => {
                    let action = StaffAction::RetryRefund { refund };
                    return StaffOrderRequest { order, by: UserId::from(1_000), key: None, action };
                }
                None => (&paid, StaffAction::RetryRefund { refund: attempt }),
            },
            19..=22 => (&paid, Said::new(attempt, self.payers.serial).begun()),
            _ => (&paid, Said::new(attempt, self.payers.serial).over(self.rng.chance(50))),
        };
        let (order, _) = self.some_paid(states);
        StaffOrderRequest { order, by: UserId::from(1_000), key: None, action }
    }

    /// A refund that the gateway refused for good.
    pub fn stuck(&mut self) -> Option<(OrderId, u32)> {
        let refused = self.bank.news.iter().filter_map(|(order, news)| match news {
            News::Refund { refund, seen: RefundSeen::Failed { retry: false, .. }, .. } => {
                Some((*order, *refund))
            }
            _ => None,
        });
        let refused: Vec<_> = refused.collect();
        (!refused.is_empty() && self.rng.chance(90)).then(|| *self.rng.pick(&refused))
    }

    /// News that somebody made up, about what is not there; or a step that may not be due.
    fn nonsense(&mut self) -> ObserveRequest {
        let (order, _) = self.some_paid(&OrderState::ALL);
        let news = match self.rng.below(5) {
            0 => News::Payment { attempt: 99, seen: PaymentSeen::Voided },
            1 => News::Refund { refund: 99, tries: 0, seen: RefundSeen::NotFound },
            2 => News::Confirm,
            3 => News::SettleLate,
            _ => News::Reverse,
        };
        ObserveRequest { order, news }
    }

    /// Something happens at the gateway, or comes from there.
    pub fn gateway_step(&mut self, at: usize) -> Result<(), Violation> {
        match self.rng.below(20) {
            0..=5 => self.buyer_acts(),
            6..=12 => return self.notify(at),
            13..=15 => return self.say_again(at),
            16 => self.bank.change_outage(&mut self.rng),
            17 => self.by_hand(),
            18 => {
                let driver = self.rng.index(self.drivers.len());
                self.drivers[driver].crash();
                self.drivers[driver].node = self.rng.index(self.nodes.len());
                self.tally.event("driver crashed");
            }
            _ => return self.reconcile(at),
        }
        Ok(())
    }

    /// A buyer does what the gateway asks for, or does not.
    fn buyer_acts(&mut self) {
        let waiting = self.bank.news.iter().filter(|(_, news)| {
            matches!(news, News::Payment { seen: PaymentSeen::ActionRequired { .. }, .. })
        });
        let waiting: Vec<_> = waiting.cloned().collect();
        let recent = waiting.len().saturating_sub(3);
        let Some(of) = waiting.len().checked_sub(recent).filter(|of| *of > 0) else { return };
        let (order, News::Payment { attempt, .. }) = waiting[recent + self.rng.index(of)].clone() else {
            return;
        };
        let key = self.bank.key(order.number, GatewayAction::Authorize, attempt);
        let end = if self.rng.chance(70) { ActionEnd::Done } else { ActionEnd::Failed };
        let done = self.bank.gateway.complete_action(key, end);
        self.trace.line(format!("the buyer acts for {key}: {done:?}"));
    }

    /// Notifications come in, and are passed on.
    fn notify(&mut self, at: usize) -> Result<(), Violation> {
        for notification in self.bank.gateway.notifications() {
            let order = notification.key.order;
            let news = match notification.seen {
                Seen::Payment(seen) => {
                    let heard = self.bank.hears(notification.key, crate::gateway::Answer::Yes(seen));
                    heard.yes().map(|seen| News::Payment { attempt: notification.key.number, seen })
                }
                Seen::Refund(seen) => {
                    let heard = self.bank.hears_refund(notification.key, crate::gateway::Answer::Yes(seen));
                    let (refund, tries) = (notification.key.number, notification.key.tries);
                    heard.yes().map(|seen| News::Refund { refund, tries, seen })
                }
            };
            if let Some(news) = news {
                self.tally.news(&news);
                self.send_paid(at, PaidCommand::Observe(ObserveRequest { order, news }))?;
            }
        }
        Ok(())
    }

    /// Something that was said once is said again, however old.
    fn say_again(&mut self, at: usize) -> Result<(), Violation> {
        if self.bank.news.is_empty() {
            return Ok(());
        }
        let (order, news) = self.bank.news[self.rng.index(self.bank.news.len())].clone();
        self.tally.event("old news told again");
        self.send_paid(at, PaidCommand::Observe(ObserveRequest { order, news }))
    }

    /// Somebody at the gateway captures or voids a payment by hand.
    fn by_hand(&mut self) {
        let open = self.bank.gateway.with_ledger(|ledger| {
            let open = ledger.charges().filter(|charge| charge.outstanding_minor() > 0);
            open.filter_map(|charge| Some((charge.key?, charge.number, charge.authorized_minor)))
                .collect::<Vec<_>>()
        });
        // Rather one that the house does not know of.
        let unheard =
            |(key, ..): &&(GatewayKey, u64, i64)| !self.history.is_heard_of(key.order.number, key.number);
        let unheard: Vec<_> = open.iter().filter(unheard).copied().collect();
        let open = if unheard.is_empty() { open } else { unheard };
        if open.is_empty() {
            return;
        }
        let (payment, number, minor) = *self.rng.pick(&open);
        let reference = Word::cut(&format!("sbx_{number}"));
        let capture = self.rng.chance(50);
        let action = if capture { GatewayAction::Capture } else { GatewayAction::Void };
        let key = self.bank.key(payment.order.number, action, payment.number);
        self.trace.line(format!("by hand: {key}"));
        if capture {
            let amount = Money { minor, currency: self.history.model().manifest().rules().currency };
            self.bank.gateway.capture(Capture { key, reference, amount }, Reply::new(|_unheard| ()));
        } else {
            self.bank.gateway.void(Void { key, reference: Some(reference) }, Reply::new(|_unheard| ()));
        }
    }
}

fn key_of(command: &mut PaidCommand) -> Option<&mut Option<crate::key::IdempotencyKey>> {
    Some(match command {
        PaidCommand::Checkout(request) => &mut request.key,
        PaidCommand::Pay(request) => &mut request.key,
        PaidCommand::Staff(request) => &mut request.key,
        PaidCommand::Transfer(request) => &mut request.key,
        PaidCommand::Exchange(request) => &mut request.key,
        PaidCommand::Redeem(request) => &mut request.key,
        PaidCommand::Rules(_) | PaidCommand::Observe(_) => return None,
    })
}
