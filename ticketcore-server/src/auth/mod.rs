//! Who is calling, and what that allows.

mod principal;
mod recognise;
mod scope;

pub use principal::{KeyGrant, Principal};
pub use recognise::recognise;
pub use scope::Scope;
