//! What moves money in the sandbox: the four calls, and what happens later by itself.

use super::bank::{Bank, Job, Payment, Refunded, Status, Told, number_of, reference};
use super::known::Said;
use super::ledger::{Charge, Entered};
use super::method::{Method, Script};
use crate::gateway::call::{Authorize, Capture, Refund, Void};
use crate::gateway::key::{GatewayAction, GatewayKey};
use crate::gateway::reply::Answer;
use crate::money::Money;
use crate::order::{PaymentSeen, RefundSeen, Word};
use crate::time::UtcMs;

/// How often a refund of `pm_refund_fails` fails.
const REFUND_FAILURES: u32 = 2;

impl Bank {
    pub fn authorize(&mut self, now: UtcMs, call: &Authorize) -> Told<PaymentSeen> {
        let Some(method) = Method::parse(call.method.as_str(), &self.faults) else {
            return Told::Now(Answer::never("no_such_method"));
        };
        if call.key.action != GatewayAction::Authorize {
            return Told::Now(Answer::never("wrong_key"));
        }
        let script = self.by_chance(method.script, call.key);
        self.call(now, call.key, Some(script), |bank, first| match script {
            Script::ArrivesLate { ms } if first => {
                bank.later(now.plus_ms(ms), Job::Arrive(call.clone()));
                Told::Now(Answer::unknown("the connection broke"))
            }
            script => bank.pay(now, call, Some(script)),
        })
    }

    /// What chance makes of `pm_ok`.
    fn by_chance(&self, script: Script, key: GatewayKey) -> Script {
        if script != Script::Ok {
            return script;
        }
        let (faults, chance) = (&self.faults, self.chance());
        if chance.hits(faults.declined_pct, &("declined", key)) {
            Script::Declined("card_declined")
        } else if chance.hits(faults.late_pct, &("late", key)) {
            Script::Late { ms: faults.late_ms, declined: false }
        } else if chance.hits(faults.arrives_late_pct, &("arrives late", key)) {
            Script::ArrivesLate { ms: faults.late_ms }
        } else if chance.hits(faults.slow_pct, &("slow", key)) {
            Script::Slow { ms: faults.slow_ms }
        } else {
            Script::Ok
        }
    }

    /// Carries out an authorisation that arrived. Without a script it is one that was long on its way.
    pub(super) fn pay(&mut self, now: UtcMs, call: &Authorize, script: Option<Script>) -> Told<PaymentSeen> {
        match self.used(now, call.key, call) {
            Err(()) => return self.refuse(now, call.key, 0, call.amount, "key_reused"),
            Ok(Some(Said::Payment(seen))) => return Told::Now(Answer::Yes(seen)),
            Ok(Some(_)) => return Told::Now(self.look_at(call.key)),
            Ok(None) => {}
        }
        let Some(method) = Method::parse(call.method.as_str(), &self.faults) else {
            return Told::Now(Answer::never("no_such_method"));
        };
        if call.amount.minor <= 0 {
            return Told::Now(Answer::never("bad_amount"));
        }
        let number = self.next_number();
        let script = script.unwrap_or(Script::Ok);
        let status = match script {
            Script::Declined(code) => Status::Declined(Word::cut(code)),
            Script::CaptureDeclined if call.capture_now => Status::Declined(Word::cut("capture_declined")),
            Script::RequiresAction => Status::ActionRequired,
            _ => Status::Processing,
        };
        let payment = Payment {
            key: Some(call.key),
            amount: call.amount,
            capture_now: call.capture_now,
            method,
            status,
            lapses_at: UtcMs::NEVER,
            refunding_minor: 0,
            refunds_failed: 0,
        };
        let decided = !matches!(payment.status, Status::Processing);
        self.payments.insert(number, payment);
        self.named.insert(call.key, number);
        match script {
            Script::Late { ms, .. } => self.later(now.plus_ms(ms), Job::Resolve(number)),
            _ if decided => self.notify(number),
            _ => self.go_live(now, number),
        }
        let answer = self.seen(number);
        let said = match &answer {
            Answer::Yes(seen) => Said::Payment(seen.clone()),
            _ => Said::NothingYet,
        };
        self.known.used(call.key, call, now, said);
        match script {
            Script::Slow { ms } => Told::At(now.plus_ms(ms), answer),
            _ => Told::Now(answer),
        }
    }

