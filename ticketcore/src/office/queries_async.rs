//! Queries as futures, for hosts whose threads must not block.

use std::future::Future;
use std::sync::Arc;

use super::{BoxOffice, Office};
use crate::answer::{CommandError, Hold, Order, OrderDetails};
use crate::event::EventCore;
use crate::id::{EventId, HoldId, OrderId, Revision, UserId};
use crate::key::{IdempotencyKey, Operation};
use crate::waiting::WaitingEntry;

/// Each answers as the query of its name does, as a future that needs no runtime, borrows nothing and may be dropped. Polling it does memory
/// work only: an event that is not open is opened by the maintenance thread, and what was found is told when it is durable. (With
/// [`Options::manual_expiry`](super::Options::manual_expiry) there is no such thread: an event is opened, and the end of a shared store's
/// journal is read, by whoever polls.)
impl BoxOffice {
    /// As [`find_hold`](Self::find_hold). Waits for no more than the hold's own last fact, if it is found and the store is not shared.
    ///
    /// # Errors
    /// As [`find_hold`](Self::find_hold).
    pub fn find_hold_async(
        &self,
        hold: HoldId,
        user: UserId,
    ) -> impl Future<Output = Result<Hold, CommandError>> + Send + use<> {
        let seen = |found: &Result<Hold, _>| found.as_ref().ok().map(|hold| hold.version);
        let found =
            Arc::clone(&self.office).read_soon(hold.event, move |core| core.find_hold(hold, user), seen);
        async move { found.await?.map_err(CommandError::Refused) }
    }

    /// Whether a command with this key was accepted and is remembered: asked again it is answered as it was, and does nothing.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn knows_key_async(
        &self,
        event: EventId,
        user: UserId,
        operation: Operation,
        key: IdempotencyKey,
    ) -> impl Future<Output = Result<bool, CommandError>> + Send + use<> {
        let look = move |core: &EventCore| core.knows_key(user, operation, &key);
        // Who then asks again waits for the outcome itself.
        Arc::clone(&self.office).read_soon(event, look, |_| Some(Revision::ZERO))
    }

    /// As [`find_order`](Self::find_order). Waits for no more than the order's own last fact, if it is found and the store is not shared.
    ///
    /// # Errors
    /// As [`find_order`](Self::find_order).
    pub fn find_order_async(
        &self,
        order: OrderId,
        user: UserId,
    ) -> impl Future<Output = Result<Order, CommandError>> + Send + use<> {
        let seen = |found: &Result<Order, _>| found.as_ref().ok().map(|order| order.version);
        let found =
            Arc::clone(&self.office).read_soon(order.event, move |core| core.find_order(order, user), seen);
        async move { found.await?.map_err(CommandError::Refused) }
    }

    /// As [`order_details`](Self::order_details). Waits for no more than the order's own last fact, if it is found and the store is not
    /// shared.
    ///
    /// # Errors
    /// As [`order_details`](Self::order_details).
    pub fn order_details_async(
        &self,
        order: OrderId,
    ) -> impl Future<Output = Result<OrderDetails, CommandError>> + Send + use<> {
        let seen = |found: &Result<OrderDetails, _>| found.as_ref().ok().map(|found| found.order.version);
        let found =
            Arc::clone(&self.office).read_soon(order.event, move |core| core.order_details(order), seen);
        async move { found.await?.map_err(CommandError::Refused) }
    }

    /// As [`orders_of`](Self::orders_of).
    ///
    /// # Errors
    /// As [`orders_of`](Self::orders_of).
    pub fn orders_of_async(
        &self,
        event: EventId,
        user: UserId,
    ) -> impl Future<Output = Result<Vec<OrderDetails>, CommandError>> + Send + use<> {
        Arc::clone(&self.office).read_soon(event, move |core| core.orders_in_detail(user), |_| None)
    }

    /// As [`waiting_of`](Self::waiting_of).
    ///
    /// # Errors
    /// As [`waiting_of`](Self::waiting_of).
    pub fn waiting_of_async(
        &self,
        event: EventId,
        user: UserId,
    ) -> impl Future<Output = Result<(Vec<WaitingEntry>, Vec<Hold>), CommandError>> + Send + use<> {
        Arc::clone(&self.office).read_soon(event, move |core| core.waiting_of(user), |_| None)
    }
}

impl Office {
    /// Reads an event once it is open, and tells what was found once that is durable; see [`EventCore::read_soon`].
    async fn read_soon<R>(
        self: Arc<Self>,
        event: EventId,
        read: impl Fn(&EventCore) -> R,
        seen: impl Fn(&R) -> Option<Revision>,
    ) -> Result<R, CommandError> {
        self.open_soon(event).await?.read_soon(read, seen).await
    }
}
