//! What went on during the runs.

use super::METHODS;
use crate::artefacts::{EvaluationEvent, Figures, Run, Split, Subject, ValueEvent};
use maud::Markup;
use vpt_core::report::{self, Curve, Points, ReportError};

pub(super) fn curves(runs: &[Run]) -> Result<Markup, ReportError> {
    let shown: [Curve<Run>; 9] = [
        Curve::new(
            "Pretraining loss",
            "L_pre",
            "Of each method's own crops: masked ones are another task, so levels say little.",
            |run| run.steps().map(|s| (s.step as f64, s.loss)).collect(),
        ),
        Curve::new(
            "Validation mIoU",
            "%",
            "By a head trained anew each time.",
            |run| validation(run, |figures| figures.miou.map(|miou| 100.0 * miou)),
        ),
        Curve::new("Validation depth RMSE", "m", "As above.", |run| {
            validation(run, |figures| figures.rmse)
        }),
        Curve {
            smooth: 5,
            ..Curve::new(
                "Cosine of g_down and g_pre",
                "cosine",
                "Over S, on the crops that were trained on; a running mean.",
                |run| values(run, |value| value.cosine),
            )
        },
        Curve {
            smooth: 5,
            ..Curve::new(
                "Value",
                "V",
                "⟨g_down, g_pre⟩ over S; a running mean.",
                |run| values(run, |value| value.value),
            )
        },
        Curve::new(
            "Length of g_pre",
            "‖g_pre‖",
            "Over S: what the theorem's second term punishes.",
            |run| values(run, |value| value.g_pre_norm),
        ),
        Curve::new(
            "Share of a crop that is kept",
            "mean of the masks",
            "The sparsity penalty holds it near designer.keep.",
            |run| measure(run, "mask_kept"),
        ),
        Curve::new(
            "Total variation of masks",
            "mean step between neighbours",
            "0 for a constant mask; about 0.1 for cells of 8 pixels.",
            |run| measure(run, "mask_tv"),
        ),
        Curve::new(
            "Entropy of the teacher",
            "nats",
            "At ln(prototypes) the teacher says nothing.",
            |run| measure(run, "teacher_entropy"),
        ),
    ];
    report::curves(&shown, runs, &METHODS)
}

fn validation(run: &Run, figure: fn(&Figures) -> Option<f64>) -> Points {
    let own = |event: &&EvaluationEvent| {
        event.split == Split::Validation && event.subject == Subject::Learner
    };
    let points = run.evaluations().filter(own);
    points
        .filter_map(|event| Some((event.step as f64, figure(&event.figures)?)))
        .collect()
}

fn values(run: &Run, figure: fn(&ValueEvent) -> f64) -> Points {
    let points = run.values();
    points
        .map(|value| (value.step as f64, figure(value)))
        .collect()
}

fn measure(run: &Run, name: &str) -> Points {
    let points = run.steps();
    points
        .filter_map(|step| Some((step.step as f64, step.measure(name)?)))
        .collect()
}
