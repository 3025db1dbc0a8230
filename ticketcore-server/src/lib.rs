//! A thin HTTP front of the [`ticketcore`] engine: browse, hold, pay, ticket.
//!
//! No inventory rule lives here. A request is read, checked and translated into a command of the [`BoxOffice`](ticketcore::BoxOffice) or the
//! [`Checkout`](ticketcore::checkout::Checkout); its outcome is translated back. What everybody reads (availability, maps, live changes) is
//! published from the durable view, prebuilt, and never takes a lock of the inventory.
//!
//! * [`app`]: what all requests share. [`config`]: how a server is set up.
//! * [`http`]: from the socket to a [`Call`](http::Call) and from an answer or a [`Problem`](http::Problem) back.
//! * [`auth`]: who is calling, and what that allows.
//! * [`guard`]: who asks too often, who behaves like a bot.
//! * [`publish`]: what everybody reads, prebuilt.
//! * [`return_urls`]: where buyers may come back to. [`room`]: waiting rooms at work: clock, keys, measurements.
//! * [`till`]: the gateway that takes the money. [`stripe`]: one of them. [`external`]: the vendor takes it himself.
//! * [`api`]: the routes, one file a resource; their table is [`api::routes`].
#![forbid(unsafe_code)]

pub mod api;
pub mod app;
pub mod auth;
pub mod config;
pub mod external;
mod gather;
pub mod guard;
pub mod http;
pub mod publish;
pub mod return_urls;
pub mod room;
pub mod stripe;
pub mod till;
