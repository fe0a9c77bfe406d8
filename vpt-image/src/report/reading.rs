//! The result in words, worked out from the numbers.

use crate::experiment::{MethodSummary, Summary};
use maud::{Markup, html};
use vpt_core::experiment::{Difference, Measured, figure, signed};

/// A paragraph for each method, and what to keep in mind.
pub(super) fn reading(summary: &Summary) -> Markup {
    let baseline = summary
        .methods
        .iter()
        .find(|m| m.method == summary.baseline);
    let others = summary
        .methods
        .iter()
        .filter(|m| m.method != summary.baseline);
    let others: Vec<&MethodSummary> = others.collect();
    html! {
        section {
            h2 { "In words" }
            @if let Some(baseline) = baseline.filter(|_| !others.is_empty()) {
                @for method in &others {
                    p { strong { (method.method) } ": " (sentences(method, baseline).join(" ")) }
                }
                @for sentence in beside(summary) { p { (sentence) } }
                p class="note" { (caveat(&others, summary)) }
            } @else {
                p { "There is nothing to compare: the runs hold no second method beside " (summary.baseline) "." }
            }
        }
    }
}

fn sentences(method: &MethodSummary, baseline: &MethodSummary) -> Vec<String> {
    let figures = [
        ("mIoU", "points", 100.0, 2, true, &method.miou),
        ("depth RMSE", "m", 1.0, 4, false, &method.rmse),
        ("accuracy", "points", 100.0, 1, true, &method.accuracy),
    ];
    let mut said: Vec<String> = figures
        .into_iter()
        .filter_map(|(what, unit, scale, places, up, measured)| {
            let difference = measured.as_ref()?.difference.as_ref()?;
            Some(about(what, unit, (scale, places), up, difference))
        })
        .collect();
    if said.is_empty() {
        return vec![format!(
            "it shares no seed with {}, so it is compared with nothing.",
            baseline.method
        )];
    }
    let times = method.seconds_per_step / baseline.seconds_per_step;
    if times.is_finite() {
        said.push(format!(
            "A learner update took {} times the baseline's, everything but evaluations included.",
            figure(times, 2)
        ));
    }
    said
}

/// `up`: whether more is better.
fn about(
    what: &str,
    unit: &str,
    (scale, places): (f64, usize),
    up: bool,
    d: &Difference,
) -> String {
    let numbers = format!(
        "{} {unit} [{}, {}]",
        signed(scale * d.mean, places),
        signed(scale * d.low, places),
        signed(scale * d.high, places)
    );
    if !d.is_resolved() {
        return format!("{what}: a difference is not resolved ({numbers}).");
    }
    let word = if (d.mean > 0.0) == up {
        "better"
    } else {
        "worse"
    };
    let agree = d.per_seed.iter().filter(|x| (**x > 0.0) == (d.mean > 0.0));
    let (agree, seeds) = (agree.count(), d.per_seed.len());
    format!("{what} is {word} by {numbers}, in {agree} of {seeds} seeds.")
}

/// What training did at all, and what the value's mirror image did.
fn beside(summary: &Summary) -> Vec<String> {
    let mut said = vec![];
    let of = |name: &str| summary.methods.iter().find(|m| m.method == name);
    let mean = |measured: &Option<Measured>| measured.as_ref().map(|m| m.mean);
    if let (Some(start), Some(fresh), Some(method)) =
        (&summary.start, &summary.fresh, of(&summary.baseline))
        && let (Some(start), Some(fresh), Some(now)) = (start.miou, fresh.miou, mean(&method.miou))
    {
        said.push(format!(
            "How much room there is: a backbone of fresh weights has an mIoU of {} %, the one that the runs began \
             with {} %, the baseline ends at {} %.",
            figure(100.0 * fresh, 2),
            figure(100.0 * start, 2),
            figure(100.0 * now, 2)
        ));
    }
    if let (Some(value), Some(negated)) = (of("value"), of("negated")) {
        let cosine = |m: &MethodSummary| m.cosine.iter().sum::<f64>() / m.cosine.len() as f64;
        said.push(format!(
            "Value against negated, which differ in the sign of the direction alone: the mean cosine of g_down and \
             g_pre is {} against {}.",
            signed(cosine(value), 3),
            signed(cosine(negated), 3)
        ));
    }
    said
}

fn caveat(methods: &[&MethodSummary], summary: &Summary) -> String {
    let fewest = methods
        .iter()
        .filter_map(|m| m.miou.as_ref().or(m.rmse.as_ref())?.difference.as_ref())
        .map(|d| d.per_seed.len())
        .min()
        .unwrap_or(0);
    let few = match fewest {
        0 | 1 => " A single seed says nothing about the spread between seeds.",
        2..=7 => {
            " Over so few seeds they are rough and somewhat too narrow: read the sign of each seed beside them."
        }
        _ => "",
    };
    format!(
        "Brackets are 95 % percentile intervals over {} resamples of seeds and of the {} test images, each \
         method paired with {} by seed and image. “Not resolved” means that the interval includes 0, not \
         that there is no effect.{few}",
        summary.resamples, summary.test_images, summary.baseline
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(mean: f64, low: f64, high: f64) -> Difference {
        Difference {
            mean,
            low,
            high,
            seeds: vec![0, 1],
            per_seed: vec![mean - 0.01, mean + 0.01],
        }
    }

    #[test]
    fn an_interval_with_zero_is_never_a_gain() {
        let miou = |d| about("mIoU", "points", (100.0, 2), true, &d);
        let said = miou(difference(0.005, -0.001, 0.02));
        assert!(
            said.contains("not resolved (+0.50 points [−0.10, +2.00])"),
            "{said}"
        );
        let said = miou(difference(0.05, 0.02, 0.07));
        assert!(
            said.contains("better by +5.00") && said.contains("2 of 2"),
            "{said}"
        );
        let rmse = about("RMSE", "m", (1.0, 3), false, &difference(0.05, 0.02, 0.07));
        assert!(rmse.contains("worse by +0.050"), "{rmse}");
        assert!(miou(difference(f64::NAN, f64::NAN, f64::NAN)).contains("not resolved"));
    }
}