    fn look_at(&self, key: GatewayKey) -> Answer<PaymentSeen> {
        self.named.get(&key).map_or(Answer::Yes(PaymentSeen::NotFound), |number| self.seen(*number))
    }

    fn next_number(&self) -> u64 {
        let last = |number: Option<&u64>| number.copied().unwrap_or(0);
        1 + last(self.payments.keys().next_back()).max(last(self.refunds.keys().next_back()))
    }

    /// The money is there: reserved, or taken at once.
    pub(super) fn go_live(&mut self, now: UtcMs, number: u64) {
        let lapses_at = now.plus_ms(self.options.authorization_ms);
        let Some(payment) = self.payments.get_mut(&number) else { return };
        payment.status = Status::Live;
        let (key, amount, capture_now) = (payment.key, payment.amount, payment.capture_now);
        payment.lapses_at = lapses_at;
        self.ledger.enter(now, number, key, Entered::Authorized, amount);
        if capture_now {
            self.ledger.enter(now, number, key, Entered::Captured, amount);
        } else {
            self.later(lapses_at, Job::Lapse(number));
        }
        self.notify(number);
    }

    pub(super) fn resolve(&mut self, now: UtcMs, number: u64) {
        let Some(payment) = self.payments.get_mut(&number) else { return };
        if let Script::Late { declined: true, .. } = payment.method.script {
            payment.status = Status::Declined(Word::cut("card_declined"));
            self.notify(number);
        } else {
            self.go_live(now, number);
        }
    }

    pub(super) fn lapse(&mut self, now: UtcMs, number: u64) {
        self.give_back(now, number, None);
    }

    /// Gives back what is reserved, if anything is.
    fn give_back(&mut self, now: UtcMs, number: u64, key: Option<GatewayKey>) {
        let Some(charge) = self.ledger.charge(number) else { return };
        let amount = Money { minor: charge.outstanding_minor(), currency: charge.currency };
        if amount.minor > 0 {
            self.ledger.enter(now, number, key, Entered::Voided, amount);
            self.notify(number);
        }
    }

    /// The payment that a call means: by the gateway's own name, else by its key.
    fn meant(&self, key: Option<GatewayKey>, by: Option<&Word>) -> Option<u64> {
        let key = key?;
        let Some(by) = by else { return self.named.get(&key).copied() };
        let number = number_of(by)?;
        self.payments.get(&number).filter(|payment| payment.key == Some(key)).map(|_| number)
    }

    pub fn capture(&mut self, now: UtcMs, call: &Capture) -> Told<PaymentSeen> {
        self.call(now, call.key, None, |bank, _| bank.take(now, call))
    }

    fn take(&mut self, now: UtcMs, call: &Capture) -> Told<PaymentSeen> {
        match self.used(now, call.key, call) {
            Err(()) => return self.refuse(now, call.key, 0, call.amount, "key_reused"),
            Ok(Some(Said::Payment(seen))) => return Told::Now(Answer::Yes(seen)),
            Ok(_) => {}
        }
        let payment =
            Some(call.key).filter(|key| key.action == GatewayAction::Capture).and_then(GatewayKey::payment);
        let Some(number) = self.meant(payment, Some(&call.reference)) else {
            return Told::Now(Answer::never("no_such_payment"));
        };
        let Some(charge) = self.ledger.charge(number) else {
            return Told::Now(Answer::never("not_authorized"));
        };
        if let Some(code) = bad(call.amount, charge, charge.outstanding_minor()) {
            let code = match code {
                "over" if charge.outstanding_minor() == 0 && charge.captured_minor == 0 => "voided",
                "over" => "over_capture",
                code => code,
            };
            return self.refuse(now, call.key, number, call.amount, code);
        }
        if self.payments.get(&number).is_some_and(|payment| payment.method.script == Script::CaptureDeclined)
        {
            return Told::Now(Answer::never("capture_declined"));
        }
        self.ledger.enter(now, number, Some(call.key), Entered::Captured, call.amount);
        self.notify(number);
        self.say_payment(now, call.key, call, number)
    }

