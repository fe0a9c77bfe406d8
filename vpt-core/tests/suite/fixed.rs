//! Parameters that do not learn: they stay to the bit, have no optimiser state, and are a hash in
//! checkpoints.

use super::toy::{F32, Mlp, Stream, Toy, bits, config, downstream, trainer};
use std::path::Path;
use vpt_core::{
    CentralDifference, Clip, Downstream, LinearTarget, MetaGradient, Nested, ParamSubset, Trainer,
    TrainerConfig, read_tensors,
};

const STEPS: usize = 6;

type Run<G> = Trainer<Toy, F32, Stream, Downstream<Toy, F32>, G>;

/// A run in which only `second` learns: `base` says where θ begins, `seed` where all else does.
fn run<G: MetaGradient<Toy, F32>>(base: u64, seed: u64, meta: G) -> Run<G> {
    let config = TrainerConfig {
        curvature: 0.2,
        ..config()
    };
    let mut run = trainer(seed, downstream(seed + 6), meta, config);
    run.learner = Mlp::drawn(base);
    run.trainable = ParamSubset::matching(&run.learner, |path| path == "second");
    run.subset = run.trainable.clone();
    run
}

fn linear() -> LinearTarget {
    LinearTarget::new(Default::default(), true)
}

fn steps<G: MetaGradient<Toy, F32>>(run: &mut Run<G>, until: usize) {
    while run.step < until {
        run.step().unwrap();
    }
}

#[test]
fn what_is_fixed_stays_to_the_bit() {
    let mut run = run(3, 3, linear());
    let before = bits(&run.learner);
    let mut valued = 0;
    for _ in 0..STEPS {
        valued += usize::from(run.step().unwrap().value.is_some());
    }
    let after = bits(&run.learner);
    assert!(valued > 0);
    assert_eq!(after["first"], before["first"]);
    assert_eq!(after["bias"], before["bias"]);
    assert_ne!(after["second"], before["second"]);
}

/// The gradient of what learns is the one it has when everything learns.
#[test]
fn fixing_the_rest_changes_no_gradient() {
    let report = |fixed: bool| {
        let mut run = run(3, 3, linear());
        if !fixed {
            run.trainable = ParamSubset::all(&run.learner);
        }
        run.config.clip = Clip::Off;
        run.config.cadence.burn_in = Some(0);
        let value = run.step().unwrap().value.unwrap();
        (value.value, bits(&run.learner)["second"].clone())
    };
    let (fixed, all) = (report(true), report(false));
    assert!((fixed.0 - all.0).abs() < 1e-5 * all.0.abs(), "{fixed:?}");
    let floats = |bytes: &[u8]| -> Vec<f32> {
        let words = bytes.as_chunks::<4>().0;
        words.iter().map(|w| f32::from_le_bytes(*w)).collect()
    };
    for (a, b) in floats(&fixed.1).into_iter().zip(floats(&all.1)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

fn law<G: MetaGradient<Toy, F32>>(meta: impl Fn() -> G) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut whole = run(3, 3, meta());
    steps(&mut whole, STEPS);
    whole.save(&place("whole"), "").unwrap();
    for cut in 1..STEPS {
        let mut first = run(3, 3, meta());
        steps(&mut first, cut);
        first.save(&place("cut"), "").unwrap();
        let mut second = run(3, 53, meta());
        let device = Default::default();
        second.load(&place("cut"), "", &device).unwrap();
        steps(&mut second, STEPS);
        second.save(&place("resumed"), "").unwrap();
        assert_eq!(bits(&second.learner), bits(&whole.learner));
        for file in ["state.json", "state.safetensors"] {
            let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
            assert_eq!(read(&place("resumed")), read(&place("whole")), "{cut}");
        }
    }
}

#[test]
fn a_resumed_run_is_the_same_run() {
    law(linear);
    law(CentralDifference::default);
    law(|| Nested);
}

#[test]
fn a_checkpoint_holds_what_learns() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = run(3, 3, linear());
    steps(&mut run, 2);
    let place = folder.path().join("step");
    run.save(&place, "").unwrap();
    let tensors = read_tensors(&place.join("state.safetensors")).unwrap();
    let names: Vec<&str> = tensors.keys().map(String::as_str).collect();
    let learner: Vec<&&str> = names.iter().filter(|n| n.starts_with("learner")).collect();
    assert_eq!(
        learner,
        [
            &"learner/second",
            &"learner_optimiser/second.moment_1",
            &"learner_optimiser/second.moment_2"
        ]
    );
}

#[test]
fn another_base_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    let mut saved = run(3, 3, linear());
    steps(&mut saved, 2);
    saved.save(&place, "").unwrap();

    let device = Default::default();
    let mut other = run(4, 3, linear());
    let before = bits(&other.learner);
    let error = other.load(&place, "", &device).unwrap_err().to_string();
    assert!(error.contains("do not learn"), "{error}");
    assert_eq!((bits(&other.learner), other.step), (before, 0));

    // Nor is it the checkpoint of a run in which everything learns.
    let mut all = run(3, 3, linear());
    all.trainable = ParamSubset::all(&all.learner);
    let error = all.load(&place, "", &device).unwrap_err().to_string();
    assert!(error.contains("do not learn"), "{error}");
}

#[test]
#[should_panic(expected = "holds parameters that do not learn")]
fn a_value_on_what_does_not_learn_is_a_mistake() {
    let mut run = run(3, 3, linear());
    run.subset = ParamSubset::all(&run.learner);
    let _ = run.step();
}
