//! [`Form`]: parameters as Stripe takes them, `application/x-www-form-urlencoded`.

use std::fmt::Write as _;

/// Parameters in the order in which they were added: the same call has the same bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(String);

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, &mut self.0);
        self.0.push('=');
        encode(value, &mut self.0);
        self
    }

    pub fn metadata(self, name: &str, value: &str) -> Self {
        self.with(&format!("metadata[{name}]"), value)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => to.push(char::from(byte)),
            _ => {
                let _infallible = write!(to, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_unusual_is_encoded() {
        let form = Form::new().with("amount", "5").metadata("k", "a:b c&d=é");
        assert_eq!(form.as_str(), "amount=5&metadata%5Bk%5D=a%3Ab%20c%26d%3D%C3%A9");
    }
}