    /// Answers where a payment stands and remembers it under the key.
    fn say_payment(
        &mut self,
        now: UtcMs,
        key: GatewayKey,
        call: &impl serde::Serialize,
        number: u64,
    ) -> Told<PaymentSeen> {
        let answer = self.seen(number);
        if let Answer::Yes(seen) = &answer {
            self.known.used(key, call, now, Said::Payment(seen.clone()));
        }
        Told::Now(answer)
    }

    pub fn void(&mut self, now: UtcMs, call: &Void) -> Told<PaymentSeen> {
        self.call(now, call.key, None, |bank, _| bank.let_go(now, call))
    }

    fn let_go(&mut self, now: UtcMs, call: &Void) -> Told<PaymentSeen> {
        match self.used(now, call.key, call) {
            Err(()) => return Told::Now(Answer::never("key_reused")),
            Ok(Some(Said::Payment(seen))) => return Told::Now(Answer::Yes(seen)),
            Ok(_) => {}
        }
        let payment =
            Some(call.key).filter(|key| key.action == GatewayAction::Void).and_then(GatewayKey::payment);
        let found = self.meant(payment, call.reference.as_ref());
        let Some((number, payment)) =
            found.and_then(|number| Some((number, self.payments.get_mut(&number)?)))
        else {
            return Told::Now(Answer::Yes(PaymentSeen::NotFound));
        };
        match &payment.status {
            Status::Processing => return Told::Now(Answer::not_now("processing")),
            Status::ActionRequired => {
                payment.status = Status::Abandoned;
                self.notify(number);
            }
            Status::Declined(_) | Status::Abandoned => {}
            Status::Live => {
                let taken =
                    self.ledger.charge(number).filter(|c| c.outstanding_minor() == 0 && c.captured_minor > 0);
                if let Some(charge) = taken {
                    let amount = Money { minor: charge.captured_minor, currency: charge.currency };
                    return self.refuse(now, call.key, number, amount, "already_captured");
                }
                self.give_back(now, number, Some(call.key));
            }
        }
        self.say_payment(now, call.key, call, number)
    }

    pub fn refund(&mut self, now: UtcMs, call: &Refund) -> Told<RefundSeen> {
        self.call(now, call.key, None, |bank, _| bank.pay_back(now, call))
    }

    fn pay_back(&mut self, now: UtcMs, call: &Refund) -> Told<RefundSeen> {
        match self.used(now, call.key, call) {
            Err(()) => return self.refuse(now, call.key, 0, call.amount, "key_reused"),
            Ok(Some(Said::Refund(seen))) => return Told::Now(Answer::Yes(seen)),
            Ok(_) => {}
        }
        if call.key.action != GatewayAction::Refund {
            return Told::Now(Answer::never("wrong_key"));
        }
        let Some(number) = self.meant(Some(call.payment), Some(&call.reference)) else {
            return Told::Now(Answer::never("no_such_payment"));
        };
        let Some((charge, payment)) = self.ledger.charge(number).zip(self.payments.get(&number)) else {
            return Told::Now(Answer::never("not_captured"));
        };
        if let Some(code) = bad(call.amount, charge, charge.kept_minor() - payment.refunding_minor) {
            let code = if code == "over" { "over_refund" } else { code };
            return self.refuse(now, call.key, number, call.amount, code);
        }
        let (script, failed) = (payment.method.script, payment.refunds_failed);
        let by_chance = self.chance().hits(self.faults.refund_fails_pct, &("refund fails", call.key, failed));
        let refund = self.next_number();
        let name = reference(refund);
        let seen = match script {
            Script::RefundStuck => RefundSeen::Failed { code: Word::cut("account_closed"), retry: false },
            Script::RefundFails if failed < REFUND_FAILURES => failed_for_now(),
            _ if by_chance => failed_for_now(),
            Script::RefundPending { ms } => {
                self.later(now.plus_ms(ms), Job::RefundDone(refund));
                RefundSeen::Submitted { reference: name }
            }
            script => {
                if let Some(ms) = self.bounces(script, call.key, failed) {
                    self.later(now.plus_ms(ms), Job::RefundBack(refund));
                }
                RefundSeen::Succeeded { reference: name }
            }
        };
        self.keep_refund(now, call, number, refund, seen)
    }

