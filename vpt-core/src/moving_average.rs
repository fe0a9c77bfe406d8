//! Copies that trail behind a module.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, backend::Backend};
use std::collections::HashMap;

/// An exponential moving average one step on: momentum · teacher + (1 − momentum) · learner, for
/// each float parameter. The teacher is a copy of the learner or of a part of it, and so shares
/// its parameters' ids.
///
/// # Panics
/// If the learner lacks a parameter of the teacher.
pub fn follow_average<B: Backend, T: Module<B>, L: Module<B>>(
    teacher: T,
    learner: &L,
    momentum: f64,
) -> T {
    struct Values<B: Backend>(HashMap<ParamId, Tensor<B, 1>>);
    impl<B: Backend> ModuleVisitor<B> for Values<B> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            self.0.insert(param.id, param.val().reshape([-1]));
        }
    }
    struct Follow<B: Backend>(Values<B>, f64);
    impl<B: Backend> ModuleMapper<B> for Follow<B> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            let learner = self.0.0.remove(&param.id);
            let learner = learner.expect("a parameter of the teacher that the learner lacks");
            param.map(|teacher| {
                let step = learner.reshape(teacher.shape()).mul_scalar(1.0 - self.1);
                teacher.mul_scalar(self.1) + step
            })
        }
    }
    let mut values = Values(HashMap::new());
    learner.visit(&mut values);
    teacher.map(&mut Follow(values, momentum))
}
