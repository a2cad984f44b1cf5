//! How much a recording may decode to: silence compresses without end, so that a file of some kilobytes can hold days.

use std::sync::OnceLock;

use crate::error::AudioFault;

/// The bytes of samples (f32) that are granted for each byte of the file: more than speech takes in any format (MP3 at 8 kbit/s
/// takes 192).
pub const DECODED_BYTES_PER_BYTE: usize = 256;

/// The variable that says how many MiB of samples are granted whatever the size of the file.
const VARIABLE: &str = "AFFEKT_DECODED_MIB";

/// Its default: an hour at 16 kHz, twelve minutes of stereo at 48 kHz.
const DEFAULT_MIB: usize = 256;

/// A bound on samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    samples: usize,
    mib: usize,
}

impl Limit {
    /// Returns the bound for a file of this length.
    pub(crate) fn of(bytes: usize) -> Self {
        static MIB: OnceLock<usize> = OnceLock::new();
        let given = || std::env::var(VARIABLE).ok()?.trim().parse().ok();
        Self::new(bytes, *MIB.get_or_init(|| given().unwrap_or(DEFAULT_MIB)))
    }

    fn new(bytes: usize, mib: usize) -> Self {
        let granted =
            mib.saturating_mul(1 << 20).saturating_add(bytes.saturating_mul(DECODED_BYTES_PER_BYTE));
        Self { samples: granted / size_of::<f32>(), mib }
    }

    /// Returns how many samples to allocate in advance for a header that declares so many.
    pub(crate) fn reserved(self, declared: u64) -> usize {
        usize::try_from(declared)
            .map_or(self.samples, |declared| declared.min(self.samples))
            .min(MAX_RESERVED)
    }

    /// Checks that so many samples are within the bound.
    pub(crate) fn check(self, samples: usize) -> Result<(), AudioFault> {
        if samples <= self.samples {
            return Ok(());
        }
        Err(AudioFault::TooLong { mib: self.mib, variable: VARIABLE })
    }
}

/// The most samples that are allocated in advance (64 MiB).
const MAX_RESERVED: usize = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_with_the_file_and_the_setting() {
        let limit = Limit::new(4, 1);
        let most = (1 << 18) + DECODED_BYTES_PER_BYTE;
        assert!(limit.check(most).is_ok());
        let told = limit.check(most + 1).unwrap_err().to_string();
        assert!(told.contains("more than 1 MiB") && told.contains("set AFFEKT_DECODED_MIB"), "{told}");
        assert_eq!(limit.reserved(7), 7);
        assert_eq!(limit.reserved(u64::MAX), most);
        assert_eq!(Limit::new(usize::MAX, 1).reserved(u64::MAX), MAX_RESERVED);
    }
}
