//! From the socket to a [`Call`], and from an answer or a [`Problem`] back.

mod call;
mod catch;
mod code;
mod cors;
mod gate;
mod json;
mod metrics;
mod payload;
mod problem;
mod pushed;
mod refused;
mod request_id;
mod respond;
mod router;
mod serve;
mod service;
mod stay;
mod streams;
mod strict;
mod tally;
mod tls;

pub use call::{Asked, Call, Outcome};
pub use code::Code;
pub use json::{parse, read_bytes, read_json};
pub use metrics::Metrics;
pub use payload::Payload;
pub use problem::{Problem, Violation};
pub use refused::{Named, command_problem, refusal_problem};
pub use request_id::RequestId;
pub use respond::{Answer, no_content, not_modified};
pub use router::{Access, Found, Handler, Params, Route, Router};
pub use serve::{listen, serve};
pub use service::Service;
pub use stay::Stay;
pub use tls::acceptor;
