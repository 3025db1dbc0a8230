//! The challenge that shows a caller to be no bot: proof of work in the protocol of ALTCHA.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::{PUBLIC, route};
use crate::app::App;
use crate::http::{Answer, Call, Outcome, Route};

/// The operations.
pub const ROUTES: &[Route] = &[route!("GET" "/v1/challenge" "get_challenge" PUBLIC, get)];

/// A challenge: find the counter for which the key that `algorithm` derives of `nonce` and the counter begins with `keyPrefix`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ChallengeShape {
    /// What the work is.
    pub parameters: ChallengeParametersShape,
    /// That it was given here.
    pub signature: String,
}

/// What the work is, in the words of ALTCHA's second version.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeParametersShape {
    /// `PBKDF2/SHA-256`.
    pub algorithm: String,
    /// Its rounds, a try: more for who is suspected.
    pub cost: u32,
    /// For whom it is, hashed, and for how high a score.
    pub data: ChallengeDataShape,
    /// When it is over, in Unix seconds.
    pub expires_at: i64,
    /// Bytes of the derived key.
    pub key_length: u32,
    /// What it must begin with, in hexadecimal digits.
    pub key_prefix: String,
    /// What is derived of, before the counter as four bytes, in hexadecimal digits.
    pub nonce: String,
    /// The salt, in hexadecimal digits.
    pub salt: String,
}

/// For whom a challenge is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeDataShape {
    /// For whom, hashed.
    pub r#for: String,
    /// For how high a score.
    pub level: u32,
}

/// A challenge for whoever is calling. Its solution goes with the request that was refused as `challenge_required`, in the header
/// `Challenge-Solution` or the member `challenge`: base64 of `{"challenge": .., "solution": {"counter": .., "derivedKey": ..}}`.
///
/// # Errors
/// None of its own.
#[utoipa::path(get, path = "/v1/challenge", operation_id = "get_challenge", tag = "buy",
    responses((status = 200, body = ChallengeShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    Answer::json(&app.guard.challenge(&call)?)?.done()
}
