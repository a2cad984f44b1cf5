//! A register of f32, of whatever width.
//!
//! Methods compile to the processor's instructions only inside functions that enable them: callers are `#[inline(always)]`
//! up to one that has `#[target_feature]`, and choose the type for it.

/// The most lanes that a register has.
pub const MOST_LANES: usize = 16;

/// Several f32 that are computed with at once.
pub trait Register: Copy {
    /// How many.
    const LANES: usize;

    /// Returns zeros.
    fn zero() -> Self;

    /// Returns `value` as often as there are lanes.
    fn splat(value: f32) -> Self;

    /// Returns the numbers at `values`.
    ///
    /// # Safety
    /// `LANES` numbers must be there.
    unsafe fn load(values: *const f32) -> Self;

    /// Puts its numbers to `into`.
    ///
    /// # Safety
    /// There must be room for `LANES` numbers.
    unsafe fn write(self, into: *mut f32);

    /// Puts its numbers to the front of `into`.
    ///
    /// # Panics
    /// Panics if there is no room for them.
    #[inline(always)]
    fn store(self, into: &mut [f32]) {
        let into = &mut into[..Self::LANES];
        // SAFETY: there is room for so many.
        unsafe { self.write(into.as_mut_ptr()) }
    }

    /// Computes self + other.
    fn add(self, other: Self) -> Self;

    /// Computes self − other.
    fn sub(self, other: Self) -> Self;

    /// Computes self · other.
    fn mul(self, other: Self) -> Self;

    /// Computes self · factor + summand, rounded once where the processor can.
    fn mul_add(self, factor: Self, summand: Self) -> Self;

    /// Computes self · factor − subtrahend, rounded once where the processor can.
    fn mul_sub(self, factor: Self, subtrahend: Self) -> Self;
}

/// Numbers that the compiler puts into the registers that every processor of the target has.
#[derive(Clone, Copy)]
pub struct Portable([f32; 8]);

impl Register for Portable {
    const LANES: usize = 8;

    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; 8])
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(values: *const f32) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { values.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn write(self, into: *mut f32) {
        // SAFETY: the caller's.
        unsafe { into.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * other.0[lane]))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        Self(std::array::from_fn(|lane| fused(self.0[lane], factor.0[lane], summand.0[lane])))
    }

    #[inline(always)]
    fn mul_sub(self, factor: Self, subtrahend: Self) -> Self {
        Self(std::array::from_fn(|lane| fused(self.0[lane], factor.0[lane], -subtrahend.0[lane])))
    }
}

/// value · factor + summand. Without an instruction for it, rounding once would be a call.
#[inline(always)]
fn fused(value: f32, factor: f32, summand: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        value.mul_add(factor, summand)
    } else {
        value * factor + summand
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($register:ident, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $store:ident,
     $add:ident, $sub:ident, $mul:ident, $mul_add:ident, $mul_sub:ident) => {
        impl Register for std::arch::x86_64::$register {
            const LANES: usize = $lanes;

            #[inline(always)]
            fn zero() -> Self {
                // SAFETY: only inside functions that enable the instructions.
                unsafe { std::arch::x86_64::$zero() }
            }

            #[inline(always)]
            fn splat(value: f32) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$splat(value) }
            }

            #[inline(always)]
            unsafe fn load(values: *const f32) -> Self {
                // SAFETY: as above; the caller has so many numbers.
                unsafe { std::arch::x86_64::$load(values) }
            }

            #[inline(always)]
            unsafe fn write(self, into: *mut f32) {
                // SAFETY: as above; the caller has room for so many.
                unsafe { std::arch::x86_64::$store(into, self) }
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$add(self, other) }
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$sub(self, other) }
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$mul(self, other) }
            }

            #[inline(always)]
            fn mul_add(self, factor: Self, summand: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$mul_add(self, factor, summand) }
            }

            #[inline(always)]
            fn mul_sub(self, factor: Self, subtrahend: Self) -> Self {
                // SAFETY: as above.
                unsafe { std::arch::x86_64::$mul_sub(self, factor, subtrahend) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(
    __m512,
    16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_fmadd_ps,
    _mm512_fmsub_ps
);
#[cfg(target_arch = "x86_64")]
x86!(
    __m256,
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_fmadd_ps,
    _mm256_fmsub_ps
);
