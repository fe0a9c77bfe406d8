//! The learner's step and the estimators on wgpu against the CPU.
//!
//! `cargo test -p vpt-text --features wgpu --test wgpu`; a software driver (lavapipe) will do.

#[allow(dead_code, reason = "shared with the other tests")]
#[path = "suite/task/fixture.rs"]
mod fixture;

use burn::backend::Wgpu;
use fixture::{Flex, NdArray64, STABILISED, Setting, ids, relative, values};
use vpt_text::config::EstimatorKind::{Central, Linear, Nested};

const TOLERANCE: f64 = 1e-3;

#[test]
fn the_learners_step_is_that_of_the_cpu() {
    for tied in [true, false] {
        let (found, expected) = (
            Setting::<Wgpu>::new(STABILISED, tied),
            Setting::<Flex>::new(STABILISED, tied),
        );
        let (there, here) = (found.reference(), expected.reference());
        assert_eq!(ids(&there.ids), ids(&here.ids));
        let (q_there, q_here) = (found.target(&there), expected.target(&here));
        let error = relative(&values(q_there.q.clone()), &values(q_here.q.clone()));
        assert!(error < TOLERANCE, "tied {tied}, the target: {error}");
        let (gradient, loss) = found.learner_step(&q_there, &there);
        let (exact, value) = expected.learner_step(&q_here, &here);
        assert!(
            (loss - value).abs() < TOLERANCE,
            "tied {tied}: {loss} {value}"
        );
        let error = relative(&gradient.as_vector().to_vec(), &exact.as_vector().to_vec());
        assert!(error < TOLERANCE, "tied {tied}, the gradient: {error}");
        let (plain, _) = found.pretraining(&q_there);
        let error = relative(&gradient.as_vector().to_vec(), &plain.as_vector().to_vec());
        assert!(error < TOLERANCE, "tied {tied}, the plain loss: {error}");
    }
}

#[test]
fn the_estimators_are_exact_ones_in_f64() {
    let (there, exact) = (
        Setting::<Wgpu>::new(STABILISED, true),
        Setting::<NdArray64>::new(STABILISED, true),
    );
    for name in ["all", "head", "last:1"] {
        let (subset, reference) = (there.subset(name), exact.subset(name));
        let steer = there.direction(&subset);
        let expected = exact.estimate(Nested, &reference, &exact.direction(&reference));
        for kind in [Linear, Central] {
            let found = there.estimate(kind, &subset, &steer);
            let error = relative(
                &found.descent.as_vector().to_vec(),
                &expected.descent.as_vector().to_vec(),
            );
            println!("{name}, {kind:?}: {error:.1e}");
            assert!(error < TOLERANCE, "{name}, {kind:?}: {error}");
        }
    }
}
