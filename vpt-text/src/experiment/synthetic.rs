//! An experiment's folder with numbers that are known by hand, for tests.

use serde_json::{Value, json};
use std::path::Path;
use vpt_core::experiment::run_name;

/// Learner updates in a run.
pub(crate) const STEPS: u64 = 60;
/// Items in each held-out set.
pub(crate) const ITEMS: usize = 4;
/// Text that must never reach a page as markup.
pub(crate) const HOSTILE: &str = "<script>alert(\"x\")</script>&";

/// Two methods, three seeds.
pub(crate) fn write_experiment(out: &Path) {
    for seed in 0..3 {
        write_run(out, "ntp", seed);
        write_run(out, "value", seed);
    }
}

/// One run: item NLL 2.0 + 0.1·seed for `ntp`, 0.3 less for `value`.
pub(crate) fn write_run(out: &Path, method: &str, seed: u64) {
    let folder = out.join("runs").join(run_name(method, seed));
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let steered = method == "value";
    let shaped = method != "ntp";
    write("metrics.jsonl", metrics(seed, steered, shaped));
    write("evaluation.json", evaluation(seed, steered).to_string());
    write(
        "summary.json",
        json!({"method": method, "seed": seed, "steps": STEPS, "tokens": STEPS * 273,
            "learner_parameters": 901_248, "designer_parameters": shaped.then_some(118_000),
            "wall_seconds": 30.0, "value_seconds": if shaped { 6.0 } else { 0.0 },
            "config_hash": "b179c952", "corpus": "stream.jsonl", "feedback": "feedback.jsonl",
            "feedback_items": 256, "unknown": [1]})
        .to_string(),
    );
    write(
        "config.toml",
        format!("method = \"{method}\"\nseed = {seed}\n"),
    );
    if steered {
        write("example.json", example().to_string());
    }
}

fn metrics(seed: u64, steered: bool, shaped: bool) -> String {
    let mut lines = Vec::new();
    for step in 1..=STEPS {
        let t = step as f64 / STEPS as f64;
        let wobble = 0.08 * ((step * 7 + seed * 13) % 11) as f64 / 11.0;
        let on = shaped && step > 10;
        lines.push(json!({"event": "step", "step": step, "tokens": step * 273,
            "loss": 1.2 - 0.2 * t + wobble, "target_loss": 1.25 - 0.2 * t + wobble,
            "grad_norm": 0.8, "lr": 5e-4, "alpha": if on { 0.05 + 0.2 * t } else { 0.0 },
            "entropy": if on { 0.3 + 0.1 * t } else { 0.0 }, "seconds": 0.4}));
        if step % 5 == 0 {
            let ntp = 0.02 - 0.005 * t + 0.01 * wobble;
            let v = if steered { ntp + 0.02 * t } else { ntp };
            lines.push(
                json!({"event": "value", "step": step, "value": v, "value_ntp": ntp,
                "value_oracle": ntp + 0.04, "oracle_share": (v - ntp) / 0.04, "scale": 0.3,
                "epsilon": 0.01, "cosine": v * 4.0, "noise": null, "seconds": 0.3}),
            );
        }
        if steered && step % 6 == 0 {
            let (predicted, noise) = (0.01 * t, 0.004 * (wobble - 0.04));
            lines.push(
                json!({"event": "probe", "step": step, "loss": 0.3 - 0.03 * t,
                "sgd_predicted": predicted, "sgd_realised": predicted + noise,
                "update_predicted": predicted, "update_realised": 0.5 * predicted + 9.0 * noise,
                "cosine": 0.3}),
            );
        }
        if step % 15 == 0 || step == 1 {
            for (split, level) in [("validation", 0.24), ("off_target", 1.1)] {
                let gain = if steered && split == "validation" {
                    0.04 * t
                } else {
                    0.0
                };
                lines.push(
                    json!({"event": "evaluation", "step": step, "tokens": step * 273,
                    "split": split, "loss": level - 0.03 * t - gain + 0.002 * seed as f64,
                    "first": 0.5, "digit": 0.2, "items": ITEMS, "seconds": 1.0,
                    "pass_at_1": (split == "validation").then_some(0.3 + 0.2 * t + 2.0 * gain)}),
                );
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn evaluation(seed: u64, steered: bool) -> Value {
    let off = if steered { 1.0 } else { 0.0 };
    let item = |index: usize| {
        json!({"nll": 2.0 + 0.1 * seed as f64 - 0.3 * off, "tokens": 10,
            "first": 0.5 - 0.12 * off, "digit_nll": 0.4 - 0.02 * off, "digits": 2,
            "pass": index < if steered { 3 } else { 2 }, "completion": "#### 4", "gold": "4"})
    };
    let plain = json!({"nll": 11.0, "tokens": 10, "first": 1.0, "digit_nll": 0.0, "digits": 0,
        "pass": null, "completion": null, "gold": null});
    json!({"test": (0..ITEMS).map(item).collect::<Vec<_>>(),
        "off_target": vec![plain; ITEMS], "validation": []})
}

fn example() -> Value {
    let words = [
        (" Tom", 1.4, 0.3, 0.62),
        (" has", 0.2, 0.1, 0.9),
        (" ", 0.0, 0.02, 0.97),
        ("3", -0.3, 0.05, 0.8),
        (" +", 0.9, 0.2, 0.55),
        (" 4", 0.1, 0.04, 0.93),
        (" =", 0.3, 0.08, 0.99),
        (" 7", 0.5, 0.1, 0.7),
        (".", -1.2, 0.35, 0.4),
        (" So", -2.7, 0.45, 0.5),
        (" it", -1.9, 0.4, 0.6),
        ("\n", 2.2, 0.4, 0.3),
        ("####", 2.9, 0.48, 0.2),
        (" 7", 0.4, 0.1, 0.8),
        (HOSTILE, 0.6, 0.2, 0.1),
        ("<|endoftext|>", 0.1, 0.03, 0.99),
    ];
    let token = |(text, scaled, alpha, p): &(&str, f64, f64, f64)| {
        let rest = 1.0 - p;
        json!({"text": text, "value": scaled * 0.3, "value_scaled": scaled, "alpha": alpha,
            "learner_p": p, "candidates": [
                {"text": text, "p": p, "q": p * alpha + 1.0 - alpha, "value_scaled": scaled, "label": true},
                {"text": " ####", "p": rest * 0.6, "q": alpha * rest * 0.8, "value_scaled": 2.0 - scaled, "label": false},
                {"text": "\n", "p": rest * 0.3, "q": alpha * rest * 0.2, "value_scaled": 0.4 - scaled, "label": false},
                {"text": HOSTILE, "p": rest * 0.1, "q": 0.0, "value_scaled": -scaled, "label": false}]})
    };
    json!({"prompt": "Question: Tom has 3 apples and buys 4 more. How many apples?\nAnswer:",
        "tokens": words.iter().map(token).collect::<Vec<_>>()})
}
