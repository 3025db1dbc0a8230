//! API keys, for whoever may give them out.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::EventId;
use ticketcore::guard::{BadLimit, Limit};
use utoipa::ToSchema;

use crate::api::document::ProblemBody;
use crate::api::shapes::{Page, parse_rfc3339, rfc3339};
use crate::api::{off_reactor, route};
use crate::app::App;
use crate::auth::{KeyGrant, KeyInfo, NewKey, Scope};
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, no_content, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/v1/admin/keys" "list_keys" Access::Key(Scope::Keys), list),
    route!("POST" "/v1/admin/keys" "make_key" Access::Key(Scope::Keys), make),
    route!("POST" "/v1/admin/keys/{keyId}/rotate" "rotate_key" Access::Key(Scope::Keys), rotate),
    route!("DELETE" "/v1/admin/keys/{keyId}" "revoke_key" Access::Key(Scope::Keys), revoke),
];

/// The longest time that an old secret may go on, in seconds.
const OVERLAP_SECONDS_MAX: u64 = 30 * 24 * 3_600;

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MakeKey {
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The events it is for; all if empty.
    #[serde(default)]
    pub event_ids: Vec<String>,
    /// When it ends, RFC 3339; never if absent.
    pub expires_at: Option<String>,
    /// How often it may be used, over all routes; as usual if absent.
    pub rate_limit: Option<RateLimitShape>,
}

/// How often something may be done.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimitShape {
    /// What may come at once.
    pub burst: QuotaShape,
    /// What may come in the long run.
    pub sustained: QuotaShape,
}

/// So many requests at once, and as many again in so many seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuotaShape {
    /// Requests, from 1.
    pub requests: u32,
    /// Seconds, from 1 to 86400.
    pub seconds: u32,
}

/// A new secret for a key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RotateKey {
    /// How long the old one goes on, in seconds; an hour if absent.
    pub overlap_seconds: Option<u64>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyShape {
    /// Its public name.
    pub id: String,
    /// Its text, told only now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The events it is for; all if empty.
    pub event_ids: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// How often it may be used, if that is not as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitShape>,
}

/// Every key, without its secret.
///
/// # Errors
/// None.
#[utoipa::path(get, path = "/v1/admin/keys", operation_id = "list_keys", tag = "admin",
    responses((status = 200, body = Page<KeyShape>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn list(app: Arc<App>, _call: Call) -> Outcome {
    let items = app.api_keys.list().iter().map(|info| shape(info, None)).collect();
    Answer::json(&Page { items, next: None })?.done()
}

/// Makes a key. It can allow no more than the key that makes it.
///
/// # Errors
/// What is wrong with the request.
#[utoipa::path(post, path = "/v1/admin/keys", operation_id = "make_key", tag = "admin", request_body = MakeKey,
    responses((status = 201, body = KeyShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn make(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: MakeKey = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let by = call.principal.key(Scope::Keys)?;
    let event =
        |id: &String| id.parse().map_err(|_| Problem::new(Code::UnknownEvent, Code::UnknownEvent.title()));
    let events = asked.event_ids.iter().map(event).collect::<Result<Vec<EventId>, _>>()?;
    no_more_than(by, &asked.scopes, &events)?;
    let expires_at = asked.expires_at.as_deref().map(parse_rfc3339).transpose();
    let expires_at = expires_at.map_err(|why| Problem::invalid("/expiresAt", why))?;
    let limit = asked.rate_limit.map(limit).transpose();
    let limit = limit.map_err(|why| Problem::invalid("/rateLimit", why.to_string()))?;
    let new = NewKey { name: asked.name, scopes: asked.scopes, events, expires_at, limit };
    let (text, info) = off_reactor(&app, move |app| app.api_keys.make(new, app.now())).await??;
    Answer::json(&shape(&info, Some(text)))?.status(StatusCode::CREATED).done()
}

/// Gives a key another secret.
///
/// # Errors
/// There is no such key.
#[utoipa::path(post, path = "/v1/admin/keys/{keyId}/rotate", operation_id = "rotate_key", tag = "admin", request_body = RotateKey,
    params(("keyId" = String, Path, description = "A key's public name")),
    responses((status = 200, body = KeyShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn rotate(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: RotateKey = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let id = own_key(&app, &call)?;
    let overlap = asked.overlap_seconds.unwrap_or(3_600);
    if overlap > OVERLAP_SECONDS_MAX {
        return Err(Problem::invalid("/overlapSeconds", format!("at most {OVERLAP_SECONDS_MAX}")));
    }
    let until = app.now().plus_ms(overlap * 1_000);
    let (text, info) = off_reactor(&app, move |app| app.api_keys.rotate(&id, until)).await??;
    Answer::json(&shape(&info, Some(text)))?.done()
}

/// Ends a key.
///
/// # Errors
/// There is no such key.
#[utoipa::path(delete, path = "/v1/admin/keys/{keyId}", operation_id = "revoke_key", tag = "admin",
    params(("keyId" = String, Path, description = "A key's public name")),
    responses((status = 204, description = "It is good for nothing any more"), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn revoke(app: Arc<App>, call: Call) -> Outcome {
    let id = own_key(&app, &call)?;
    off_reactor(&app, move |app| app.api_keys.revoke(&id)).await??;
    no_content()
}

/// The key that a path names, if it allows no more than the one that is used.
fn own_key(app: &App, call: &Call) -> Result<String, Problem> {
    let by = call.principal.key(Scope::Keys)?;
    let id = call.param("keyId").to_owned();
    let known = app.api_keys.list();
    let found = known.iter().find(|key| key.id == id).ok_or_else(|| Problem::not_found("API key"))?;
    no_more_than(by, &found.scopes, &found.events)?;
    Ok(id)
}

fn no_more_than(by: &KeyGrant, scopes: &[Scope], events: &[EventId]) -> Result<(), Problem> {
    let more = |told: &str| Err(Problem::new(Code::Forbidden, told));
    if let Some(scope) = scopes.iter().find(|scope| !by.scopes.contains(scope)) {
        return more("The key that is used does not allow it itself")
            .map_err(|problem: Problem| problem.with("scope", scope));
    }
    let wider = events.is_empty() || events.iter().any(|event| !by.events.contains(event));
    if !by.events.is_empty() && wider {
        return more("The key that is used is for some events only");
    }
    Ok(())
}

fn shape(info: &KeyInfo, key: Option<String>) -> KeyShape {
    KeyShape {
        id: info.id.clone(),
        key,
        name: info.name.clone(),
        scopes: info.scopes.clone(),
        event_ids: info.events.iter().map(ToString::to_string).collect(),
        created_at: rfc3339(info.created_at),
        expires_at: info.expires_at.map(rfc3339),
        rate_limit: info.limit.as_ref().map(rate_limit),
    }
}

fn limit(asked: RateLimitShape) -> Result<Limit, BadLimit> {
    let quota = |quota: QuotaShape| (quota.requests, quota.seconds);
    Limit::new(quota(asked.burst), quota(asked.sustained))
}

fn rate_limit(limit: &Limit) -> RateLimitShape {
    let [burst, sustained] = [limit.burst(), limit.sustained()]
        .map(|quota| QuotaShape { requests: quota.requests, seconds: quota.seconds });
    RateLimitShape { burst, sustained }
}
