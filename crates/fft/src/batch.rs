//! Many transforms of one length side by side, a signal in each lane of a register.
//!
//! Nothing moves between lanes, so a butterfly is a handful of operations on whole registers for any length and any kind of
//! register. The algorithm is Stockham's (autosorting, decimation in frequency): each pass reads one buffer and writes the
//! other, in order.

use std::f64::consts::TAU;

use affekt_simd::{Aligned, Register};

/// Transforms of a fixed length, prepared once.
pub struct Batch {
    length: usize,
    passes: Vec<Pass>,
}

/// One pass: `length / radix` butterflies for each of `stride` interleaved transforms.
struct Pass {
    radix: usize,
    /// Of the transforms that this pass makes smaller.
    length: usize,
    stride: usize,
    /// e^(−2πi pk / length) for `[p][k − 1]`, k from 1 to radix − 1.
    twiddles: Vec<[f32; 2]>,
    /// e^(−2πi k / radix), for radices without a butterfly of their own.
    roots: Vec<[f32; 2]>,
}

/// Complex numbers, real parts and imaginary parts apart: `[length, lanes]` each.
#[derive(Default)]
pub struct Signals {
    /// Real parts.
    pub re: Aligned,
    /// Imaginary parts.
    pub im: Aligned,
}

impl Signals {
    /// Makes room for `values` values in registers of `lanes`.
    pub fn resize(&mut self, values: usize, lanes: usize) {
        self.re.resize(values * lanes);
        self.im.resize(values * lanes);
    }
}

impl Batch {
    /// Prepares transforms of `length` values. Fast where its prime factors are 2, 3 and 5.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let (mut left, mut stride, mut passes) = (length, 1, Vec::new());
        while left > 1 {
            let radix = [8, 4, 2, 3, 5].into_iter().find(|radix| left.is_multiple_of(*radix));
            let radix =
                radix.unwrap_or_else(|| (7..=left).find(|radix| left.is_multiple_of(*radix)).unwrap_or(left));
            passes.push(Pass::new(radix, left, stride));
            left /= radix;
            stride *= radix;
        }
        Self { length, passes }
    }

    /// Transforms forward, unscaled. `scratch` has the same size; on return, either holds anything.
    ///
    /// # Panics
    /// Panics if there are fewer than `length` registers of values.
    #[inline(always)]
    pub fn forward<V: Register>(&self, signals: &mut Signals, scratch: &mut Signals) {
        let values = self.length * V::LANES;
        for buffer in [&signals.re, &signals.im, &scratch.re, &scratch.im] {
            assert!(buffer.len() >= values, "there must be room for {} values", self.length);
        }
        for pass in &self.passes {
            match pass.radix {
                2 => pass.run::<V, 2>(signals, scratch, butterfly_2),
                3 => pass.run::<V, 3>(signals, scratch, butterfly_3),
                4 => pass.run::<V, 4>(signals, scratch, butterfly_4),
                5 => pass.run::<V, 5>(signals, scratch, butterfly_5),
                8 => pass.run::<V, 8>(signals, scratch, butterfly_8),
                _ => pass.run_any::<V>(signals, scratch),
            }
            std::mem::swap(signals, scratch);
        }
    }
}

impl Pass {
    fn new(radix: usize, length: usize, stride: usize) -> Self {
        let root = |turns: usize, of: usize| {
            let angle = TAU * (turns % of) as f64 / of as f64;
            [angle.cos() as f32, -angle.sin() as f32]
        };
        let butterflies = length / radix;
        let twiddles = (0..butterflies).flat_map(|p| (1..radix).map(move |k| root(p * k, length))).collect();
        let roots =
            if radix > 5 && radix != 8 { (0..radix).map(|k| root(k, radix)).collect() } else { Vec::new() };
        Self { radix, length, stride, twiddles, roots }
    }

