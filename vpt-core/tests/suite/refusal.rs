//! Figures that are not finite end a step before anything has moved.

use super::toy::{F32, Labelled, Stream, Toy, bits, config, downstream, trainer};
use burn::tensor::backend::Backend;
use std::cell::Cell;
use vpt_core::{
    Cadence, CoreError, Downstream, EntryValues, GradVector, LinearTarget, MetaEstimate,
    MetaGradient, Point, Stateful, Trainer, TrainerConfig,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Value,
    Gradient,
}

/// [`LinearTarget`] that goes wrong once, at one of its estimates.
struct Faulty {
    inner: LinearTarget,
    fault: Fault,
    left: Cell<usize>,
}

impl<B: Backend> MetaGradient<Toy, B> for Faulty {
    type Probe = EntryValues<B>;

    fn probe(&mut self, at: &Point<'_, Toy, B>, direction: &GradVector<B>) -> EntryValues<B> {
        self.inner.probe(at, direction)
    }

    fn estimate(
        &self,
        at: &Point<'_, Toy, B>,
        direction: &GradVector<B>,
        probe: &EntryValues<B>,
        scale: f64,
    ) -> MetaEstimate<B> {
        let due = self.left.get() == 0;
        self.left.set(self.left.get().wrapping_sub(1));
        match self.fault {
            // V is not scaled, so this is a sound V with a gradient that is none.
            Fault::Gradient if due => self.inner.estimate(at, direction, probe, f64::NAN),
            Fault::Value if due => MetaEstimate {
                value: f64::NAN,
                ..self.inner.estimate(at, direction, probe, scale)
            },
            _ => self.inner.estimate(at, direction, probe, scale),
        }
    }

    fn designer_steps(&self, wanted: usize) -> usize {
        wanted
    }
}

impl Stateful for Faulty {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}

type Run = Trainer<Toy, F32, Stream, Downstream<Toy, F32>, Faulty>;

/// A value update at every step, three designer steps of two micro-batches each; the fault comes
/// at estimate `left`.
fn run(fault: Fault, left: usize) -> Run {
    let config = TrainerConfig {
        cadence: Cadence {
            burn_in: Some(0),
            update_every: Some(1),
        },
        ..config()
    };
    let meta = Faulty {
        inner: LinearTarget::new(Default::default(), true),
        fault,
        left: Cell::new(left),
    };
    trainer(3, downstream(9), meta, config)
}

/// Parameters and moments of both modules, by way of a checkpoint.
fn tensors(run: &Run) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    run.save(&place, "").unwrap();
    std::fs::read(place.join("state.safetensors")).unwrap()
}

/// One sound step, one refused for `what`, and nothing has moved between the two.
fn refuses(mut run: Run, what: &str) {
    let designer = bits(&run.designer);
    run.step().unwrap();
    let moves = run.config.cadence != Cadence::never();
    assert_eq!(bits(&run.designer) != designer, moves);
    let before = tensors(&run);
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains(what), "{error}");
    assert_eq!(run.step, 1);
    assert_eq!(tensors(&run), before, "{what}");
}

/// Whichever of the designer's steps it comes in: the first of the second update, or one after
/// others have been taken.
#[test]
fn a_value_update_that_is_not_finite_leaves_everything_alone() {
    for left in [6, 9, 11] {
        refuses(run(Fault::Value, left), "V is not finite");
        refuses(run(Fault::Gradient, left), "the designer's gradient");
    }
}

/// Broken data is seen in V where a value update is due, in the loss where none is.
#[test]
fn a_loss_that_is_not_finite_leaves_everything_alone() {
    let broken = |cadence| {
        let mut run = run(Fault::Value, usize::MAX);
        run.config.cadence = cadence;
        run.source.broken_after = 1;
        run
    };
    refuses(broken(run(Fault::Value, 0).config.cadence), "V is not");
    refuses(broken(Cadence::never()), "the pretraining loss is not");
}

/// What fails after the designer has moved, here a labelled batch for the noise of V, moves it
/// back.
#[test]
fn a_late_failure_takes_the_designers_step_back() {
    let mut run = run(Fault::Value, usize::MAX);
    run.feedback = Downstream::new(Labelled {
        left: 3,
        ..Labelled::new::<F32>("held", 9)
    });
    (run.config.noise_every, run.config.noise_batches) = (1, 1);
    refuses(run, "no labels are left");
}
