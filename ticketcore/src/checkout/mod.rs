//! The drivers: they carry out what orders need from the outside, and see to it that nothing is left undone.
//!
//! The engine only derives what must be done about an order ([`Effect`](crate::order::Effect)). A [`Checkout`] does it: the next effect, a
//! call to the gateway, an observation, the next effect. It keeps nothing that matters to itself. Whatever it was in the middle of when it
//! was dropped, or killed, is in the journal, and the next driver goes on from there.
//!
//! * An intent is durable before the gateway hears of it. One that this process has just written is sent at once; any other is looked up
//!   first, and an authorisation is never sent again when the gateway may have forgotten its key: then only look-ups. A payment that the
//!   gateway has never heard of by then counts as declined after [`CheckoutOptions::not_found_grace_ms`]. Money that turns up in spite of
//!   that is observed and goes back.
//! * *Unknown* is no failure. The buyer is told [`Progress::Pending`], and the driver looks again.
//! * Each gateway has a line of its own: so many calls at once, a [`CircuitBreaker`](crate::gateway::CircuitBreaker), threads that call. One
//!   that is in trouble keeps no order of another waiting; purchases through it are refused as `overloaded` before anything is begun.
//! * Two drivers may work on the same orders, in one process or on two nodes: keys are the same, and observations change nothing twice.
//! * The [`Reconciler`] resumes what a crash, an outage or an exhausted [`Backoff`](crate::gateway::Backoff) left, compares the gateways'
//!   lists with the orders, repairs what it may and reports the rest.
//!
//! ```
//! use std::sync::Arc;
//! use ticketcore::checkout::{Checkout, CheckoutOptions, Progress};
//! use ticketcore::gateway::{PaymentGateway, SandboxGateway, SandboxOptions};
//! use ticketcore::order::CheckoutRequest;
//! use ticketcore::plan::{PlanOptions, VenueKind, generate};
//! use ticketcore::store::MemoryStore;
//! use ticketcore::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), Options::default())?);
//! let event = office.add_event(&generate(VenueKind::Theatre).to_definition(&PlanOptions::new("Hamlet"))?)?;
//! office.set_sale_state(event, SaleState::Onsale).wait()?;
//!
//! let bank = Arc::new(SandboxGateway::new(SandboxOptions::default(), Arc::new(SystemClock)));
//! let gateways: Vec<Arc<dyn PaymentGateway>> = vec![Arc::clone(&bank) as Arc<dyn PaymentGateway>];
//! let checkout = Checkout::new(Arc::clone(&office), gateways, CheckoutOptions::default())?;
//!
//! let buyer = UserId::from(42);
//! let best = Item::Best(BestAvailable::adjacent(2, TicketTypeIndex(0)));
//! let hold = office.hold(HoldRequest::new(event, buyer, vec![best])).wait()?;
//!
//! // From the hold to the tickets. In async code: `.await`.
//! let request = CheckoutRequest { key: Some(IdempotencyKey::new("basket-1")?), ..CheckoutRequest::new(hold.id, buyer) };
//! match checkout.buy(request, "sandbox", "pm_ok").wait()? {
//!     Progress::Confirmed { order } => assert_eq!(office.order_details(order)?.tickets.len(), 2),
//!     Progress::Declined { code, .. } => println!("another card? {code}"),
//!     Progress::ActionRequired { next_action, .. } => println!("please go to {next_action}"),
//!     Progress::Pending { order } => println!("we will know soon: {order}"),
//!     other => println!("{other:?}"),
//! }
//! let totals = bank.ledger().totals(Currency::EUR);
//! assert_eq!((totals.captured_minor, totals.outstanding_minor), (i128::from(hold.total_minor), 0));
//! # Ok(())
//! # }
//! ```
//!
//! # Gateways of the host's own
//!
//! A host that talks to its provider itself calls [`BoxOffice::checkout`](crate::BoxOffice::checkout) and [`BoxOffice::pay`](crate::BoxOffice::pay) with a gateway's name that no driver has,
//! reads what is due ([`Checkout::foreign_due`]), does it, and reports with [`BoxOffice::observe`](crate::BoxOffice::observe). A driver never calls anybody about such
//! orders. What the house itself must do about them (confirm, drop, settle late money, begin a refund) it does: [`Checkout::run`], or the
//! reconciler.
//!
//! # Threads
//!
//! `ticketcore-checkout-1` and so on take orders from step to step, `ticketcore-pay-<gateway>-1` and so on make the calls,
//! `ticketcore-reconciler` looks at everything now and then. None with [`CheckoutOptions::manual`]: then [`Checkout::step`] does one thing
//! after the other. Dropping the driver ends them all, after the calls they are in.

mod callers;
mod drive;
mod driver;
mod inner;
mod lately;
mod line;
mod money;
mod options;
mod pool;
mod progress;
mod reconcile;
mod refunds;
mod status;
mod timer;
mod underway;
mod waits;

pub use driver::Checkout;
pub use options::{CheckoutOptions, Orphans};
pub use progress::Progress;
pub use reconcile::{ChargeFinding, Listed, ReconcileReport, Reconciler};
pub use status::{CheckoutStatus, GatewayStatus};
pub use underway::Underway;
