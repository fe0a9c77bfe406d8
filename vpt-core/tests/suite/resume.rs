//! n + m steps are n steps, save, load, m steps, bit for bit; and what is not a whole checkpoint of
//! this run is refused.

use super::toy::{
    F32, Labelled, Mlp, Stream, Toy, bits, config, downstream, rng, trainer, widened,
};
use burn::tensor::{DType, TensorData};
use rand::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use vpt_core::{
    Cadence, CentralDifference, DifferenceStep, Downstream, Feedback, LinearTarget, MetaGradient,
    Nested, RandomDirection, StepReport, Trainer, TrainerConfig, ValueTimes, export, import,
    parameters, read_tensors, write_tensors,
};

const STEPS: usize = 7;

/// A report without its times.
fn timeless(mut report: StepReport) -> StepReport {
    (report.elapsed, report.target_elapsed) = (Duration::ZERO, Duration::ZERO);
    if let Some(value) = &mut report.value {
        value.times = ValueTimes::default();
    }
    report
}

fn steps<F: Feedback<Toy, F32>, G: MetaGradient<Toy, F32>>(
    trainer: &mut Trainer<Toy, F32, Stream, F, G>,
    until: usize,
) -> Vec<StepReport> {
    let left = until - trainer.step;
    (0..left)
        .map(|_| timeless(trainer.step().unwrap()))
        .collect()
}

/// Every file of a checkpoint, as bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = ["state.json", "state.safetensors"];
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    names.map(|name| (name.to_owned(), read(name))).into()
}

/// Two evaluators, each with a generator of its own.
fn pair(seed: u64) -> Downstream<Toy, F32> {
    downstream(seed).and(0.5, Labelled::new::<F32>("other", seed + 40))
}

/// The law for one way to steer: reports, tensors and the next checkpoint are the same wherever the
/// run was cut. What the second trainer began with is of other seeds, so all of it must be loaded.
fn law<F: Feedback<Toy, F32>, G: MetaGradient<Toy, F32>>(
    feedback: impl Fn(u64) -> F,
    meta: impl Fn() -> G,
) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let config = || TrainerConfig {
        curvature: 0.2,
        noise_every: 3,
        noise_batches: 2,
        ..config()
    };
    let mut whole = trainer(3, feedback(9), meta(), config());
    let reports = steps(&mut whole, STEPS);
    whole.save(&place("whole"), "this run").unwrap();
    assert!(reports.iter().any(|report| report.value.is_some()));

    for cut in 1..STEPS {
        let mut first = trainer(3, feedback(9), meta(), config());
        steps(&mut first, cut);
        first.save(&place("cut"), "this run").unwrap();

        let mut second = trainer(50, feedback(59), meta(), config());
        second
            .load(&place("cut"), "this run", &Default::default())
            .unwrap();
        assert_eq!(steps(&mut second, STEPS), reports[cut..], "cut at {cut}");
        second.save(&place("resumed"), "this run").unwrap();
        assert_eq!(bits(&second.learner), bits(&whole.learner));
        assert_eq!(bits(&second.designer), bits(&whole.designer));
        assert_eq!(files(&place("resumed")), files(&place("whole")), "{cut}");
    }
}

/// What the parts keep as numbers comes back to the last bit, which JSON alone does not promise.
#[test]
fn numbers_in_states_are_exact() {
    let mut rng = rng(4);
    for _ in 0..2000 {
        let number = f64::from_bits(rng.random());
        let text = serde_json::to_string(&number).unwrap();
        if number.is_finite() {
            let read: f64 = serde_json::from_str(&text).unwrap();
            assert_eq!(read.to_bits(), number.to_bits(), "{text}");
        }
    }
}

#[test]
fn a_resumed_run_is_the_same_run() {
    let step = DifferenceStep::default;
    law(pair, || LinearTarget::new(step(), true));
    law(pair, || CentralDifference::new(step()));
    law(
        |seed| RandomDirection::new(pair(seed), rng(seed + 70)),
        || Nested,
    );
}

/// The adaptive ε is part of the state: the law above would not hold without it.
#[test]
fn the_difference_step_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    let mut run = trainer(
        3,
        pair(9),
        LinearTarget::new(Default::default(), true),
        config(),
    );
    steps(&mut run, 4);
    run.save(&place, "").unwrap();
    let state: serde_json::Value = serde_json::from_slice(&files(&place)["state.json"]).unwrap();
    assert!(state["meta"]["length"].is_f64(), "{}", state["meta"]);
}

type Run = Trainer<Toy, F32, Stream, Downstream<Toy, F32>, LinearTarget>;

fn run(seed: u64) -> Run {
    trainer(
        seed,
        pair(seed),
        LinearTarget::new(Default::default(), true),
        config(),
    )
}

/// Saves a run, spoils the folder by `spoil`, and looks at how another run refuses it: with what
/// words, and that nothing of it has changed.
fn refused(expected: &[&str], spoil: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut saved = run(3);
    steps(&mut saved, 4);
    saved.save(&place("saved"), "this run").unwrap();
    spoil(&place("saved"));

    let mut other = run(50);
    steps(&mut other, 2);
    other.save(&place("before"), "other").unwrap();
    let error = other
        .load(&place("saved"), "this run", &Default::default())
        .unwrap_err()
        .to_string();
    for words in expected {
        assert!(error.contains(words), "no {words:?} in {error:?}");
    }
    other.save(&place("after"), "other").unwrap();
    assert_eq!(files(&place("after")), files(&place("before")), "{error}");
}

/// Rewrites the tensors of a checkpoint.
fn tensors(folder: &Path, change: impl FnOnce(&mut BTreeMap<String, TensorData>)) {
    let path = folder.join("state.safetensors");
    let mut tensors = read_tensors(&path).unwrap();
    change(&mut tensors);
    write_tensors(&path, tensors).unwrap();
}

