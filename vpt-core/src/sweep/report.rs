//! `report.html` of a sweep: the plane of two objectives with its front, or the best so far of one, and all
//! trials.

use super::{Range, Summary, Trial};
use crate::experiment::figure;
use crate::report::{Line, Palette, Plot, ReportError, Stroke, css, page};
use crate::write_atomically;
use maud::{Markup, PreEscaped, html};
use std::path::Path;

/// Writes `out/report.html`.
///
/// # Errors
/// The plot cannot be drawn, or the file cannot be written.
pub fn write_report(out: &Path, summary: &Summary) -> Result<(), ReportError> {
    let sections = html! {
        (searched(summary))
        (picture(summary)?)
        (table(summary))
    };
    let headline = format!("a sweep of {} trials", summary.trials.len());
    let html = page(&headline, "", &sections).into_string();
    Ok(write_atomically(&out.join("report.html"), html.as_bytes())?)
}

fn searched(summary: &Summary) -> Markup {
    let sweep = &summary.sweep;
    let range = |range: &Range| match range {
        Range::Choice(values) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            values.join(", ")
        }
        Range::Uniform([low, high]) => format!("{low:?} to {high:?}"),
        Range::LogUniform([low, high]) => format!("{low:?} to {high:?}, by its logarithm"),
    };
    html! {
        section {
            h2 { "What was searched" }
            dl {
                @for objective in &sweep.objectives {
                    dt { (format!("{:?}", objective.direction)) }
                    dd { (objective.name()) @if objective.complement { " (1 − the figure)" } }
                }
                @for (key, values) in &sweep.keys {
                    dt { code { (key) } }
                    dd { (range(values)) }
                }
                dt { "Proposed by" }
                dd { (format!("{:?}", sweep.strategy)) ", seed " (sweep.seed) }
            }
        }
    }
}

/// The trials' figures as they are shown.
fn shown(summary: &Summary, trial: &Trial) -> Option<Vec<f64>> {
    let figures = trial.figures.as_ref()?;
    let pairs = summary.sweep.objectives.iter().zip(figures);
    Some(pairs.map(|(o, figure)| o.shown(*figure)).collect())
}

fn picture(summary: &Summary) -> Result<Markup, ReportError> {
    let objectives = &summary.sweep.objectives;
    let plot = match &objectives[..] {
        [x, y] => Plot {
            title: "The plane of both objectives",
            x: x.name(),
            y: y.name(),
            lines: plane(summary),
        },
        [only] => Plot {
            title: "The best so far",
            x: "trials",
            y: only.name(),
            lines: best_so_far(summary),
        },
        _ => return Ok(html! {}),
    };
    let (title, svg) = (plot.title, plot.svg()?);
    Ok(html! {
        @if let Some(svg) = svg {
            section {
                h2 { "Result" }
                figure {
                    figcaption {
                        strong { (title) }
                        span class="legend" {
                            span { i style={ "background:" (css(Palette::BLUE)) } {} "front" }
                            span { i style={ "background:" (css(Palette::GREY)) } {} "dominated" }
                        }
                    }
                    div class="panel" role="img" aria-label=(title) { (PreEscaped(svg)) }
                    p class="note" {
                        "Each point is a trial. One is on the front where no other is at least as good in every "
                        "objective and better in one. Trials differ by chance too: a single run each says little "
                        "about small distances."
                    }
                }
            }
        }
    })
}

fn plane(summary: &Summary) -> Vec<Line> {
    let points = |trials: &[&Trial]| -> Vec<(f64, f64)> {
        let found = trials.iter().filter_map(|trial| shown(summary, trial));
        found.map(|figures| (figures[0], figures[1])).collect()
    };
    let behind: Vec<&Trial> = summary
        .trials
        .iter()
        .filter(|trial| !trial.is_on_front())
        .collect();
    let front = points(&summary.front());
    let line = |points, colour, style| Line {
        points,
        colour,
        style,
    };
    vec![
        line(points(&behind), Palette::GREY, Stroke::Dots),
        line(front.clone(), Palette::BLUE, Stroke::Dashed),
        line(front, Palette::BLUE, Stroke::Dots),
    ]
}

