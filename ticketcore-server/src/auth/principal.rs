//! [`Principal`]: who is calling.

use std::sync::Arc;

use ticketcore::guard::Limit;
use ticketcore::{EventId, UserId};

use super::scope::Scope;
use crate::http::{Code, Problem};

/// Who is calling.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody has said.
    Anonymous,
    /// A buyer, by a token of his own.
    Buyer(UserId),
    /// Whoever has an API key.
    Key(Arc<KeyGrant>, Option<UserId>),
}

/// What an API key grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGrant {
    /// The key's public name, `key_...`.
    pub id: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The events it is for; all if empty.
    pub events: Vec<EventId>,
    /// The engine's name for the key's owner, as who does things.
    pub user: UserId,
    /// How often it may be used, if that is not as usual.
    pub limit: Option<Limit>,
}

impl Principal {
    /// The buyer who is calling, himself or by a key that acts for him.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Code::Forbidden`].
    pub fn buyer(&self) -> Result<UserId, Problem> {
        match self {
            Self::Buyer(user) => Ok(*user),
            Self::Key(grant, Some(user)) if grant.scopes.contains(&Scope::Sell) => Ok(*user),
            Self::Key(..) => {
                let told =
                    "The key may not act for buyers, or the header `Acting-User` does not say for whom";
                Err(Problem::new(Code::Forbidden, told))
            }
            Self::Anonymous => Err(unknown()),
        }
    }

    /// The key that is used, if it has a scope.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Code::Forbidden`].
    pub fn key(&self, scope: Scope) -> Result<&KeyGrant, Problem> {
        match self {
            Self::Key(grant, _) if grant.scopes.contains(&scope) => Ok(grant),
            Self::Anonymous => Err(unknown()),
            _ => Err(Problem::new(Code::Forbidden, "That takes an API key with another scope")
                .with("scope", scope)),
        }
    }

    /// Whether it may touch an event at all: keys may be for some only.
    ///
    /// # Errors
    /// [`Code::UnknownEvent`], as if there were no such event.
    pub fn event(&self, event: EventId) -> Result<EventId, Problem> {
        match self {
            Self::Key(grant, _) if !grant.events.is_empty() && !grant.events.contains(&event) => {
                Err(Problem::new(Code::UnknownEvent, "There is no such event"))
            }
            _ => Ok(event),
        }
    }

    /// Whether it has a scope.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        matches!(self, Self::Key(grant, _) if grant.scopes.contains(&scope))
    }
}

fn unknown() -> Problem {
    Problem::new(Code::Unauthorized, "Send `Authorization: Bearer` with a buyer's token or an API key")
}
