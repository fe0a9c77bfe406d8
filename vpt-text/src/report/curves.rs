//! What went on during the runs: a plot for each quantity.

use super::colour::METHODS;
use crate::artefacts::{EvaluationEvent, Run, Split, ValueEvent};
use crate::experiment::BASELINE;
use maud::Markup;
use vpt_core::report::{self, Curve, Points, Reference, ReportError};

/// All curves that the runs have numbers for.
pub(super) fn curves(runs: &[Run]) -> Result<Markup, ReportError> {
    report::curves(&all(runs), runs, &METHODS)
}

fn all(runs: &[Run]) -> Vec<Curve<Run>> {
    let steps = runs
        .iter()
        .map(|run| run.steps().count())
        .max()
        .unwrap_or(0);
    let smooth = (steps / 20).min(100) | 1;
    vec![
        Curve {
            smooth,
            ..Curve::new(
                "Pretraining loss",
                "NLL of labels (nats/token)",
                &format!(
                    "On the unlabelled stream, running mean over {smooth} updates. Shaped targets are \
                     not the labels, so a method may well end above ntp here."
                ),
                |run| run.steps().map(|s| (s.step as f64, s.loss)).collect(),
            )
        },
        Curve::new(
            "Validation downstream loss",
            "NLL (nats/token)",
            "On held-out problems of the downstream kind. Lower is better.",
            |run| evaluated(run, Split::Validation, |e| Some(e.loss)),
        ),
        Curve::new(
            "Off-target loss",
            "NLL (nats/token)",
            "On held-out text of other kinds: what steering costs elsewhere.",
            |run| evaluated(run, Split::OffTarget, |e| Some(e.loss)),
        ),
        Curve {
            // What a random direction finds in one-hot targets is no V along g_down.
            reference: Some(Reference {
                points: |run| values(run, |v| v.value_ntp),
                without: &[BASELINE, "random"],
            }),
            ..Curve::new(
                "Value V of the pretraining step",
                "V (nats per unit rate)",
                "The fall in downstream loss that a gradient step on these targets promises. Dashed: \
                 one-hot targets on the same batch and learner.",
                |run| values(run, |v| Some(v.value)),
            )
        },
        Curve {
            // By definition 0 for it.
            without: &[BASELINE],
            ..Curve::new(
                "Share of the oracle's gain in V",
                "share of the greatest gain",
                "0: no better than one-hot targets; 1: the best targets there are. Along the direction \
             that steers: for random, its own.",
                |run| values(run, |v| v.oracle_share),
            )
        },
        Curve::new(
            "Alignment of gradients",
            "cos(g_down, g_pre)",
            "Above 0, the pretraining step also lowers the downstream loss, to first order.",
            |run| values(run, |v| v.cosine),
        ),
        Curve::new(
            "Gate α",
            "mean α",
            "The weight that a target moves from the label to other candidates.",
            |run| {
                run.steps()
                    .map(|s| (s.step as f64, s.alpha.unwrap_or(f64::NAN)))
                    .collect()
            },
        ),
        Curve::new(
            "Target entropy",
            "mean entropy (nats)",
            "0 for one-hot targets.",
            |run| {
                run.steps()
                    .map(|s| (s.step as f64, s.entropy.unwrap_or(f64::NAN)))
                    .collect()
            },
        ),
        Curve {
            x: "unlabelled tokens",
            ..Curve::new(
                "Pass@1 against tokens",
                "right answers (%)",
                "Greedy decoding on validation items; noisy where they are few.",
                |run| {
                    let passes = |split| {
                        run.evaluations(split)
                            .filter_map(|e| Some((e.tokens as f64, 100.0 * e.pass_at_1?)))
                            .collect::<Points>()
                    };
                    match passes(Split::Validation) {
                        none if none.is_empty() => passes(Split::Test),
                        some => some,
                    }
                },
            )
        },
    ]
}

fn evaluated(run: &Run, split: Split, y: impl Fn(&EvaluationEvent) -> Option<f64>) -> Points {
    run.evaluations(split)
        .filter_map(|e| Some((e.step as f64, y(e)?)))
        .collect()
}

fn values(run: &Run, y: impl Fn(&ValueEvent) -> Option<f64>) -> Points {
    run.values()
        .filter_map(|v| Some((v.step as f64, y(v)?)))
        .collect()
}
