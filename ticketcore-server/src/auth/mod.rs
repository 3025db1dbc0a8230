//! Who is calling, and what that allows.

mod api_key;
mod jwt;
mod principal;
mod recognise;
mod scope;
mod secrets;
mod session;
mod user;

pub use api_key::{ApiKeys, KeyInfo, NewKey};
pub use jwt::{Issuer, Issuers, JwtError};
pub use principal::{KeyGrant, Principal};
pub use recognise::recognise;
pub use scope::Scope;
pub use secrets::{SecretError, Secrets};
pub use session::Sessions;
pub use user::{parse_user, user_named, user_text};
