//! [`Guard::enter`]: the limits of a request whose caller is known.

use hyper::HeaderMap;
use std::net::IpAddr;

use ticketcore::guard::{Allowed, Answer, Happening, Key, Limit, Subject, Who};

use super::class::RouteClass;
use super::concurrency::Writing;
use super::limits::{CONCURRENT, LIMITED, LimitHeaders, header, left, none_left, policy, violated};
use super::mark::Mark;
use super::metrics::LimitedBy;
use super::{Guard, Known};
use crate::auth::Principal;
use crate::http::{Code, Problem};

/// Who has too much under way comes back after so long, in milliseconds.
const CONCURRENT_RETRY_MS: u64 = 1_000;
/// Refusals within a minute after which somebody is told that he does not behave as people do.
const ABNORMAL_REFUSALS: u32 = 100;
/// Problem types of draft-ietf-httpapi-ratelimit-headers-11, section 5.
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const ABNORMAL_USAGE: &str = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";

/// What a request holds until it is answered.
pub struct Pass<'a>(#[expect(dead_code, reason = "it counts until it is dropped")] Option<Writing<'a>>);

/// One limit that goes for a request.
struct Checked<'a> {
    at: usize,
    subject: Subject,
    key: Key,
    limit: &'a Limit,
    /// Its class; `None` if it is for all of them.
    class: Option<RouteClass>,
}

impl Guard {
    /// Refuses an address that is shut out.
    ///
    /// # Errors
    /// [`Code::Denied`].
    pub fn let_in(&self, address: IpAddr) -> Result<(), Problem> {
        if self.is_denied(address) {
            return Err(Problem::new(Code::Denied, "The operator has shut this network out"));
        }
        Ok(())
    }

