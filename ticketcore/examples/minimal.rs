//! A venue, an event, a hold, an order.

use ticketcore::manifest::{Definition, Manifest};
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore::store::MemoryStore;
use ticketcore::{
    BestAvailable, BoxOffice, CloseOrderRequest, CommandError, HoldRequest, Item, OpenOrderRequest, Options,
    SaleState, TicketTypeIndex, UserId,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let office = BoxOffice::with_store(MemoryStore::new(), Options::default())?;
    let definition: Definition = generate(VenueKind::Theatre).to_definition(&PlanOptions::new("Hamlet"))?;
    let event = office.add_event(&definition)?;
    office.set_sale_state(event, SaleState::Onsale).wait()?;

    let buyer = UserId::from(42);
    let best = BestAvailable::adjacent(2, TicketTypeIndex(0));
    let hold = office.hold(HoldRequest::new(event, buyer, vec![Item::Best(best)])).wait()?;
    let order = office.open_order(OpenOrderRequest { hold: hold.id, user: buyer, key: None }).wait()?;
    let order = office.confirm_order(CloseOrderRequest { order: order.id, user: buyer, key: None }).wait()?;

    let manifest: std::sync::Arc<Manifest> = office.manifest(event)?;
    for (ticket, line) in order.tickets().zip(&order.lines.seats) {
        println!("{ticket}: seat {} for {} cents", manifest.seat_id(line.seat), line.price_minor);
    }
    match office
        .hold(HoldRequest::new(
            event,
            buyer,
            vec![Item::Seats { seats: vec![order.lines.seats[0].seat], ticket_type: TicketTypeIndex(0) }],
        ))
        .wait()
    {
        Err(CommandError::Refused(refusal)) => println!("as expected: {refusal}"),
        other => println!("not expected: {other:?}"),
    }
    Ok(())
}
