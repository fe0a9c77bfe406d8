//! Real handwritten digits, 8 × 8.

use super::{SceneError, Split};

/// See `data/README.md` for where they come from and their licence (CC BY 4.0).
const SHEET: &[u8] = include_bytes!("../../data/digits.png");
const SIDE: usize = 8;
const COUNT: usize = 1797;

/// All digits, ordered by what they show.
pub(super) struct Digits {
    /// `[rows, columns]` of the sheet.
    ink: Vec<u8>,
    columns: usize,
}

impl Digits {
    pub(super) fn read() -> Result<Self, SceneError> {
        let sheet = image::load_from_memory(SHEET).map_err(|error| SceneError::Digits {
            reason: error.to_string(),
        })?;
        let sheet = sheet.into_luma8();
        let columns = sheet.width() as usize / SIDE;
        if columns * (sheet.height() as usize / SIDE) < COUNT {
            return Err(SceneError::Digits {
                reason: format!(
                    "the sheet has {} x {} pixels",
                    sheet.height(),
                    sheet.width()
                ),
            });
        }
        Ok(Self {
            ink: sheet.into_raw(),
            columns,
        })
    }

    /// The digit that `draw` stands for among those of a split; each belongs to one split.
    pub(super) fn of_split(split: Split, draw: u64) -> usize {
        let splits = Split::ALL.len();
        let own = (COUNT - split as usize).div_ceil(splits);
        (draw % own as u64) as usize * splits + split as usize
    }

    /// Ink in [0, 1] at (x, y) in [0, 1)², between pixels by bilinear interpolation.
    pub(super) fn ink(&self, digit: usize, x: f32, y: f32) -> f32 {
        let (left, top) = (digit % self.columns * SIDE, digit / self.columns * SIDE);
        let at = |column: usize, row: usize| {
            let (column, row) = (column.min(SIDE - 1), row.min(SIDE - 1));
            f32::from(self.ink[(top + row) * self.columns * SIDE + left + column])
        };
        let along = |position: f32| {
            let position = (position * SIDE as f32 - 0.5).clamp(0.0, SIDE as f32 - 1.0);
            (position as usize, position.fract())
        };
        let ((column, right), (row, down)) = (along(x), along(y));
        let mix = |a: f32, b: f32, part: f32| a + (b - a) * part;
        let upper = mix(at(column, row), at(column + 1, row), right);
        let lower = mix(at(column, row + 1), at(column + 1, row + 1), right);
        mix(upper, lower, down) / 240.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_digit_belongs_to_one_split() {
        let mut seen = BTreeSet::new();
        for split in Split::ALL {
            let own: BTreeSet<usize> = (0..400).map(|draw| Digits::of_split(split, draw)).collect();
            assert!(
                own.iter()
                    .all(|digit| *digit < COUNT && seen.insert(*digit))
            );
        }
        assert_eq!(seen.len(), COUNT);
    }

    #[test]
    fn the_first_is_a_zero() {
        let digits = Digits::read().unwrap();
        // Ink around, none in the middle.
        assert!(digits.ink(0, 0.5, 0.2) > 0.5 && digits.ink(0, 0.5, 0.55) < 0.2);
    }
}
