//! Waveforms of equal length.

/// The first `length` samples, with zeros after the end of what is shorter.
#[must_use]
pub fn fit(mut samples: Vec<f32>, length: usize) -> Vec<f32> {
    samples.resize(length, 0.0);
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_pads() {
        assert_eq!(fit(vec![1.0, 2.0, 3.0], 2), [1.0, 2.0]);
        assert_eq!(fit(vec![1.0, 2.0, 3.0], 5), [1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(fit(Vec::new(), 2), [0.0, 0.0]);
    }
}
