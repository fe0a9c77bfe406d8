//! The k-NN guard and the alarm inside a run.

use super::{bytes, config, fresh, options, run};
use vpt_core::run::RunOptions;
use vpt_image::artefacts::{Ending, Run};

/// At a rate that ruins it the backbone goes back to the best step, and the run ends there.
#[test]
fn a_ruined_backbone_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [
        ("method", "\"baseline\""),
        ("objective.head_burn_in", "0"),
        ("guard.watch", "true"),
        ("guard.tolerance", "0.0"),
        ("guard.ruin", "0.0"),
        ("train.lr", "3.0"),
        ("train.warmup", "0"),
        ("train.steps", "12"),
        ("train.eval_every", "1"),
        ("train.checkpoint_every", "1"),
        ("data.validation_images", "12"),
        ("eval.references", "false"),
    ];
    let config = config(folder.path(), &keys);
    let (out, summary) = fresh(folder.path(), "ruined", &config);
    let Ending::GuardRollBack { step } = summary.ending else {
        panic!("{:?}", summary.ending)
    };
    assert_eq!(summary.steps, step);
    assert!(step < 12);
    let looks = Run::read(&out).unwrap();
    let looks: Vec<f64> = looks.evaluations().filter_map(|e| e.figures.knn).collect();
    let best = looks.iter().copied().fold(0.0, f64::max);
    assert_eq!(summary.validation.knn, Some(best), "{looks:?}");

    // Stopped and gone on with, the guard knows what it has seen.
    let parts = folder.path().join("parts");
    let stopped = RunOptions {
        stop_after: Some(1),
        ..options(&parts)
    };
    if run(&config, &stopped).unwrap().summary.is_none() {
        let resumed = RunOptions {
            resume: true,
            ..options(&parts)
        };
        let again = run(&config, &resumed).unwrap().summary.unwrap();
        assert_eq!(again.ending, summary.ending);
    }
    let file = "model/model.safetensors";
    assert!(bytes(&out, file) == bytes(&parts, file));
}

/// A head of one prototype has nothing to say: the loss is ln(1) from the first step on.
#[test]
fn a_collapse_ends_the_run_with_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [
        ("method", "\"baseline\""),
        ("objective.student_temperature", "1e6"),
        ("guard.collapse", "2"),
        ("eval.references", "false"),
    ];
    let (out, summary) = fresh(folder.path(), "collapsed", &config(folder.path(), &keys));
    let Ending::Collapse { message } = &summary.ending else {
        panic!("{:?}", summary.ending)
    };
    assert!(
        message.starts_with("step 1: the loss sits at ln(outputs)"),
        "{message}"
    );
    assert_eq!(summary.steps, 2);
    let text = String::from_utf8(bytes(&out, "metrics.jsonl")).unwrap();
    assert!(text.contains("\"event\":\"alarm\""), "{text}");
}
