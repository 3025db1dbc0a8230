//! [`Policies`]: which limits go for a request, and how they are told.
//!
//! Headers are those of draft-ietf-httpapi-ratelimit-headers-11: `RateLimit-Policy` has every policy that goes for the request, `RateLimit` the
//! one that is nearest to its end, with what is left (`r`) and the seconds within which no more is to be had (`t`).

use hyper::header::HeaderValue;
use ticketcore::guard::{Allowed, BadLimit, Limit, Limited, Subject};

use super::class::RouteClass;
use super::config::LimitTable;

/// Who may be limited, in the order in which it is checked.
pub(super) const LIMITED: [Subject; 4] = [Subject::Address, Subject::Device, Subject::User, Subject::ApiKey];

/// What a client is told about limits.
#[derive(Clone, Debug)]
pub struct LimitHeaders {
    /// `RateLimit-Policy`.
    pub policy: HeaderValue,
    /// `RateLimit`.
    pub limit: HeaderValue,
}

/// The limits of every class and subject, and the headers that tell of them.
pub(super) struct Policies {
    limits: Vec<[Limit; LIMITED.len()]>,
    /// By class and by which of [`LIMITED`] are there.
    told: Vec<[HeaderValue; 1 << LIMITED.len()]>,
}

impl Policies {
    pub fn new(table: &LimitTable, writes_per_user_max: u32) -> Result<Self, BadLimit> {
        let (mut limits, mut told) = (Vec::new(), Vec::new());
        for class in RouteClass::ALL {
            let [address, device, user, key] = LIMITED.map(|subject| table.limit(subject, class));
            let of_class = [address?, device?, user?, key?];
            let headers = std::array::from_fn(|there: usize| {
                let mut items = Vec::new();
                for (at, subject) in LIMITED.into_iter().enumerate().filter(|(at, _)| there >> at & 1 == 1) {
                    items.push(policy(subject, Some(class), &of_class[at]));
                    if subject == Subject::User && class.writes() {
                        let unit = "qu=\"concurrent-requests\"";
                        items.push(format!("\"{CONCURRENT}\";q={writes_per_user_max};{unit}"));
                    }
                }
                header(&items.join(", "))
            });
            limits.push(of_class);
            told.push(headers);
        }
        Ok(Self { limits, told })
    }

    /// That of one of [`LIMITED`].
    pub fn limit(&self, class: RouteClass, at: usize) -> &Limit {
        &self.limits[class.at()][at]
    }

    /// Every policy that goes for a request of these.
    pub fn told(&self, class: RouteClass, there: usize) -> HeaderValue {
        self.told[class.at()][there & ((1 << LIMITED.len()) - 1)].clone()
    }
}

/// The name of the limit on what a buyer has under way.
pub(super) const CONCURRENT: &str = "user-concurrent";

/// The names of the policies of a limit; one that is for all classes names none.
pub(super) fn name(subject: Subject, class: Option<RouteClass>, sustained: bool) -> String {
    let which = if sustained { "sustained" } else { "burst" };
    match class {
        Some(class) => format!("{}-{}-{which}", subject.name(), class.name()),
        None => format!("{}-{which}", subject.name()),
    }
}

/// Both policies of a limit, as items of `RateLimit-Policy`.
pub(super) fn policy(subject: Subject, class: Option<RouteClass>, limit: &Limit) -> String {
    let item = |sustained: bool| {
        let quota = if sustained { limit.sustained() } else { limit.burst() };
        format!("\"{}\";q={};w={}", name(subject, class, sustained), quota.requests, quota.seconds)
    };
    format!("{}, {}", item(false), item(true))
}

/// `RateLimit` for a request that was allowed.
pub(super) fn left(subject: Subject, class: Option<RouteClass>, allowed: &Allowed) -> HeaderValue {
    let name = name(subject, class, allowed.sustained);
    header(&format!("\"{name}\";r={};t={}", allowed.remaining, allowed.next_ms.div_ceil(1_000)))
}

/// `RateLimit` for one that was not. `Retry-After` says the same.
pub(super) fn none_left(name: &str, retry_after_ms: u64) -> HeaderValue {
    header(&format!("\"{name}\";r=0;t={}", retry_after_ms.div_ceil(1_000)))
}

/// The names of what a request would have violated.
pub(super) fn violated(subject: Subject, class: Option<RouteClass>, limited: &Limited) -> Vec<String> {
    let both = [(limited.burst, false), (limited.sustained, true)];
    both.iter().filter(|(over, _)| *over).map(|(_, sustained)| name(subject, class, *sustained)).collect()
}

/// Names and numbers are ASCII.
pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_told_as_the_draft_writes_them() {
        let policies = Policies::new(&LimitTable::default(), 16).unwrap();
        assert_eq!(
            policies.told(RouteClass::Pay, 0b100),
            "\"user-pay-burst\";q=20;w=10, \"user-pay-sustained\";q=300;w=3600, \"user-concurrent\";q=16;qu=\"concurrent-requests\""
        );
        assert_eq!(
            policies.told(RouteClass::Read, 0b0011),
            "\"address-read-burst\";q=2000;w=10, \"address-read-sustained\";q=200000;w=3600, \"device-read-burst\";q=300;w=10, \"device-read-sustained\";q=15000;w=3600"
        );
        let allowed = Allowed { sustained: true, remaining: 7, next_ms: 1_001, reset_ms: 9_000 };
        assert_eq!(left(Subject::ApiKey, None, &allowed), "\"api-key-sustained\";r=7;t=2");
        let limited = Limited { burst: true, sustained: true, retry_after_ms: 1 };
        assert_eq!(
            violated(Subject::Address, Some(RouteClass::Join), &limited),
            ["address-join-burst", "address-join-sustained"]
        );
        assert_eq!(none_left("a", 1), "\"a\";r=0;t=1");
    }
}
