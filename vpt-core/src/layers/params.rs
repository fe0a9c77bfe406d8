//! Parameters by dotted path: filling a module from a source, and walking its values.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{DType, Element, Tensor, TensorCreationOptions, TensorData, backend::Backend};

/// How to create float tensors on `device`: in f64 where that is the backend's element.
///
/// burn keeps one default element type per device, not per backend: whichever of `NdArray<f32>`
/// and `NdArray<f64>` runs first in a process would set it for both.
pub fn float_options<B: Backend>(device: &B::Device) -> TensorCreationOptions<B> {
    let options = TensorCreationOptions::new(device.clone());
    match <B::FloatElem as Element>::dtype() {
        DType::F64 => options.with_dtype(DType::F64),
        _ => options,
    }
}

/// A parameter of shape `shape` that costs nothing until it is filled.
///
/// Modules here are built as skeletons and then filled, from a generator or from a file, so that
/// no size is allocated before it was compared with what is there.
pub fn unfilled<B: Backend, const D: usize>(
    shape: [usize; D],
    device: &B::Device,
) -> Param<Tensor<B, D>> {
    let zeros = move |device: &B::Device, track: bool| {
        Tensor::zeros(shape, float_options(device)).set_require_grad(track)
    };
    Param::uninitialized(ParamId::new(), zeros, device.clone(), true, shape.into())
}

/// Gives every float parameter of `module` the values that `source` has for its path and shape.
/// Parameter ids stay.
///
/// # Errors
/// The first error of `source`; it is not called again after one.
pub fn fill<B, M, E, S>(module: M, source: S) -> Result<M, E>
where
    B: Backend,
    M: Module<B>,
    S: FnMut(&str, &[usize]) -> Result<TensorData, E>,
{
    let mut fill = Fill {
        path: Vec::new(),
        source,
        error: None,
    };
    let module = module.map(&mut fill);
    match fill.error {
        Some(error) => Err(error),
        None => Ok(module),
    }
}

struct Fill<S, E> {
    path: Vec<String>,
    source: S,
    error: Option<E>,
}

impl<B, S, E> ModuleMapper<B> for Fill<S, E>
where
    B: Backend,
    S: FnMut(&str, &[usize]) -> Result<TensorData, E>,
{
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        if self.error.is_some() {
            return param;
        }
        let shape = param.lazy_shape();
        match (self.source)(&self.path.join("."), shape.as_slice()) {
            Ok(data) => {
                let tensor = Tensor::<B, D>::from_data(data, float_options(&param.lazy_device()));
                Param::initialized(param.id, tensor.require_grad())
            }
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}

/// A parameter's values, fetched when asked for.
pub struct Named {
    /// Its dotted path.
    pub path: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, in row-major order.
    pub values: Box<dyn Fn() -> TensorData>,
}

/// Every float parameter of `module`, in module order.
pub fn named<B: Backend, M: Module<B>>(module: &M) -> Vec<Named> {
    let mut list = List {
        path: Vec::new(),
        found: Vec::new(),
    };
    module.visit(&mut list);
    list.found
}

struct List {
    path: Vec<String>,
    found: Vec<Named>,
}

impl<B: Backend> ModuleVisitor<B> for List {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let tensor = param.val();
        self.found.push(Named {
            path: self.path.join("."),
            shape: tensor.dims().to_vec(),
            values: Box::new(move || tensor.to_data()),
        });
    }
}
