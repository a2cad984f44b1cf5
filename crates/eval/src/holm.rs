//! Correction of p-values for multiple tests.

/// Corrects p-values by Holm's step-down procedure (Holm, "A simple sequentially rejective multiple test procedure",
/// 1979), in the order of `p`: rejecting those up to α keeps the probability of any false rejection below α, whatever
/// the dependence between tests.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut corrected = vec![0.0; p.len()];
    let mut largest = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[i]).min(1.0);
        corrected[i] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use affekt_domain::SplitMix64;

    use super::*;

    #[test]
    fn by_hand() {
        // In order 0.01·4, 0.02·3, 0.02·2 (not under the 0.06 before it), 0.6·1.
        assert_eq!(holm(&[0.02, 0.6, 0.01, 0.02]), [0.06, 0.6, 0.04, 0.06]);
        assert_eq!(holm(&[0.4, 0.7]), [0.8, 0.8]);
        assert_eq!(holm(&[0.9, 0.9]), [1.0, 1.0]);
        assert_eq!(holm(&[0.03]), [0.03]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn corrected_values_keep_order_and_bounds() {
        let mut random = SplitMix64(5);
        for n in 2..40 {
            // Hundredths, so that some are equal.
            let p: Vec<f64> = (0..n).map(|_| random.below(101) as f64 / 100.0).collect();
            let corrected = holm(&p);
            for i in 0..n {
                assert!(p[i] <= corrected[i] && corrected[i] <= (n as f64 * p[i]).min(1.0));
                for j in 0..n {
                    assert!(p[i] > p[j] || corrected[i] <= corrected[j]);
                }
            }
        }
    }
}
