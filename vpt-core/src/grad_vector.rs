//! Vectors over θ_S: the space in which V is an inner product (eq. 14).

use crate::ParamSubset;
use crate::forward::{self, Forward};
use crate::kernels;
use burn::module::{AutodiffModule, Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{
    ElementConversion, Tensor, TensorData,
    backend::{AutodiffBackend, Backend},
};
use std::collections::HashMap;

/// A vector over θ_S, one flat part per parameter, in the module's order.
#[derive(Clone, Debug)]
pub struct GradVector<B: Backend> {
    parts: Vec<(ParamId, Tensor<B, 1>)>,
}

impl<B: Backend> GradVector<B> {
    /// The values of θ_S themselves.
    pub fn of<M: Module<B>>(module: &M, subset: &ParamSubset) -> Self {
        struct Values<'a, B: Backend>(&'a ParamSubset, Vec<(ParamId, Tensor<B, 1>)>);
        impl<B: Backend> ModuleVisitor<B> for Values<'_, B> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
                if self.0.contains(param.id) {
                    self.1.push((param.id, param.val().reshape([-1])));
                }
            }
        }
        let mut values = Values(subset, vec![]);
        module.visit(&mut values);
        Self { parts: values.1 }
    }

    /// The gradients of θ_S, taken out of `grads`; zero where the loss does not reach.
    pub fn take<D, M>(grads: &mut D::Gradients, module: &M, subset: &ParamSubset) -> Self
    where
        D: AutodiffBackend<InnerBackend = B>,
        M: Module<D>,
    {
        Self::complete::<D, M>(Self::found(grads, module, subset), module, subset)
    }

    /// The gradients of those of θ_S that the loss reaches, flat, taken out of `grads`.
    pub(crate) fn found<D, M>(
        grads: &mut D::Gradients,
        module: &M,
        subset: &ParamSubset,
    ) -> HashMap<ParamId, Tensor<B, 1>>
    where
        D: AutodiffBackend<InnerBackend = B>,
        M: Module<D>,
    {
        struct Found<'a, D: AutodiffBackend> {
            subset: &'a ParamSubset,
            grads: &'a mut D::Gradients,
            parts: HashMap<ParamId, Tensor<D::InnerBackend, 1>>,
        }
        impl<D: AutodiffBackend> ModuleVisitor<D> for Found<'_, D> {
            fn visit_float<const N: usize>(&mut self, param: &Param<Tensor<D, N>>) {
                if !self.subset.contains(param.id) {
                    return;
                }
                if let Some(gradient) = param.grad_remove(self.grads) {
                    self.parts.insert(param.id, gradient.reshape([-1]));
                }
            }
        }
        let mut found = Found::<D> {
            subset,
            grads,
            parts: HashMap::new(),
        };
        module.visit(&mut found);
        found.parts
    }

    /// θ_S in the module's order, zero where nothing was found.
    pub(crate) fn complete<D, M>(
        found: HashMap<ParamId, Tensor<B, 1>>,
        module: &M,
        subset: &ParamSubset,
    ) -> Self
    where
        D: AutodiffBackend<InnerBackend = B>,
        M: Module<D>,
    {
        struct Complete<'a, B: Backend> {
            subset: &'a ParamSubset,
            found: HashMap<ParamId, Tensor<B, 1>>,
            parts: Vec<(ParamId, Tensor<B, 1>)>,
        }
        impl<D: AutodiffBackend> ModuleVisitor<D> for Complete<'_, D::InnerBackend> {
            fn visit_float<const N: usize>(&mut self, param: &Param<Tensor<D, N>>) {
                if self.subset.contains(param.id) {
                    let zeros = || param.val().inner().zeros_like().reshape([-1]);
                    let part = self.found.remove(&param.id).unwrap_or_else(zeros);
                    self.parts.push((param.id, part));
                }
            }
        }
        let mut complete = Complete {
            subset,
            found,
            parts: vec![],
        };
        module.visit(&mut complete);
        Self {
            parts: complete.parts,
        }
    }

    /// Parts of `draw(length)` each, for vectors that are made rather than measured. They have the
    /// type and the device of the parameters.
    ///
    /// # Panics
    /// If `draw` returns another number of values.
    pub fn generate<M: Module<B>>(
        module: &M,
        subset: &ParamSubset,
        mut draw: impl FnMut(usize) -> Vec<f64>,
    ) -> Self {
        let values = Self::of(module, subset);
        let parts = values.parts.into_iter().map(|(id, theta)| {
            let [length] = theta.dims();
            let drawn = TensorData::new(draw(length), [length]);
            let options = (&theta.device(), theta.dtype());
            (id, Tensor::from_data(drawn, options))
        });
        Self {
            parts: parts.collect(),
        }
    }

    /// ⟨self, other⟩, still a tensor: on a tape it can be differentiated (eq. 15). `[1]`
    ///
    /// # Panics
    /// If the two are over different subsets, or over none.
    pub fn dot(&self, other: &Self) -> Tensor<B, 1> {
        assert_eq!(
            self.parts.len(),
            other.parts.len(),
            "vectors over different subsets"
        );
        let products = self.parts.iter().zip(&other.parts).map(|((a, x), (b, y))| {
            assert_eq!(a, b, "vectors over different subsets");
            kernels::dot(x.clone(), y.clone())
        });
        products
            .reduce(|sum, term| sum + term)
            .expect("a vector over an empty subset")
    }

    /// ‖self‖, on the host; 0 over an empty subset.
    pub fn norm(&self) -> f64 {
        if self.parts.is_empty() {
            return 0.0;
        }
        self.dot(self).into_scalar().elem::<f64>().sqrt()
    }

    /// cos(self, other), on the host; 0 where either vanishes.
    pub fn cosine(&self, other: &Self) -> f64 {
        let norms = self.norm() * other.norm();
        let dot: f64 = self.dot(other).into_scalar().elem();
        if norms > 0.0 { dot / norms } else { 0.0 }
    }

    /// scale · self.
    #[must_use]
    pub fn scaled(&self, scale: f64) -> Self {
        let parts = self.parts.iter();
        Self {
            parts: parts
                .map(|(id, part)| (*id, part.clone().mul_scalar(scale)))
                .collect(),
        }
    }

    /// self + scale · other.
    ///
    /// # Panics
    /// If the two are over different subsets.
    #[must_use]
    pub fn add_scaled(&self, other: &Self, scale: f64) -> Self {
        assert_eq!(
            self.parts.len(),
            other.parts.len(),
            "vectors over different subsets"
        );
        let pairs = self.parts.iter().zip(&other.parts);
        let sums = pairs.map(|((a, x), (b, y))| {
            assert_eq!(a, b, "vectors over different subsets");
            (*a, x.clone() + y.clone().mul_scalar(scale))
        });
        Self {
            parts: sums.collect(),
        }
    }

    /// Each part by itself, in its own memory where nobody shares it.
    #[must_use]
    pub(crate) fn map(self, mut change: impl FnMut(Tensor<B, 1>) -> Tensor<B, 1>) -> Self {
        let parts = self.parts.into_iter();
        Self {
            parts: parts.map(|(id, part)| (id, change(part))).collect(),
        }
    }

    /// The part of self that lies in `subset`.
    #[must_use]
    pub fn restricted(&self, subset: &ParamSubset) -> Self {
        let kept = self.parts.iter().filter(|(id, _)| subset.contains(*id));
        Self {
            parts: kept.cloned().collect(),
        }
    }

    /// As a constant one level up.
    pub fn lift<D: AutodiffBackend<InnerBackend = B>>(&self) -> GradVector<D> {
        let parts = self.parts.iter();
        GradVector {
            parts: parts
                .map(|(id, part)| (*id, Tensor::from_inner(part.clone())))
                .collect(),
        }
    }

    /// θ + scale · self: parameters outside S are shared with `module`, not copied.
    pub fn shift<M: Module<B>>(&self, module: M, scale: f64) -> M {
        struct Shift<'a, B: Backend>(HashMap<ParamId, &'a Tensor<B, 1>>, f64);
        impl<B: Backend> ModuleMapper<B> for Shift<'_, B> {
            fn map_float<const D: usize>(
                &mut self,
                param: Param<Tensor<B, D>>,
            ) -> Param<Tensor<B, D>> {
                let Some(part) = self.0.get(&param.id).copied().cloned() else {
                    return param;
                };
                param.map(|theta| {
                    let step = part.reshape(theta.shape()).mul_scalar(self.1);
                    theta + step
                })
            }
        }
        let parts = self.parts.iter().map(|(id, part)| (*id, part)).collect();
        module.map(&mut Shift(parts, scale))
    }

    /// θ + ε·self as dual numbers: parameters outside S are constants shared with `module`.
    pub fn perturb<M: AutodiffModule<Forward<B>>>(&self, module: M::InnerModule) -> M {
        forward::perturb(module, &self.parts.iter().cloned().collect())
    }

    /// Every part on the host in f64, one after the other.
    pub fn to_vec(&self) -> Vec<f64> {
        let parts = self.parts.iter();
        parts
            .flat_map(|(_, part)| part.to_data().iter::<f64>().collect::<Vec<_>>())
            .collect()
    }

    pub(crate) fn parts(&self) -> &[(ParamId, Tensor<B, 1>)] {
        &self.parts
    }
}
