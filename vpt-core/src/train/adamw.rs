//! AdamW over named parameters.

use super::UpdateGradient;
use crate::kernels::{AdamWUpdate, adamw};
use crate::{CoreError, parameters};
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, SimpleOptimizer};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use std::collections::{BTreeMap, HashMap};

/// AdamW, one parameter at a time, with its state kept by parameter so that checkpoints
/// name it by path. Weight decay is not applied to norms, biases and other 1-D parameters.
#[derive(Clone)]
pub struct AdamW<I: Backend> {
    matrices: Rule,
    vectors: Rule,
    state: HashMap<ParamId, AdamWState<I, 1>>,
}

/// The update of one parameter.
#[derive(Clone, Copy)]
struct Rule {
    betas: [f32; 2],
    epsilon: f32,
    decay: f32,
}

impl Rule {
    /// θ and its state after one update: in one pass over memory where there is a kernel for the
    /// backend, by burn's AdamW elsewhere, with the same roundings.
    fn step<I: Backend>(
        &self,
        lr: f64,
        theta: Tensor<I, 1>,
        gradient: Tensor<I, 1>,
        previous: Option<AdamWState<I, 1>>,
    ) -> (Tensor<I, 1>, Option<AdamWState<I, 1>>) {
        let Some(AdamWState { momentum }) = previous else {
            return self.burn().step(lr, theta, gradient, None);
        };
        let time = momentum.time + 1;
        let update = AdamWUpdate {
            betas: self.betas,
            corrections: self.betas.map(|beta| 1.0 - beta.powi(time as i32)),
            epsilon: self.epsilon,
            kept: (1.0 - lr * f64::from(self.decay)) as f32,
            rate: lr as f32,
        };
        let state = [theta, momentum.moment_1, momentum.moment_2];
        match adamw(&update, state, &gradient) {
            Ok([theta, first, second]) => {
                (theta, Some(AdamWState::new(moments(time, first, second))))
            }
            Err([theta, first, second]) => {
                let state = AdamWState::new(moments(time - 1, first, second));
                self.burn().step(lr, theta, gradient, Some(state))
            }
        }
    }

    fn burn(&self) -> burn::optim::AdamW {
        AdamWConfig::new()
            .with_beta_1(self.betas[0])
            .with_beta_2(self.betas[1])
            .with_epsilon(self.epsilon)
            .with_weight_decay(self.decay)
            .build()
    }
}

/// The state of a parameter after `time` updates.
fn moments<I: Backend>(
    time: usize,
    first: Tensor<I, 1>,
    second: Tensor<I, 1>,
) -> AdaptiveMomentumState<I, 1> {
    let mut momentum = AdaptiveMomentumState::new(time, first, second);
    momentum.max_moment_2 = None;
    momentum
}

impl<I: Backend> AdamW<I> {
    /// As `torch.optim.AdamW` defines these.
    pub fn new(beta_1: f64, beta_2: f64, epsilon: f64, weight_decay: f64) -> Self {
        let rule = |decay: f64| Rule {
            betas: [beta_1 as f32, beta_2 as f32],
            epsilon: epsilon as f32,
            decay: decay as f32,
        };
        Self {
            matrices: rule(weight_decay),
            vectors: rule(0.0),
            state: HashMap::new(),
        }
    }

    /// This weight decay from now on.
    pub fn set_weight_decay(&mut self, weight_decay: f64) {
        self.matrices.decay = weight_decay as f32;
    }

    /// [`step`](Self::step) of a module in its own memory, where nobody else holds its parameters.
    ///
    /// A panic on the way leaves `module` without values.
    pub fn update<M: Module<I>>(&mut self, lr: f64, module: &mut M, gradient: &UpdateGradient<I>) {
        struct Hollow;
        impl<I: Backend> ModuleMapper<I> for Hollow {
            fn map_float<const D: usize>(
                &mut self,
                param: Param<Tensor<I, D>>,
            ) -> Param<Tensor<I, D>> {
                param.map(|values| Tensor::zeros([1; D], (&values.device(), values.dtype())))
            }
        }
        // A module of this type cannot be made of nothing, so what stands in is itself without values.
        let hollow = module.clone().map(&mut Hollow);
        let whole = std::mem::replace(module, hollow);
        *module = self.step(lr, whole, gradient);
    }

