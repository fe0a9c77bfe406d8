//! What went on during the runs: a plot for each quantity, a line for each method.

use super::ReportError;
use super::colour::{Palette, css};
use super::plot::{Line, Plot, Stroke};
use crate::experiment::{Arm, methods};
use maud::{Markup, PreEscaped, html};

/// (x, y), in order of x.
pub type Points = Vec<(f64, f64)>;

/// One quantity over the runs `R`.
pub struct Curve<R> {
    /// Above it.
    pub title: &'static str,
    /// Below the x axis.
    pub x: &'static str,
    /// Beside the y axis.
    pub y: &'static str,
    /// Below it, in plain words.
    pub note: String,
    /// Points in a running mean; 1: none.
    pub smooth: usize,
    /// Of one run.
    pub points: fn(&R) -> Points,
    /// Methods for which it says nothing.
    pub without: &'static [&'static str],
    /// Beside the mean of the same method.
    pub reference: Option<Reference<R>>,
}

/// A dashed line beside a curve.
pub struct Reference<R> {
    /// Of one run.
    pub points: fn(&R) -> Points,
    /// Methods with which it cannot be compared.
    pub without: &'static [&'static str],
}

impl<R> Curve<R> {
    /// Over learner updates, as it is.
    pub fn new(title: &'static str, y: &'static str, note: &str, points: fn(&R) -> Points) -> Self {
        Self {
            title,
            x: "learner updates",
            y,
            note: note.into(),
            smooth: 1,
            points,
            without: &[],
            reference: None,
        }
    }
}

/// The section of all curves that the runs have numbers for.
///
/// # Errors
/// A curve cannot be drawn.
pub fn curves<R: Arm>(
    curves: &[Curve<R>],
    runs: &[R],
    palette: &Palette,
) -> Result<Markup, ReportError> {
    let figures = curves
        .iter()
        .map(|curve| figure(curve, runs, palette))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(html! {
        section {
            h2 { "Curves" }
            p { "Bold: the mean of a method over its seeds. Thin: each seed." }
            div class="curves" { @for figure in figures.iter().flatten() { (figure) } }
        }
    })
}

fn figure<R: Arm>(
    curve: &Curve<R>,
    runs: &[R],
    palette: &Palette,
) -> Result<Option<Markup>, ReportError> {
    let (mut thin, mut bold, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for name in methods(runs) {
        let of = |points: fn(&R) -> Points| -> Vec<Points> {
            let own = runs.iter().filter(|run| run.method() == name);
            own.map(|run| smoothed(&points(run), curve.smooth))
                .collect()
        };
        let seeds = of(curve.points);
        // A figure that is 0 by definition is no curve.
        let is_flat = seeds
            .iter()
            .flatten()
            .all(|(_, y)| *y == 0.0 || !y.is_finite());
        if is_flat || curve.without.contains(&name) {
            continue;
        }
        names.push(name);
        let colour = palette.of(name);
        let line = |points, style| Line {
            points,
            colour,
            style,
        };
        bold.push(line(mean(&seeds), Stroke::Bold));
        let reference = curve.reference.as_ref();
        if let Some(reference) = reference.filter(|r| !r.without.contains(&name)) {
            bold.push(line(mean(&of(reference.points)), Stroke::Dashed));
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
    Ok(panel(&plot, &names, palette)?.map(|panel| {
        html! {
            figure {
                (panel)
                p class="note" { (curve.note) }
            }
        }
    }))
}

/// Points of every run without lines between them, each method in its colour; `None` where there are none.
/// `axes` says what is to the right and what is up.
///
/// # Errors
/// It cannot be drawn.
pub fn scatter<R: Arm>(
    title: &str,
    axes: (&str, &str),
    points: impl Fn(&R) -> Points,
    (names, runs): (&[&str], &[R]),
    palette: &Palette,
) -> Result<Option<Markup>, ReportError> {
    let lines = names.iter().map(|name| {
        let own = runs.iter().filter(|run| run.method() == *name);
        Line {
            points: own.flat_map(&points).collect(),
            colour: palette.of(name),
            style: Stroke::Dots,
        }
    });
    let plot = Plot {
        title,
        x: axes.0,
        y: axes.1,
        lines: lines.collect(),
    };
    let panel = panel(&plot, names, palette)?;
    Ok(panel.map(|panel| html! { figure { (panel) } }))
}

/// A plot with its title and legend.
fn panel(
    plot: &Plot<'_>,
    names: &[&str],
    palette: &Palette,
) -> Result<Option<Markup>, ReportError> {
    Ok(plot.svg()?.map(|svg| {
        html! {
            figcaption { strong { (plot.title) } " " (legend(names, palette)) }
            div class="panel" role="img" aria-label=(plot.title) { (PreEscaped(svg)) }
        }
    }))
}

/// The colours of methods by their names.
pub fn legend(names: &[&str], palette: &Palette) -> Markup {
    html! {
        span class="legend" {
            @for name in names {
                span { i style={ "background:" (css(palette.of(name))) } {} (name) }
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
