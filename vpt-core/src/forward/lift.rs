//! Into `Forward<B>` and out of it.

use super::{Dual, Forward};
use burn::module::{AutodiffModule, ModuleMapper, Param, ParamId};
use burn::tensor::{Tensor, TensorPrimitive, backend::Backend};
use std::collections::HashMap;

/// A tensor on `Forward<B>` that moves along `tangent`. A constant is `Tensor::from_inner`.
///
/// # Panics
/// If the two have different shapes.
pub fn dual<B: Backend, const D: usize>(
    primal: Tensor<B, D>,
    tangent: Tensor<B, D>,
) -> Tensor<Forward<B>, D> {
    assert_eq!(
        primal.shape(),
        tangent.shape(),
        "a tangent has the shape of its primal"
    );
    Tensor::from_primitive(TensorPrimitive::Float(Dual {
        primal: primal.into_primitive().tensor(),
        tangent: Some(tangent.into_primitive().tensor()),
    }))
}

/// x and ẋ; no ẋ where x depends on nothing that moves.
pub fn parts<B: Backend, const D: usize>(
    tensor: Tensor<Forward<B>, D>,
) -> (Tensor<B, D>, Option<Tensor<B, D>>) {
    let Dual { primal, tangent } = tensor.into_primitive().tensor();
    let wrap = |primitive| Tensor::from_primitive(TensorPrimitive::Float(primitive));
    (wrap(primal), tangent.map(wrap))
}

/// ẋ: the derivative of `tensor` along what was perturbed; zeros where it depends on none of it.
pub fn tangent<B: Backend, const D: usize>(tensor: Tensor<Forward<B>, D>) -> Tensor<B, D> {
    let (primal, tangent) = parts(tensor);
    tangent.unwrap_or_else(|| primal.zeros_like())
}

/// f(x) and its derivative along `v`: the Jacobian-vector product J_f(x)·v.
pub fn jvp<B: Backend, const D: usize, const E: usize>(
    f: impl FnOnce(Tensor<Forward<B>, D>) -> Tensor<Forward<B>, E>,
    x: Tensor<B, D>,
    v: Tensor<B, D>,
) -> (Tensor<B, E>, Tensor<B, E>) {
    let y = f(dual(x, v));
    (y.clone().inner(), tangent(y))
}

/// `module` on `Forward<B>`, its float parameters moving along the flat tangents named by their
/// ids, the others constant. Tensors are shared, nothing is copied.
///
/// # Panics
/// If a tangent has not as many entries as its parameter.
pub fn perturb<B, M>(module: M::InnerModule, tangents: &HashMap<ParamId, Tensor<B, 1>>) -> M
where
    B: Backend,
    M: AutodiffModule<Forward<B>>,
{
    struct Perturb<'a, B: Backend>(&'a HashMap<ParamId, Tensor<B, 1>>);
    impl<B: Backend> ModuleMapper<Forward<B>> for Perturb<'_, B> {
        fn map_float<const D: usize>(
            &mut self,
            param: Param<Tensor<Forward<B>, D>>,
        ) -> Param<Tensor<Forward<B>, D>> {
            match self.0.get(&param.id) {
                Some(part) => param.map(|x| {
                    let v = part.clone().reshape(x.shape());
                    dual(x.inner(), v)
                }),
                None => param,
            }
        }
    }
    M::from_inner(module).map(&mut Perturb(tangents))
}
