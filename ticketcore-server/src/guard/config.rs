//! [`GuardConfig`]: how the door is kept.

use std::path::PathBuf;

use serde::Deserialize;
use ticketcore::guard::{BadLimit, ForwardedHeader, Limit, Networks, Rules, Subject};

use super::class::RouteClass;
use crate::auth::parse_user;

/// How the door is kept. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardConfig {
    /// Whether anybody is limited or judged at all. `deny` goes in any case.
    pub enabled: bool,
    /// Networks that are neither limited nor judged. This machine, if nothing is said: behind a proxy that is not named everybody would else
    /// seem to be one.
    pub allow: Vec<String>,
    /// Networks that are shut out.
    pub deny: Vec<String>,
    /// Buyers who are shut out, by their `userId`.
    pub deny_users: Vec<String>,
    /// Networks of proxies that are believed about who asks.
    pub trusted_proxies: Vec<String>,
    /// Which header these proxies write.
    pub forwarded: ForwardedHeader,
    /// How often one may ask.
    pub limits: LimitTable,
    /// Limits that there is room for, over all who ask: 24 bytes each.
    pub keys_max: usize,
    /// Counters that there is room for: 24 bytes each, and half as many reputations.
    pub counters_max: usize,
    /// Holds and orders that are followed until they end.
    pub followed_max: usize,
    /// Requests that write and are under way at once, of one buyer.
    pub writes_per_user_max: u32,
    /// The cookie that tells devices apart.
    pub device: DeviceConfig,
    /// The proof of work.
    pub challenge: ChallengeConfig,
    /// A service that says whether somebody is a person, beside the proof of work.
    pub captcha: Option<CaptchaConfig>,
    /// What is suspicious and what follows.
    pub risk: Rules,
    /// The log of decisions.
    pub audit: AuditConfig,
}

/// How often one may ask, by who asks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitTable {
    /// An address; of IPv6 a /64.
    pub address: ClassLimits,
    /// A buyer.
    pub user: ClassLimits,
    /// A device.
    pub device: ClassLimits,
    /// An API key that has no limit of its own.
    pub api_key: ClassLimits,
}

/// How often one may ask, by what is asked. What is absent is as usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassLimits {
    /// What is only read.
    pub read: Option<Limit>,
    /// What changes something.
    pub write: Option<Limit>,
    /// Coming in: sessions, waiting rooms, challenges.
    pub join: Option<Limit>,
    /// Orders and payments.
    pub pay: Option<Limit>,
    /// What staff does.
    pub admin: Option<Limit>,
    /// What gateways report.
    pub report: Option<Limit>,
}

/// The cookie that tells devices apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceConfig {
    /// Its name.
    pub cookie: String,
    /// Whether it goes over TLS only; if absent, whether TLS ends here.
    pub secure: Option<bool>,
    /// How long it is kept, in seconds.
    pub ttl_s: u64,
}

/// The proof of work.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChallengeConfig {
    /// Rounds of PBKDF2 a try, for who is not suspected; 256 tries are needed on average.
    pub cost: u32,
    /// The same for who is suspected most.
    pub cost_max: u32,
    /// How long a challenge can be solved, in milliseconds.
    pub ttl_ms: u64,
    /// Solutions that are remembered, so that none is good twice.
    pub used_max: usize,
}

/// A service that says whether somebody is a person: what reCAPTCHA, hCaptcha and Turnstile have in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptchaConfig {
    /// Where it is asked: `https://service.example/siteverify`.
    pub url: String,
    /// A file with its secret.
    pub secret_file: PathBuf,
    /// What pages need to show it.
    pub site_key: String,
    /// How long an answer may take, in milliseconds.
    #[serde(default = "captcha_timeout")]
    pub timeout_ms: u64,
}

fn captcha_timeout() -> u64 {
    3_000
}

