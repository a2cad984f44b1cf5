//! Mutation of inputs: a few random edits of one input of a pool.
//!
//! The edits are those that find faults in readers of files: bits and bytes, lengths at their extremes, pieces left out,
//! repeated and moved, pieces of other inputs, and words of the format.

use affekt_domain::SplitMix64;

/// The length that no mutated input exceeds, in bytes.
pub const LONGEST: usize = 256 << 10;

/// The most edits of one input.
const MOST_EDITS: usize = 6;

/// Numbers at which lengths, counts and offsets go wrong.
const EXTREMES: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// What stands in texts of any format, and is rarely expected there.
const WORDS: [&str; 28] = [
    "\u{feff}",
    "\u{0}",
    "\u{301}",
    "\u{202e}",
    "\u{1F600}",
    "\r\n",
    "\t",
    "\"",
    "'",
    "{",
    "[",
    "]",
    "}",
    ",",
    ":",
    "-1",
    "0",
    "1e999",
    "-0.0",
    "NaN",
    "18446744073709551616",
    "9223372036854775807",
    "../../../escaped",
    "/tmp/affekt-fuzz-escaped",
    "<script>alert(1)</script>",
    "=1+1",
    "%00",
    "(a|a)*$",
];

/// Returns input `pool[…]` with a few edits; `random` and the pool decide which.
#[must_use]
pub fn mutated(random: &mut SplitMix64, pool: &[Vec<u8>], words: &[String]) -> Vec<u8> {
    let mut bytes = pool[random.below(pool.len())].clone();
    for _ in 0..=random.below(MOST_EDITS) {
        edit(random, &mut bytes, pool, words);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn edit(random: &mut SplitMix64, bytes: &mut Vec<u8>, pool: &[Vec<u8>], words: &[String]) {
    let at = random.below(bytes.len() + 1);
    match random.below(14) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.bits() as u8;
            }
        }
        3 => overwrite_number(random, bytes, at),
        4 => replace_digits(random, bytes, at),
        5 => {
            let more: Vec<u8> = (0..=random.below(8)).map(|_| random.bits() as u8).collect();
            bytes.splice(at..at, more);
        }
        6 => {
            let piece = piece(random, bytes.len(), at);
            bytes.drain(piece);
        }
        7 => bytes.truncate(at),
        8 => {
            // Once, or so often that whatever is not linear shows.
            let times = if random.below(4) == 0 { 1 << random.below(14) } else { 1 };
            let more = bytes[piece(random, bytes.len(), at)].to_vec();
            let times = times.min(LONGEST / more.len().max(1));
            bytes.splice(at..at, more.repeat(times));
        }
        9 => {
            let moved: Vec<u8> = bytes.drain(piece(random, bytes.len(), at)).collect();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, moved);
        }
        10 => {
            let other = &pool[random.below(pool.len())];
            let from = random.below(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
        11 => {
            let other = &pool[random.below(pool.len())];
            let from = random.below(other.len() + 1);
            bytes.splice(at..at, other[piece(random, other.len(), from)].iter().copied());
        }
        _ => insert_word(random, bytes, at, words),
    }
}

/// A piece that begins at `at`: mostly short, sometimes all the rest.
fn piece(random: &mut SplitMix64, len: usize, at: usize) -> std::ops::Range<usize> {
    let rest = len - at;
    let most = if random.below(4) == 0 { rest } else { rest.min(64) };
    at..at + random.below(most + 1)
}

/// Writes an extreme, or one off it, over two, four or eight bytes, in either order.
fn overwrite_number(random: &mut SplitMix64, bytes: &mut [u8], at: usize) {
    let number = EXTREMES[random.below(EXTREMES.len())].wrapping_add(random.below(3) as u64).wrapping_sub(1);
    let width = 2 << random.below(3);
    let Some(place) = bytes.get_mut(at..at + width) else { return };
    if random.below(2) == 0 {
        place.copy_from_slice(&number.to_le_bytes()[..width]);
    } else {
        place.copy_from_slice(&number.to_be_bytes()[8 - width..]);
    }
}

/// Replaces the next number in decimal digits by an extreme.
fn replace_digits(random: &mut SplitMix64, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else {
        return;
    };
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = EXTREMES[random.below(EXTREMES.len())];
    let sign = if random.below(4) == 0 { "-" } else { "" };
    bytes.splice(start..start + digits, format!("{sign}{number}").into_bytes());
}

/// Inserts a word of the format or of all formats, or overwrites as many bytes with it; sometimes again and again.
fn insert_word(random: &mut SplitMix64, bytes: &mut Vec<u8>, at: usize, words: &[String]) {
    let which = random.below(words.len() + WORDS.len());
    let word = words.get(which).map_or_else(|| WORDS[which - words.len()], String::as_str);
    let times = if random.below(8) == 0 { 1 << random.below(15) } else { 1 };
    let end = if random.below(2) == 0 { at } else { (at + word.len()).min(bytes.len()) };
    bytes.splice(at..end, word.as_bytes().repeat(times.min(LONGEST / word.len().max(1))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_which_differ_and_are_bounded() {
        let pool = [b"name: x\nlist: [1, 2, 3]\n".to_vec(), (0..=255).collect(), Vec::new()];
        let made = |seed| -> Vec<Vec<u8>> {
            let mut random = SplitMix64(seed);
            (0..2000).map(|_| mutated(&mut random, &pool, &["op: train".to_owned()])).collect()
        };
        let (one, other) = (made(1), made(2));
        assert_eq!(one, made(1));
        assert_ne!(one, other);
        assert!(one.iter().all(|input| input.len() <= LONGEST));
        let distinct: std::collections::BTreeSet<_> = one.iter().collect();
        assert!(distinct.len() > 1300, "{} of 2000 differ", distinct.len());
    }
}
