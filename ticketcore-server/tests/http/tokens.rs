//! Buyers' tokens of others, checked by the real binary: who is believed, and who is not.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use ticketcore::{Clock, SystemClock};

use super::client::Reply;
use super::server::Server;

const RSA: &[u8] = include_bytes!("keys/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("keys/rsa.public.pem");
const ED25519: &[u8] = include_bytes!("keys/ed25519.pem");
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn keys(file: &str) -> String {
    format!("{}/tests/http/keys/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// A server that believes four issuers.
struct Trusting {
    server: Server,
    folder: PathBuf,
}

impl Trusting {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ticketcore-tokens-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), SECRET).unwrap();
        let issuers = format!(
            "auth.issuers=[{{ issuer = 'https://hmac.example', audience = 'tickets', hmac_file = '{}' }}, \
             {{ issuer = 'https://rsa.example', audience = 'tickets', rsa_file = '{}' }}, \
             {{ issuer = 'https://ed.example', eddsa_file = '{}' }}, \
             {{ issuer = 'https://set.example', audience = 'tickets', jwks_file = '{}' }}]",
            folder.join("secret").display(),
            keys("rsa.public.pem"),
            keys("ed25519.public.pem"),
            keys("jwks.json"),
        );
        Self { server: Server::with(&["--set", &issuers]), folder }
    }

    fn me(&self, token: &str) -> Reply {
        self.server.anybody().with_token(token).get("/v1/me")
    }

    #[track_caller]
    fn user(&self, token: &str) -> String {
        self.me(token).ok(200).json()["userId"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn refuses(&self, what: &str, token: &str) {
        let refused = self.me(token);
        assert_eq!(refused.status, 401, "{what}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        refused.problem("unauthorized");
        // Not even what everybody may see.
        self.server.anybody().with_token(token).get("/v1/events").ok(401).problem("unauthorized");
    }
}

impl Drop for Trusting {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

fn now() -> u64 {
    SystemClock.now().0 / 1_000
}

/// What a token of an issuer says of Ann. One of them makes tokens for nobody in particular.
fn claims(issuer: &str) -> Value {
    let claims = json!({"iss": issuer, "sub": "ann", "exp": now() + 600, "iat": now()});
    if issuer == "https://ed.example" { claims } else { with(claims, "aud", json!("tickets")) }
}

fn with(mut claims: Value, member: &str, value: Value) -> Value {
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(member),
        value => claims.as_object_mut().unwrap().insert(member.to_owned(), value),
    };
    claims
}

fn key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(SECRET).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(ED25519).unwrap(),
        _ => EncodingKey::from_rsa_pem(RSA).unwrap(),
    }
}

fn signed(algorithm: Algorithm, id: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, &key(algorithm)).unwrap()
}

#[test]
fn every_kind_of_issuer_is_believed_and_a_buyer_is_the_same_each_time() {
    use Algorithm as A;
    let trusting = Trusting::new("kinds");
    let mut users = Vec::new();
    for (issuer, algorithms, id) in [
        ("https://hmac.example", &[A::HS256, A::HS384, A::HS512][..], None),
        ("https://rsa.example", &[A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512][..], None),
        ("https://ed.example", &[A::EdDSA][..], None),
        ("https://set.example", &[A::RS256][..], Some("rsa-1")),
        ("https://set.example", &[A::EdDSA][..], Some("ed-1")),
        // A token that names no key may be of any.
        ("https://set.example", &[A::EdDSA, A::RS256][..], None),
    ] {
        for algorithm in algorithms {
            let user = trusting.user(&signed(*algorithm, id, &claims(issuer)));
            let known = users.iter().find(|(known, _)| *known == issuer);
            match known {
                Some((_, known)) => assert_eq!(*known, user, "{issuer}"),
                None => users.push((issuer, user)),
            }
        }
    }
    // Ann of one issuer is not Ann of another.
    let mut names: Vec<_> = users.iter().map(|(_, user)| user).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);
    // A list of audiences will do, a little difference of clocks too, and a buyer buys.
    let token = with(claims("https://hmac.example"), "aud", json!(["other", "tickets"]));
    let token = with(with(token, "exp", json!(now() - 10)), "nbf", json!(now() + 10));
    let token = signed(A::HS256, None, &token);
    let buyer = trusting.server.anybody().with_token(&token);
    trusting.server.sold(&buyer, &trusting.server.seats(0, 1));
}

#[test]
fn a_token_for_another_application_is_refused_where_no_audience_is_set() {
    let trusting = Trusting::new("audience");
    let ed = || claims("https://ed.example");
    trusting.user(&signed(Algorithm::EdDSA, None, &ed()));
    for audience in [json!("other"), json!(["other", "tickets"]), json!([]), json!(7)] {
        let token = signed(Algorithm::EdDSA, None, &with(ed(), "aud", audience));
        trusting.refuses("for somebody else", &token);
    }
}

