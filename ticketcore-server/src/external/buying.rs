//! Purchases that the vendor takes the money for: the intent is written, and then it is his turn.

use std::sync::Arc;

use ticketcore::checkout::Progress;
use ticketcore::order::{CheckoutRequest, PayRequest, Word};
use ticketcore::{CommandError, Refusal};

use super::NAME;
use crate::app::App;

/// Opens an order from a hold and begins to pay it. What costs nothing is confirmed; for the rest the vendor has an effect to see to.
///
/// # Errors
/// As [`BoxOffice::checkout`](ticketcore::BoxOffice::checkout) and [`BoxOffice::pay`](ticketcore::BoxOffice::pay).
pub async fn buy(app: &Arc<App>, request: CheckoutRequest, method: Word) -> Result<Progress, CommandError> {
    let (user, key) = (request.user, request.key.clone());
    let order = app.office.checkout(request).await?.id;
    pay_again(app, PayRequest { order, user, key, gateway: Word::cut(NAME), method }).await
}

/// Begins to pay an open order.
///
/// # Errors
/// As [`BoxOffice::pay`](ticketcore::BoxOffice::pay).
pub async fn pay_again(app: &Arc<App>, request: PayRequest) -> Result<Progress, CommandError> {
    let order = request.order;
    match app.office.pay(request).await {
        // It is further already, or costs nothing.
        Ok(_)
        | Err(CommandError::Refused(Refusal::OrderState { .. } | Refusal::NotPaid { amount_minor: 0 })) => {}
        Err(error) => return Err(error),
    }
    app.external.stir();
    app.checkout.resume(order).await
}