fn best_so_far(summary: &Summary) -> Vec<Line> {
    let objective = &summary.sweep.objectives[0];
    let figures: Vec<(f64, f64)> = summary
        .trials
        .iter()
        .enumerate()
        .filter_map(|(index, trial)| Some(((index + 1) as f64, *trial.figures.as_ref()?.first()?)))
        .collect();
    let mut best = f64::INFINITY;
    let mut record = vec![];
    for (trial, figure) in &figures {
        if objective.cost(*figure) < best {
            best = objective.cost(*figure);
        }
        // Turned twice, a figure is itself.
        record.push((*trial, objective.shown(objective.cost(best))));
    }
    let all = figures.iter().map(|(x, y)| (*x, objective.shown(*y)));
    vec![
        Line {
            points: all.collect(),
            colour: Palette::GREY,
            style: Stroke::Dots,
        },
        Line {
            points: record,
            colour: Palette::BLUE,
            style: Stroke::Bold,
        },
    ]
}

fn table(summary: &Summary) -> Markup {
    let sweep = &summary.sweep;
    html! {
        section {
            h2 { "Trials" }
            div class="wide" {
                table class="runs" {
                    thead {
                        tr {
                            th { "trial" }
                            @for objective in &sweep.objectives { th { (objective.name()) } }
                            th { "front" }
                            @for key in sweep.keys.keys() { th { code { (key) } } }
                        }
                    }
                    tbody { @for trial in &summary.trials { (row(summary, trial)) } }
                }
            }
            p class="note" {
                "Front 0 is the front; front 1 would be it without those, and so on. Each trial's folder is "
                code { "runs/" } " and its name, and keeps its whole configuration."
            }
        }
    }
}

fn row(summary: &Summary, trial: &Trial) -> Markup {
    let figures = shown(summary, trial);
    html! {
        tr {
            th scope="row" { (trial.name) }
            @for index in 0..summary.sweep.objectives.len() {
                td class="number" {
                    (figures.as_ref().map_or("failed".into(), |figures| figure(figures[index], 4)))
                }
            }
            td class="number" { @if figures.is_some() { (trial.front) } @else { "–" } }
            @for setting in trial.settings.values() { td { (setting) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Direction, Objective, Setting, Strategy, Sweep};
    use std::collections::BTreeMap;

    fn summary(objectives: &[&str], figures: &[Option<Vec<f64>>]) -> Summary {
        let objective = |figure: &&str| Objective {
            figure: (*figure).into(),
            direction: Direction::Minimise,
            label: String::new(),
            complement: *figure == "rmse",
        };
        let keys = BTreeMap::from([(
            "a<b".into(),
            Range::Choice(vec![Setting::Word("<i>".into())]),
        )]);
        let sweep = Sweep {
            config: String::new(),
            set: vec![],
            strategy: Strategy::Random,
            trials: figures.len(),
            seed: 0,
            random_trials: 1,
            batch: 1,
            objectives: objectives.iter().map(objective).collect(),
            keys,
        };
        let trials = figures.iter().enumerate().map(|(index, figures)| {
            let settings = BTreeMap::from([("a<b".into(), Setting::Word("<i>".into()))]);
            (format!("trial-{index:03}"), settings, figures.clone())
        });
        Summary::new(sweep, trials)
    }

    fn html(summary: &Summary) -> String {
        let out = tempfile::tempdir().unwrap();
        write_report(out.path(), summary).unwrap();
        std::fs::read_to_string(out.path().join("report.html")).unwrap()
    }

    #[test]
    fn two_objectives_have_a_plane_with_a_front() {
        let figures = [[0.3, 0.5], [0.2, 0.6], [0.4, 0.7]].map(|f| Some(f.to_vec()));
        let summary = summary(&["loss", "rmse"], &figures);
        let front: Vec<&str> = summary.front().iter().map(|t| t.name.as_str()).collect();
        assert_eq!(front, ["trial-001", "trial-000"]);
        let html = html(&summary);
        assert!(html.contains("The plane of both objectives"));
        // 1 − RMSE, and settings that stay text.
        assert!(html.contains("0.5000") && html.contains("0.3000"), "{html}");
        assert!(!html.contains("<i>\"") && html.contains("&lt;i&gt;"));
    }

    #[test]
    fn one_objective_has_a_best_and_a_failure_is_said() {
        let summary = summary(&["loss"], &[None, Some(vec![2.0]), Some(vec![1.5])]);
        let html = html(&summary);
        assert!(html.contains("The best so far") && html.contains("failed"));
        assert_eq!(summary.front()[0].name, "trial-002");
    }
}
