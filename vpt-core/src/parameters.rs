//! Modules as named parameters: `layers.3.self_attn.q_proj.weight` → tensor.

use crate::{CoreError, ParamSubset};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Tensor, TensorData, backend::Backend};
use std::collections::{BTreeMap, BTreeSet};

/// A module without parameters: the designer of a target or view that is fixed, and the reference
/// of a target that knows nothing of the learner.
#[derive(Module, Clone, Debug)]
pub struct NoParameters;

/// One parameter of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Dotted path from the module's root.
    pub path: String,
    /// Its identity, the same on every backend level.
    pub id: ParamId,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its type, which need not be the default of its device.
    pub dtype: DType,
}

/// The float parameters of `module` in its own order.
pub fn parameters<B: Backend, M: Module<B>>(module: &M) -> Vec<ParameterInfo> {
    struct Names {
        path: Vec<String>,
        found: Vec<ParameterInfo>,
    }
    impl<B: Backend> ModuleVisitor<B> for Names {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            self.found.push(ParameterInfo {
                path: self.path.join("."),
                id: param.id,
                shape: param.shape().to_vec(),
                dtype: param.dtype(),
            });
        }
    }
    let mut names = Names {
        path: vec![],
        found: vec![],
    };
    module.visit(&mut names);
    names.found
}

/// The values of every float parameter by path, on the host.
pub fn export<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, TensorData> {
    export_subset(module, &ParamSubset::all(module))
}

/// The values of the parameters in `subset` by path, on the host.
pub fn export_subset<B: Backend, M: Module<B>>(
    module: &M,
    subset: &ParamSubset,
) -> BTreeMap<String, TensorData> {
    let mut values = BTreeMap::new();
    visit_values(module, |info, value| {
        if subset.contains(info.id) {
            values.insert(info.path.clone(), value());
        }
    });
    values
}

/// Calls `visit` with each float parameter of `module` and a way to fetch its values, in the
/// module's order.
pub(crate) fn visit_values<B: Backend, M: Module<B>>(
    module: &M,
    visit: impl FnMut(&ParameterInfo, &dyn Fn() -> TensorData),
) {
    struct Values<V>(std::vec::IntoIter<ParameterInfo>, V);
    impl<B, V> ModuleVisitor<B> for Values<V>
    where
        B: Backend,
        V: FnMut(&ParameterInfo, &dyn Fn() -> TensorData),
    {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            if let Some(info) = self.0.next() {
                (self.1)(&info, &|| param.val().into_data());
            }
        }
    }
    let infos = parameters(module).into_iter();
    module.visit(&mut Values(infos, visit));
}

/// `module` with every float parameter replaced by `values`, converted to its own type.
///
/// # Errors
/// A parameter that `values` lacks, a name that the module does not have, another shape.
pub fn import<B: Backend, M: Module<B>>(
    module: M,
    values: BTreeMap<String, TensorData>,
) -> Result<M, CoreError> {
    let all = ParamSubset::all(&module);
    import_subset(module, values, &all)
}

/// [`import`] of the parameters in `subset`; the others stay as they are, shared and not copied.
///
/// # Errors
/// A parameter of `subset` that `values` lacks, a name that is none of them, another shape.
pub fn import_subset<B: Backend, M: Module<B>>(
    module: M,
    mut values: BTreeMap<String, TensorData>,
    subset: &ParamSubset,
) -> Result<M, CoreError> {
    let infos = parameters(&module).into_iter();
    let infos: Vec<_> = infos.filter(|info| subset.contains(info.id)).collect();
    let known: BTreeSet<&str> = infos.iter().map(|info| info.path.as_str()).collect();
    if let Some(name) = values.keys().find(|name| !known.contains(name.as_str())) {
        return Err(CoreError::Tensor {
            name: name.clone(),
            message: "the module has no such parameter".into(),
        });
    }
    let mut ordered = Vec::with_capacity(infos.len());
    for info in infos {
        let data = values.remove(&info.path).ok_or_else(|| CoreError::Tensor {
            name: info.path.clone(),
            message: "missing".into(),
        })?;
        if data.shape.as_slice() != info.shape.as_slice() {
            return Err(CoreError::Tensor {
                name: info.path,
                message: format!(
                    "shape {:?}, expected {:?}",
                    data.shape.as_slice(),
                    info.shape
                ),
            });
        }
        ordered.push(data);
    }
    struct Fill<'a>(std::vec::IntoIter<TensorData>, &'a ParamSubset);
    impl<B: Backend> ModuleMapper<B> for Fill<'_> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            if !self.1.contains(param.id) {
                return param;
            }
            match self.0.next() {
                // Said, since the default type is the device's: see the book, "Burn 0.21: traps".
                Some(data) => {
                    param.map(|old| Tensor::from_data(data, (&old.device(), old.dtype())))
                }
                None => param,
            }
        }
    }
    Ok(module.map(&mut Fill(ordered.into_iter(), subset)))
}
