//! [`Crowd`]: who the users are, and what they carry.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde::Serialize;
use ticketcore::admission::Permutation;

use crate::Args;
use crate::serving::{ISSUER, Ready};

/// What somebody is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Comes when called.
    Human,
    /// Does not come.
    Absent,
    /// Floods, comes at once, takes as much as he can, and buys it.
    Scalper,
    /// Floods, comes at once, holds as much as he can, does not buy, and lends his token.
    Hoarder,
}

impl Kind {
    pub const fn is_bot(self) -> bool {
        matches!(self, Self::Scalper | Self::Hoarder)
    }
}

/// When the tokens of accounts end: long after this.
const EXPIRES_S: u64 = 4_000_000_000;

#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    sub: String,
    exp: u64,
}

/// All users.
pub struct Crowd {
    pub ready: Ready,
    signs: EncodingKey,
    pub users: u32,
    pub early: u32,
    bots_permille: u32,
    /// Position tokens, by user.
    tokens: Vec<OnceLock<Box<str>>>,
    /// Users, by join number and one more; 0 if not known yet.
    by_number: Vec<AtomicU32>,
    order: OnceLock<Permutation>,
    /// Admission tokens that bots have lent.
    pub lent: Mutex<Vec<String>>,
}

impl Crowd {
    pub fn new(args: &Args, ready: Ready) -> Self {
        Self {
            signs: EncodingKey::from_secret(ready.secret.as_bytes()).expect("a secret of text is one"),
            ready,
            users: args.users,
            // Seven of ten come before the sale.
            early: args.users / 10 * 7,
            bots_permille: args.bots_permille,
            tokens: (0..args.users).map(|_| OnceLock::new()).collect(),
            by_number: (0..args.users).map(|_| AtomicU32::new(0)).collect(),
            order: OnceLock::new(),
            lent: Mutex::default(),
        }
    }

    /// What a user is like: by his number alone.
    pub fn kind(&self, user: u32) -> Kind {
        let drawn = mix(u64::from(user)) % 1_000;
        let bots = u64::from(self.bots_permille);
        if drawn < bots {
            if drawn.is_multiple_of(2) { Kind::Scalper } else { Kind::Hoarder }
        } else if drawn < bots + (1_000 - bots) * 15 / 100 {
            Kind::Absent
        } else {
            Kind::Human
        }
    }

    /// A user has joined. False if he was told another number before, or somebody else has this one.
    pub fn joined(&self, user: u32, number: u32, token: &str) -> bool {
        let Some(slot) = self.by_number.get(number as usize) else { return false };
        let before = slot.swap(user + 1, Ordering::Relaxed);
        let _kept = self.tokens[user as usize].set(token.into());
        before == 0 || before == user + 1
    }

    /// The draw is made: everybody can reckon his place.
    pub fn drawn(&self, order: Permutation) {
        let _once = self.order.set(order);
    }

    /// Who has a position, and his token; `None` if that is not known yet.
    pub fn at(&self, position: u64) -> Option<u32> {
        let place = u32::try_from(position).ok()?;
        let order = self.order.get()?;
        let number = if place < order.len() { order.backward(place)? } else { place };
        self.by_number.get(number as usize)?.load(Ordering::Relaxed).checked_sub(1)
    }

    /// A user's position token.
    pub fn token(&self, user: u32) -> Option<&str> {
        self.tokens[user as usize].get().map(|token| &**token)
    }

    /// A request of a user's.
    pub fn request(&self, line: &str, user: u32, more: &str, body: Option<&str>) -> Vec<u8> {
        let mut into = Vec::with_capacity(640);
        let token = self.account(user);
        // Writing into memory does not fail.
        let _written =
            write!(into, "{line} HTTP/1.1\r\nhost: rehearsal\r\nauthorization: Bearer {token}\r\n{more}");
        finish(&mut into, body);
        into
    }

    /// A token of a user's account.
    fn account(&self, user: u32) -> String {
        let claims = Claims { iss: ISSUER, sub: format!("user-{user}"), exp: EXPIRES_S };
        // What is signed is text and a number.
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signs).unwrap_or_default()
    }

    /// A request of staff's, or of nobody in particular.
    pub fn plain(&self, line: &str, staff: bool, body: Option<&str>) -> Vec<u8> {
        let mut into = format!("{line} HTTP/1.1\r\nhost: rehearsal\r\n").into_bytes();
        if staff {
            let _written = write!(into, "authorization: Bearer {}\r\n", self.ready.staff);
        }
        finish(&mut into, body);
        into
    }
}

fn finish(into: &mut Vec<u8>, body: Option<&str>) {
    match body {
        None => into.extend_from_slice(b"\r\n"),
        Some(body) => {
            let length = body.len();
            let _written =
                write!(into, "content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
        }
    }
}

/// SplitMix64's last step.
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