/// Rewrites the state of a checkpoint.
fn state(folder: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.join("state.json");
    let mut state = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut state);
    std::fs::write(&path, serde_json::to_vec(&state).unwrap()).unwrap();
}

#[test]
fn another_runs_checkpoint_is_refused() {
    refused(&["state.json", "another config"], |folder| {
        state(folder, |state| state["fingerprint"] = "that run".into());
    });
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let file = "state.safetensors";
    refused(&[file, "learner", "`second`", "missing"], |folder| {
        tensors(folder, |tensors| drop(tensors.remove("learner/second")));
    });
    refused(&[file, "designer", "scores", "missing"], |folder| {
        tensors(folder, |tensors| {
            tensors.retain(|name, _| !(name.starts_with("designer/") && name.ends_with("scores")));
        });
    });
    refused(&[file, "`bias`", "shape [3], expected [7]"], |folder| {
        tensors(folder, |tensors| {
            tensors.insert("learner/bias".into(), TensorData::from([0_f32; 3]));
        });
    });
    refused(&[file, "`ghost`", "no such parameter"], |folder| {
        tensors(folder, |tensors| {
            tensors.insert("learner/ghost".into(), TensorData::from([0_f32; 3]));
        });
    });
    refused(&[file, "`ghost`", "no part"], |folder| {
        tensors(folder, |tensors| {
            tensors.insert("ghost/bias".into(), TensorData::from([0_f32; 3]));
        });
    });
    refused(
        &[file, "`learner/bias`", "not finite at element 2"],
        |folder| {
            tensors(folder, |tensors| {
                let values = [0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0, 0.0];
                tensors.insert("learner/bias".into(), TensorData::from(values));
            });
        },
    );
    refused(
        &[file, "learner_optimiser", "`bias.moment_2`", "missing"],
        |folder| {
            tensors(folder, |tensors| {
                tensors.remove("learner_optimiser/bias.moment_2");
            });
        },
    );
    refused(
        &[
            file,
            "learner_optimiser",
            "`bias.moment_1`",
            "3 values, expected 7",
        ],
        |folder| {
            tensors(folder, |tensors| {
                let name = "learner_optimiser/bias.moment_1".into();
                tensors.insert(name, TensorData::from([0_f32; 3]));
            });
        },
    );
    // Moments whose number of updates was lost would start anew in silence.
    refused(
        &[file, "learner_optimiser", "`bias.moment_1`", "no parameter"],
        |folder| {
            state(folder, |state| {
                let updates = state["learner_updates"].as_object_mut().unwrap();
                updates.remove("bias");
            });
        },
    );
    refused(&[file], |folder| {
        let path = folder.join(file);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    });
}

/// What the source, the feedback and the estimator refuse is told by file and part.
#[test]
fn states_that_do_not_fit_are_named() {
    for part in ["source", "feedback", "meta"] {
        refused(&["state.json", part], |folder| {
            state(folder, |state| state[part] = "nonsense".into());
        });
    }
    refused(&["state.json", "feedback", "evaluators: 1"], |folder| {
        state(folder, |state| {
            state["feedback"].as_array_mut().unwrap().pop();
        });
    });
    refused(&["state.json"], |folder| {
        std::fs::write(folder.join("state.json"), "{").unwrap();
    });
}

/// A folder that cannot be staged leaves the old checkpoint as it was.
#[test]
fn a_failed_save_leaves_the_old_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    let mut run = run(3);
    steps(&mut run, 2);
    run.save(&place, "this run").unwrap();
    let before = files(&place);

    std::fs::write(folder.path().join(".step.tmp"), "in the way").unwrap();
    steps(&mut run, 4);
    let error = run.save(&place, "this run").unwrap_err().to_string();
    assert!(error.contains(".step.tmp"), "{error}");
    assert_eq!(files(&place), before);
}

/// The process ended while one checkpoint took another's place: the old one is loaded.
#[test]
fn an_interrupted_save_leaves_a_checkpoint_to_load() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    let mut saved = run(3);
    steps(&mut saved, 2);
    saved.save(&place, "this run").unwrap();
    std::fs::rename(&place, folder.path().join(".step.old")).unwrap();

    let mut other = run(50);
    other.load(&place, "this run", &Default::default()).unwrap();
    assert_eq!(bits(&other.learner), bits(&saved.learner));
}

/// A module in f64 on a device whose default is f32 keeps its type, in its parameters and in its
/// moments.
#[test]
fn types_are_the_parameters_own() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("step");
    let wide = |seed| {
        let config = TrainerConfig {
            cadence: Cadence::never(),
            ..config()
        };
        let mut run = trainer::<F32, _, _>(seed, downstream(9), Nested, config);
        run.learner = widened(run.learner);
        run.source.dtype = DType::F64;
        run
    };
    let mut whole = wide(3);
    steps(&mut whole, 2);
    whole.save(&place, "").unwrap();
    for (name, data) in read_tensors(&place.join("state.safetensors")).unwrap() {
        let expected = match name.starts_with("learner") {
            true => DType::F64,
            false => DType::F32,
        };
        assert_eq!(data.dtype, expected, "{name}");
    }
    let mut resumed = wide(50);
    resumed.load(&place, "", &Default::default()).unwrap();
    assert_eq!(steps(&mut resumed, 4), steps(&mut whole, 4));
    assert_eq!(bits(&resumed.learner), bits(&whole.learner));

    // And values of another type are converted to it.
    let narrow = export(&Mlp::<F32>::drawn(8));
    let filled = import(whole.learner, narrow).unwrap();
    for info in parameters(&filled) {
        assert_eq!(info.dtype, DType::F64, "{}", info.path);
    }
}
