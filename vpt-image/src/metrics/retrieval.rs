//! Mean average precision of Revisited Oxford and Paris.

use super::{by_falling, dot, normalised};
use serde::{Deserialize, Serialize};

/// The ranks by which precision is reported.
const PRECISION_AT: [usize; 3] = [1, 5, 10];

/// Images of the database that a query asks for, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relevance {
    /// That show it clearly.
    pub easy: Vec<usize>,
    /// That show it in part, or hard to recognise.
    pub hard: Vec<usize>,
    /// That are neither right nor wrong.
    pub junk: Vec<usize>,
}

/// Which images are to be found; others of a query's images are as if they were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The easy ones; the hard ones are junk.
    Easy,
    /// Easy and hard ones.
    Medium,
    /// The hard ones; the easy ones are junk.
    Hard,
}

/// The score under one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ProtocolScore {
    /// Mean average precision; NaN if no query has an image to find.
    pub map: f64,
    /// Mean precision at 1, 5 and 10; a query with fewer images up to its last right one counts
    /// only these.
    pub precision: [f64; 3],
    /// Queries that have an image to find.
    pub queries: usize,
}

/// The scores under all protocols.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RevisitedScores {
    /// [`Protocol::Easy`].
    pub easy: ProtocolScore,
    /// [`Protocol::Medium`].
    pub medium: ProtocolScore,
    /// [`Protocol::Hard`].
    pub hard: ProtocolScore,
}

/// For each query the database's images by falling cosine similarity, equal ones by index.
///
/// # Shapes
/// `database`: `[images, dim]`; `queries`: `[n, dim]` → `[n, images]`
///
/// # Panics
/// If `dim` is 0 or does not divide the features.
pub fn rank(database: &[f32], queries: &[f32], dim: usize) -> Vec<Vec<usize>> {
    assert!(
        dim > 0 && database.len().is_multiple_of(dim) && queries.len().is_multiple_of(dim),
        "features of {dim}"
    );
    let database: Vec<f32> = database.chunks_exact(dim).flat_map(normalised).collect();
    let ranked = |query: &[f32]| {
        let query: Vec<f32> = normalised(query).collect();
        let images = database.chunks_exact(dim);
        by_falling(&images.map(|image| dot(image, &query)).collect::<Vec<f32>>())
    };
    queries.chunks_exact(dim).map(ranked).collect()
}

/// The scores of ranked databases, one ranking and one [`Relevance`] a query.
///
/// # Panics
/// If their numbers differ, or an index is in no ranking.
pub fn revisited(rankings: &[Vec<usize>], truth: &[Relevance]) -> RevisitedScores {
    assert_eq!(rankings.len(), truth.len(), "rankings of queries");
    let score = |protocol: Protocol| protocol.score(rankings, truth);
    RevisitedScores {
        easy: score(Protocol::Easy),
        medium: score(Protocol::Medium),
        hard: score(Protocol::Hard),
    }
}

/// Area under precision and recall by the trapezium rule, from the ranks (from 0, rising) of the
/// images found, of `relevant` in all.
pub fn average_precision(ranks: &[usize], relevant: usize) -> f64 {
    let step = 1.0 / relevant as f64;
    let area = |(found, rank): (usize, &usize)| {
        let (found, rank) = (found as f64, *rank as f64);
        let before = if rank == 0.0 { 1.0 } else { found / rank };
        (before + (found + 1.0) / (rank + 1.0)) / 2.0 * step
    };
    ranks.iter().enumerate().map(area).sum()
}

impl Protocol {
    /// Images to find, and junk.
    fn split(self, truth: &Relevance) -> (Vec<usize>, Vec<usize>) {
        let Relevance { easy, hard, junk } = truth;
        match self {
            Self::Easy => (easy.clone(), [&junk[..], hard].concat()),
            Self::Medium => ([&easy[..], hard].concat(), junk.clone()),
            Self::Hard => (hard.clone(), [&junk[..], easy].concat()),
        }
    }

    fn score(self, rankings: &[Vec<usize>], truth: &[Relevance]) -> ProtocolScore {
        let mut total = ProtocolScore {
            map: 0.0,
            precision: [0.0; 3],
            queries: 0,
        };
        for (ranking, truth) in rankings.iter().zip(truth) {
            let (wanted, junk) = self.split(truth);
            let ranks = ranks_without_junk(ranking, &wanted, &junk);
            let Some(last) = ranks.last() else {
                continue;
            };
            total.queries += 1;
            total.map += average_precision(&ranks, wanted.len());
            for (sum, at) in total.precision.iter_mut().zip(PRECISION_AT) {
                let at = at.min(last + 1);
                let found = ranks.iter().filter(|rank| **rank < at).count();
                *sum += found as f64 / at as f64;
            }
        }
        let count = total.queries as f64;
        ProtocolScore {
            map: total.map / count,
            precision: total.precision.map(|sum| sum / count),
            queries: total.queries,
        }
    }
}

/// The ranks of `wanted` in a ranking from which `junk` is taken out.
fn ranks_without_junk(ranking: &[usize], wanted: &[usize], junk: &[usize]) -> Vec<usize> {
    const OTHER: u8 = 0;
    const WANTED: u8 = 1;
    const JUNK: u8 = 2;
    let mut kinds = vec![OTHER; ranking.len()];
    for (indices, kind) in [(junk, JUNK), (wanted, WANTED)] {
        for index in indices {
            kinds[*index] = kind;
        }
    }
    let kept = ranking.iter().map(|image| kinds[*image]);
    let kept = kept.filter(|kind| *kind != JUNK).enumerate();
    kept.filter_map(|(rank, kind)| (kind == WANTED).then_some(rank))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_by_trapeziums() {
        for (ranks, relevant, expected) in [
            (&[0, 2, 5][..], 3, 0.677_778),
            (&[0, 2, 5], 4, 0.508_333),
            (&[1], 1, 0.25),
            (&[0, 3, 5], 3, 0.622_222),
        ] {
            let found = average_precision(ranks, relevant);
            assert!((found - expected).abs() < 1e-6, "{ranks:?}: {found}");
        }
    }

    #[test]
    fn junk_is_taken_out_before_ranks_are_counted() {
        let ranking = Vec::from_iter(0..8);
        assert_eq!(ranks_without_junk(&ranking, &[0, 4, 7], &[1, 5]), [0, 3, 5]);
    }

    #[test]
    fn queries_without_an_image_to_find_are_left_out() {
        let truth = Relevance {
            easy: vec![1],
            ..Relevance::default()
        };
        let scores = revisited(&[vec![1, 0]], &[truth]);
        assert_eq!((scores.easy.map, scores.easy.queries), (1.0, 1));
        assert_eq!(scores.hard.queries, 0);
        assert!(scores.hard.map.is_nan());
    }
}
