//! How a server is set up.

use std::path::PathBuf;

use serde::Deserialize;

use crate::publish::PublishOptions;

/// How a server is set up. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it listens.
    pub listen: String,
    /// The folder of its store.
    pub data: PathBuf,
    /// Bounds.
    pub limits: Limits,
    /// How what everybody reads is kept fresh.
    pub publish: PublishOptions,
}

/// Bounds of what a request may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Bytes of a seating plan's document.
    pub plan_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            data: "data".into(),
            limits: Limits::default(),
            publish: PublishOptions::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes_max: 64 << 10, plan_bytes_max: 64 << 20 }
    }
}
