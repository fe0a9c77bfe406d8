//! Cells of a table of results: every figure with its difference to the baseline.

use super::colour::{Rgb, css};
use crate::experiment::{Difference, Measured, figure, signed};
use maud::{Markup, html};

/// The head of a method's row: its colour, its name, its seeds.
pub fn arm(name: &str, seeds: usize, colour: Rgb) -> Markup {
    html! {
        th scope="row" {
            i style={ "background:" (css(colour)) } {} (name)
            small { (seeds) @if seeds == 1 { " seed" } @else { " seeds" } }
        }
    }
}

/// A figure times `scale`, with its difference and interval below, and with the difference for each seed
/// where it is asked for; a dash where there is none.
pub fn measured(figures: Option<&Measured>, scale: f64, places: usize, by_seed: bool) -> Markup {
    let Some(figures) = figures else {
        return html! { td { "–" } };
    };
    html! {
        td {
            (figure(scale * figures.mean, places))
            @if let Some(d) = &figures.difference {
                small class=[d.is_resolved().then_some("resolved")] {
                    (signed(scale * d.mean, places)) " ["
                    (signed(scale * d.low, places)) ", " (signed(scale * d.high, places)) "]"
                }
                @if by_seed { small { (each(d, scale, places)) } }
            }
        }
    }
}

fn each(d: &Difference, scale: f64, places: usize) -> String {
    let shown: Vec<String> = d
        .per_seed
        .iter()
        .map(|x| signed(scale * x, places))
        .collect();
    shown.join("  ")
}
