//! A value with its derivative, and the shapes that derivative rules have.

use burn_backend::tensor::FloatTensor;
use burn_backend::{Backend, DType, Shape, TensorMetadata};

/// x + ε·ẋ.
#[derive(Clone, Debug)]
pub struct Dual<B: Backend> {
    /// x.
    pub primal: FloatTensor<B>,
    /// ẋ, of the same shape; none for a constant.
    pub tangent: Option<FloatTensor<B>>,
}

impl<B: Backend> TensorMetadata for Dual<B> {
    fn dtype(&self) -> DType {
        self.primal.dtype()
    }

    fn shape(&self) -> Shape {
        self.primal.shape()
    }
}

impl<B: Backend> Dual<B> {
    /// x + ε·0.
    pub fn constant(primal: FloatTensor<B>) -> Self {
        Self {
            primal,
            tangent: None,
        }
    }

    /// ẋ, as zeros where there is none.
    pub(super) fn tangent_or_zeros(&self) -> FloatTensor<B> {
        let zeros = || zeros::<B>(&self.primal);
        self.tangent.clone().unwrap_or_else(zeros)
    }

    /// y = f(x) with ẏ = `rule`(x, y, ẋ).
    pub(super) fn rule(
        self,
        f: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>,
        rule: impl FnOnce(FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
    ) -> Self {
        let Some(tangent) = self.tangent else {
            return Self::constant(f(self.primal));
        };
        let primal = f(self.primal.clone());
        Self {
            tangent: Some(rule(self.primal, primal.clone(), tangent)),
            primal,
        }
    }

    /// y = f(x) with f linear: ẏ = f(ẋ).
    pub(super) fn linear(self, f: impl Fn(FloatTensor<B>) -> FloatTensor<B>) -> Self {
        Self {
            tangent: self.tangent.map(&f),
            primal: f(self.primal),
        }
    }

    /// y = f(x) with f constant almost everywhere.
    pub(super) fn step(self, f: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>) -> Self {
        Self::constant(f(self.primal))
    }

    /// z = f(x, y), linear in each: ż = f(ẋ, y) + f(x, ẏ).
    pub(super) fn bilinear(
        self,
        rhs: Self,
        f: impl Fn(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
    ) -> Self {
        let left = self.tangent.map(|t| f(t, rhs.primal.clone()));
        let right = rhs.tangent.map(|t| f(self.primal.clone(), t));
        Self {
            primal: f(self.primal, rhs.primal),
            tangent: sum::<B>(left, right),
        }
    }

    /// z = f(x, y), linear in the pair: ż = f(ẋ, ẏ).
    pub(super) fn joint(
        self,
        rhs: Self,
        f: impl Fn(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
    ) -> Self {
        let moves = self.tangent.is_some() || rhs.tangent.is_some();
        let tangent = moves.then(|| f(self.tangent_or_zeros(), rhs.tangent_or_zeros()));
        Self {
            primal: f(self.primal, rhs.primal),
            tangent,
        }
    }

    /// z = `primal` with ż given; an input that broadcasts has a tangent that does.
    pub(super) fn fitted(primal: FloatTensor<B>, tangent: Option<FloatTensor<B>>) -> Self {
        let shape = primal.shape();
        let fit = |t: FloatTensor<B>| match t.shape() == shape {
            true => t,
            false => B::float_expand(t, shape.clone()),
        };
        Self {
            tangent: tangent.map(fit),
            primal,
        }
    }

    /// `primal`, whose derivative is that of a composition of operations that have rules; it is
    /// run where there is something to differentiate.
    pub(super) fn composed(
        primal: FloatTensor<B>,
        moves: bool,
        composition: impl FnOnce() -> Self,
    ) -> Self {
        let tangent = moves.then(composition).and_then(|dual| dual.tangent);
        Self { primal, tangent }
    }

    /// x, of which `operation` cannot tell the derivative.
    ///
    /// # Panics
    /// If there is a tangent.
    pub(super) fn still(self, operation: &str) -> FloatTensor<B> {
        assert!(
            self.tangent.is_none(),
            "Forward<B> has no derivative rule for {operation}"
        );
        self.primal
    }
}

/// The sum of those that are there.
pub(super) fn sum<B: Backend>(
    left: Option<FloatTensor<B>>,
    right: Option<FloatTensor<B>>,
) -> Option<FloatTensor<B>> {
    match (left, right) {
        (Some(left), Some(right)) => Some(B::float_add(left, right)),
        (left, right) => left.or(right),
    }
}

/// Zeros of the shape, type and device of `like`.
pub(super) fn zeros<B: Backend>(like: &FloatTensor<B>) -> FloatTensor<B> {
    B::float_zeros(like.shape(), &B::float_device(like), like.dtype().into())
}
