//! The stored form: a format byte, then user and contact as postcard.

use siphasher::sip128::{Hasher128, SipHasher24};

use super::contact::Contact;
use super::error::PeopleError;
use crate::fact::{decode_versioned, encode_versioned};
use crate::id::UserId;
use crate::store::{SIDE_BYTES_MAX, SideId};

const CONTACT_FORMAT: u8 = 1;

/// Whatever else has side records some day hashes under another key.
const DOMAIN: (u64, u64) = (u64::from_le_bytes(*b"tkt-peop"), u64::from_le_bytes(*b"le\0\0\0\0\0\0"));

/// What no contact that passes its check can exceed: four texts, 16 fingerprints of 19 bytes, lengths.
const STORED_MAX: usize = 1_024;
const _: () = assert!(STORED_MAX < SIDE_BYTES_MAX);

/// Where a user's contact is kept. The same in every store and for ever, so that what was saved can always be erased. It is not secret: who can
/// read it can read the side records, and the users of the journals.
pub(crate) fn side_id(user: UserId) -> SideId {
    let mut hasher = SipHasher24::new_with_keys(DOMAIN.0, DOMAIN.1);
    std::hash::Hasher::write(&mut hasher, &user.0);
    SideId(hasher.finish128().as_u128())
}

pub(crate) fn encode(user: UserId, contact: &Contact) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_versioned(CONTACT_FORMAT, &(user, contact), &mut bytes);
    debug_assert!(bytes.len() <= STORED_MAX);
    bytes
}

/// Reads a contact back. It says whose it is: nobody is shown another's, whatever the ids.
pub(crate) fn decode(user: UserId, bytes: &[u8]) -> Result<Contact, PeopleError> {
    let unreadable = |reason: String| PeopleError::Unreadable { reason };
    let (owner, contact): (UserId, Contact) =
        decode_versioned(CONTACT_FORMAT, bytes).map_err(|error| unreadable(error.to_string()))?;
    if owner == user { Ok(contact) } else { Err(unreadable("it is somebody else's".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Identity;

    fn contact() -> Contact {
        Contact {
            name: "Ann".to_owned(),
            email: "a@b.c".to_owned(),
            phone: "+41".to_owned(),
            locale: "de".to_owned(),
            fingerprints: vec![Identity(300)],
        }
    }

    #[test]
    fn the_stored_form_never_changes() {
        let user = UserId([9; 16]);
        let mut bytes = vec![1, 16];
        bytes.extend([9; 16]);
        bytes.extend(b"\x03Ann\x05a@b.c\x03+41\x02de\x01\xac\x02");
        assert_eq!(encode(user, &contact()), bytes);
        assert_eq!(decode(user, &bytes), Ok(contact()));
        assert_eq!(side_id(user), SideId(164_751_241_894_413_858_539_721_339_519_832_294_542));
        assert_ne!(side_id(UserId([8; 16])), side_id(user));
    }

    #[test]
    fn what_is_damaged_newer_or_of_another_user_is_not_believed() {
        let user = UserId([9; 16]);
        let bytes = encode(user, &contact());
        let unreadable = |bytes: &[u8]| matches!(decode(user, bytes), Err(PeopleError::Unreadable { .. }));
        assert!((0..bytes.len()).all(|len| unreadable(&bytes[..len])));
        assert!(unreadable(&[&bytes[..], &[0]].concat()));
        assert!(unreadable(&[&[2], &bytes[1..]].concat()));
        assert!(unreadable(&encode(UserId([8; 16]), &contact())));
    }
}
