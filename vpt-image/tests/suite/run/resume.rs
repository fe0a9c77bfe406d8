//! n + m steps are n steps, saved, resumed, m steps; and a run that ends before its burn-in is the
//! baseline's.

use super::{bytes, config, fresh, log, options, run};
use vpt_core::run::RunOptions;

/// Model, log and the last checkpoint, bit by bit.
#[test]
fn a_run_goes_on_as_if_it_had_not_stopped() {
    let folder = tempfile::tempdir().unwrap();
    for keys in [
        &[("probe.every", "2"), ("probe.images", "3")][..],
        &[
            ("method", "\"random\""),
            ("value.meta_batch", "2"),
            ("guard.watch", "true"),
        ],
        &[
            ("method", "\"random-masks\""),
            ("train.grad_accum", "2"),
            ("objective.kind", "\"latent\""),
        ],
    ] {
        let config = config(folder.path(), keys);
        let name = keys[0].1.trim_matches('"');
        let (whole, _) = fresh(folder.path(), &format!("whole-{name}"), &config);
        let out = folder.path().join(format!("parts-{name}"));
        let stopped = RunOptions {
            stop_after: Some(3),
            ..options(&out)
        };
        assert!(run(&config, &stopped).unwrap().summary.is_none());
        let resumed = RunOptions {
            resume: true,
            ..options(&out)
        };
        assert!(run(&config, &resumed).unwrap().summary.is_some());
        for file in [
            "model/model.safetensors",
            "checkpoints/step-000004/state.safetensors",
            "checkpoints/step-000004/state.json",
            "evaluation.json",
            "figures/predicted-labels.png",
        ] {
            assert!(bytes(&whole, file) == bytes(&out, file), "{name}: {file}");
        }
        assert_eq!(log(&whole), log(&out), "{name}");
    }
}

/// Masks off: the same bits, whatever φ would be.
#[test]
fn before_its_burn_in_every_method_is_the_baseline() {
    let folder = tempfile::tempdir().unwrap();
    // The baseline alone would measure them.
    let alone = ("eval.references", "false");
    let base = config(folder.path(), &[("method", "\"baseline\""), alone]);
    let (baseline, _) = fresh(folder.path(), "baseline", &base);
    for method in ["value", "random-masks", "negated"] {
        let method_key = format!("\"{method}\"");
        let method_key = ("method", method_key.as_str());
        let keys = [method_key, alone, ("value.burn_in", "9")];
        let (out, _) = fresh(folder.path(), method, &config(folder.path(), &keys));
        for file in ["model/model.safetensors", "evaluation.json"] {
            assert!(
                bytes(&baseline, file) == bytes(&out, file),
                "{method}: {file}"
            );
        }
        // Masks shape something once there are some.
        let shaped = config(folder.path(), &keys[..2]);
        let (shaped, _) = fresh(folder.path(), &format!("{method}-shaped"), &shaped);
        let file = "model/model.safetensors";
        assert!(bytes(&baseline, file) != bytes(&shaped, file), "{method}");
    }
}

#[test]
fn another_config_or_model_is_no_resumption() {
    let folder = tempfile::tempdir().unwrap();
    let first = config(folder.path(), &[("method", "\"baseline\"")]);
    let (out, _) = fresh(folder.path(), "run", &first);
    let again = run(&first, &options(&out)).unwrap_err().to_string();
    assert!(again.contains("holds a run already"), "{again}");
    let resumed = RunOptions {
        resume: true,
        ..options(&out)
    };
    let other = config(
        folder.path(),
        &[("method", "\"baseline\""), ("train.lr", "0.5")],
    );
    let message = run(&other, &resumed).unwrap_err().to_string();
    assert!(
        message.contains("`config` is not what the run was made with"),
        "{message}"
    );
    let weights = folder.path().join("base/model.safetensors");
    let mut changed = std::fs::read(&weights).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, changed).unwrap();
    let message = run(&first, &resumed).unwrap_err().to_string();
    assert!(
        message.contains("`model/model.safetensors` is not"),
        "{message}"
    );
}
