//! V and what it promises: eq. 13, 14, 16–18 and 20, and the probe of A.6.

use crate::GradVector;
use burn::module::Module;
use burn::tensor::{ElementConversion, backend::Backend};

/// V(φ; θ) = g_downᵀ g_pre (eq. 14), on the host.
pub fn value<B: Backend>(g_down: &GradVector<B>, g_pre: &GradVector<B>) -> f64 {
    g_down.dot(g_pre).into_scalar().elem()
}

/// The certified decrease of an L-smooth L_down over a step of size η (Theorem 3.1, eq. 16):
/// ηV − (Lη²/2)‖g_pre‖².
pub fn improvement_bound(eta: f64, value: f64, smoothness: f64, g_pre_norm: f64) -> f64 {
    eta * value - 0.5 * smoothness * eta * eta * g_pre_norm * g_pre_norm
}

/// An upper bound of what V leaves out when it is computed on S alone (eq. 20):
/// ‖g_down,S̄‖ · ‖g_pre,S̄‖.
pub fn omitted_bound<B: Backend>(
    g_down_outside: &GradVector<B>,
    g_pre_outside: &GradVector<B>,
) -> f64 {
    g_down_outside.norm() * g_pre_outside.norm()
}

/// A step predicted and taken (A.6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// ηV, the decrease that eq. 13 predicts.
    pub predicted: f64,
    /// L_down(θ) − L_down(θ − η·g_pre), the decrease that came (eq. 17).
    pub realised: f64,
}

/// Takes one SGD step of size `eta` along −g_pre and compares the decrease of `loss` with ηV.
///
/// `g_down` must be the gradient of that same `loss` at `learner`, on a batch that the designer's
/// feedback does not hold (A.6).
pub fn probe<B: Backend, M: Module<B>>(
    learner: &M,
    g_down: &GradVector<B>,
    g_pre: &GradVector<B>,
    eta: f64,
    mut loss: impl FnMut(&M) -> f64,
) -> Probe {
    let before = loss(learner);
    let after = loss(&g_pre.shift(learner.clone(), -eta));
    Probe {
        predicted: eta * value(g_down, g_pre),
        realised: before - after,
    }
}
