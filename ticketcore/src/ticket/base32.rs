//! Bytes as text: Crockford's base 32 in capitals, eight characters for five bytes. All of them are in the alphanumeric mode of QR codes.
//! <https://www.crockford.com/base32.html>

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NONE: u8 = 0xff;

/// The value of each character.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut at = 0u8;
    while (at as usize) < ALPHABET.len() {
        values[ALPHABET[at as usize] as usize] = at;
        at += 1;
    }
    values
};

/// Fills `text` with the characters of `bytes`; their lengths are 8 to 5.
pub(super) fn encode(bytes: &[u8], text: &mut [u8]) {
    debug_assert!(bytes.len().is_multiple_of(5) && text.len() / 8 == bytes.len() / 5);
    for (five, eight) in bytes.chunks_exact(5).zip(text.chunks_exact_mut(8)) {
        let word = five.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        for (at, char) in eight.iter_mut().enumerate() {
            *char = ALPHABET[(word >> (35 - 5 * at) & 31) as usize];
        }
    }
}

/// Fills `bytes` with what `text` says. False if a character is none of ours, or the lengths do not fit.
#[must_use]
pub(super) fn decode(text: &[u8], bytes: &mut [u8]) -> bool {
    if !bytes.len().is_multiple_of(5) || text.len() != bytes.len() / 5 * 8 {
        return false;
    }
    for (eight, five) in text.chunks_exact(8).zip(bytes.chunks_exact_mut(5)) {
        let mut word = 0u64;
        for char in eight {
            let value = VALUES[usize::from(*char)];
            if value == NONE {
                return false;
            }
            word = word << 5 | u64::from(value);
        }
        five.copy_from_slice(&word.to_be_bytes()[3..]);
    }
    true
}

/// What somebody typed, without blanks and dashes, in capitals, with the letters that look like digits taken for those.
pub(super) fn tidy(typed: &str) -> String {
    let plain = typed.chars().filter(|char| !char.is_whitespace() && *char != '-');
    let digit = |char: char| match char.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    plain.map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip_and_other_characters_are_refused() {
        let bytes: Vec<u8> = (0..=254).collect();
        let mut text = vec![0; bytes.len() / 5 * 8];
        encode(&bytes, &mut text);
        let mut again = vec![0; bytes.len()];
        assert!(decode(&text, &mut again));
        assert_eq!(again, bytes);
        for wrong in [b'a', b'I', b'L', b'O', b'U', b' ', b'-', 0, 0xff] {
            let mut other = text.clone();
            other[9] = wrong;
            assert!(!decode(&other, &mut again), "{wrong}");
        }
        assert!(!decode(&text[1..], &mut again));
        // The example of RFC 4648, in this alphabet.
        let mut foobar = [0; 8];
        encode(b"fooba", &mut foobar);
        assert_eq!(&foobar, b"CSQPYRK1");
    }
}
