//! [`CaptchaVerifier`]: a service that says whether somebody is a person. [`SiteVerify`]: those that are asked as reCAPTCHA is.

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use super::config::CaptchaConfig;
use crate::app::StartError;
use crate::stripe::{Connector, Form, Secret, StripeOptions, Target};

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Bytes of what a page got at most.
const TOKEN_BYTES_MAX: usize = 4_096;

/// The service did not say.
#[derive(Debug, thiserror::Error)]
#[error("the captcha service: {0}")]
pub struct CaptchaError(pub String);

/// What is asked of a service, under way.
pub type Verifying<'a> = Pin<Box<dyn Future<Output = Result<bool, CaptchaError>> + Send + 'a>>;

/// A service that says whether somebody is a person.
pub trait CaptchaVerifier: Send + Sync {
    /// Whether what a page got from it is worth something. An answer is good once: the service sees to that.
    fn verify<'a>(&'a self, token: &'a str, address: IpAddr) -> Verifying<'a>;

    /// What pages need to show it.
    fn site_key(&self) -> &str;
}

/// A service with an address that takes `secret`, `response` and `remoteip` as a form, and answers `{"success": true}`: reCAPTCHA, hCaptcha,
/// Turnstile.
pub struct SiteVerify {
    connector: Connector,
    target: Target,
    path: String,
    secret: Secret,
    site_key: String,
    timeout: Duration,
}

#[derive(Deserialize)]
struct Said {
    success: bool,
}

impl SiteVerify {
    /// A service as it is set up.
    ///
    /// # Errors
    /// Its address or its secret can't be used.
    pub fn open(config: &CaptchaConfig) -> Result<Self, StartError> {
        let file = &config.secret_file;
        let secret = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        // The path begins at the first slash behind the host.
        let host = config.url.find("://").map_or(0, |at| at + 3);
        let path = config.url[host..].find('/').map_or(config.url.len(), |at| host + at);
        let (base, path) = config.url.split_at(path);
        let target = Target::parse(base)?;
        let options =
            StripeOptions { connect_timeout_ms: config.timeout_ms, ..StripeOptions::new(Secret::new("")) };
        Ok(Self {
            connector: Connector::new(target.clone(), &options)?,
            target,
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            secret: Secret::new(secret.trim()),
            site_key: config.site_key.clone(),
            timeout: Duration::from_millis(config.timeout_ms),
        })
    }

    async fn ask(&self, token: &str, address: IpAddr) -> Result<bool, String> {
        let form = Form::new()
            .with("secret", self.secret.expose())
            .with("response", token)
            .with("remoteip", &address.to_string());
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.path)
            .header(HOST, self.target.authority())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form.as_str().to_owned())))
            .map_err(|error| error.to_string())?;
        let stream = self.connector.connect().await?;
        let (mut sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            // Whoever waits for the answer learns of its errors.
            let _ended = connection.await;
        });
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answered {}", response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let said: Said = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        Ok(said.success)
    }
}

impl CaptchaVerifier for SiteVerify {
    fn verify<'a>(&'a self, token: &'a str, address: IpAddr) -> Verifying<'a> {
        Box::pin(async move {
            if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
                return Ok(false);
            }
            let asked = tokio::time::timeout(self.timeout, self.ask(token, address)).await;
            asked.unwrap_or_else(|_| Err("no answer in time".to_owned())).map_err(CaptchaError)
        })
    }

    fn site_key(&self) -> &str {
        &self.site_key
    }
}
