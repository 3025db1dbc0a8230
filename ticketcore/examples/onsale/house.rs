//! The house: a plan, an event on sale, and what buyers know about it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ticketcore::manifest::{Definition, Manifest, Price, Quota, Rules, TicketType};
use ticketcore::plan::{PlanOptions, SeatingPlan, generate};
use ticketcore::store::local::LocalOptions;
use ticketcore::store::{LocalStore, MemoryStore, Store};
use ticketcore::{
    AreaIndex, BoxOffice, CategoryIndex, EventId, Options, SaleState, SeatIndex, SectionIndex,
    TicketTypeIndex,
};

use crate::args::Args;
use crate::clock::FastClock;

/// Full price.
pub const ADULT: TicketTypeIndex = TicketTypeIndex(0);
/// Half price; its quotas run out long before the seats do.
pub const CHILD: TicketTypeIndex = TicketTypeIndex(1);

/// Tickets one user may hold plus own.
pub const TICKETS_PER_USER_MAX: u32 = 6;
const HOLD_TTL_MS: u64 = 5 * 60_000;
const PAYMENT_TTL_MS: u64 = 10 * 60_000;
/// Of a hundred seats so many are the best: half of all requests are for them.
const HOT_PERCENT: usize = 5;

/// See the module.
pub struct House {
    /// The engine.
    pub office: Arc<BoxOffice>,
    /// Its journals, to check them afterwards.
    pub store: Arc<dyn Store>,
    /// The local store among them, if it is one.
    pub local: Option<Arc<LocalStore>>,
    /// A folder that goes with the sale.
    _folder: Option<Folder>,
    /// The time of the sale.
    pub clock: Arc<FastClock>,
    /// The event.
    pub event: EventId,
    /// What is for sale.
    pub manifest: Arc<Manifest>,
    /// The drawing.
    pub plan: SeatingPlan,
    /// All seats, best first.
    pub by_rank: Vec<SeatIndex>,
    /// The first so many of them are fought over.
    pub hot: usize,
    /// Sections, best first.
    pub sections: Vec<SectionIndex>,
    /// Areas with their places.
    pub areas: Vec<(AreaIndex, u32)>,
    /// Seats plus places.
    pub capacity: u64,
}

impl House {
    /// Reads or draws the plan and makes an event of it. The sale is not open yet.
    pub fn build(args: &Args) -> Result<Self, Box<dyn std::error::Error>> {
        let clock = Arc::new(FastClock::new(args.speed));
        if args.memory {
            return Self::on(args, Arc::new(MemoryStore::new()), None, None, clock, Options::default());
        }
        let (path, folder) = match &args.data {
            Some(path) => (path.clone(), None),
            None => {
                let folder = Folder::temporary();
                (folder.0.clone(), Some(folder))
            }
        };
        let local = Arc::new(LocalStore::open(path, LocalOptions::default())?);
        if !local.streams()?.is_empty() {
            return Err("there is a sale in the folder already: it must be empty or not there".into());
        }
        Self::on(args, Arc::<LocalStore>::clone(&local), Some(local), folder, clock, Options::default())
    }

