//! Parameters that learn later, clipping by tensor, and a decay that changes over the run.

use super::toy::{F32, F64, Stream, Toy, bits, config, downstream, trainer};
use vpt_core::{
    Cadence, Clip, CosineRamp, Downstream, Freeze, LinearTarget, ParamSubset, Progress, Trainer,
    TrainerConfig, read_tensors,
};

const UNTIL: usize = 3;
const STEPS: usize = 7;

type Run = Trainer<Toy, F32, Stream, Downstream<Toy, F32>, LinearTarget>;

/// A run in which `frozen` begins to learn at step [`UNTIL`].
fn run(seed: u64, frozen: impl Fn(&str) -> bool, config: TrainerConfig) -> Run {
    let meta = LinearTarget::new(Default::default(), true);
    let mut run = trainer(seed, downstream(seed + 6), meta, config);
    run.freezes = vec![Freeze {
        subset: ParamSubset::matching(&run.learner, frozen),
        until: UNTIL,
    }];
    run
}

/// Moments of the learner's optimiser by parameter.
fn moments(run: &Run) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    run.save(&place, "").unwrap();
    let tensors = read_tensors(&place.join("state.safetensors")).unwrap();
    let names = tensors.into_keys();
    let names = names.filter_map(|name| Some(name.strip_prefix("learner_optimiser/")?.to_owned()));
    names.filter(|name| name.ends_with("moment_1")).collect()
}

#[test]
fn what_is_frozen_stays_to_the_bit_until_its_step() {
    let mut config = config();
    config.weight_decay = Some(CosineRamp { from: 0.1, to: 0.4 });
    let mut run = run(3, |path| path != "second", config);
    let before = bits(&run.learner);
    for step in 0..STEPS {
        let report = run.step().unwrap();
        let after = bits(&run.learner);
        assert_ne!(after["second"], before["second"]);
        for path in ["first", "bias"] {
            assert_eq!(after[path] == before[path], step < UNTIL, "{path} {step}");
        }
        let known = if step < UNTIL { 1 } else { 3 };
        assert_eq!(moments(&run).len(), known);
        assert_eq!(report.value.is_some(), [1, 3, 5].contains(&step));
    }
}

/// No value is computed while all of S is frozen, and none is asked for.
#[test]
fn a_value_waits_for_what_moves() {
    let mut run = run(3, |path| path == "bias", config());
    run.subset = ParamSubset::matching(&run.learner, |path| path == "bias");
    let valued: Vec<bool> = (0..STEPS)
        .map(|_| run.step().unwrap().value.is_some())
        .collect();
    assert_eq!(valued, [false, false, false, true, false, true, false]);
}

#[test]
fn a_run_cut_while_frozen_is_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let make = |seed| {
        let mut config = config();
        config.weight_decay = Some(CosineRamp { from: 0.1, to: 0.4 });
        config.clip = Clip::PerTensor(0.05);
        config.schedule.steps = STEPS;
        run(seed, |path| path == "first", config)
    };
    let until = |run: &mut Run, step: usize| {
        while run.step < step {
            run.step().unwrap();
        }
    };
    let mut whole = make(3);
    until(&mut whole, STEPS);
    whole.save(&place("whole"), "").unwrap();
    for cut in 1..STEPS {
        let mut first = make(3);
        until(&mut first, cut);
        first.save(&place("cut"), "").unwrap();
        let mut second = make(53);
        second.load(&place("cut"), "", &Default::default()).unwrap();
        until(&mut second, STEPS);
        second.save(&place("resumed"), "").unwrap();
        for file in ["state.json", "state.safetensors"] {
            let read = |folder: &str| std::fs::read(place(folder).join(file)).unwrap();
            assert!(read("resumed") == read("whole"), "{file}, cut at {cut}");
        }
    }
}

/// With a gradient too small to matter, a step multiplies a matrix by 1 − rate · decay.
#[test]
fn the_decay_is_the_schedules() {
    let ramp = CosineRamp {
        from: 0.04,
        to: 0.4,
    };
    let run = |decay: Option<CosineRamp>| {
        let config = TrainerConfig {
            cadence: Cadence::never(),
            weight_decay: decay,
            ..config()
        };
        let meta = LinearTarget::new(Default::default(), true);
        let mut run = trainer::<F64, _, _>(3, downstream(9), meta, config);
        let before = bits(&run.learner);
        let report = run.step().unwrap();
        (before, run.learner, report.rate)
    };
    let (before, decayed, rate) = run(Some(ramp));
    let (_, plain, _) = run(None);
    let decay = ramp.at(Progress { step: 0, steps: 40 });
    assert_eq!(bits(&decayed)["bias"], bits(&plain)["bias"]);
    let floats = |bytes: &[u8]| -> Vec<f64> {
        let words = bytes.as_chunks::<8>().0;
        words.iter().map(|w| f64::from_le_bytes(*w)).collect()
    };
    let of = |values: &std::collections::BTreeMap<String, Vec<u8>>| floats(&values["first"]);
    let (start, with, without) = (of(&before), of(&bits(&decayed)), of(&bits(&plain)));
    for ((start, with), without) in start.iter().zip(with).zip(without) {
        // Burn keeps the decay in f32.
        let expected = without - rate * decay * start;
        assert!((with - expected).abs() < 1e-9, "{with} {expected}");
    }
}
