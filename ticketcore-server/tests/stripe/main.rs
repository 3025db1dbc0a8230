//! Payments through Stripe, against a strict stand-in of our own and against localstripe.

mod lists;
mod local;
mod network;
mod promises;
mod purchase;
mod random;
mod shop;
mod stub;
mod webhooks;
