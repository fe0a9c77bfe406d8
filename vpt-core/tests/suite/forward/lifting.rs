//! Into the backend and out of it; what is refused.

use super::laws::{B, F, host, ints, normal, tensor};
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::module::deform_conv2d;
use burn::tensor::ops::{DeformConvOptions, InterpolateMode};
use burn::tensor::{IndexingUpdateOp, Tensor};
use std::collections::HashMap;
use vpt_core::forward::{Forward, dual, parts, perturb, tangent};
use vpt_core::{GradVector, ParamSubset};

#[derive(Module, Debug)]
struct Line<B: Backend> {
    slope: Param<Tensor<B, 2>>,
    offset: Param<Tensor<B, 1>>,
}

impl<B: Backend> Line<B> {
    fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        x.matmul(self.slope.val()) + self.offset.val().unsqueeze()
    }
}

fn line() -> Line<B> {
    Line {
        slope: Param::from_tensor(normal(1, [3, 2])),
        offset: Param::from_tensor(normal(2, [2])),
    }
}

#[test]
fn modules_move_along_a_vector() {
    let line = line();
    let x = normal::<B, 2>(3, [4, 3]);
    let slope = normal::<B, 2>(4, [3, 2]);
    let flat = slope.clone().reshape([6]);
    let tangents = HashMap::from([(line.slope.id, flat)]);
    let moving: Line<F> = perturb(line.clone(), &tangents);
    assert!(parts(moving.offset.val()).1.is_none());
    let y = moving.forward(Tensor::from_inner(x.clone()));
    assert_eq!(host(tangent(y)), host(x.matmul(slope)));
    let valid = moving.valid();
    assert_eq!(valid.slope.id, line.slope.id);
    assert_eq!(host(valid.slope.val()), host(line.slope.val()));

    let subset = ParamSubset::matching(&line, |path| path == "offset");
    let vector = GradVector::of(&line, &subset);
    let moving: Line<F> = vector.perturb(line.clone());
    assert!(parts(moving.slope.val()).1.is_none());
    assert_eq!(host(tangent(moving.offset.val())), vector.to_vec());
}

/// Constants cost no tangent, `detach` stops one, and a leaf keeps its place on the tape below.
#[test]
fn tangents_go_where_they_should() {
    let x = dual(normal::<B, 1>(1, [3]), normal(2, [3]));
    assert!(parts(x.clone().detach() * 2.0).1.is_none());
    assert!(parts(x.clone().greater_elem(0.0).float()).1.is_none());
    assert!(
        parts(Tensor::<F, 1>::ones([3], &Default::default()))
            .1
            .is_none()
    );
    assert_eq!(host(tangent(x.sign())), [0.0; 3]);

    let leaf = Tensor::<Autodiff<B>, 1>::from_inner(normal(3, [3])).require_grad();
    let lifted = Tensor::<Forward<Autodiff<B>>, 1>::from_inner(leaf.clone());
    let moving = lifted.set_require_grad(false) * 3.0;
    let grads = moving.inner().sum().backward();
    assert_eq!(host(leaf.grad(&grads).unwrap()), [3.0; 3]);
}

#[test]
#[should_panic(expected = "a tangent has the shape of its primal")]
fn a_tangent_of_another_shape() {
    let _ = dual(normal::<B, 1>(1, [3]), normal(2, [2]));
}

#[test]
#[should_panic(expected = "Forward<B> has no tape")]
fn backward_is_the_backends() {
    dual(normal::<B, 1>(1, [3]), normal(2, [3]))
        .sum()
        .backward();
}

#[test]
#[should_panic(expected = "no derivative rule for scatter_nd by product")]
fn scatter_by_product() {
    let x = dual(normal::<B, 1>(1, [3]), normal(2, [3]));
    let _ = x.scatter_nd(
        ints::<F, 2>(&[0, 2], [2, 1]),
        tensor::<F, 1>(vec![1.0, 2.0], [2]),
        IndexingUpdateOp::Mul,
    );
}

#[test]
#[should_panic(expected = "no derivative rule for the offsets of deform_conv2d")]
fn moving_offsets() {
    let options = DeformConvOptions::new([1, 1], [0, 0], [1, 1], 1, 1);
    let offset = dual(normal::<B, 4>(1, [1, 8, 3, 3]), normal(2, [1, 8, 3, 3]));
    let _ = deform_conv2d(
        normal(3, [1, 2, 4, 4]),
        offset,
        normal(4, [3, 2, 2, 2]),
        None,
        None,
        options,
    );
}

#[test]
#[should_panic(expected = "no derivative rule for a grid in grid_sample_2d")]
fn a_moving_grid_that_is_not_bilinear() {
    let grid = dual(normal::<B, 4>(1, [1, 2, 2, 2]), normal(2, [1, 2, 2, 2]));
    let _ = normal::<F, 4>(3, [1, 2, 4, 4]).grid_sample_2d(grid, InterpolateMode::Nearest);
}
