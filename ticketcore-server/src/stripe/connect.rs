//! Connections to Stripe: TCP, and rustls with ring and the roots of Mozilla.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::options::{StripeError, StripeOptions};

/// What bytes go over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where the API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl Target {
    pub fn parse(base: &str) -> Result<Self, StripeError> {
        let bad = || StripeError::Base(base.to_owned());
        let uri: hyper::Uri = base.parse().map_err(|_| bad())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let authority = uri.authority().ok_or_else(bad)?;
        let plain = !authority.as_str().contains('@') && uri.query().is_none();
        if !plain || !matches!(uri.path(), "" | "/") {
            return Err(bad());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let address = host.parse::<std::net::IpAddr>();
        let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        if host.is_empty() || !(tls || loopback) {
            return Err(bad());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host, port })
    }

    /// For the `Host` header.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// Makes connections.
pub(crate) struct Connector {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout_ms: u64,
}

impl Connector {
    pub fn new(target: Target, options: &StripeOptions) -> Result<Self, StripeError> {
        let tls = if target.tls { Some(tls(&target, options)?) } else { None };
        Ok(Self { target, tls, timeout_ms: options.connect_timeout_ms })
    }

    /// A connection, or why there is none: then nothing was sent.
    pub async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connected = tokio::time::timeout(Duration::from_millis(self.timeout_ms), self.open()).await;
        connected.unwrap_or_else(|_| Err(format!("no connection within {} ms", self.timeout_ms)))
    }

    async fn open(&self) -> Result<Box<dyn Stream>, String> {
        let target = (self.target.host.as_str(), self.target.port);
        let tcp = TcpStream::connect(target).await.map_err(|error| error.to_string())?;
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let Some((tls, name)) = &self.tls else { return Ok(Box::new(tcp)) };
        let secured = tls.connect(name.clone(), tcp).await.map_err(|error| error.to_string())?;
        Ok(Box::new(secured))
    }
}

fn tls(target: &Target, options: &StripeOptions) -> Result<(TlsConnector, ServerName<'static>), StripeError> {
    let failed = |error: &dyn std::fmt::Display| StripeError::Tls(error.to_string());
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(der) = &options.trusted_root_der {
        roots.add(CertificateDer::from(der.clone())).map_err(|error| failed(&error))?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(&error))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_on_this_machine() {
        let target = |tls, host: &str, port| Target { tls, host: host.to_owned(), port };
        let good = [
            ("https://api.stripe.com", target(true, "api.stripe.com", 443), "api.stripe.com"),
            ("https://api.stripe.com:8443/", target(true, "api.stripe.com", 8443), "api.stripe.com:8443"),
            ("http://127.0.0.1:12111", target(false, "127.0.0.1", 12111), "127.0.0.1:12111"),
            ("http://localhost", target(false, "localhost", 80), "localhost"),
            ("http://[::1]:5", target(false, "::1", 5), "[::1]:5"),
        ];
        for (base, target, authority) in good {
            assert_eq!(Target::parse(base).unwrap(), target, "{base}");
            assert_eq!(target.authority(), authority);
        }
        for base in [
            "",
            "api.stripe.com",
            "ftp://api.stripe.com",
            "http://api.stripe.com",
            "http://127.0.0.1.example.com",
            "http://user@127.0.0.1",
            "https://api.stripe.com/v1",
            "https://api.stripe.com?x=1",
        ] {
            assert!(Target::parse(base).is_err(), "{base}");
        }
    }
}