    /// Checks the limits of a request, all or nothing: one that is refused counts for none of them. What is left is marked.
    ///
    /// # Errors
    /// [`Code::RateLimited`], with when to come back; [`Code::Denied`] for a buyer who is shut out.
    pub fn enter(
        &self,
        class: RouteClass,
        (address, principal, known): (IpAddr, &Principal, &Known),
        headers: &HeaderMap,
        mark: &mut Mark,
    ) -> Result<Pass<'_>, Problem> {
        let user = match principal {
            Principal::Buyer(user) | Principal::Key(_, Some(user)) => Some(user),
            Principal::Anonymous | Principal::Key(_, None) => None,
        };
        if user.is_some_and(|user| self.denied_users.contains(user)) {
            return Err(Problem::new(Code::Denied, "The operator has shut this buyer out"));
        }
        let own = match principal {
            Principal::Key(grant, _) => grant.limit.as_ref().map(|limit| (grant.id.as_str(), limit)),
            _ => None,
        };
        if known.exempt && own.is_none() {
            return Ok(Pass(None));
        }
        let who = self.who(address, principal, known.device);
        if !known.exempt && class != RouteClass::Read && who.new_device && asks_for_cookies(headers, class) {
            mark.cookie = self.devices.give(self.clock.now());
        }
        let checked = self.limits_of(class, principal, &who, own, known.exempt);
        self.pass_all(&checked, (class, &who), own.map(|(_, limit)| limit), mark)?;
        let writing = match who.user.filter(|_| class.writes() && !known.exempt) {
            None => None,
            Some(user) => Some(self.writers.enter(user).ok_or_else(|| self.too_many(class, mark))?),
        };
        Ok(Pass(writing))
    }

    /// Counts a caller who could not be believed against his address, so that nobody guesses keys and tokens at will.
    ///
    /// # Errors
    /// [`Code::RateLimited`].
    pub fn not_believed(&self, address: IpAddr, known: &Known, mark: &mut Mark) -> Result<(), Problem> {
        if known.exempt {
            return Ok(());
        }
        let who = self.who(address, &Principal::Anonymous, None);
        let class = RouteClass::Join;
        let checked = self.limits_of(class, &Principal::Anonymous, &who, None, false);
        self.pass_all(&checked, (class, &who), None, mark)
    }

    fn limits_of<'a>(
        &'a self,
        class: RouteClass,
        principal: &Principal,
        who: &Who,
        own: Option<(&str, &'a Limit)>,
        exempt: bool,
    ) -> Vec<Checked<'a>> {
        let mut checked = Vec::with_capacity(LIMITED.len());
        for (at, subject) in LIMITED.into_iter().enumerate() {
            let key = match (subject, principal) {
                (Subject::ApiKey, Principal::Key(grant, _)) => {
                    Some(self.keyed.key(Subject::ApiKey, 0, grant.id.as_bytes()))
                }
                (Subject::User, _) => who.user,
                (Subject::Device, _) => who.device,
                (Subject::Address, _) => who.address,
                _ => None,
            };
            let Some(key) = key else { continue };
            let item = match own.filter(|_| subject == Subject::ApiKey) {
                Some((_, limit)) => Checked { at, subject, key, limit, class: None },
                None if exempt => continue,
                None => {
                    let (limit, key) = (self.policies.limit(class, at), key.with(class.at() as u64 + 1));
                    Checked { at, subject, key, limit, class: Some(class) }
                }
            };
            checked.push(item);
        }
        checked
    }

    fn pass_all(
        &self,
        checked: &[Checked<'_>],
        (class, who): (RouteClass, &Who),
        own: Option<&Limit>,
        mark: &mut Mark,
    ) -> Result<(), Problem> {
        let now = self.clock.now();
        let mut nearest: Option<(&Checked<'_>, Allowed)> = None;
        for (count, item) in checked.iter().enumerate() {
            match self.limiter.check(item.key, item.limit, now) {
                Answer::Allowed(allowed) => {
                    if nearest.as_ref().is_none_or(|(other, left)| share(item, &allowed) < share(other, left))
                    {
                        nearest = Some((item, allowed));
                    }
                }
                Answer::Limited(limited) => {
                    // It counts for nobody: else one who floods would use up what others behind his address have.
                    for before in &checked[..count] {
                        self.limiter.give_back(before.key, before.limit, now);
                    }
                    let names = violated(item.subject, item.class, &limited);
                    mark.limits = Some(LimitHeaders {
                        policy: self.told(checked, class, own),
                        limit: none_left(names.first().map_or("", String::as_str), limited.retry_after_ms),
                    });
                    return Err(self.limited(item, (class, who), names, limited.retry_after_ms));
                }
            }
        }
        mark.limits = nearest.map(|(item, allowed)| LimitHeaders {
            policy: self.told(checked, class, own),
            limit: left(item.subject, item.class, &allowed),
        });
        Ok(())
    }

    fn told(
        &self,
        checked: &[Checked<'_>],
        class: RouteClass,
        own: Option<&Limit>,
    ) -> hyper::header::HeaderValue {
        let of_class = checked.iter().filter(|item| item.class.is_some());
        let there = of_class.fold(0, |there, item| there | 1 << item.at);
        let told = self.policies.told(class, there);
        match own {
            None => told,
            Some(limit) if there == 0 => header(&policy(Subject::ApiKey, None, limit)),
            Some(limit) => {
                let others = told.to_str().unwrap_or_default();
                header(&format!("{others}, {}", policy(Subject::ApiKey, None, limit)))
            }
        }
    }

    fn too_many(&self, class: RouteClass, mark: &mut Mark) -> Problem {
        if let Some(limits) = &mut mark.limits {
            limits.limit = none_left(CONCURRENT, CONCURRENT_RETRY_MS);
        }
        self.metrics.limited.get_or_create(&LimitedBy { by: CONCURRENT, class: class.name() }).inc();
        Problem::new(Code::RateLimited, "So many requests of this buyer are still under way")
            .kind(QUOTA_EXCEEDED)
            .with("violated-policies", [CONCURRENT])
            .retry_after_ms(CONCURRENT_RETRY_MS)
    }

    fn limited(
        &self,
        item: &Checked<'_>,
        (class, who): (RouteClass, &Who),
        names: Vec<String>,
        retry_after_ms: u64,
    ) -> Problem {
        let now = self.clock.now();
        self.metrics.limited.get_or_create(&LimitedBy { by: item.subject.name(), class: class.name() }).inc();
        let refusals = self.refusals.add(item.key, 60, 1, now);
        self.judge.note(Happening::Limited, who, now);
        let (kind, told) = if refusals > ABNORMAL_REFUSALS {
            (ABNORMAL_USAGE, "Requests go on although they are refused")
        } else {
            (QUOTA_EXCEEDED, "More was asked than the limits allow")
        };
        Problem::new(Code::RateLimited, told)
            .kind(kind)
            .with("violated-policies", names)
            .retry_after_ms(retry_after_ms)
    }
}

/// What is left of it, in millionths.
fn share(item: &Checked<'_>, allowed: &Allowed) -> u64 {
    let quota = if allowed.sustained { item.limit.sustained() } else { item.limit.burst() };
    u64::from(allowed.remaining) * 1_000_000 / u64::from(quota.requests)
}

/// Not for programs that have no use for it: a cookie is given when somebody comes in, and to browsers.
fn asks_for_cookies(headers: &HeaderMap, class: RouteClass) -> bool {
    class == RouteClass::Join || headers.contains_key("sec-fetch-site") || headers.contains_key("cookie")
}
