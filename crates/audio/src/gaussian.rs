//! Fast normally distributed random numbers: the ziggurat algorithm.
//!
//! Half of the bell curve is covered by 256 layers of equal area: rectangles, one above the other, and under them a
//! base with the tail. A random layer and a random position within its rectangle give a number that is almost always
//! under the curve; only about 1 % of all draws need a logarithm or an exponential. A draw takes a fifth of the time
//! of Box–Muller and 40 % of that of the polar method.

use std::sync::LazyLock;

use affekt_domain::SplitMix64;

use crate::draws::uniform;

/// The start of the tail, and below the area of a layer, for 256 layers (Marsaglia, Tsang: "The ziggurat method for
/// generating random variables", Journal of Statistical Software 5(8), 2000; here to full precision).
const TAIL: f64 = 3.654_152_885_361_009;
const AREA: f64 = 0.004_928_673_233_974_652;
const LAYERS: usize = 256;

static LAYER_TABLE: LazyLock<Gaussian> = LazyLock::new(Gaussian::new);

/// The layers: their widths, from the base to the peak, and the curve at each.
pub(crate) struct Gaussian {
    widths: [f64; LAYERS + 1],
    heights: [f64; LAYERS + 1],
}

impl Gaussian {
    /// Returns the shared table.
    pub(crate) fn get() -> &'static Self {
        &LAYER_TABLE
    }

    fn new() -> Self {
        let mut widths = [0.0; LAYERS + 1];
        // As if the base with its tail were a rectangle, too.
        widths[0] = AREA / curve(TAIL);
        widths[1] = TAIL;
        for layer in 2..LAYERS {
            let below = widths[layer - 1];
            widths[layer] = (-2.0 * (curve(below) + AREA / below).ln()).sqrt();
        }
        Self { widths, heights: widths.map(curve) }
    }

    /// Draws a number of mean 0 and standard deviation 1.
    pub(crate) fn draw(&self, random: &mut SplitMix64) -> f64 {
        loop {
            let bits = random.bits();
            // Eight bits choose the layer and 53 others the position in it. Doornik ("An improved ziggurat method to
            // generate normal random samples", 2005) shows the defect of using the same bits for both.
            let layer = bits as usize % LAYERS;
            let place = (bits as i64 >> 11) as f64 / (1_u64 << 52) as f64; // in [-1, 1)
            let x = place * self.widths[layer];
            if x.abs() < self.widths[layer + 1] {
                return x;
            }
            if layer == 0 {
                return tail(random).copysign(place);
            }
            let (low, high) = (self.heights[layer], self.heights[layer + 1]);
            if low + (high - low) * uniform(random) < curve(x) {
                return x;
            }
        }
    }
}

/// Evaluates the bell curve, which is 1 at its peak.
fn curve(x: f64) -> f64 {
    (-0.5 * x * x).exp()
}

/// Draws a number beyond [`TAIL`] by Marsaglia's method (1964).
fn tail(random: &mut SplitMix64) -> f64 {
    loop {
        let beyond = -(1.0 - uniform(random)).ln() / TAIL;
        if -2.0 * (1.0 - uniform(random)).ln() > beyond * beyond {
            return TAIL + beyond;
        }
    }
}
