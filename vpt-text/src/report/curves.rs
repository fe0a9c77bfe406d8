//! What went on during the runs: a plot for each quantity, a line for each method.

use super::ReportError;
use super::colour;
use super::plot::{Line, Plot, Stroke};
use crate::artefacts::{EvaluationEvent, Run, Split, ValueEvent};
use crate::experiment::BASELINE;
use maud::{Markup, PreEscaped, html};

type Points = Vec<(f64, f64)>;

struct Curve {
    title: &'static str,
    x: &'static str,
    y: &'static str,
    note: String,
    smooth: usize,
    points: fn(&Run) -> Points,
    /// Dashed, beside the mean of the same method.
    reference: Option<fn(&Run) -> Points>,
}

/// All curves that the runs have numbers for.
pub(super) fn curves(runs: &[Run]) -> Result<Markup, ReportError> {
    let figures = all(runs)
        .iter()
        .map(|curve| figure(curve, runs))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(html! {
        section {
            h2 { "Curves" }
            p { "Bold: the mean of a method over its seeds. Thin: each seed." }
            div class="curves" { @for figure in figures.iter().flatten() { (figure) } }
        }
    })
}

fn all(runs: &[Run]) -> Vec<Curve> {
    let steps = runs
        .iter()
        .map(|run| run.steps().count())
        .max()
        .unwrap_or(0);
    let smooth = (steps / 20).min(100) | 1;
    let plain = |title, y, note: &str, points| Curve {
        title,
        x: "learner updates",
        y,
        note: note.into(),
        smooth: 1,
        points,
        reference: None,
    };
    vec![
        Curve {
            smooth,
            ..plain(
                "Pretraining loss",
                "NLL of labels (nats/token)",
                &format!(
                    "On the unlabelled stream, running mean over {smooth} updates. Shaped targets are \
                     not the labels, so a method may well end above ntp here."
                ),
                |run| run.steps().map(|s| (s.step as f64, s.loss)).collect(),
            )
        },
        plain(
            "Validation downstream loss",
            "NLL (nats/token)",
            "On held-out problems of the downstream kind. Lower is better.",
            |run| evaluated(run, Split::Validation, |e| Some(e.loss)),
        ),
        plain(
            "Off-target loss",
            "NLL (nats/token)",
            "On held-out text of other kinds: what steering costs elsewhere.",
            |run| evaluated(run, Split::OffTarget, |e| Some(e.loss)),
        ),
        Curve {
            reference: Some(|run| values(run, |v| v.value_ntp)),
            ..plain(
                "Value V of the pretraining step",
                "V (nats per unit rate)",
                "The fall in downstream loss that a gradient step on these targets promises. Dashed: \
                 one-hot targets on the same batch and learner.",
                |run| values(run, |v| Some(v.value)),
            )
        },
        plain(
            "Share of the oracle's gain in V",
            "share of the greatest gain",
            "0: no better than one-hot targets; 1: the best targets there are. Along the direction \
             that steers: for random, its own.",
            |run| values(run, |v| v.oracle_share),
        ),
        plain(
            "Alignment of gradients",
            "cos(g_down, g_pre)",
            "Above 0, the pretraining step also lowers the downstream loss, to first order.",
            |run| values(run, |v| v.cosine),
        ),
        plain(
            "Gate α",
            "mean α",
            "The weight that a target moves from the label to other candidates.",
            |run| {
                run.steps()
                    .map(|s| (s.step as f64, s.alpha.unwrap_or(f64::NAN)))
                    .collect()
            },
        ),
        plain(
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
            ..plain(
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

fn figure(curve: &Curve, runs: &[Run]) -> Result<Option<Markup>, ReportError> {
    let (mut thin, mut bold, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for name in methods(runs) {
        let of = |points: fn(&Run) -> Points| -> Vec<Points> {
            let own = runs.iter().filter(|run| run.summary.method == name);
            own.map(|run| smoothed(&points(run), curve.smooth))
                .collect()
        };
        let seeds = of(curve.points);
        // A gate that never opens, or a share that is 0 by definition, is no curve.
        let is_flat = seeds
            .iter()
            .flatten()
            .all(|(_, y)| *y == 0.0 || !y.is_finite());
        if is_flat || (name == BASELINE && curve.title.starts_with("Share")) {
            continue;
        }
        names.push(name);
        let colour = colour::method(name);
        let line = |points, style| Line {
            points,
            colour,
            style,
        };
        bold.push(line(mean(&seeds), Stroke::Bold));
        // What a random direction finds in one-hot targets is no V along g_down.
        let comparable = name != BASELINE && name != "random";
        if let Some(reference) = curve.reference.filter(|_| comparable) {
            bold.push(line(mean(&of(reference)), Stroke::Dashed));
        }
        if seeds.len() > 1 {
            thin.extend(seeds.into_iter().map(|points| line(points, Stroke::Thin)));
        }
    }
    thin.extend(bold);
    let plot = Plot {
        title: curve.title,
        x: curve.x,
        y: curve.y,
        lines: thin,
    };
    Ok(plot.svg()?.map(|svg| {
        html! {
            figure {
                figcaption { strong { (curve.title) } " " (legend(&names)) }
                div class="panel" role="img" aria-label=(curve.title) { (PreEscaped(svg)) }
                p class="note" { (curve.note) }
            }
        }
    }))
}

/// Methods in order of appearance.
pub(super) fn methods(runs: &[Run]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&run.summary.method.as_str()) {
            names.push(&run.summary.method);
        }
    }
    names
}

pub(super) fn legend(names: &[&str]) -> Markup {
    html! {
        span class="legend" {
            @for name in names {
                span { i style={ "background:" (colour::css(colour::method(name))) } {} (name) }
            }
        }
    }
}

/// Where every seed has a number.
fn mean(seeds: &[Points]) -> Points {
    let Some((first, rest)) = seeds.split_first() else {
        return Vec::new();
    };
    let at = |points: &Points, x: f64| points.iter().find(|p| p.0 == x).map(|p| p.1);
    first
        .iter()
        .filter_map(|(x, y)| {
            let others: Option<f64> = rest.iter().map(|points| at(points, *x)).sum();
            Some((*x, (y + others?) / seeds.len() as f64))
        })
        .collect()
}

/// A centred running mean over `width` points (an odd number); none at the ends, where a narrower
/// one would be as noisy as its points.
fn smoothed(points: &[(f64, f64)], width: usize) -> Points {
    let mean = |near: &[(f64, f64)]| near.iter().map(|p| p.1).sum::<f64>() / width as f64;
    points
        .windows(width)
        .map(|near| (near[width / 2].0, mean(near)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_taken_where_every_seed_has_a_number() {
        let seeds = [vec![(1., 1.), (2., 2.)], vec![(1., 3.), (3., 9.)]];
        assert_eq!(mean(&seeds), [(1., 2.)]);
        assert!(mean(&[]).is_empty());
    }

    #[test]
    fn smoothing_keeps_lines() {
        let line: Points = (0..9).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert_eq!(smoothed(&line, 5), line[2..7]);
        assert_eq!(smoothed(&line, 1), line);
    }
}
