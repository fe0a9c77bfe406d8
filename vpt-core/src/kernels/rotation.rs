//! Rotary positions: the halves of each head turned by an angle for each position and pair.

use super::{fused, primitive, takes, wrapped};
use burn::tensor::{DType, Tensor, TensorData, backend::Backend};

/// Halves (a, b) of each head to (a·cos − b·sin, b·cos + a·sin).
#[derive(Clone, Debug)]
pub(super) struct Rotate;

/// The rotations of one input's positions, made once for all blocks.
#[derive(Clone, Debug)]
pub struct Rotation<B: Backend>(Angles<B>);

#[derive(Clone, Debug)]
enum Angles<B: Backend> {
    /// Cosines and sines, `[batch · seq, head_dim / 2]`.
    Rows([Tensor<B, 2>; 2]),
    /// Laid out as the heads lie beside each other, so that a block multiplies arrays of one shape
    /// and copies no halves.
    Beside {
        /// Cosines and sines, `[batch · seq, heads · head_dim]`, for each number of heads.
        angles: Vec<[Tensor<B, 2>; 2]>,
        /// R with (a, b)·R = (−b, a) for the halves a and b of a head. `[head_dim, head_dim]`
        quarter: Tensor<B, 2>,
    },
}

impl<B: Backend> Rotation<B> {
    /// Angles by their cosines and sines, for layers with these numbers of heads. They are
    /// constants: no gradient reaches them.
    ///
    /// # Shapes
    /// `[batch · seq, head_dim / 2]` each
    pub fn new(cos: Tensor<B, 2>, sin: Tensor<B, 2>, heads: &[usize]) -> Self {
        if takes::<B>() && cos.dtype() == DType::F32 {
            return Self(Angles::Rows([cos, sin]));
        }
        Self::composed(cos, sin, heads)
    }

    pub(super) fn composed(cos: Tensor<B, 2>, sin: Tensor<B, 2>, heads: &[usize]) -> Self {
        let [positions, half] = cos.dims();
        let width = 2 * half;
        let mut quarter = vec![0.0; width * width];
        for j in 0..half {
            quarter[(j + half) * width + j] = -1.0;
            quarter[j * width + j + half] = 1.0;
        }
        let quarter = TensorData::new(quarter, [width, width]);
        let quarter = Tensor::from_data(quarter, (&cos.device(), cos.dtype()));
        let rows = [cos, sin].map(|half| Tensor::cat(vec![half.clone(), half], 1));
        let mut counts = heads.to_vec();
        counts.dedup();
        let beside = |heads: usize| {
            rows.clone().map(|rows| {
                rows.reshape([positions, 1, width])
                    .expand([positions, heads, width])
                    .reshape([positions, heads * width])
            })
        };
        Self(Angles::Beside {
            angles: counts.into_iter().map(beside).collect(),
            quarter,
        })
    }

    /// x·cos + (x turned by a quarter)·sin.
    ///
    /// # Shapes
    /// `[batch, seq, heads · head_dim] → [batch, seq, heads · head_dim]`
    ///
    /// # Panics
    /// If the positions are others, or the heads none of those that were announced.
    pub fn turn(&self, x: Tensor<B, 3>) -> Tensor<B, 3> {
        let [batch, seq, beside] = x.dims();
        match &self.0 {
            Angles::Rows([cos, sin]) => {
                let [positions, half] = cos.dims();
                assert_eq!(positions, batch * seq, "Rotation: the positions");
                assert_eq!(beside % (2 * half), 0, "Rotation: the heads");
                let angles = [cos, sin].map(|angles| primitive(angles.clone()));
                let [cos, sin] = angles;
                match fused::<B, _, 3>(Rotate, [primitive(x), cos, sin]) {
                    Ok(y) => wrapped(y),
                    Err(_) => panic!("Rotation: made for another element type"),
                }
            }
            Angles::Beside { angles, quarter } => {
                let found = angles.iter().find(|[cos, _]| cos.dims()[1] == beside);
                let [cos, sin] = found.expect("Rotation: the heads").clone();
                let [width, _] = quarter.dims();
                let x = x.reshape([batch * seq, beside]);
                // Exact: the elements of R are 0 and ±1.
                let turned = x
                    .clone()
                    .reshape([batch * seq * beside / width, width])
                    .matmul(quarter.clone())
                    .reshape([batch * seq, beside]);
                (x * cos + turned * sin).reshape([batch, seq, beside])
            }
        }
    }
}
