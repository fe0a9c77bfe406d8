//! Bilinear resizing of maps on a tape.

use burn::tensor::{Tensor, TensorData, backend::Backend};

/// Maps of another size by bilinear interpolation with `align_corners = false` and without
/// antialiasing, as `torch.nn.functional.interpolate` does it. Two matrix products, so it can be
/// differentiated any number of times.
///
/// # Shapes
/// `[batch, channels, height, width] → [batch, channels, size[0], size[1]]`
pub fn upsample<B: Backend>(maps: Tensor<B, 4>, size: [usize; 2]) -> Tensor<B, 4> {
    let [batch, channels, height, width] = maps.dims();
    let [rows, columns] = size;
    if [height, width] == size {
        return maps;
    }
    let options = (&maps.device(), maps.dtype());
    let along = |from: usize, to: usize| {
        let weights = TensorData::new(weights(from, to), [from, to]);
        Tensor::<B, 2>::from_data(weights, options)
    };
    let maps = maps.reshape([batch * channels * height, width]);
    let maps = maps.matmul(along(width, columns));
    let maps = maps.reshape([batch * channels, height, columns]);
    let maps = maps.swap_dims(1, 2);
    let maps = maps.reshape([batch * channels * columns, height]);
    let maps = maps.matmul(along(height, rows));
    let maps = maps.reshape([batch * channels, columns, rows]);
    maps.swap_dims(1, 2)
        .reshape([batch, channels, rows, columns])
}

/// What each of `from` values adds to each of `to`. `[from, to]`
fn weights(from: usize, to: usize) -> Vec<f64> {
    let mut weights = vec![0.0; from * to];
    for place in 0..to {
        let centre = (place as f64 + 0.5) * from as f64 / to as f64 - 0.5;
        let centre = centre.max(0.0);
        let lower = (centre as usize).min(from - 1);
        let share = centre - lower as f64;
        weights[lower * to + place] += 1.0 - share;
        weights[(lower + 1).min(from - 1) * to + place] += share;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::weights;

    /// Each new value is a mean: constants stay.
    #[test]
    fn weights_add_up_to_one() {
        for (from, to) in [(1, 4), (3, 7), (14, 224), (5, 2)] {
            let weights = weights(from, to);
            for place in 0..to {
                let sum: f64 = (0..from).map(|source| weights[source * to + place]).sum();
                assert!((sum - 1.0).abs() < 1e-12, "{from} -> {to}: {sum}");
            }
        }
    }
}