    /// Makes an event on `store`, or finds the one that is there.
    pub fn on(
        args: &Args,
        store: Arc<dyn Store>,
        local: Option<Arc<LocalStore>>,
        folder: Option<Folder>,
        clock: Arc<FastClock>,
        options: Options,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let document = match &args.plan {
            Some(file) => fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?,
            None => generate(args.venue.into()).to_json().into_bytes(),
        };
        let plan = SeatingPlan::parse(&document)?;
        let definition = definition(&plan, args.seed)?;
        let options = Options { clock: Arc::<FastClock>::clone(&clock), ..options };
        let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options)?);
        let known = office.events().first().map(|entry| entry.id);
        let event = match known {
            Some(event) => event,
            None => office.add_event(&definition)?,
        };
        let manifest = office.manifest(event)?;
        let mut by_rank: Vec<SeatIndex> = manifest.seats().collect();
        by_rank.sort_unstable_by_key(|seat| manifest.rank_of(*seat));
        let areas: Vec<_> = manifest
            .areas()
            .iter()
            .enumerate()
            .map(|(at, area)| (AreaIndex::of(at), area.capacity))
            .collect();
        let capacity = by_rank.len() as u64 + areas.iter().map(|(_, places)| u64::from(*places)).sum::<u64>();
        Ok(Self {
            hot: (by_rank.len() * HOT_PERCENT).div_ceil(100),
            sections: best_sections_first(&manifest, &by_rank),
            by_rank,
            areas,
            capacity,
            office,
            store,
            local,
            _folder: folder,
            clock,
            event,
            manifest,
            plan,
        })
    }

    /// Opens the sale.
    pub fn open_sale(&self) -> Result<(), Box<dyn std::error::Error>> {
        if self.office.availability(self.event)?.sale_state != SaleState::Onsale {
            crate::till::set_rules(&self.office, self.event)?;
            self.office.set_sale_state(self.event, SaleState::Onsale).wait()?;
        }
        Ok(())
    }

    /// Seats and places sold, as everybody may know it.
    pub fn sold(&self) -> Result<u64, ticketcore::CommandError> {
        let left = self.office.availability(self.event)?;
        let seats = left.sections.iter().map(|counts| u64::from(counts.sold));
        let places = left.places.iter().map(|places| u64::from(places.counts.sold));
        Ok(seats.chain(places).sum())
    }
}

/// A folder that is removed with everything in it.
pub struct Folder(pub PathBuf);

impl Folder {
    /// One for this process, not made yet.
    pub fn temporary() -> Self {
        Self(std::env::temp_dir().join(format!("ticketcore-onsale-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("onsale: {}: {error}", self.0.display());
        }
    }
}

/// The plan as an event: two ticket types, and three quotas that overlap and leave room for a full house.
fn definition(plan: &SeatingPlan, seed: u64) -> Result<Definition, Box<dyn std::error::Error>> {
    let mut options = PlanOptions::new(if plan.name.is_empty() { "On sale" } else { &plan.name });
    options.rules = Rules {
        hold_ttl_ms: HOLD_TTL_MS,
        payment_ttl_ms: PAYMENT_TTL_MS,
        tickets_per_user_max: TICKETS_PER_USER_MAX,
        key_secret: (seed, !seed),
        ..options.rules
    };
    options.ticket_types = ["adult", "child"].map(|name| TicketType { name: name.to_owned() }).to_vec();
    let mut definition = plan.to_definition(&options)?;
    let seats = definition.sections.iter().flat_map(|section| &section.rows).map(|row| row.seats.len());
    let places = definition.areas.iter().map(|area| u64::from(area.capacity));
    let capacity = seats.map(|seats| seats as u64).chain(places).sum::<u64>();
    let capacity = u32::try_from(capacity)?;
    if capacity == 0 {
        return Err("the plan has neither seats nor places".into());
    }
    for price in definition.prices.iter_mut().filter(|price| price.ticket_type == CHILD) {
        *price = Price { minor: price.minor / 2, ..*price };
    }
    let quota = |name: &str, cap, ticket_types, categories| Quota {
        name: name.to_owned(),
        cap,
        ticket_types,
        categories,
        areas: Vec::new(),
    };
    definition.quotas = vec![
        quota("house", capacity, vec![], vec![]),
        quota("children", capacity.div_ceil(100), vec![CHILD], vec![]),
        quota("children in the best category", capacity.div_ceil(2_000), vec![CHILD], vec![CategoryIndex(0)]),
    ];
    Ok(definition)
}

fn best_sections_first(manifest: &Manifest, by_rank: &[SeatIndex]) -> Vec<SectionIndex> {
    let mut sums = vec![(0u64, 0u64); manifest.section_names().len()];
    for seat in by_rank {
        let sum = &mut sums[manifest.section_of(*seat).at()];
        *sum = (sum.0 + u64::from(manifest.rank_of(*seat)), sum.1 + 1);
    }
    let mut sections: Vec<usize> = (0..sums.len()).filter(|at| sums[*at].1 > 0).collect();
    sections.sort_unstable_by_key(|at| sums[*at].0 / sums[*at].1);
    sections.into_iter().map(SectionIndex::of).collect()
}
