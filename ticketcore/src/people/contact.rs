//! What is known about a person.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::PeopleError;
use crate::limits::{
    EMAIL_BYTES_MAX, FINGERPRINTS_MAX, LOCALE_BYTES_MAX, NAME_BYTES_MAX, PHONE_BYTES_MAX, within,
};
use crate::order::Identity;

/// What is known about a person. What is empty is not known. In no `Debug` output, which has a way into logs.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// The name, as the person writes it; up to [`NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// The e-mail address, up to [`EMAIL_BYTES_MAX`] bytes.
    pub email: String,
    /// The telephone number, up to [`PHONE_BYTES_MAX`] bytes.
    pub phone: String,
    /// The language to write in, a BCP 47 tag such as `de-CH`; up to [`LOCALE_BYTES_MAX`] bytes.
    pub locale: String,
    /// Identities seen with the person (of cards, devices, addresses), up to [`FINGERPRINTS_MAX`].
    pub fingerprints: Vec<Identity>,
}

impl Contact {
    /// Checks the limits, and that no text has control characters: a line end in an address is how mail gets other headers. An e-mail address
    /// must have something on either side of its last `@` and no blanks; whether there is such a mailbox only a mail can tell.
    ///
    /// # Errors
    /// [`PeopleError::Limit`], [`PeopleError::Malformed`], in this order.
    pub fn check(&self) -> Result<(), PeopleError> {
        let texts = [
            ("contact.name", &self.name, NAME_BYTES_MAX),
            ("contact.email", &self.email, EMAIL_BYTES_MAX),
            ("contact.phone", &self.phone, PHONE_BYTES_MAX),
            ("contact.locale", &self.locale, LOCALE_BYTES_MAX),
        ];
        for (field, text, max) in texts {
            within(field, text.len() as u64, 0, max as u64)?;
        }
        within("contact.fingerprints", self.fingerprints.len() as u64, 0, FINGERPRINTS_MAX as u64)?;
        for (field, text, _) in texts {
            if text.chars().any(char::is_control) {
                return Err(PeopleError::Malformed { field });
            }
        }
        if !self.email.is_empty() && !is_address(&self.email) {
            return Err(PeopleError::Malformed { field: "contact.email" });
        }
        if !self.locale.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(PeopleError::Malformed { field: "contact.locale" });
        }
        Ok(())
    }
}

fn is_address(email: &str) -> bool {
    let sides = email.rsplit_once('@');
    sides.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !email.contains(char::is_whitespace)
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::LimitExceeded;

    fn contact() -> Contact {
        Contact { email: "a.b@example.org".to_owned(), locale: "de-CH".to_owned(), ..Contact::default() }
    }

    #[test]
    fn what_is_too_long_is_refused_by_name() {
        let long = |bytes| "x".repeat(bytes);
        let cases = [
            ("contact.name", Contact { name: long(201), ..contact() }, 201, 200),
            ("contact.email", Contact { email: long(255), ..contact() }, 255, 254),
            ("contact.phone", Contact { phone: long(33), ..contact() }, 33, 32),
            ("contact.locale", Contact { locale: long(36), ..contact() }, 36, 35),
            ("contact.fingerprints", Contact { fingerprints: vec![Identity(1); 17], ..contact() }, 17, 16),
        ];
        for (what, contact, found, max) in cases {
            let limit = LimitExceeded { what: what.to_owned(), found, min: 0, max };
            assert_eq!(contact.check(), Err(PeopleError::Limit(limit)));
        }
        let largest = Contact {
            name: long(200),
            email: format!("{}@x", long(252)),
            phone: long(32),
            locale: long(35),
            fingerprints: vec![Identity(u128::MAX); 16],
        };
        assert_eq!(largest.check(), Ok(()));
        assert_eq!(Contact::default().check(), Ok(()));
    }

    #[test]
    fn what_could_do_harm_in_a_mail_is_refused() {
        let malformed = |field| Err(PeopleError::Malformed { field });
        let named = |name: &str| Contact { name: name.to_owned(), ..contact() }.check();
        assert_eq!(named("Ann\r\nBcc: all@example.org"), malformed("contact.name"));
        assert_eq!(named("Ann\u{85}"), malformed("contact.name"));
        assert_eq!(named("Zoë Müller-Łukasz 王"), Ok(()));
        for email in ["nobody", "@example.org", "a@", "a b@example.org", "a@example.org\n", "\u{2003}@x"] {
            let contact = Contact { email: email.to_owned(), ..contact() };
            assert_eq!(contact.check(), malformed("contact.email"), "{email:?}");
        }
        let locale = Contact { locale: "de_CH;q=1".to_owned(), ..contact() };
        assert_eq!(locale.check(), malformed("contact.locale"));
    }

    #[test]
    fn nothing_of_it_is_shown() {
        assert_eq!(format!("{:?}", contact()), "Contact { .. }");
    }
}
