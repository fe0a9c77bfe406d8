//! The numbers in plain words, no stronger than they are.

use crate::experiment::{GainParts, MethodSummary, Summary};
use maud::{Markup, html};
use vpt_core::experiment::{Difference, Measured, figure, signed};

/// Below this share of a gain, digits are not what improved.
const MINOR: f64 = 0.25;

/// A paragraph for each method, and what to keep in mind.
pub(super) fn reading(summary: &Summary) -> Markup {
    let baseline = summary
        .methods
        .iter()
        .find(|m| m.method == summary.baseline);
    let others: Vec<&MethodSummary> = summary
        .methods
        .iter()
        .filter(|m| m.method != summary.baseline)
        .collect();
    html! {
        section {
            h2 { "In words" }
            @if let Some(baseline) = baseline.filter(|_| !others.is_empty()) {
                @for method in &others {
                    p { strong { (method.method) } ": " (sentences(method, baseline).join(" ")) }
                }
                p class="note" { (caveat(&others, summary)) }
            } @else {
                p { "There is nothing to compare: the runs hold no second method beside " (summary.baseline) "." }
            }
        }
    }
}

fn sentences(method: &MethodSummary, baseline: &MethodSummary) -> Vec<String> {
    let Some(loss) = &method.loss.difference else {
        return vec![format!(
            "it shares no seed with {}, so it is compared with nothing.",
            baseline.method
        )];
    };
    let mut said = vec![about_loss(loss)];
    if loss.is_resolved() {
        said.extend(method.parts.as_ref().map(about_parts));
    }
    said.extend(about(
        "Digit loss",
        "nats a token",
        1.0,
        4,
        method.digit.as_ref(),
    ));
    said.extend(about(
        "Pass@1",
        "points",
        100.0,
        1,
        method.pass_at_1.as_ref(),
    ));
    said.extend(about_off_target(method.off_target.as_ref()));
    let times = method.seconds_per_step / baseline.seconds_per_step;
    if times.is_finite() {
        said.push(format!(
            "A learner update took {} s, {} times the baseline's, everything included.",
            figure(method.seconds_per_step, 2),
            figure(times, 2)
        ));
    }
    said
}

fn about_loss(d: &Difference) -> String {
    let (verb, sign) = if d.mean < 0.0 {
        ("fell", true)
    } else {
        ("rose", false)
    };
    let agree = d.per_seed.iter().filter(|x| (**x < 0.0) == sign).count();
    let seeds = format!("{agree} of {} seeds", d.per_seed.len());
    if d.is_resolved() {
        format!(
            "the downstream loss on held-out problems {verb} by {} nats a token {}, in {seeds}.",
            figure(d.mean.abs(), 4),
            interval(d, 1.0, 4)
        )
    } else {
        format!(
            "a difference in downstream loss is not resolved: {} nats a token {}, an interval that \
             includes 0; it {verb} in {seeds}.",
            signed(d.mean, 4),
            interval(d, 1.0, 4)
        )
    }
}

fn about_parts(parts: &GainParts) -> String {
    let all = [parts.first, parts.other, parts.digit];
    let word = if parts.total < 0.0 { "gained" } else { "lost" };
    let total = figure(parts.total.abs(), 3);
    // Shares mean something only where the parts pull one way.
    if all.iter().any(|part| part / parts.total < -0.005) {
        return format!(
            "Of the {total} nats {word} per answer, first tokens account for {}, other tokens that are \
             not digits for {}, digits for {}.",
            signed(parts.first, 3),
            signed(parts.other, 3),
            signed(parts.digit, 3)
        );
    }
    let share = |part: f64| figure(100.0 * part / parts.total, 0);
    let digits = parts.digit / parts.total;
    let meaning = match digits {
        _ if parts.total > 0.0 => "",
        s if s < MINOR => " What improved is mostly the form of the answers, not the arithmetic.",
        s if s > 1.0 - 2.0 * MINOR => " More than half of it is in the digits themselves.",
        _ => " Form and digits both have a part in it.",
    };
    format!(
        "Of the {total} nats {word} per answer, {} % lie in the first token, {} % in other tokens that \
         are not digits, {} % in digits.{meaning}",
        share(parts.first),
        share(parts.other),
        share(parts.digit)
    )
}

fn about(
    what: &str,
    unit: &str,
    scale: f64,
    places: usize,
    figure_of: Option<&Measured>,
) -> Option<String> {
    let d = figure_of?.difference.as_ref()?;
    let by = signed(scale * d.mean, places);
    let interval = interval(d, scale, places);
    Some(if d.is_resolved() {
        format!("{what} changed by {by} {unit} {interval}.")
    } else {
        format!("{what}: not resolved ({by} {unit} {interval}).")
    })
}

fn about_off_target(measured: Option<&Measured>) -> Option<String> {
    let d = measured?.difference.as_ref()?;
    let numbers = format!("{} nats a token {}", signed(d.mean, 4), interval(d, 1.0, 4));
    Some(match d.is_resolved() {
        true if d.mean > 0.0 => format!("It has a cost on text of other kinds: {numbers}."),
        true => format!("Text of other kinds became likelier too: {numbers}."),
        false => format!("On text of other kinds no difference is resolved: {numbers}."),
    })
}

fn interval(d: &Difference, scale: f64, places: usize) -> String {
    format!(
        "[{}, {}]",
        signed(scale * d.low, places),
        signed(scale * d.high, places)
    )
}

fn caveat(methods: &[&MethodSummary], summary: &Summary) -> String {
    let fewest = methods
        .iter()
        .filter_map(|m| m.loss.difference.as_ref())
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
        "Brackets are 95 % percentile intervals over {} resamples of seeds and of the {} test items, each \
         method paired with {} by seed and item. “Not resolved” means that the interval includes 0, not \
         that there is no effect.{few}",
        summary.resamples, summary.test_items, summary.baseline
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
        let said = about_loss(&difference(-0.005, -0.02, 0.001));
        assert!(
            said.contains("not resolved") && said.contains("1 of 2 seeds"),
            "{said}"
        );
        let said = about_loss(&difference(-0.05, -0.07, -0.02));
        assert!(
            said.contains("fell by 0.0500") && said.contains("2 of 2"),
            "{said}"
        );
        let said = about_loss(&difference(0.05, 0.02, 0.07));
        assert!(said.contains("rose by 0.0500"), "{said}");
        let nan = about_loss(&difference(f64::NAN, f64::NAN, f64::NAN));
        assert!(nan.contains("not resolved"), "{nan}");
    }

    #[test]
    fn form_is_told_from_arithmetic() {
        let parts = |first, digit, other| GainParts {
            total: first + digit + other,
            first,
            digit,
            other,
        };
        let form = about_parts(&parts(-0.85, -0.09, -1.12));
        assert!(
            form.contains("41 % lie in the first token") && form.contains("4 % in digits"),
            "{form}"
        );
        assert!(form.contains("not the arithmetic"), "{form}");
        assert!(about_parts(&parts(-0.1, -0.8, -0.1)).contains("in the digits themselves"));
        let mixed = about_parts(&parts(-0.5, 0.1, -0.1));
        assert!(!mixed.contains('%') && mixed.contains("+0.100"), "{mixed}");
        assert!(!about_parts(&parts(0.5, 0.0, 0.1)).contains("improved"));
    }
}
