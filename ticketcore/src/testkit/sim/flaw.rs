//! [`Flaw`]: a deliberate fault of any part, which a simulation must find.

use crate::canary::Canary;
use crate::invariant::Invariant;
use crate::store::local::LocalCanary;

/// A deliberate fault of the engine or of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Of the engine.
    Engine(Canary),
    /// Of the local store.
    Store(LocalCanary),
}

impl Flaw {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Flaw> {
        Canary::ALL.into_iter().map(Flaw::Engine).chain(LocalCanary::ALL.into_iter().map(Flaw::Store))
    }

    /// Its name, as given on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Flaw::Engine(canary) => canary.name(),
            Flaw::Store(canary) => canary.name(),
        }
    }

    /// The invariant by whose name it must be caught, then those that what follows from it may break first.
    #[must_use]
    pub const fn breaks(self) -> &'static [Invariant] {
        match self {
            Flaw::Engine(canary) => canary.breaks(),
            Flaw::Store(canary) => canary.breaks(),
        }
    }

    /// That of the engine, if it is one.
    pub(super) const fn of_engine(self) -> Option<Canary> {
        match self {
            Flaw::Engine(canary) => Some(canary),
            Flaw::Store(_) => None,
        }
    }

    /// That of the store, if it is one.
    pub(super) const fn of_store(self) -> Option<LocalCanary> {
        match self {
            Flaw::Store(canary) => Some(canary),
            Flaw::Engine(_) => None,
        }
    }
}

impl From<Canary> for Flaw {
    fn from(canary: Canary) -> Self {
        Flaw::Engine(canary)
    }
}

impl From<LocalCanary> for Flaw {
    fn from(canary: LocalCanary) -> Self {
        Flaw::Store(canary)
    }
}
