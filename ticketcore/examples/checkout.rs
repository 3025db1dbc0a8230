//! From a hold to tickets, through a payment gateway; with cards that are declined, and answers that are lost.
//!
//! ```text
//! cargo run --example checkout
//! ```

use std::sync::Arc;

use ticketcore::checkout::{Checkout, CheckoutOptions, Progress};
use ticketcore::gateway::{PaymentGateway, SandboxGateway, SandboxOptions};
use ticketcore::order::{CheckoutRequest, PayRequest, RefundWhat, StaffAction, StaffOrderRequest};
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore::store::MemoryStore;
use ticketcore::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), Options::default())?);
    let plan = generate(VenueKind::Theatre);
    let event = office.add_event(&plan.to_definition(&PlanOptions::new("Hamlet"))?)?;
    office.set_sale_state(event, SaleState::Onsale).wait()?;

    // A gateway, and the driver that calls it. Several gateways may take part.
    let options = SandboxOptions { timer: true, ..SandboxOptions::default() };
    let bank = Arc::new(SandboxGateway::new(options, Arc::new(SystemClock)));
    let gateways: Vec<Arc<dyn PaymentGateway>> = vec![Arc::<SandboxGateway>::clone(&bank)];
    let checkout = Checkout::new(Arc::clone(&office), gateways, CheckoutOptions::default())?;

    for (number, method) in [(1u128, "pm_ok"), (2, "pm_timeout_after"), (3, "pm_declined")] {
        let user = UserId::from(number);
        let best = Item::Best(BestAvailable::adjacent(2, TicketTypeIndex(0)));
        let hold = office.hold(HoldRequest::new(event, user, vec![best])).wait()?;

        // One key for one basket: clicking twice is buying once.
        let key = IdempotencyKey::new(&format!("basket-{number}"))?;
        let request = CheckoutRequest { key: Some(key), ..CheckoutRequest::new(hold.id, user) };
        let mut told = checkout.buy(request, "sandbox", method).wait()?;

        // The seats are still his: another card may do.
        if let Progress::Declined { order, code, pay_until: Some(_) } = &told {
            println!("{method}: declined, {code}");
            let (gateway, method) = (Word::new("sandbox")?, Word::new("pm_ok")?);
            let again = PayRequest { order: *order, user, key: None, gateway, method };
            told = checkout.pay_again(again).wait()?;
        }
        match told {
            Progress::Confirmed { order } => {
                println!("{method}: {order}, {} tickets", office.order_details(order)?.tickets.len());
            }
            Progress::Pending { order } => println!("{method}: nobody knows yet about {order}"),
            other => println!("{method}: {other:?}"),
        }

        // The first buyer changes his mind.
        if number == 1 {
            let (by, action) = (UserId::from(900), StaffAction::Refund(RefundWhat::Full));
            checkout
                .staff_order(StaffOrderRequest { order: hold.id.order(), by, key: None, action })
                .wait()?;
        }
    }
    checkout.wait_idle(std::time::Duration::from_secs(10));

    let totals = bank.ledger().totals(Currency::EUR);
    println!("captured {}, refunded {}", totals.captured_minor, totals.refunded_minor);
    Ok(())
}
