//! [`ApiKeys`]: keys of vendors and staff. Only hashes are kept.
//!
//! A key is `tck_<id>_<secret>`: the id (16 hexadecimal digits) is public, the secret 32 random bytes as base64url. The store keeps
//! SHA-256 of the secret: of random bytes nothing slower is needed.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use ticketcore::guard::Limit;
use ticketcore::{BoxOffice, EventId, UtcMs};

use super::principal::KeyGrant;
use super::scope::Scope;
use super::user::user_named;
use crate::http::{Code, Problem, command_problem};

const PREFIX: &str = "tck_";
const RECORDS: &str = "api-key/";
/// Keys a store may have.
pub const API_KEYS_MAX: usize = 10_000;
/// Events one key may be restricted to.
pub const EVENTS_PER_KEY_MAX: usize = 1_000;

/// What is kept of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    name: String,
    /// Of the secret; while a key is rotated, the old one too with its end.
    hash: String,
    before: Option<(String, UtcMs)>,
    scopes: Vec<Scope>,
    events: Vec<EventId>,
    created_at: UtcMs,
    expires_at: Option<UtcMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
}

/// What is told about a key.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// Its public name, `key_...`.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The events it is for; all if empty.
    pub events: Vec<EventId>,
    /// When it was made.
    pub created_at: UtcMs,
    /// When it ends.
    pub expires_at: Option<UtcMs>,
    /// How often it may be used, if that is not as usual.
    pub limit: Option<Limit>,
}

/// What a key is to be.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The events it is for; all if empty.
    pub events: Vec<EventId>,
    /// When it ends.
    pub expires_at: Option<UtcMs>,
    /// How often it may be used, if that is not as usual.
    pub limit: Option<Limit>,
}

struct Known {
    id: String,
    stored: Stored,
    grant: Arc<KeyGrant>,
}

/// The keys of a store. Checking one takes no lock.
pub struct ApiKeys {
    office: Arc<BoxOffice>,
    known: ArcSwap<Vec<Known>>,
    /// Held from reading what is kept until what has become of it is known: one change at a time.
    changing: Mutex<()>,
}

impl ApiKeys {
    /// The keys that a store has.
    #[must_use]
    pub fn open(office: Arc<BoxOffice>) -> Self {
        let keys = Self { office, known: ArcSwap::default(), changing: Mutex::new(()) };
        keys.reload();
        keys
    }

    /// Makes a key and returns its text, which is not kept, and its public name. Waits for the store.
    ///
    /// # Errors
    /// [`Code::ValidationFailed`], [`Code::Unavailable`].
    pub fn make(&self, new: NewKey, now: UtcMs) -> Result<(String, KeyInfo), Problem> {
        check(&new)?;
        let _changing = self.changing.lock();
        if self.known.load().len() >= API_KEYS_MAX {
            return Err(Problem::invalid("", format!("there are {API_KEYS_MAX} keys already")));
        }
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let (secret, hash) = secret()?;
        let NewKey { name, scopes, events, expires_at, limit } = new;
        let stored = Stored { name, hash, before: None, scopes, events, created_at: now, expires_at, limit };
        self.save(&id, &stored)?;
        Ok((format!("{PREFIX}{id}_{secret}"), info(&id, &stored)))
    }

    /// Gives a key another secret. The old one is good until `old_until`. Waits for the store.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Unavailable`].
    pub fn rotate(&self, id: &str, old_until: UtcMs) -> Result<(String, KeyInfo), Problem> {
        let id = public_id(id)?;
        let (secret, hash) = secret()?;
        let _changing = self.changing.lock();
        let kept = self.office.host_record(&format!("{RECORDS}{id}"));
        let kept = kept.and_then(|body| serde_json::from_slice::<Stored>(&body).ok());
        let mut stored = kept.ok_or_else(|| Problem::not_found("API key"))?;
        stored.before = Some((std::mem::replace(&mut stored.hash, hash), old_until));
        self.save(id, &stored)?;
        Ok((format!("{PREFIX}{id}_{secret}"), info(id, &stored)))
    }

    /// Ends a key. Waits for the store.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Unavailable`].
    pub fn revoke(&self, id: &str) -> Result<(), Problem> {
        let id = public_id(id)?;
        let _changing = self.changing.lock();
        let removed = self.office.remove_host_record(&format!("{RECORDS}{id}"));
        // It may be gone even if that failed.
        self.reload();
        let removed = removed.map_err(|error| command_problem(error, &()))?;
        if removed { Ok(()) } else { Err(Problem::not_found("API key")) }
    }

    /// Every key.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        self.known.load().iter().map(|known| info(&known.id, &known.stored)).collect()
    }

    /// Whether a text claims to be a key.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// What a key grants. Secrets are compared in constant time.
    ///
    /// # Errors
    /// [`Code::Unauthorized`].
    pub fn check(&self, text: &str, now: UtcMs) -> Result<Arc<KeyGrant>, Problem> {
        let refused = || Problem::new(Code::Unauthorized, "The API key is not known, or no longer");
        let (id, secret) =
            text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(refused)?;
        let hash = hash(secret);
        let known = self.known.load();
        let at = known.binary_search_by(|known| known.id.as_str().cmp(id)).map_err(|_| refused())?;
        let Known { stored, grant, .. } = &known[at];
        let is = |other: &str| bool::from(other.as_bytes().ct_eq(hash.as_bytes()));
        let before = stored.before.as_ref().is_some_and(|(old, until)| now < *until && is(old));
        let good = (is(&stored.hash) || before) && stored.expires_at.is_none_or(|end| now < end);
        if good { Ok(Arc::clone(grant)) } else { Err(refused()) }
    }

    /// Only while `changing` is held.
    fn save(&self, id: &str, stored: &Stored) -> Result<(), Problem> {
        let body =
            serde_json::to_vec(stored).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        let saved = self.office.save_host_record(&format!("{RECORDS}{id}"), &body);
        self.reload();
        saved.map_err(|error| command_problem(error, &()))?;
        Ok(())
    }

    fn reload(&self) {
        let known = self.office.host_records(RECORDS).into_iter().filter_map(|(name, body)| {
            let id = name.strip_prefix(RECORDS)?.to_owned();
            // A key that can't be read grants nothing.
            let stored: Stored = serde_json::from_slice(&body).ok()?;
            let grant = Arc::new(KeyGrant {
                id: format!("key_{id}"),
                scopes: stored.scopes.clone(),
                events: stored.events.clone(),
                user: user_named("api-key", &id),
                limit: stored.limit,
            });
            Some(Known { id, stored, grant })
        });
        let mut known: Vec<Known> = known.collect();
        known.sort_by(|a, b| a.id.cmp(&b.id));
        self.known.store(Arc::new(known));
    }
}

