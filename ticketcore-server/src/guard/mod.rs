//! The door: who asks too often, who behaves like a bot, and what is done about it. The reckoning is the engine's
//! ([`ticketcore::guard`]); here are addresses, cookies, headers, challenges and the log of decisions.
//!
//! A request's way: its client's address is found behind proxies ([`Guard::client`]); lists of networks shut out or exempt; when the caller is
//! known, the limits of his class of route are checked ([`Guard::enter`]) and told in headers ([`Mark`]). Handlers of what bots are after ask
//! [`Guard::check`], which may demand a challenge, and say what came of it ([`Guard::note`]).

mod audit;
mod captcha;
mod challenge;
mod check;
mod class;
mod concurrency;
mod config;
mod device;
mod enter;
mod follow;
mod limits;
mod mark;
mod metrics;
mod remembered;

use std::collections::HashSet;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName};
use parking_lot::Mutex;
use ticketcore::guard::{
    Block, Counters, Judge, Keyed, Limiter, Networks, Subject, Watch, Who, client_address,
};
use ticketcore::{BoxOffice, Clock, HoldId, UserId, UtcMs};
use tokio::sync::watch;

use crate::app::StartError;
use crate::auth::{Principal, Secrets, parse_user};
use audit::Audit;
use challenge::Challenges;
use concurrency::Writers;
use device::{DeviceId, Devices, derive};
use follow::Followed;
use limits::Policies;
use remembered::{Kept, Remembered};

pub use captcha::{CaptchaError, CaptchaVerifier, SiteVerify};
pub use check::{Judged, Paying, Sent};
pub use class::RouteClass;
pub use config::{
    AuditConfig, CaptchaConfig, ChallengeConfig, ClassLimits, DeviceConfig, GuardConfig, LimitTable,
};
pub use device::DeviceId as Device;
pub use enter::Pass;
pub use limits::LimitHeaders;
pub use mark::Mark;
pub use metrics::GuardMetrics;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Holds and orders that are looked at in one go when they are written down.
const FOLLOWED_AT_ONCE: usize = 1_000;
/// Callers of whom it is known how often they were refused.
const REFUSALS_MAX: usize = 65_536;

/// What is known of who is calling, beside his name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    /// Whether nothing is held against him: his network is the operator's own, or the guard is off.
    pub exempt: bool,
    /// His device, if it showed a cookie of ours. Of who is exempt none is looked for.
    pub device: Option<Device>,
}

/// See the module. Shared by all requests.
pub struct Guard {
    config: GuardConfig,
    allow: Networks,
    deny: Networks,
    denied_users: HashSet<UserId>,
    trusted: Networks,
    /// Whether it was said that proxies seem to stand between that nobody has named.
    warned: AtomicBool,
    keyed: Keyed,
    limiter: Limiter,
    policies: Policies,
    writers: Writers,
    /// Requests refused, by who was.
    refusals: Counters,
    devices: Devices,
    judge: Judge,
    challenges: Challenges,
    captcha: Option<Box<dyn CaptchaVerifier>>,
    followed: Mutex<Watch<HoldId, Followed>>,
    audit: Audit,
    remembered: Remembered,
    metrics: GuardMetrics,
    clock: Arc<dyn Clock>,
}

