//! What an item adds to each figure, and where a change in loss lies.

use crate::artefacts::{ItemResult, Run};
use serde::Serialize;
use vpt_core::experiment::{Beside, Cell};

/// The change in test NLL to the baseline, in nats an item, by kind of token; negative is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GainParts {
    /// All answer tokens.
    pub total: f64,
    /// The first.
    pub first: f64,
    /// Digits after the first.
    pub digit: f64,
    /// The others.
    pub other: f64,
}

impl GainParts {
    /// `None` where nothing is paired.
    pub(super) fn of(beside: &Beside<'_, Run>) -> Option<Self> {
        let after_first =
            |item: &ItemResult| item.digit_nll - if item.first_is_digit { item.first } else { 0.0 };
        let items = || {
            beside
                .pairs()
                .iter()
                .flat_map(|(ours, theirs)| ours.evaluation.test.iter().zip(&theirs.evaluation.test))
        };
        let count = items().count();
        let mean = |part: &dyn Fn(&ItemResult) -> f64| {
            items().map(|(a, b)| part(a) - part(b)).sum::<f64>() / count as f64
        };
        let total = mean(&|item| item.nll);
        let first = mean(&|item| item.first);
        let digit = mean(&after_first);
        (count > 0).then_some(Self {
            total,
            first,
            digit,
            other: total - first - digit,
        })
    }
}

pub(super) fn loss_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: item.nll,
        weight: item.tokens as f64,
    }
}

pub(super) fn first_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: item.first,
        weight: if item.tokens > 0 { 1.0 } else { 0.0 },
    }
}

pub(super) fn digit_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: item.digit_nll,
        weight: item.digits as f64,
    }
}

pub(super) fn pass_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: f64::from(u8::from(item.pass == Some(true))),
        weight: f64::from(u8::from(item.pass.is_some())),
    }
}