    /// One update of `module` at rate `lr`.
    pub fn step<M: Module<I>>(&mut self, lr: f64, module: M, gradient: &UpdateGradient<I>) -> M {
        struct Step<'a, I: Backend> {
            optimiser: &'a mut AdamW<I>,
            lr: f64,
            gradients: HashMap<ParamId, &'a Tensor<I, 1>>,
        }
        impl<I: Backend> ModuleMapper<I> for Step<'_, I> {
            fn map_float<const D: usize>(
                &mut self,
                param: Param<Tensor<I, D>>,
            ) -> Param<Tensor<I, D>> {
                let id = param.id;
                let Some(gradient) = self.gradients.get(&id).copied().cloned() else {
                    return param;
                };
                let optimiser = &mut *self.optimiser;
                let rule = if D >= 2 {
                    optimiser.matrices
                } else {
                    optimiser.vectors
                };
                let previous = optimiser.state.remove(&id);
                let mut next = None;
                let param = param.map(|theta| {
                    let shape = theta.shape();
                    let (theta, state) =
                        rule.step(self.lr, theta.reshape([-1]), gradient, previous);
                    next = state;
                    theta.reshape(shape)
                });
                if let Some(state) = next {
                    optimiser.state.insert(id, state);
                }
                param
            }
        }
        let parts = gradient.as_vector().parts().iter();
        let gradients = parts.map(|(id, part)| (*id, part)).collect();
        module.map(&mut Step {
            optimiser: self,
            lr,
            gradients,
        })
    }

    /// Moments as tensors named `PATH.moment_1`, `PATH.moment_2`, and the updates that each
    /// parameter has had.
    pub fn export<M: Module<I>>(
        &self,
        module: &M,
    ) -> (BTreeMap<String, TensorData>, BTreeMap<String, usize>) {
        let (mut tensors, mut times) = (BTreeMap::new(), BTreeMap::new());
        for info in parameters(module) {
            let Some(AdamWState { momentum }) = self.state.get(&info.id) else {
                continue;
            };
            let path = info.path;
            tensors.insert(format!("{path}.moment_1"), momentum.moment_1.to_data());
            tensors.insert(format!("{path}.moment_2"), momentum.moment_2.to_data());
            times.insert(path, momentum.time);
        }
        (tensors, times)
    }

    /// This optimiser with what [`export`](Self::export) gave, on the device and in the types of
    /// the parameters.
    ///
    /// # Errors
    /// Moments that are missing, of another size, or of no parameter that was updated.
    pub fn import<M: Module<I>>(
        &self,
        module: &M,
        mut tensors: BTreeMap<String, TensorData>,
        times: &BTreeMap<String, usize>,
        device: &I::Device,
    ) -> Result<Self, CoreError> {
        let mut state = HashMap::new();
        for info in parameters(module) {
            let Some(&time) = times.get(&info.path) else {
                continue;
            };
            let length = info.shape.iter().product::<usize>();
            let mut moment = |which: &str| {
                let name = format!("{}.{which}", info.path);
                match tensors.remove(&name) {
                    Some(data) if data.num_elements() == length => {
                        // Parameters are held flat here.
                        let data = TensorData::from_bytes(data.bytes, [length], data.dtype);
                        Ok(Tensor::<I, 1>::from_data(data, (device, info.dtype)))
                    }
                    Some(data) => Err(CoreError::Tensor {
                        name,
                        message: format!("{} values, expected {length}", data.num_elements()),
                    }),
                    None => Err(CoreError::Tensor {
                        name,
                        message: "missing".into(),
                    }),
                }
            };
            let momentum = moments(time, moment("moment_1")?, moment("moment_2")?);
            state.insert(info.id, AdamWState::new(momentum));
        }
        if let Some((name, _)) = tensors.pop_first() {
            return Err(CoreError::Tensor {
                name,
                message: "belongs to no parameter that was updated".into(),
            });
        }
        Ok(Self {
            state,
            ..self.clone()
        })
    }
}