#[test]
fn what_a_token_says_of_itself_is_not_believed() {
    use Algorithm as A;
    let trusting = Trusting::new("lies");
    let hmac = || claims("https://hmac.example");
    let good = signed(A::HS256, None, &hmac());
    let parts: Vec<&str> = good.split('.').collect();
    let text = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE", ""] {
        let header = text(&json!({"alg": algorithm, "typ": "JWT"}));
        trusting.refuses(algorithm, &format!("{header}.{}.", text(&hmac())));
        trusting.refuses(algorithm, &format!("{header}.{}.{}", parts[1], parts[2]));
    }
    // The public key is public: it is nobody's shared secret.
    let public = EncodingKey::from_secret(RSA_PUBLIC).unwrap();
    for issuer in ["https://rsa.example", "https://set.example"] {
        let forged = encode(&Header::new(A::HS256), &claims(issuer), &public).unwrap();
        trusting.refuses("the public key as a secret", &forged);
    }
    // A shared secret in a set that is published is none either.
    let shared = Header { kid: Some("shared-1".to_owned()), ..Header::new(A::HS256) };
    trusting.refuses(
        "a secret of the set",
        &encode(&shared, &claims("https://set.example"), &key(A::HS256)).unwrap(),
    );
    trusting.refuses("another algorithm", &signed(A::EdDSA, None, &claims("https://rsa.example")));
    trusting.refuses("another issuer", &signed(A::HS256, None, &claims("https://ed.example")));
    trusting.refuses("an unknown issuer", &signed(A::HS256, None, &claims("https://evil.example")));
    trusting.refuses("an unknown key", &signed(A::EdDSA, Some("ed-2"), &claims("https://set.example")));
    let other = EncodingKey::from_secret(b"another secret of thirty-two bytes").unwrap();
    trusting.refuses("another secret", &encode(&Header::new(A::HS256), &hmac(), &other).unwrap());
    let changed = with(hmac(), "sub", json!("bob"));
    trusting.refuses("another content", &format!("{}.{}.{}", parts[0], text(&changed), parts[2]));
    trusting.refuses("no signature", &format!("{}.{}.", parts[0], parts[1]));
    trusting.refuses("half a token", &good[..good.len() - 4]);
    trusting.refuses("a token more", &format!("{good}.{good}"));
    trusting.user(&good);
}

#[test]
fn a_token_that_is_over_not_yet_good_for_others_or_about_nobody_is_refused() {
    let trusting = Trusting::new("claims");
    let said = |member: &str, value: Value| {
        signed(Algorithm::HS256, None, &with(claims("https://hmac.example"), member, value))
    };
    trusting.refuses("over", &said("exp", json!(now() - 120)));
    trusting.refuses("long over", &said("exp", json!(0)));
    trusting.refuses("without an end", &said("exp", Value::Null));
    trusting.refuses("an end that is no number", &said("exp", json!("tomorrow")));
    trusting.refuses("not good yet", &said("nbf", json!(now() + 120)));
    trusting.refuses("for somebody else", &said("aud", json!("other")));
    trusting.refuses("for nobody", &said("aud", Value::Null));
    trusting.refuses("of nobody", &said("iss", Value::Null));
    trusting.refuses("about nobody", &said("sub", Value::Null));
    trusting.refuses("about an empty name", &said("sub", json!("")));
    trusting.refuses("about a number", &said("sub", json!(7)));
    trusting.refuses("about a very long name", &said("sub", json!("a".repeat(300))));
    trusting.user(&said("sub", json!("a".repeat(200))));
}

#[test]
fn keys_that_can_not_be_are_refused_at_the_start() {
    let folder = std::env::temp_dir().join(format!("ticketcore-tokens-keys-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("short"), "too short").unwrap();
    fs::write(folder.join("set"), r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    for (keys, told) in [
        (format!("hmac_file = '{}'", file("short")), "less than 32 bytes"),
        (format!("hmac_file = '{}'", file("nowhere")), "nowhere"),
        (format!("rsa_file = '{}'", keys("ed25519.public.pem")), "no such key"),
        (format!("eddsa_file = '{}'", keys("rsa.public.pem")), "no such key"),
        (format!("jwks_file = '{}'", file("short")), "no such key"),
        (format!("jwks_file = '{}'", file("set")), "no key that can be used"),
        (String::new(), "exactly one"),
        (format!("hmac_file = '{0}', rsa_file = '{0}'", file("short")), "exactly one"),
    ] {
        let comma = if keys.is_empty() { "" } else { ", " };
        let issuers = format!("auth.issuers=[{{ issuer = 'x'{comma}{keys} }}]");
        let data = file("data");
        let mut server = Command::new(env!("CARGO_BIN_EXE_ticketcore-server"));
        let ended = server
            .args(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--set", &issuers])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(told), "{issuers}: {said}");
    }
    fs::remove_dir_all(folder).unwrap();
}
