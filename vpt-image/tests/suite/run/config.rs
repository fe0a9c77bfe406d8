//! Every method with every objective, and what their logs say.

use super::{bytes, config, fresh, log};
use vpt_image::artefacts::{Ending, Run, Strip};
use vpt_image::config::Method;

#[test]
fn every_method_runs_with_every_objective() {
    let folder = tempfile::tempdir().unwrap();
    for objective in ["dino", "latent", "reconstruction"] {
        for method in Method::ALL {
            let quoted = [objective, method.name()].map(|name| format!("\"{name}\""));
            let keys = [
                ("objective.kind", quoted[0].as_str()),
                ("method", quoted[1].as_str()),
                ("train.steps", "2"),
                ("train.eval_every", "0"),
                ("eval.references", "false"),
            ];
            let name = format!("{objective}-{}", method.name());
            let (out, summary) = fresh(folder.path(), &name, &config(folder.path(), &keys));
            assert_eq!(summary.ending, Ending::Complete);
            assert!(summary.test.miou.is_some_and(|miou| miou > 0.0), "{name}");
            assert!(summary.test.rmse.is_some_and(f64::is_finite), "{name}");
            let run = Run::read(&out).unwrap();
            assert_eq!(
                run.values().count(),
                usize::from(method.needs_feedback()),
                "{name}"
            );
            let masked = run.steps().last().unwrap().measure("mask_kept");
            // The baseline of reconstruction has random masks.
            let expected = method != Method::Baseline || objective == "reconstruction";
            assert_eq!(masked.is_some(), expected, "{name}: {masked:?}");
        }
    }
}

/// Value and negated see the same batches and start from the same designer: their first directions
/// are mirror images, and random has the same length.
#[test]
fn methods_differ_in_the_direction_alone() {
    let folder = tempfile::tempdir().unwrap();
    let figures = |method: &str| {
        let quoted = format!("\"{method}\"");
        let keys = [("method", quoted.as_str()), ("train.steps", "2")];
        let (out, _) = fresh(folder.path(), method, &config(folder.path(), &keys));
        let run = Run::read(&out).unwrap();
        let value = run.values().next().unwrap().clone();
        (value, bytes(&out, "designer/designer.safetensors"))
    };
    let (value, climbed) = figures("value");
    let (negated, descended) = figures("negated");
    let (random, wandered) = figures("random");
    assert_eq!(value.g_down_norm, negated.g_down_norm);
    assert_eq!(value.g_down_norm, random.g_down_norm);
    assert_eq!(value.losses, random.losses);
    assert_eq!(value.losses.len(), 2);
    assert_eq!(value.parts.len(), 2);
    assert!(climbed != descended && climbed != wandered && descended != wandered);
}

/// Each estimator sees the same V, and the exact ones end at the same designer but for rounding.
#[test]
fn every_estimator_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut cosines = vec![];
    for estimator in ["nested", "split", "tangent", "central", "split-central"] {
        let quoted = format!("\"{estimator}\"");
        let keys = [
            ("value.estimator", quoted.as_str()),
            ("train.steps", "3"),
            ("train.eval_every", "0"),
            ("eval.references", "false"),
        ];
        let (out, _) = fresh(folder.path(), estimator, &config(folder.path(), &keys));
        let run = Run::read(&out).unwrap();
        cosines.push(run.values().last().unwrap().cosine);
    }
    for cosine in &cosines {
        assert!((cosine - cosines[0]).abs() < 1e-2, "{cosines:?}");
    }
}

#[test]
fn a_run_folder_holds_what_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let (out, summary) = fresh(folder.path(), "value", &config(folder.path(), &[]));
    assert!(summary.designer_parameters.is_some_and(|count| count > 0));
    for file in [
        "config.toml",
        "designer/config.json",
        "heads/segmentation.safetensors",
        "heads/depth.safetensors",
        "heads/pictures.safetensors",
        "model/config.json",
        "model/preprocessor_config.json",
    ] {
        bytes(&out, file);
    }
    let run = Run::read(&out).unwrap();
    let strips: Vec<Strip> = run.strips.iter().map(|(strip, _)| *strip).collect();
    let masks = [0, 2, 4].map(Strip::Masks);
    assert!(masks.iter().all(|mask| strips.contains(mask)), "{strips:?}");
    assert_eq!(strips.len(), 8);
    let test = &run.evaluation.test.images;
    assert_eq!(
        [
            test.segmentation.len(),
            test.rmse.len(),
            test.accuracy.len()
        ],
        [4; 3]
    );
    assert!(run.evaluation.start.is_none());
    let looks = |out: &std::path::Path| {
        let events = log(out).into_iter();
        events
            .filter(|event| event["event"] == "evaluation")
            .count()
    };
    // Validation after 0, 2 and 4 steps, test after 4.
    assert_eq!(looks(&out), 4);

    let keys = [("method", "\"baseline\"")];
    let (out, _) = fresh(folder.path(), "baseline", &config(folder.path(), &keys));
    let run = Run::read(&out).unwrap();
    assert!(run.evaluation.start.is_some() && run.evaluation.fresh.is_some());
    assert_eq!(looks(&out), 6);
}