impl Guard {
    /// The guard of a server, and its task that looks again at holds and orders. Must be called on a runtime's thread.
    ///
    /// # Errors
    /// What is missing or can't be meant.
    pub fn start(
        config: &GuardConfig,
        (secrets, data, tls): (&Secrets, &Path, bool),
        office: &Arc<BoxOffice>,
        clock: Arc<dyn Clock>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Arc<Self>, StartError> {
        let captcha = config.captcha.as_ref().map(SiteVerify::open).transpose()?;
        let secret = secrets.get("guard")?;
        // The same at the next start: what is remembered is of keys.
        let mut keyed = [0; 16];
        keyed.copy_from_slice(&derive(&secret, b"keys")[..16]);
        let folder = data.join("guard");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let guard = Arc::new(Self {
            allow: Networks::parse(&config.allow)?,
            deny: Networks::parse(&config.deny)?,
            denied_users: config.deny_users.iter().filter_map(|user| parse_user(user)).collect(),
            trusted: Networks::parse(&config.trusted_proxies)?,
            warned: AtomicBool::new(false),
            keyed: Keyed::new(keyed),
            limiter: Limiter::new(config.keys_max),
            policies: Policies::new(&config.limits, config.writes_per_user_max)?,
            writers: Writers::new(config.writes_per_user_max),
            refusals: Counters::new(REFUSALS_MAX),
            devices: Devices::new(&secret, &config.device, tls),
            judge: Judge::new(config.risk.clone(), config.counters_max)?,
            challenges: Challenges::new(&secret, config.challenge.clone()),
            captcha: captcha.map(|captcha| Box::new(captcha) as _),
            followed: Mutex::new(Watch::new(config.followed_max)),
            audit: Audit::open(&config.audit, &secret, &folder)?,
            remembered: Remembered::new(&folder, &secret),
            metrics: GuardMetrics::default(),
            config: config.clone(),
            clock,
        });
        guard.recall();
        if config.enabled {
            tokio::spawn(follow::look_again(Arc::downgrade(&guard), Arc::clone(office), stopping));
        }
        Ok(guard)
    }

    /// Goes on with what was known before the restart. Nothing of it is worth not starting for.
    fn recall(&self) {
        let (now, mut was) = (self.clock.now(), UtcMs::default());
        let recalled = self.remembered.recall(|kept| match kept {
            Kept::At(at) => was = at,
            Kept::Reputation(key, thousandths) => {
                self.judge.reputations().recall((key, thousandths), was, now);
            }
            Kept::Counter(counter) => self.judge.counters().recall(counter, now),
            Kept::Followed(hold, at, one) => {
                let _gone = self.followed.lock().put(hold, one, at);
            }
        });
        if let Err(error) = recalled {
            tracing::warn!(%error, "the guard begins anew: `guard/memory` can't be read");
        }
    }

    /// Writes down what is known. Blocks.
    fn keep(&self) {
        if let Err(error) = self.write_down() {
            tracing::warn!(%error, "what the guard knows can't be written to `guard/memory`");
        }
    }

    fn write_down(&self) -> std::io::Result<()> {
        let now = self.clock.now();
        let mut writing = self.remembered.begin()?;
        writing.push(&Kept::At(now))?;
        for (key, thousandths) in self.judge.reputations().parts(now).flatten() {
            writing.push(&Kept::Reputation(key, thousandths))?;
        }
        for counter in self.judge.counters().parts(now).flatten() {
            writing.push(&Kept::Counter(counter))?;
        }
        // Last: what ends meanwhile is not counted, rather than twice. A part after the other: requests wait for the lock.
        let mut after = None;
        loop {
            let part = self.followed.lock().after(after, FOLLOWED_AT_ONCE);
            let Some((hold, at, _)) = part.last() else { break };
            after = Some((*at, *hold));
            for (hold, at, one) in part {
                writing.push(&Kept::Followed(hold, at, one))?;
            }
        }
        writing.finish()
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &GuardMetrics {
        &self.metrics
    }

    /// The client's address, as far as proxies are trusted.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.trusted.is_empty() {
            return peer.to_canonical();
        }
        let header = self.config.forwarded;
        // What is not text is no address, and harms nothing behind it.
        let lines = headers.get_all(header.name()).iter();
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
        client_address(peer, header, &lines, &self.trusted)
    }

    /// Whether an address is shut out.
    #[must_use]
    pub fn is_denied(&self, address: IpAddr) -> bool {
        !self.deny.is_empty() && self.deny.contains(address)
    }

    /// What is known of who is calling, beside his name.
    #[must_use]
    pub fn known(&self, address: IpAddr, headers: &HeaderMap) -> Known {
        // A proxy that says for whom it asks, and it can't be understood, asks for somebody.
        let asks_for_others =
            self.trusted.contains(address) && headers.contains_key(self.config.forwarded.name());
        let exempt = !self.config.enabled || (self.allow.contains(address) && !asks_for_others);
        if exempt {
            self.warn_of_proxies(headers);
        }
        let device = if exempt { None } else { self.devices.in_cookie(headers) };
        Known { exempt, device }
    }

    /// Who is calling, in the keys of what is counted.
    fn who(&self, address: IpAddr, principal: &Principal, device: Option<DeviceId>) -> Who {
        let key = |subject: Subject, name: &[u8]| self.keyed.key(subject, 0, name);
        let user: Option<UserId> = match principal {
            Principal::Buyer(user) | Principal::Key(_, Some(user)) => Some(*user),
            Principal::Anonymous | Principal::Key(_, None) => None,
        };
        // Who uses an API key speaks for many: neither the address nor a device says anything about whom.
        let himself = !matches!(principal, Principal::Key(..));
        Who {
            user: user.map(|user| key(Subject::User, &user.0)),
            device: device.filter(|_| himself).map(|device| key(Subject::Device, &device.0)),
            address: himself.then(|| key(Subject::Address, &Block::of(address).bytes())),
            payment: None,
            new_device: himself && device.is_none(),
        }
    }

    /// A proxy on this machine that is not named would have everybody exempt.
    fn warn_of_proxies(&self, headers: &HeaderMap) {
        if !self.trusted.is_empty() || self.warned.load(Ordering::Relaxed) {
            return;
        }
        let forwarded = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
        if forwarded && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request from an address in `guard.allow` was forwarded: name the proxy in `guard.trusted_proxies`, or nobody behind it is limited"
            );
        }
    }
}
