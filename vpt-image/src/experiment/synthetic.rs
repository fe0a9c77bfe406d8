//! Run folders with numbers that can be checked by hand.

use crate::artefacts::{
    Ending, Evaluation, EvaluationEvent, Event, Figures, ImageResults, ProbeEvent, RunSummary,
    SetResult, Split, StepEvent, Strip, Subject, ValueEvent,
};
use crate::images::{RgbImage, encode_png};
use crate::metrics::Overlap;
use std::collections::BTreeMap;
use std::path::Path;
use vpt_core::experiment::run_name;
use vpt_core::run::write_json;
use vpt_core::{to_state, write_atomically};

pub(crate) const IMAGES: usize = 4;
const STEPS: u64 = 12;
/// Text that a page must not take for its own.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>";

/// The baseline and value with two seeds each.
pub(crate) fn write_experiment(out: &Path) {
    for seed in [0, 1] {
        for method in ["baseline", "value"] {
            write_run(out, method, seed);
        }
    }
}

pub(crate) fn write_run(out: &Path, method: &str, seed: u64) {
    let folder = out.join("runs").join(run_name(method, seed));
    let better = method == "value";
    let result = result(seed, better);
    let evaluation = Evaluation {
        test: result.clone(),
        validation: result.clone(),
        start: None,
        fresh: Some(SetResult {
            figures: Figures {
                miou: Some(0.3),
                ..Figures::default()
            },
            ..SetResult::default()
        }),
    };
    // Compact, so that a test can edit it.
    let json = to_state(&evaluation).to_string();
    write_atomically(&folder.join("evaluation.json"), json.as_bytes()).unwrap();
    let summary = RunSummary {
        method: method.into(),
        seed,
        steps: STEPS,
        ending: Ending::Complete,
        tokens: 9_000,
        learner_parameters: 480_000,
        designer_parameters: better.then_some(9_000),
        wall_seconds: 6.0,
        value_seconds: if better { 1.5 } else { 0.0 },
        config_hash: "abc".into(),
        skipped: 0,
        version: "0.1.0".into(),
        validation: result.figures,
        test: result.figures,
    };
    write_json(&folder.join("summary.json"), &summary).unwrap();
    let config = format!("# {HOSTILE}\nmethod = \"{method}\"\n");
    write_atomically(&folder.join("config.toml"), config.as_bytes()).unwrap();
    let lines: String = events(better, &result)
        .iter()
        .map(|event| format!("{}\n", to_state(event)))
        .collect();
    write_atomically(&folder.join("metrics.jsonl"), lines.as_bytes()).unwrap();
    let picture = encode_png(&RgbImage::new(8, 4)).unwrap();
    let masks = [Strip::Masks(0), Strip::Masks(STEPS)];
    let masks = masks.into_iter().filter(|_| better);
    for strip in [Strip::Images, Strip::Labels, Strip::PredictedLabels]
        .into_iter()
        .chain(masks)
    {
        write_atomically(&strip.path(&folder), &picture).unwrap();
    }
}

fn result(seed: u64, better: bool) -> SetResult {
    let overlap = |found| Overlap { found, union: 10 };
    let second = if better { 3 } else { 2 };
    let rmse = 0.5 + 0.1 * seed as f64 - if better { 0.05 } else { 0.0 };
    SetResult {
        figures: Figures {
            miou: Some(if better { 0.45 } else { 0.4 }),
            rmse: Some(rmse),
            accuracy: Some(0.5),
            knn: Some(0.5),
            ..Figures::default()
        },
        images: ImageResults {
            segmentation: vec![vec![overlap(6), overlap(second)]; IMAGES],
            rmse: vec![Some(rmse), Some(rmse), Some(rmse), None],
            accuracy: vec![true, false, true, false],
        },
    }
}

fn events(better: bool, result: &SetResult) -> Vec<Event> {
    let mut events = vec![];
    for step in 1..=STEPS {
        let kept = better.then(|| ("mask_kept".to_owned(), Some(0.7)));
        events.push(Event::Step(StepEvent {
            step,
            tokens: 750 * step,
            loss: 5.0 - 0.1 * step as f64,
            grad_norm: 1.0,
            lr: 1e-3,
            measures: kept.into_iter().collect(),
            seconds: 0.5,
        }));
        if better && step.is_multiple_of(2) {
            let predicted = 0.01 * step as f64;
            events.push(Event::Probe(ProbeEvent {
                step,
                loss: 1.0,
                sgd_predicted: predicted,
                sgd_realised: 0.9 * predicted,
                update_predicted: predicted,
                update_realised: 0.5 * predicted,
                cosine: 0.5,
            }));
            events.push(Event::Value(ValueEvent {
                step,
                value: 0.1,
                cosine: 0.25,
                g_down_norm: 1.0,
                g_pre_norm: 0.4,
                parts: BTreeMap::from([("depth".to_owned(), Some(0.06))]),
                losses: BTreeMap::new(),
                noise: None,
                seconds: 0.25,
                direction_seconds: 0.1,
            }));
        }
    }
    for (step, last) in [(0, false), (6, false), (STEPS, true)] {
        events.push(Event::Evaluation(EvaluationEvent {
            step,
            split: Split::Validation,
            subject: Subject::Learner,
            last,
            figures: result.figures,
            seconds: 1.0,
        }));
    }
    events
}
