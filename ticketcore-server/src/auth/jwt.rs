//! [`Issuers`]: tokens (JWT) that others sign for buyers.

use std::fs;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use ticketcore::{UserId, UtcMs};

use super::user::user_named;
use crate::http::{Code, Problem};

/// Clocks of others may differ by so much, in milliseconds.
const LEEWAY_MS: u64 = 30_000;
/// Bytes of a `sub` at most.
const SUBJECT_BYTES_MAX: usize = 256;

/// An issuer can't be set up.
#[derive(Debug, thiserror::Error)]
#[error("issuer `{issuer}`: {reason}")]
pub struct JwtError {
    issuer: String,
    reason: String,
}

/// An issuer of buyers' tokens, as it is configured: exactly one of the keys.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Issuer {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `aud` that its tokens must have. Without it they must have none: one that has is for others.
    pub audience: Option<String>,
    /// A file with a shared secret, at least 32 bytes (HS256, HS384, HS512).
    pub hmac_file: Option<String>,
    /// A file with a public RSA key, PEM (RS256, RS384, RS512, PS256, PS384, PS512).
    pub rsa_file: Option<String>,
    /// A file with a public Ed25519 key, PEM (EdDSA).
    pub eddsa_file: Option<String>,
    /// A file with a JSON Web Key Set.
    pub jwks_file: Option<String>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

struct Trusted {
    issuer: String,
    audience: Option<String>,
    keys: Vec<(Option<String>, Vec<Algorithm>, DecodingKey)>,
}

/// Issuers whose tokens are believed.
#[derive(Default)]
pub struct Issuers(Vec<Trusted>);

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(default)]
    nbf: u64,
}

impl Issuers {
    /// Reads the keys of issuers.
    ///
    /// # Errors
    /// [`JwtError`] with the issuer and what is wrong.
    pub fn new(issuers: &[Issuer]) -> Result<Self, JwtError> {
        issuers.iter().map(Trusted::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whose token it is: `sub`, as this issuer calls it.
    ///
    /// # Errors
    /// [`Code::Unauthorized`].
    pub fn check(&self, token: &str, now: UtcMs) -> Result<UserId, Problem> {
        let refused = |why: &str| Problem::new(Code::Unauthorized, why);
        let header = decode_header(token).map_err(|_| refused("The token is none that is known here"))?;
        for trusted in &self.0 {
            for (id, algorithms, key) in &trusted.keys {
                // A key is used for the algorithms that it was made for, whatever the token says.
                let fits = id.is_none() || header.kid.is_none() || *id == header.kid;
                if !fits || !algorithms.contains(&header.alg) {
                    continue;
                }
                let mut validation = Validation::new(header.alg);
                // Times are compared with the server's own clock, below.
                validation.validate_exp = false;
                validation.validate_nbf = false;
                validation.set_required_spec_claims(&["exp", "sub", "iss"]);
                validation.set_issuer(&[&trusted.issuer]);
                // RFC 7519, 4.1.3: a token for others is refused, even if nothing is said here of whom tokens are for.
                validation.validate_aud = true;
                if let Some(audience) = &trusted.audience {
                    // A token that names nobody is for anybody who is not so strict.
                    validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
                    validation.set_audience(&[audience]);
                }
                let Ok(data) = decode::<Claims>(token, key, &validation) else { continue };
                let Claims { sub, exp, nbf } = data.claims;
                let seconds = |ms: u64| ms / 1_000;
                if seconds(now.0.saturating_sub(LEEWAY_MS)) >= exp {
                    return Err(refused("The token is over"));
                }
                if seconds(now.0.saturating_add(LEEWAY_MS)) < nbf {
                    return Err(refused("The token is not good yet"));
                }
                if sub.is_empty() || sub.len() > SUBJECT_BYTES_MAX {
                    return Err(refused("The token's `sub` is empty or too long"));
                }
                return Ok(user_named(&trusted.issuer, &sub));
            }
        }
        Err(refused("The token was not signed by anybody who is trusted here"))
    }
}

impl Trusted {
    fn new(from: &Issuer) -> Result<Self, JwtError> {
        let wrong = |reason: String| JwtError { issuer: from.issuer.clone(), reason };
        if from.issuer.is_empty() {
            return Err(wrong("it has no name".to_owned()));
        }
        let read = |file: &str| fs::read(file).map_err(|error| wrong(format!("{file}: {error}")));
        let bad = |file: &str| wrong(format!("{file} holds no such key"));
        let rsa = vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ];
        let keys = match (&from.hmac_file, &from.rsa_file, &from.eddsa_file, &from.jwks_file) {
            (Some(file), None, None, None) => {
                let secret = read(file)?;
                let secret = secret.trim_ascii();
                if secret.len() < 32 {
                    return Err(wrong(format!("{file} has less than 32 bytes")));
                }
                let key = DecodingKey::from_secret(secret).map_err(|_| bad(file))?;
                vec![(None, vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512], key)]
            }
            (None, Some(file), None, None) => {
                vec![(None, rsa, DecodingKey::from_rsa_pem(&read(file)?).map_err(|_| bad(file))?)]
            }
            (None, None, Some(file), None) => {
                vec![(
                    None,
                    vec![Algorithm::EdDSA],
                    DecodingKey::from_ed_pem(&read(file)?).map_err(|_| bad(file))?,
                )]
            }
            (None, None, None, Some(file)) => {
                let set: JwkSet = serde_json::from_slice(&read(file)?).map_err(|_| bad(file))?;
                set_keys(&set, &rsa)
            }
            _ => return Err(wrong("it needs exactly one of the key files".to_owned())),
        };
        if keys.is_empty() {
            return Err(wrong("it has no key that can be used".to_owned()));
        }
        Ok(Self { issuer: from.issuer.clone(), audience: from.audience.clone(), keys })
    }
}

/// The public keys of a set. Shared secrets in a set are not believed.
fn set_keys(set: &JwkSet, rsa: &[Algorithm]) -> Vec<(Option<String>, Vec<Algorithm>, DecodingKey)> {
    use jsonwebtoken::jwk::AlgorithmParameters;
    let key = |jwk: &jsonwebtoken::jwk::Jwk| {
        let algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => rsa.to_vec(),
            AlgorithmParameters::OctetKeyPair(_) => vec![Algorithm::EdDSA],
            AlgorithmParameters::EllipticCurve(_) => vec![Algorithm::ES256, Algorithm::ES384],
            _ => return None,
        };
        Some((jwk.common.key_id.clone(), algorithms, DecodingKey::from_jwk(jwk).ok()?))
    };
    set.keys.iter().filter_map(key).collect()
}
