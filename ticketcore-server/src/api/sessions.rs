//! Sessions of buyers without an account, and who a caller is.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::guard::{Activity, Happening};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::shapes::rfc3339;
use super::{PUBLIC, route};
use crate::app::App;
use crate::auth::user_text;
use crate::guard::Sent;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/sessions" "begin_session" PUBLIC, begin),
    route!("GET" "/v1/me" "get_me" Access::Buyer, me),
];

/// Nothing, or the solution of a challenge.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BeginSession {
    /// The solution of a challenge, as the header `Challenge-Solution`.
    pub challenge: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionShape {
    /// Send it as `Authorization: Bearer`.
    pub token: String,
    /// Who one is with it.
    pub user_id: String,
    /// When it ends.
    pub expires_at: String,
}

/// Who is calling.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeShape {
    /// What others need to give one a ticket.
    pub user_id: String,
}

/// Begins a session without an account, if the server is set up for that.
///
/// # Errors
/// It is not.
#[utoipa::path(post, path = "/v1/sessions", operation_id = "begin_session", tag = "buy", request_body = BeginSession,
    responses((status = 201, body = SessionShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn begin(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: BeginSession = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    if !app.config.auth.anonymous_sessions {
        return Err(Problem::new(Code::Forbidden, "Buyers need a token of an issuer that is known here"));
    }
    let sent = Sent { solution: asked.challenge.as_deref(), ..Sent::default() };
    let judged = app.guard.check(Activity::Session, &call, sent).await?;
    let (user, token, until) = app.sessions.begin(app.now())?;
    app.guard.note(Happening::SessionBegun, &judged);
    let shown = SessionShape { token, user_id: user_text(user), expires_at: rfc3339(until) };
    Answer::json(&shown)?.status(StatusCode::CREATED).done()
}

/// Who is calling.
///
/// # Errors
/// Nobody.
#[utoipa::path(get, path = "/v1/me", operation_id = "get_me", tag = "buy",
    responses((status = 200, body = MeShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn me(_app: Arc<App>, call: Call) -> Outcome {
    Answer::json(&MeShape { user_id: user_text(call.buyer()?) })?.done()
}