    #[inline(always)]
    fn run<V: Register, const R: usize>(
        &self,
        from: &Signals,
        to: &mut Signals,
        butterfly: impl Fn([Complex<V>; R]) -> [Complex<V>; R],
    ) {
        let (stride, count) = (self.stride, self.length / R);
        let (from_re, from_im) = (from.re.as_ptr(), from.im.as_ptr());
        let (to_re, to_im) = (to.re.as_mut_ptr(), to.im.as_mut_ptr());
        for (p, twiddles) in self.twiddles.chunks_exact(R - 1).enumerate() {
            let twiddles: [Complex<V>; R] = std::array::from_fn(|k| match k {
                0 => Complex { re: V::zero(), im: V::zero() },
                _ => Complex { re: V::splat(twiddles[k - 1][0]), im: V::splat(twiddles[k - 1][1]) },
            });
            for q in 0..stride {
                // SAFETY: p < count, q < stride and k < R, so that both places are below stride · count · R = the transform's
                // length, and the buffers hold as many registers.
                unsafe {
                    let values: [Complex<V>; R] = std::array::from_fn(|k| {
                        let at = (q + stride * (p + count * k)) * V::LANES;
                        Complex { re: V::load(from_re.add(at)), im: V::load(from_im.add(at)) }
                    });
                    let values = butterfly(values);
                    for k in 0..R {
                        let value = if k == 0 { values[0] } else { values[k].times(twiddles[k]) };
                        let at = (q + stride * (R * p + k)) * V::LANES;
                        value.re.write(to_re.add(at));
                        value.im.write(to_im.add(at));
                    }
                }
            }
        }
    }

    /// By the definition, for any radix.
    #[inline(always)]
    fn run_any<V: Register>(&self, from: &Signals, to: &mut Signals) {
        let (radix, stride, count) = (self.radix, self.stride, self.length / self.radix);
        let load = |at: usize| {
            let range = at * V::LANES..(at + 1) * V::LANES;
            let (re, im) = (&from.re[range.clone()], &from.im[range]);
            // SAFETY: both slices have a register's numbers.
            unsafe { Complex { re: V::load(re.as_ptr()), im: V::load(im.as_ptr()) } }
        };
        let complex = |value: [f32; 2]| Complex { re: V::splat(value[0]), im: V::splat(value[1]) };
        for (p, twiddles) in self.twiddles.chunks_exact(radix - 1).enumerate() {
            for q in 0..stride {
                for k in 0..radix {
                    let mut sum = load(q + stride * p);
                    for j in 1..radix {
                        let term =
                            load(q + stride * (p + count * j)).times(complex(self.roots[j * k % radix]));
                        sum = sum.plus(term);
                    }
                    if k > 0 {
                        sum = sum.times(complex(twiddles[k - 1]));
                    }
                    let at = (q + stride * (radix * p + k)) * V::LANES;
                    sum.re.store(&mut to.re[at..]);
                    sum.im.store(&mut to.im[at..]);
                }
            }
        }
    }
}

/// A complex number in every lane.
#[derive(Clone, Copy)]
struct Complex<V> {
    re: V,
    im: V,
}

impl<V: Register> Complex<V> {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self { re: self.re.add(other.re), im: self.im.add(other.im) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self { re: self.re.sub(other.re), im: self.im.sub(other.im) }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self {
            re: self.re.mul_sub(other.re, self.im.mul(other.im)),
            im: self.re.mul_add(other.im, self.im.mul(other.re)),
        }
    }

    /// Times a real number.
    #[inline(always)]
    fn scaled(self, by: f32) -> Self {
        let by = V::splat(by);
        Self { re: self.re.mul(by), im: self.im.mul(by) }
    }

    /// Times −i.
    #[inline(always)]
    fn turned(self) -> Self {
        Self { re: self.im, im: V::zero().sub(self.re) }
    }
}

#[inline(always)]
fn butterfly_2<V: Register>([a, b]: [Complex<V>; 2]) -> [Complex<V>; 2] {
    [a.plus(b), a.minus(b)]
}

#[inline(always)]
fn butterfly_3<V: Register>([a, b, c]: [Complex<V>; 3]) -> [Complex<V>; 3] {
    /// sin 120°
    const SINE: f32 = 0.866_025_4;
    let (sum, difference) = (b.plus(c), b.minus(c).turned().scaled(SINE));
    let middle = a.minus(sum.scaled(0.5));
    [a.plus(sum), middle.plus(difference), middle.minus(difference)]
}