fn check(new: &NewKey) -> Result<(), Problem> {
    if new.scopes.is_empty() {
        return Err(Problem::invalid("/scopes", "a key without a scope allows nothing"));
    }
    if new.name.is_empty() || new.name.len() > 200 {
        return Err(Problem::invalid("/name", "1 to 200 bytes"));
    }
    if new.events.len() > EVENTS_PER_KEY_MAX {
        return Err(Problem::invalid("/eventIds", format!("at most {EVENTS_PER_KEY_MAX}")));
    }
    Ok(())
}

fn public_id(id: &str) -> Result<&str, Problem> {
    id.strip_prefix("key_").ok_or_else(|| Problem::not_found("API key"))
}

fn info(id: &str, stored: &Stored) -> KeyInfo {
    let Stored { name, scopes, events, created_at, expires_at, limit, .. } = stored.clone();
    KeyInfo { id: format!("key_{id}"), name, scopes, events, created_at, expires_at, limit }
}

fn secret() -> Result<(String, String), Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let hash = hash(&text);
    Ok((text, hash))
}

fn hash(secret: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use ticketcore::store::MemoryStore;
    use ticketcore::{BoxOffice, Options};

    use super::*;

    fn office() -> Arc<BoxOffice> {
        let options = Options { manual_expiry: true, ..Options::default() };
        Arc::new(BoxOffice::with_store(MemoryStore::new(), options).unwrap())
    }

    fn new(scopes: &[Scope]) -> NewKey {
        NewKey { name: "box".to_owned(), scopes: scopes.to_vec(), ..NewKey::default() }
    }

    #[test]
    fn a_key_grants_what_it_was_made_for_until_it_is_revoked() {
        let office = office();
        let keys = ApiKeys::open(Arc::clone(&office));
        let (text, made) = keys.make(new(&[Scope::Orders]), UtcMs(1)).unwrap();
        assert_eq!(keys.check(&text, UtcMs(2)).unwrap().scopes, [Scope::Orders]);
        // Another process knows it too, and the store does not know its text.
        let again = ApiKeys::open(Arc::clone(&office));
        assert_eq!(again.check(&text, UtcMs(2)).unwrap().id, made.id);
        let secret = text.rsplit_once('_').unwrap().1;
        assert!(
            office.host_records("").iter().all(|(_, body)| !String::from_utf8_lossy(body).contains(secret))
        );
        for at in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert!(keys.check(&forged, UtcMs(2)).is_err(), "{forged}");
        }
        keys.revoke(&made.id).unwrap();
        assert!(keys.check(&text, UtcMs(2)).is_err());
        assert!(keys.revoke(&made.id).is_err());
    }

    #[test]
    fn a_key_that_is_revoked_while_it_is_rotated_does_not_come_back() {
        let office = office();
        let keys = ApiKeys::open(Arc::clone(&office));
        for _ in 0..200 {
            let (first, made) = keys.make(new(&[Scope::Sell]), UtcMs(1)).unwrap();
            let rotated = std::thread::scope(|scope| {
                let rotating = scope.spawn(|| keys.rotate(&made.id, UtcMs(100)).ok());
                keys.revoke(&made.id).unwrap();
                rotating.join().unwrap()
            });
            assert!(keys.check(&first, UtcMs(2)).is_err());
            assert!(rotated.is_none_or(|(second, _)| keys.check(&second, UtcMs(2)).is_err()));
            assert!(keys.list().is_empty() && office.host_records(RECORDS).is_empty());
            assert!(keys.rotate(&made.id, UtcMs(100)).is_err());
        }
    }

    #[test]
    fn a_rotated_key_has_two_secrets_for_a_while_and_an_expired_one_none() {
        let keys = ApiKeys::open(office());
        let (old, made) = keys.make(new(&[Scope::Sell]), UtcMs(1)).unwrap();
        let (fresh, _) = keys.rotate(&made.id, UtcMs(100)).unwrap();
        assert!(keys.check(&old, UtcMs(99)).is_ok() && keys.check(&fresh, UtcMs(99)).is_ok());
        assert!(keys.check(&old, UtcMs(100)).is_err() && keys.check(&fresh, UtcMs(100)).is_ok());
        let ending = NewKey { expires_at: Some(UtcMs(50)), ..new(&[Scope::Sell]) };
        let (text, _) = keys.make(ending, UtcMs(1)).unwrap();
        assert!(keys.check(&text, UtcMs(49)).is_ok() && keys.check(&text, UtcMs(50)).is_err());
        assert!(keys.make(new(&[]), UtcMs(1)).is_err());
    }
}
