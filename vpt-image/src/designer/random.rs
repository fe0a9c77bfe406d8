//! Masks of the same keep ratio that know nothing: a baseline.

use super::config::DesignerError;
use rand::Rng;
use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

/// Square cells of an image, of which a fixed share is kept whole and the rest is hidden whole.
///
/// Masks are drawn on the host and stored in the batch, so that the learner's step and the value
/// see the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomMask {
    /// The share of the cells that is kept.
    pub keep: f64,
    /// The side of a cell in pixels; those at the right and lower border may be cut.
    pub cell: usize,
}

impl Default for RandomMask {
    /// Half of the patches of DINOv3.
    fn default() -> Self {
        Self {
            keep: 0.5,
            cell: 16,
        }
    }
}

impl RandomMask {
    /// Whether the settings are in range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), DesignerError> {
        let keep = self.keep;
        DesignerError::ensure((0.0..=1.0).contains(&keep), "keep", keep, "in [0, 1]")?;
        DesignerError::ensure(self.cell > 0, "cell", self.cell as f64, "at least 1")
    }

    /// One mask: 1 where the image is kept, 0 where it is hidden, row by row. `[height, width]`
    ///
    /// Of n cells round(keep · n) are kept.
    ///
    /// # Panics
    /// If the settings are not [checked](Self::check).
    pub fn draw(&self, height: usize, width: usize, rng: &mut impl Rng) -> Vec<f32> {
        let [rows, columns] = [height, width].map(|side| side.div_ceil(self.cell));
        let cells = rows * columns;
        let kept = (self.keep * cells as f64).round() as usize;
        let mut grid = vec![0.0; cells];
        for cell in sample(rng, cells, kept) {
            grid[cell] = 1.0;
        }
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        pixels
            .map(|(y, x)| grid[y / self.cell * columns + x / self.cell])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::RandomMask;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn exactly_the_share_is_kept_in_whole_cells() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for keep in [0.0, 0.4, 0.5, 0.7, 1.0] {
            let mask = RandomMask { keep, cell: 4 }.draw(12, 20, &mut rng);
            assert_eq!(mask.len(), 240);
            let sum: f32 = mask.iter().sum();
            assert_eq!(sum, (keep * 15.0).round() as f32 * 16.0, "{keep}");
            for (at, value) in mask.iter().enumerate() {
                let (y, x) = (at / 20, at % 20);
                assert_eq!(*value, mask[y / 4 * 4 * 20 + x / 4 * 4]);
            }
        }
    }

    #[test]
    fn every_cell_is_as_likely_as_any_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let mask = RandomMask {
            keep: 0.25,
            cell: 1,
        };
        let mut counts = [0.0; 16];
        for _ in 0..4000 {
            for (count, value) in counts.iter_mut().zip(mask.draw(4, 4, &mut rng)) {
                *count += value;
            }
        }
        // 1000 ± 5 standard deviations of a binomial count.
        for count in counts {
            assert!((count - 1000.0f32).abs() < 137.0, "{count}");
        }
    }

    #[test]
    fn a_border_that_is_no_multiple_is_cut() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mask = RandomMask {
            keep: 1.0,
            cell: 16,
        }
        .draw(5, 7, &mut rng);
        assert_eq!(mask, vec![1.0; 35]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |keep, cell| RandomMask { keep, cell }.check().unwrap_err().to_string();
        assert_eq!(refused(1.5, 16), "keep: 1.5 is not in [0, 1]");
        assert_eq!(refused(f64::NAN, 16), "keep: NaN is not in [0, 1]");
        assert_eq!(refused(0.5, 0), "cell: 0 is not at least 1");
    }
}