/// The log of decisions: `guard/decisions.jsonl` in the data folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// Bytes of a file; then the next is begun.
    pub file_bytes_max: u64,
    /// Files that are kept, that which is written included.
    pub files_max: u32,
    /// Whether users and addresses stand in it as they are, rather than as keyed hashes.
    pub personal: bool,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            allow: ["127.0.0.0/8", "::1"].map(str::to_owned).to_vec(),
            deny: Vec::new(),
            deny_users: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded: ForwardedHeader::default(),
            limits: LimitTable::default(),
            keys_max: 1 << 20,
            counters_max: 1 << 20,
            followed_max: 200_000,
            writes_per_user_max: 16,
            device: DeviceConfig::default(),
            challenge: ChallengeConfig::default(),
            captcha: None,
            risk: Rules::default(),
            audit: AuditConfig::default(),
        }
    }
}

impl ClassLimits {
    const fn of(&self, class: RouteClass) -> Option<Limit> {
        match class {
            RouteClass::Read => self.read,
            RouteClass::Write => self.write,
            RouteClass::Join => self.join,
            RouteClass::Pay => self.pay,
            RouteClass::Admin => self.admin,
            RouteClass::Report => self.report,
        }
    }
}

impl LimitTable {
    /// What goes for somebody and a class of routes.
    ///
    /// # Errors
    /// None: the usual limits are tested.
    pub fn limit(&self, subject: Subject, class: RouteClass) -> Result<Limit, BadLimit> {
        let own = match subject {
            Subject::User => &self.user,
            Subject::Device => &self.device,
            Subject::ApiKey => &self.api_key,
            Subject::Address | Subject::Payment => &self.address,
        };
        own.of(class).map_or_else(|| usual(subject, class), Ok)
    }
}

/// What goes if nothing is said: so many at once and in ten seconds, so many in an hour.
fn usual(subject: Subject, class: RouteClass) -> Result<Limit, BadLimit> {
    let (burst, sustained) = match (subject, class) {
        // Whoever has a key speaks for many.
        (Subject::ApiKey, RouteClass::Read | RouteClass::Report) => (20_000, 5_000_000),
        (_, RouteClass::Report) => (2_000, 500_000),
        (Subject::ApiKey, RouteClass::Write | RouteClass::Join) => (10_000, 2_000_000),
        (Subject::ApiKey, RouteClass::Pay) => (5_000, 1_000_000),
        (Subject::ApiKey, RouteClass::Admin) => (2_000, 200_000),
        (Subject::User, RouteClass::Read) => (200, 10_000),
        (Subject::User, RouteClass::Write | RouteClass::Join) => (60, 2_000),
        (Subject::User, RouteClass::Pay) => (20, 300),
        (Subject::Device, RouteClass::Read) => (300, 15_000),
        (Subject::Device, RouteClass::Write | RouteClass::Join) => (80, 3_000),
        (Subject::Device, RouteClass::Pay) => (30, 500),
        (Subject::User | Subject::Device, RouteClass::Admin) => (500, 50_000),
        // Many share an address: an office, a mobile network.
        (Subject::Address | Subject::Payment, RouteClass::Read) => (2_000, 200_000),
        (Subject::Address | Subject::Payment, RouteClass::Join) => (1_000, 50_000),
        (Subject::Address | Subject::Payment, RouteClass::Write | RouteClass::Admin) => (500, 50_000),
        (Subject::Address | Subject::Payment, RouteClass::Pay) => (300, 20_000),
    };
    Limit::new((burst, 10), (sustained, 3_600))
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self { cookie: "tc_device".to_owned(), secure: None, ttl_s: 365 * 86_400 }
    }
}

impl Default for ChallengeConfig {
    fn default() -> Self {
        Self { cost: 500, cost_max: 20_000, ttl_ms: 600_000, used_max: 262_144 }
    }
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { enabled: true, file_bytes_max: 64 << 20, files_max: 8, personal: false }
    }
}