    /// After how long a refund that goes through comes back, if it does.
    fn bounces(&self, script: Script, key: GatewayKey, failed: u32) -> Option<u64> {
        match script {
            Script::RefundBounces { ms } if failed == 0 => Some(ms),
            _ if self.chance().hits(self.faults.refund_bounces_pct, &("refund bounces", key)) => {
                Some(self.faults.late_ms)
            }
            _ => None,
        }
    }

    fn keep_refund(
        &mut self,
        now: UtcMs,
        call: &Refund,
        number: u64,
        refund: u64,
        seen: RefundSeen,
    ) -> Told<RefundSeen> {
        if let Some(payment) = self.payments.get_mut(&number) {
            match &seen {
                RefundSeen::Failed { retry: true, .. } => payment.refunds_failed += 1,
                RefundSeen::Submitted { .. } => payment.refunding_minor += call.amount.minor,
                _ => {}
            }
        }
        if matches!(seen, RefundSeen::Succeeded { .. }) {
            self.ledger.enter(now, number, Some(call.key), Entered::Refunded, call.amount);
        }
        let record = Refunded { key: call.key, payment: number, amount: call.amount, seen: seen.clone() };
        self.refunds.insert(refund, record);
        self.named.insert(call.key, refund);
        self.notify_refund(refund);
        // A failure, too, is the answer of its key for good: a call that was long on its way may not move money after the next try has.
        self.known.used(call.key, call, now, Said::Refund(seen.clone()));
        Told::Now(Answer::Yes(seen))
    }

    pub(super) fn refund_done(&mut self, now: UtcMs, number: u64) {
        let Some(refund) = self.refunds.get_mut(&number) else { return };
        refund.seen = RefundSeen::Succeeded { reference: reference(number) };
        let (key, of, amount) = (refund.key, refund.payment, refund.amount);
        if let Some(payment) = self.payments.get_mut(&of) {
            payment.refunding_minor -= amount.minor;
        }
        self.ledger.enter(now, of, Some(key), Entered::Refunded, amount);
        self.notify_refund(number);
    }

    /// What went through comes back: the payer's account is not there any more.
    pub(super) fn refund_back(&mut self, now: UtcMs, number: u64) {
        let Some(refund) = self.refunds.get_mut(&number) else { return };
        refund.seen = RefundSeen::Failed { code: Word::cut("returned"), retry: true };
        let (of, amount) = (refund.payment, refund.amount);
        if let Some(payment) = self.payments.get_mut(&of) {
            payment.refunds_failed += 1;
        }
        self.ledger.enter(now, of, None, Entered::CameBack, amount);
        self.notify_refund(number);
    }

    /// A charge that nobody asked for through this gateway.
    pub fn plant(&mut self, now: UtcMs, amount: Money, capture_now: bool) -> Word {
        let number = self.next_number();
        let payment = Payment {
            key: None,
            amount,
            capture_now,
            method: Method { script: Script::Ok, fingerprint: None },
            status: Status::Processing,
            lapses_at: UtcMs::NEVER,
            refunding_minor: 0,
            refunds_failed: 0,
        };
        self.payments.insert(number, payment);
        self.go_live(now, number);
        reference(number)
    }
}

fn failed_for_now() -> RefundSeen {
    RefundSeen::Failed { code: Word::cut("try_again"), retry: true }
}

/// What is wrong with an amount of which there is so much left; `over` if there is too little.
fn bad(amount: Money, charge: &Charge, left_minor: i64) -> Option<&'static str> {
    if amount.currency != charge.currency {
        Some("wrong_currency")
    } else if amount.minor <= 0 {
        Some("bad_amount")
    } else if amount.minor > left_minor {
        Some("over")
    } else {
        None
    }
}
