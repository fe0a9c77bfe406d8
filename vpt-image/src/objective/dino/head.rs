//! DINO's projection head.

use super::super::layers::{BatchNorm, affine, filled, uniform, unit};
use burn::module::{Module, Param};
use burn::tensor::{Tensor, backend::Backend};
use rand::Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use vpt_core::layers::{Linear, gelu, unfilled};

/// The sizes of a [`DinoHead`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DinoHeadConfig {
    /// Width of the two hidden layers.
    pub hidden: usize,
    /// Width of the vector of length 1 before the last layer.
    pub bottleneck: usize,
    /// Prototypes.
    pub output: usize,
    /// Batch norm after each hidden layer. It couples the crops of a batch: a mask on one then
    /// changes what the others give.
    pub batch_norm: bool,
    /// Prototypes of length 1 throughout.
    pub norm_last_layer: bool,
}

impl Default for DinoHeadConfig {
    /// The paper's 8192 prototypes, the rest DINO's.
    fn default() -> Self {
        Self {
            hidden: 2048,
            bottleneck: 256,
            output: 8192,
            batch_norm: false,
            norm_last_layer: true,
        }
    }
}

/// Three linear layers with GELU between them, a vector of length 1, and its products with
/// prototypes.
#[derive(Module, Debug)]
pub struct DinoHead<B: Backend> {
    /// `[in] → [hidden] → [hidden] → [bottleneck]`
    pub mlp: Vec<Linear<B>>,
    /// After each of the first two, where they are.
    pub norms: Vec<BatchNorm<B>>,
    /// The prototypes.
    pub last_layer: Prototypes<B>,
}

/// W with rows g · v / ‖v‖.
#[derive(Module, Debug)]
pub struct Prototypes<B: Backend> {
    /// v. `[output, bottleneck]`
    pub weight_v: Param<Tensor<B, 2>>,
    /// g, where it is not 1. `[output, 1]`
    pub weight_g: Option<Param<Tensor<B, 2>>>,
}

impl<B: Backend> DinoHead<B> {
    /// A fresh one on features of `width`: weights normal with standard deviation 0.02, biases
    /// zero, prototypes as PyTorch's linear layers begin.
    pub fn init<R: Rng + ?Sized>(
        width: usize,
        config: &DinoHeadConfig,
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        let DinoHeadConfig {
            hidden,
            bottleneck,
            output,
            ..
        } = *config;
        let layers = [[width, hidden], [hidden, hidden], [hidden, bottleneck]];
        let norms = if config.batch_norm { 2 } else { 0 };
        let head = Self {
            mlp: layers
                .map(|[from, to]| Linear::unfilled(from, to, true, device))
                .into(),
            norms: (0..norms)
                .map(|_| BatchNorm::unfilled(hidden, device))
                .collect(),
            last_layer: Prototypes {
                weight_v: unfilled([output, bottleneck], device),
                weight_g: (!config.norm_last_layer).then(|| unfilled([output, 1], device)),
            },
        };
        filled(head, |path, shape| {
            let count = shape.iter().product();
            match path {
                "last_layer.weight_g" => vec![1.0; count],
                "last_layer.weight_v" => uniform(shape, (bottleneck as f64).powf(-0.5), rng),
                _ if path.starts_with("norms.") => affine(path, shape),
                _ if path.ends_with("bias") => vec![0.0; count],
                _ => (0..count)
                    .map(|_| 0.02 * rng.sample::<f64, _>(StandardNormal))
                    .collect(),
            }
        })
    }

    /// How many prototypes there are.
    pub fn outputs(&self) -> usize {
        self.last_layer.weight_v.dims()[0]
    }

    /// # Shapes
    /// `[rows, width] → [rows, output]`
    ///
    /// # Panics
    /// If the features have another width.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let mut x = x;
        for (index, layer) in self.mlp.iter().enumerate() {
            x = layer.forward(x);
            if let Some(norm) = self.norms.get(index) {
                x = norm.forward(x);
            }
            if index + 1 < self.mlp.len() {
                x = gelu(x);
            }
        }
        let prototypes = unit(self.last_layer.weight_v.val());
        let prototypes = match &self.last_layer.weight_g {
            Some(lengths) => prototypes * lengths.val(),
            None => prototypes,
        };
        unit(x).matmul(prototypes.transpose())
    }
}
