//! [`Window`]: the time in which Stripe has dated what is looked for.

use ticketcore::UtcMs;

use super::form::Form;
use super::gateway::KEY_RETENTION_MS;

/// Our clock may be ahead of Stripe's by so much, in milliseconds.
const AHEAD_MS_MAX: u64 = 5 * 60_000;
/// Windows open so much earlier, in milliseconds: Stripe dates by the second and its clock, we by ours.
const EARLIER_MS: u64 = 2 * AHEAD_MS_MAX;
/// Nearly every payment is made so soon after it became durable that it would be, in milliseconds.
const SOON_MS: u64 = 2 * 60_000;
/// Our clock may be behind Stripe's by so much, in milliseconds.
const BEHIND_MS_MAX: u64 = 60 * 60_000;
/// So much later no payment is made any more, in milliseconds: nothing is sent under a key that may be forgotten.
const LATE_MS: u64 = KEY_RETENTION_MS + BEHIND_MS_MAX;

/// A span of Stripe's time, in seconds since 1970, with both ends in it. One that is `None` is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    from: Option<u64>,
    to: Option<u64>,
}

impl Window {
    /// All of time.
    pub const ALWAYS: Self = Self { from: None, to: None };

    /// Where that is which Stripe was asked for after `since`. All of time if that is not known, which is 0.
    pub fn after(since: UtcMs) -> Self {
        let from = since.0.saturating_sub(EARLIER_MS) / 1_000;
        Self { from: (from > 0).then_some(from), to: None }
    }

    /// Where a payment is, by the time at which it became durable that it would be made. The likeliest first, so that what came in later
    /// does not hide it; together they leave nothing out.
    pub fn of_payment(since: UtcMs, now: UtcMs) -> Vec<Self> {
        let whole = Self::after(since);
        let (soon, late) = (since.plus_ms(SOON_MS), since.plus_ms(LATE_MS));
        if whole.from.is_none() || now <= soon {
            return vec![whole];
        }
        let soon = soon.0 / 1_000;
        let to = (now > late).then_some(late.0 / 1_000);
        vec![Self { to: Some(soon), ..whole }, Self { from: Some(soon + 1), to }]
    }

    /// The list, bounded.
    pub fn bounds(self, mut list: Form) -> Form {
        if let Some(from) = self.from {
            list = list.with("created[gte]", &from.to_string());
        }
        if let Some(to) = self.to {
            list = list.with("created[lte]", &to.to_string());
        }
        list
    }

    /// Whether clocks that differ so much could date what is looked for outside of the window.
    pub const fn may_miss(self, ours: UtcMs, theirs: UtcMs) -> bool {
        let before = self.from.is_some() && ours.since_ms(theirs) > AHEAD_MS_MAX;
        let behind = self.to.is_some() && theirs.since_ms(ours) > BEHIND_MS_MAX;
        before || behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: UtcMs = UtcMs(1_700_000_000_000);
    const SINCE_S: u64 = 1_700_000_000;

    fn window(from: u64, to: Option<u64>) -> Window {
        Window { from: Some(from), to }
    }

    #[test]
    fn windows_of_a_payment_leave_nothing_out() {
        let from = SINCE_S - 600;
        let at = |ms: u64| Window::of_payment(SINCE, SINCE.plus_ms(ms));
        for ms in [0, 1_000, 120_000] {
            assert_eq!(at(ms), [window(from, None)], "{ms}");
        }
        let soon = window(from, Some(SINCE_S + 120));
        for ms in [120_001, 3_600_000, 25 * 3_600_000] {
            assert_eq!(at(ms), [soon, window(SINCE_S + 121, None)], "{ms}");
        }
        let end = SINCE_S + 25 * 3_600;
        assert_eq!(at(25 * 3_600_000 + 1), [soon, window(SINCE_S + 121, Some(end))]);
        assert_eq!(Window::of_payment(SINCE, UtcMs(0)), [window(from, None)], "a clock that was set back");
        assert_eq!(Window::of_payment(UtcMs(0), SINCE), [Window::ALWAYS], "when is not known");
        assert_eq!(Window::of_payment(UtcMs::NEVER, SINCE), [Window::after(UtcMs::NEVER)]);
    }

    #[test]
    fn only_ends_that_are_there_are_asked_for() {
        let asked = |window: Window| window.bounds(Form::new().with("limit", "1")).as_str().to_owned();
        assert_eq!(asked(Window::ALWAYS), "limit=1");
        assert_eq!(asked(window(5, None)), "limit=1&created%5Bgte%5D=5");
        assert_eq!(asked(window(5, Some(9))), "limit=1&created%5Bgte%5D=5&created%5Blte%5D=9");
    }

    #[test]
    fn clocks_that_differ_too_much_may_hide_what_is_there() {
        let (open, closed) = (window(SINCE_S, None), window(SINCE_S, Some(SINCE_S + 9)));
        let (minutes, hour) = (SINCE.plus_ms(AHEAD_MS_MAX + 1), SINCE.plus_ms(BEHIND_MS_MAX + 1));
        assert!(open.may_miss(minutes, SINCE) && closed.may_miss(minutes, SINCE));
        assert!(!open.may_miss(SINCE, hour) && closed.may_miss(SINCE, hour));
        assert!(!closed.may_miss(SINCE, minutes) && !open.may_miss(SINCE, SINCE));
        assert!(!Window::ALWAYS.may_miss(hour, SINCE) && !Window::ALWAYS.may_miss(SINCE, hour));
    }
}
