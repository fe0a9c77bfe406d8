//! One value a pixel: labels and depths.

use super::PixelBox;

/// The label of pixels that no metric or loss counts.
pub const IGNORE: u8 = 255;

/// A class for each pixel, [`IGNORE`] where there is none. `[height, width]`
pub type LabelMap = Grid<u8>;

/// A depth in metres for each pixel, 0 where it is not known. `[height, width]`
pub type DepthMap = Grid<f32>;

/// Values of pixels, row by row. `[height, width]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid<T> {
    height: usize,
    width: usize,
    values: Vec<T>,
}

impl<T: Copy> Grid<T> {
    /// A grid of `values`, row by row.
    ///
    /// # Panics
    /// If there are not `height · width` values.
    pub fn new(height: usize, width: usize, values: Vec<T>) -> Self {
        assert_eq!(values.len(), height * width, "values of a grid");
        Self {
            height,
            width,
            values,
        }
    }

    /// The value of each (row, column).
    pub fn from_fn(height: usize, width: usize, mut value: impl FnMut(usize, usize) -> T) -> Self {
        let rows = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let values = rows.map(|(row, column)| value(row, column)).collect();
        Self::new(height, width, values)
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All values, row by row.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// All values, row by row, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The value at a pixel.
    ///
    /// # Panics
    /// If the pixel is outside.
    pub fn at(&self, row: usize, column: usize) -> T {
        assert!(column < self.width, "column {column} of {}", self.width);
        self.values[row * self.width + column]
    }

    /// The part in `region`.
    ///
    /// # Panics
    /// If the region is not inside.
    pub fn crop(&self, region: PixelBox) -> Self {
        Self::from_fn(region.height, region.width, |row, column| {
            self.at(region.top + row, region.left + column)
        })
    }

    /// Mirrored left to right.
    pub fn flip(&self) -> Self {
        Self::from_fn(self.height, self.width, |row, column| {
            self.at(row, self.width - 1 - column)
        })
    }

    /// Resized by the nearest pixel's value, as Pillow's `NEAREST`: the one on which the new
    /// pixel's centre falls.
    ///
    /// # Panics
    /// If there are no pixels to take.
    pub fn resize_nearest(&self, height: usize, width: usize) -> Self {
        let source = |place: usize, from: usize, to: usize| {
            let centre = (place as f64 + 0.5) * from as f64 / to as f64;
            (centre as usize).min(from - 1)
        };
        Self::from_fn(height, width, |row, column| {
            self.at(
                source(row, self.height, height),
                source(column, self.width, width),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_mirrored_and_resized() {
        let grid = Grid::from_fn(3, 4, |row, column| 10 * row + column);
        let region = PixelBox {
            top: 1,
            left: 2,
            height: 2,
            width: 2,
        };
        assert_eq!(grid.crop(region).values(), [12, 13, 22, 23]);
        assert_eq!(grid.crop(region).flip().values(), [13, 12, 23, 22]);
        // Centres at 1, 3 of 4 columns and 1.5 of 3 rows.
        assert_eq!(grid.resize_nearest(1, 2).values(), [11, 13]);
        assert_eq!(
            grid.crop(region).resize_nearest(2, 4).values(),
            [12, 12, 13, 13, 22, 22, 23, 23]
        );
    }
}
