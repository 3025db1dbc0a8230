//! [`Scenario`]: who comes, and what goes wrong.

/// Who comes, and what goes wrong.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// People who wait when the sale opens.
    pub people: u32,
    /// Seats to sell.
    pub seats: u32,
    /// How long to look, in seconds.
    pub seconds: u64,
    /// People inside at once, when all is well.
    pub target: u32,
    /// Checkouts a second that the shop can do.
    pub capacity: f64,
    /// Of a thousand people called, so many come.
    pub show_permille: u32,
    /// Of a thousand people inside, so many buy.
    pub buy_permille: u32,
    /// Of a thousand people, so many are bots that hold and abandon.
    pub bots_permille: u32,
    /// From when on, until when, and how much slower the gateway is; nothing gets through if that is infinite.
    pub trouble: Option<(u64, u64, f64)>,
}

impl Scenario {
    /// All of them.
    pub fn all() -> [Scenario; 6] {
        let normal = Scenario {
            name: "normal",
            people: 60_000,
            seats: 40_000,
            seconds: 1_800,
            target: 2_000,
            capacity: 60.0,
            show_permille: 850,
            buy_permille: 700,
            bots_permille: 0,
            trouble: None,
        };
        [
            normal,
            Scenario { name: "slow-gateway", trouble: Some((300, 600, 8.0)), ..normal },
            Scenario { name: "gateway-outage", trouble: Some((300, 900, f64::INFINITY)), ..normal },
            Scenario { name: "mass-abandonment", show_permille: 300, buy_permille: 200, ..normal },
            Scenario { name: "bots", bots_permille: 300, ..normal },
            Scenario { name: "sell-out", seats: 5_000, seconds: 900, ..normal },
        ]
    }
}
