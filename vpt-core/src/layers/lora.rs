//! The low-rank part beside one linear.

use crate::kernels::linear;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// s·B(A(dropout(x))), to be added to W·x + b.
#[derive(Module, Debug)]
pub struct Lora<B: Backend> {
    /// A, `[rank, in]`.
    pub a: Param<Tensor<B, 2>>,
    /// B, `[out, rank]`.
    pub b: Param<Tensor<B, 2>>,
    /// s.
    pub scale: f64,
    /// The share of inputs that is zeroed, where a forward pass has a seed for it.
    pub dropout: f64,
    /// The adapter's own stream of masks under any seed.
    pub stream: u64,
}

impl<B: Backend> Lora<B> {
    /// `seed` is that of this forward's masks; none outside training.
    ///
    /// # Shapes
    /// `[rows, in] → [rows, out]`
    pub fn forward(&self, x: Tensor<B, 2>, seed: Option<u64>) -> Tensor<B, 2> {
        let x = match seed {
            Some(seed) if self.dropout > 0.0 => {
                let mask = self.mask(seed, &x);
                x * mask
            }
            _ => x,
        };
        // Scaled where rows are shortest.
        let short = linear(x, self.a.val()).mul_scalar(self.scale);
        linear(short, self.b.val())
    }

    /// s·B·A, what merging adds to W. `[out, in]`
    pub fn product(&self) -> Tensor<B, 2> {
        self.b.val().mul_scalar(self.scale).matmul(self.a.val())
    }

    /// 0 with probability p, else 1/(1 − p), drawn on the host: the same for the same seed in
    /// every forward pass, on every backend and at every level of differentiation.
    fn mask(&self, seed: u64, like: &Tensor<B, 2>) -> Tensor<B, 2> {
        let shape = like.dims();
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(self.stream);
        let mut bytes = vec![0; 2 * shape[0] * shape[1]];
        draws.fill_bytes(&mut bytes);
        // A draw of 16 bits is fine enough for a share that is given in per cent.
        let dropped = (self.dropout * 65536.0).round() as u32;
        let kept = (1.0 / (1.0 - self.dropout)) as f32;
        let (words, _) = bytes.as_chunks::<2>();
        let values: Vec<f32> = words
            .iter()
            .map(
                |&word| match u32::from(u16::from_le_bytes(word)) < dropped {
                    true => 0.0,
                    false => kept,
                },
            )
            .collect();
        let options = (&like.device(), like.dtype());
        Tensor::from_data(TensorData::new(values, shape), options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::Flex;

    fn layer(stream: u64) -> Lora<Flex> {
        let device = Default::default();
        // The identity, so that the output is the masked input.
        Lora {
            a: Param::from_tensor(Tensor::eye(64, &device)),
            b: Param::from_tensor(Tensor::eye(64, &device)),
            scale: 1.0,
            dropout: 0.25,
            stream,
        }
    }

    fn out(layer: &Lora<Flex>, seed: Option<u64>) -> Vec<f32> {
        let ones = Tensor::ones([128, 64], &Default::default());
        layer.forward(ones, seed).into_data().to_vec().unwrap()
    }

    #[test]
    fn dropout_keeps_the_mean_and_follows_its_seed() {
        let layer = layer(3);
        let dropped = out(&layer, Some(1));
        let zeros = dropped.iter().filter(|x| **x == 0.0).count();
        let share = zeros as f64 / dropped.len() as f64;
        // Five standard deviations of 8,192 draws.
        assert!((share - 0.25).abs() < 0.024, "{share}");
        let kept = dropped.iter().filter(|x| **x != 0.0);
        kept.for_each(|x| assert!((x - 4.0 / 3.0).abs() < 1e-6, "{x}"));
        assert_eq!(out(&layer, Some(1)), dropped);
        assert_ne!(out(&layer, Some(2)), dropped);
        assert_ne!(out(&self::layer(4), Some(1)), dropped);
        assert_eq!(out(&layer, None), vec![1.0; 128 * 64]);
    }
}
