//! The OpenAPI document, made from the operations.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::common::Common;
use super::words::ProblemWord;
use super::{
    admin, availability, challenge, checkin, disputes, effects, events, holds, me, observe, orders, refunds,
    reviews, sandbox, seatmap, sessions, tickets, venues, waiting_list, waiting_room, webhooks,
};
use crate::http::Violation;

/// A problem, RFC 9457. Depending on its `code` it has more members.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// `urn:ticketcore:problem:` and the code, or the type that a standard has for it.
    pub r#type: String,
    /// The same for every problem with this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong.
    #[schema(value_type = ProblemWord)]
    pub code: String,
    /// About this case of it.
    pub detail: String,
    /// The path that was asked for.
    pub instance: String,
    /// The request's name in logs.
    pub request_id: String,
    /// The server's time.
    pub server_time: String,
    /// When to come back, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What is wrong with the request, place by place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
}

/// See the module.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "ticketcore",
        description = "Seats, holds, orders, tickets.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        venues::list,
        venues::get,
        events::list,
        events::get,
        events::sections,
        sessions::begin,
        sessions::me,
        challenge::get,
        holds::place,
        holds::get,
        holds::amend,
        holds::release,
        holds::extend,
        orders::place,
        orders::get,
        orders::pay,
        orders::cancel,
        tickets::list,
        tickets::qr_svg,
        tickets::qr_png,
        tickets::transfer,
        tickets::exchange,
        tickets::refunds,
        tickets::refund,
        refunds::retry,
        reviews::review,
        me::orders,
        waiting_list::join,
        waiting_list::get,
        waiting_list::leave,
        waiting_room::join,
        waiting_room::admit,
        waiting_room::leave,
        waiting_room::proof,
        waiting_room::status,
        waiting_room::stream,
        waiting_room::draw,
        checkin::redeem,
        checkin::keys,
        checkin::revocations,
        sandbox::complete,
        effects::take_next_effects,
        observe::observe_effect,
        disputes::report_dispute,
        webhooks::stripe,
        admin::venues::add,
        admin::venues::import,
        admin::venues::plan,
        admin::events::add,
        admin::events::sale_state,
        admin::orders::orders,
        admin::findings::list,
        admin::waiting_rooms::set_up,
        admin::waiting_rooms::phase,
        admin::waiting_rooms::draw,
        admin::waiting_rooms::invite,
        admin::keys::list,
        admin::keys::make,
        admin::keys::rotate,
        admin::keys::revoke,
        availability::read,
        availability::changes,
        availability::stream,
        seatmap::get,
    ),
    components(schemas(ProblemBody)),
    modifiers(&Common)
)]
pub struct Document;
