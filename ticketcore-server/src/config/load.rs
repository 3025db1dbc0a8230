//! From a file, the environment and flags to a [`Config`].

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::Config;
use super::check::check;

/// Variables that begin like this are options: `TICKETCORE__LIMITS__BODY_BYTES_MAX` is `limits.body_bytes_max`.
const VARIABLES: &str = "TICKETCORE__";

/// A server can't be set up like that.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{file}: {error}")]
    File {
        /// Which.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is no TOML.
    #[error("{file}: {error}")]
    Toml {
        /// Which file.
        file: String,
        /// Why.
        error: String,
    },
    /// An option is unknown, or of the wrong kind.
    #[error("option `{option}`: {reason}")]
    Option {
        /// Which.
        option: String,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a file, if one is named; then `variables`, which come before it; then `flags` (`limits.body_bytes_max=65536`), which come before both.
///
/// # Errors
/// [`ConfigError`], with the place.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    flags: &[String],
) -> Result<Config, ConfigError> {
    let mut table = match file {
        None => Table::new(),
        Some(path) => {
            let name = path.display().to_string();
            let text =
                fs::read_to_string(path).map_err(|error| ConfigError::File { file: name.clone(), error })?;
            text.parse().map_err(|error: toml::de::Error| ConfigError::Toml {
                file: name,
                error: error.to_string(),
            })?
        }
    };
    for (name, value) in variables {
        if let Some(option) = name.strip_prefix(VARIABLES) {
            set(&mut table, &option.to_ascii_lowercase().replace("__", "."), &value)?;
        }
    }
    for flag in flags {
        let wrong =
            || ConfigError::Option { option: flag.clone(), reason: "write `option=value`".to_owned() };
        let (option, value) = flag.split_once('=').ok_or_else(wrong)?;
        set(&mut table, option.trim(), value.trim())?;
    }
    let config: Config =
        serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| ConfigError::Option {
            option: error.path().to_string(),
            reason: error.into_inner().message().to_owned(),
        })?;
    check(&config)?;
    Ok(config)
}

/// A value is TOML if it can be, else text.
fn set(table: &mut Table, option: &str, text: &str) -> Result<(), ConfigError> {
    let value = format!("v = {text}").parse::<Table>().ok().and_then(|mut parsed| parsed.remove("v"));
    let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
    let mut at = table;
    let mut parts = option.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            at.insert(part.to_owned(), value);
            return Ok(());
        }
        let next = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
        at = next.as_table_mut().ok_or_else(|| ConfigError::Option {
            option: option.to_owned(),
            reason: format!("`{part}` has no options below it"),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(flags: &[&str]) -> Result<Config, ConfigError> {
        load(None, [], &flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_come_before_variables_and_those_before_defaults() {
        let variables = [("TICKETCORE__LIMITS__BODY_BYTES_MAX".to_owned(), "5000".to_owned())];
        let config = load(None, variables.clone(), &[]).unwrap();
        assert_eq!(config.limits.body_bytes_max, 5_000);
        let config = load(None, variables, &["limits.body_bytes_max=6000".to_owned()]).unwrap();
        assert_eq!(config.limits.body_bytes_max, 6_000);
        assert_eq!(flags(&["listen=127.0.0.1:0"]).unwrap().listen, "127.0.0.1:0");
    }

    #[test]
    fn what_is_unknown_or_of_the_wrong_kind_is_refused_with_its_place() {
        for (flag, place) in [
            ("limits.bodybytes=1", "limits"),
            ("limits.body_bytes_max=x", "limits.body_bytes_max"),
            ("limits.body_bytes_max=-1", "limits.body_bytes_max"),
            ("payments.gateway=cash", "payments.gateway"),
            ("nothing", "nothing"),
            ("listen=nowhere", "listen"),
            ("listen.port=1", "listen"),
            ("limits.requests_max=0", "limits.requests_max"),
            ("log.level=loud", "log.level"),
            ("guard.allow=[\"here\"]", "guard.allow"),
            ("guard.limits.user.pay.burst.requests=0", "guard.limits.user.pay"),
            ("guard.risk.review_at=1", "guard.risk.review_at"),
            ("guard.rules=1", "guard"),
            ("payments.return_url_prefixes=[\"shop.example\"]", "payments.return_url_prefixes"),
            ("cors_origins=[\"shop\"]", "cors_origins"),
        ] {
            match flags(&[flag]) {
                Err(ConfigError::Option { option, .. }) => {
                    assert!(option.contains(place), "{flag}: {option}")
                }
                other => panic!("{flag}: {other:?}"),
            }
        }
    }
}