impl GuardConfig {
    /// Whether it can be meant.
    ///
    /// # Errors
    /// The option below `guard`, and why not.
    pub fn check(&self) -> Result<(), (String, String)> {
        let lists =
            [("allow", &self.allow), ("deny", &self.deny), ("trusted_proxies", &self.trusted_proxies)];
        for (option, list) in lists {
            Networks::parse(list).map_err(|error| (option.to_owned(), error.to_string()))?;
        }
        if let Some(user) = self.deny_users.iter().find(|user| parse_user(user).is_none()) {
            return Err(("deny_users".to_owned(), format!("`{user}` is no `usr_` and 32 digits")));
        }
        self.risk.check().map_err(|error| (format!("risk.{}", error.place), error.reason))?;
        let bounds = [
            ("keys_max", self.keys_max as u64, 1_024, 1 << 28),
            ("counters_max", self.counters_max as u64, 1_024, 1 << 28),
            ("followed_max", self.followed_max as u64, 1, 100_000_000),
            ("writes_per_user_max", self.writes_per_user_max.into(), 1, 1_000_000),
            ("device.ttl_s", self.device.ttl_s, 60, 400 * 86_400),
            ("challenge.cost", self.challenge.cost.into(), 1, 1_000_000),
            ("challenge.cost_max", self.challenge.cost_max.into(), self.challenge.cost.into(), 1_000_000),
            ("challenge.ttl_ms", self.challenge.ttl_ms, 1_000, 86_400_000),
            ("challenge.used_max", self.challenge.used_max as u64, 1_024, 1 << 26),
            ("audit.file_bytes_max", self.audit.file_bytes_max, 1_024, 1 << 40),
            ("audit.files_max", self.audit.files_max.into(), 1, 10_000),
            ("captcha.timeout_ms", self.captcha.as_ref().map_or(1, |captcha| captcha.timeout_ms), 1, 60_000),
        ];
        for (option, found, min, max) in bounds {
            if !(min..=max).contains(&found) {
                return Err((option.to_owned(), format!("{found} is not from {min} to {max}")));
            }
        }
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let cookie = &self.device.cookie;
        if cookie.is_empty() || cookie.len() > 64 || !cookie.bytes().all(token) {
            return Err(("device.cookie".to_owned(), "1 to 64 letters, digits, `-` or `_`".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_without_options_can_be_meant() {
        GuardConfig::default().check().unwrap();
        let read: GuardConfig = toml::from_str("").unwrap();
        let limit = |subject, class| read.limits.limit(subject, class).unwrap();
        for subject in Subject::ALL {
            for class in RouteClass::ALL {
                assert!(limit(subject, class).burst().requests < limit(subject, class).sustained().requests);
            }
        }
        let text = "limits.user.pay = { burst = { requests = 1, seconds = 2 }, sustained = { requests = 3, seconds = 4 } }";
        let read: GuardConfig = toml::from_str(text).unwrap();
        assert_eq!(read.limits.limit(Subject::User, RouteClass::Pay).unwrap().burst().seconds, 2);
        let other = read.limits.limit(Subject::Device, RouteClass::Pay).unwrap();
        assert_eq!(other, limit(Subject::Device, RouteClass::Pay));
    }

    #[test]
    fn what_can_not_be_meant_is_named() {
        for (text, option) in [
            ("allow = ['somewhere']", "allow"),
            ("deny = ['10.0.0.0/40']", "deny"),
            ("deny_users = ['ann']", "deny_users"),
            ("trusted_proxies = ['a.example']", "trusted_proxies"),
            ("keys_max = 1", "keys_max"),
            ("writes_per_user_max = 0", "writes_per_user_max"),
            ("challenge.cost_max = 10", "challenge.cost_max"),
            ("device.cookie = 'a b'", "device.cookie"),
            ("risk.challenge_at = 0", "risk.challenge_at"),
            ("audit.files_max = 0", "audit.files_max"),
        ] {
            let read: GuardConfig = toml::from_str(text).unwrap();
            assert_eq!(read.check().unwrap_err().0, option, "{text}");
        }
        for unknown in [
            "limit = 1",
            "risk.rule = 1",
            "limits.user.reads = 1",
            "device.name = 'a'",
            "captcha = { url = 'a' }",
        ] {
            assert!(toml::from_str::<GuardConfig>(unknown).is_err(), "{unknown}");
        }
    }
}