#[inline(always)]
fn butterfly_4<V: Register>([a, b, c, d]: [Complex<V>; 4]) -> [Complex<V>; 4] {
    let (ac, a_c) = (a.plus(c), a.minus(c));
    let (bd, b_d) = (b.plus(d), b.minus(d).turned());
    [ac.plus(bd), a_c.plus(b_d), ac.minus(bd), a_c.minus(b_d)]
}

#[inline(always)]
fn butterfly_5<V: Register>([a, b, c, d, e]: [Complex<V>; 5]) -> [Complex<V>; 5] {
    // cos and sin of 72° and 144°
    const COSINES: [f32; 2] = [0.309_017, -0.809_017];
    const SINES: [f32; 2] = [0.951_056_5, 0.587_785_25];
    let (be, b_e) = (b.plus(e), b.minus(e).turned());
    let (cd, c_d) = (c.plus(d), c.minus(d).turned());
    let first = a.plus(be.scaled(COSINES[0])).plus(cd.scaled(COSINES[1]));
    let second = a.plus(be.scaled(COSINES[1])).plus(cd.scaled(COSINES[0]));
    let first_turn = b_e.scaled(SINES[0]).plus(c_d.scaled(SINES[1]));
    let second_turn = b_e.scaled(SINES[1]).minus(c_d.scaled(SINES[0]));
    [
        a.plus(be).plus(cd),
        first.plus(first_turn),
        second.plus(second_turn),
        second.minus(second_turn),
        first.minus(first_turn),
    ]
}

#[inline(always)]
fn butterfly_8<V: Register>([a, b, c, d, e, f, g, h]: [Complex<V>; 8]) -> [Complex<V>; 8] {
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let even = butterfly_4([a, c, e, g]);
    let odd = butterfly_4([b, d, f, h]);
    // Times e^(−2πi k / 8).
    let turned = [
        odd[0],
        odd[1].plus(odd[1].turned()).scaled(half),
        odd[2].turned(),
        odd[3].turned().minus(odd[3]).scaled(half),
    ];
    std::array::from_fn(|k| if k < 4 { even[k].plus(turned[k]) } else { even[k - 4].minus(turned[k - 4]) })
}

#[cfg(test)]
mod tests {
    use affekt_simd::Portable;

    use super::*;

    #[test]
    fn follows_the_definition_for_any_factors() {
        let lanes = Portable::LANES;
        for length in [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 30, 32, 49, 64, 77, 100, 120, 128, 250] {
            let value = |at: usize| ((at * 7919) % 101) as f32 / 50.0 - 1.0;
            let mut signals = Signals::default();
            signals.resize(length, lanes);
            signals.re.iter_mut().enumerate().for_each(|(at, re)| *re = value(at));
            signals.im.iter_mut().enumerate().for_each(|(at, im)| *im = value(at + 13));
            let mut expected = vec![[0.0_f64; 2]; length * lanes];
            for (at, [re, im]) in expected.iter_mut().enumerate() {
                let (k, lane) = (at / lanes, at % lanes);
                for n in 0..length {
                    let (sine, cosine) = (-TAU * (n * k % length) as f64 / length as f64).sin_cos();
                    let from = n * lanes + lane;
                    let (x, y) = (f64::from(signals.re[from]), f64::from(signals.im[from]));
                    *re += x * cosine - y * sine;
                    *im += x * sine + y * cosine;
                }
            }
            let mut scratch = Signals::default();
            scratch.resize(length, lanes);
            Batch::new(length).forward::<Portable>(&mut signals, &mut scratch);
            for ((re, im), [x, y]) in signals.re.iter().zip(signals.im.iter()).zip(expected) {
                let error = (f64::from(*re) - x).hypot(f64::from(*im) - y);
                assert!(error < 1e-6 * (length as f64).sqrt().max(1.0) * 2.0, "{length}: off by {error}");
            }
        }
    }
}
