//! What a processor can do, found out at run time.

/// The instructions that kernels are chosen by. Each level has those of the levels before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Whatever the target has.
    Portable,
    /// AVX2 and FMA: 8 f32.
    Avx2,
    /// AVX-512: 16 f32.
    Avx512,
    /// AVX-512 with VNNI: 64 products of bytes.
    Vnni,
}

impl Level {
    const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Vnni];

    /// Returns the highest level that this processor has.
    #[must_use]
    pub fn highest() -> Self {
        Self::available().last().unwrap_or(Self::Portable)
    }

    /// Returns every level that this processor has, the lowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_there())
    }

    #[cfg(target_arch = "x86_64")]
    fn is_there(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = || has!("avx2") && has!("fma");
        let avx512 = || avx2() && has!("avx512f") && has!("avx512bw");
        match self {
            Self::Portable => true,
            Self::Avx2 => avx2(),
            Self::Avx512 => avx512(),
            Self::Vnni => avx512() && has!("avx512vnni"),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_there(self) -> bool {
        self == Self::Portable
    }
}
