//! Scripts: what the fuzzer varies.

use arbitrary::Arbitrary;

/// Steps to take, one after the other.
#[derive(Arbitrary, Clone, Debug)]
pub struct Script {
    shared: bool,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Script {
    /// How many box offices sell the event.
    #[must_use]
    pub fn nodes(&self) -> usize {
        if self.shared { 2 } else { 1 }
    }
}

/// One step. Numbers that name something are taken modulo how many there are.
#[derive(Arbitrary, Clone, Debug)]
pub enum Step {
    Hold {
        call: Call,
        asks: [Option<Ask>; 2],
        door: Door,
        ttl: Option<u16>,
    },
    Amend {
        call: Call,
        hold: u8,
        remove: Option<u8>,
        places: Option<u8>,
        ask: Option<Ask>,
        door: Door,
        fresh: bool,
    },
    Extend {
        call: Call,
        hold: u8,
    },
    Release {
        call: Call,
        hold: u8,
    },
    OpenOrder {
        call: Call,
        hold: u8,
    },
    Confirm {
        call: Call,
        hold: u8,
    },
    Cancel {
        call: Call,
        hold: u8,
    },
    ForceRelease {
        call: Call,
        hold: u8,
    },
    Seats {
        call: Call,
        change: u8,
        seats: [Option<u8>; 2],
        stale: bool,
    },
    Places {
        call: Call,
        allocated: bool,
        expected: u8,
        blocked: u8,
    },
    ReleaseAllocation {
        node: u8,
        allocation: u8,
    },
    SaleState {
        node: u8,
        to: u8,
    },
    Manifest {
        node: u8,
        variant: u8,
    },
    Maintain {
        node: u8,
    },
    Wait {
        seconds: u16,
    },
    Days {
        quarters: u8,
    },
    ClockBack {
        seconds: u16,
    },
    Close {
        node: u8,
    },
    Snapshot {
        node: u8,
    },
    Check,
}

/// Who asks, where, and under which key.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Call {
    pub node: u8,
    pub user: u8,
    pub key: Option<u8>,
}

/// What is asked for.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Ask {
    Seats { first: u8, second: Option<u8>, child: bool },
    Area { quantity: u8, child: bool },
    Best { count: u8, child: bool, section: Option<u8>, split: bool, accessible: bool },
}

/// What unlocks allocations.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Door {
    Public,
    Channel,
    Code,
}
