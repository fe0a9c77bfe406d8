//! Who dominates whom.

/// The front that each point is on, less being better in every coordinate: 0 for points that no other
/// dominates, 1 for those that only points of front 0 dominate, and so on (non-dominated sorting). A point
/// dominates another if it is nowhere worse and somewhere better. `None` (nothing was found) is behind
/// all others.
///
/// # Panics
/// If points differ in their number of coordinates.
pub fn ranks(points: &[Option<Vec<f64>>]) -> Vec<usize> {
    let mut ranks = vec![None; points.len()];
    let mut rank = 0;
    loop {
        let left: Vec<(usize, &Vec<f64>)> = points
            .iter()
            .enumerate()
            .filter(|(index, _)| ranks[*index].is_none())
            .filter_map(|(index, point)| Some((index, point.as_ref()?)))
            .collect();
        if left.is_empty() {
            break;
        }
        let front: Vec<usize> = left
            .iter()
            .filter(|(_, point)| !left.iter().any(|(_, other)| dominates(other, point)))
            .map(|(index, _)| *index)
            .collect();
        for index in front {
            ranks[index] = Some(rank);
        }
        rank += 1;
    }
    ranks
        .into_iter()
        .map(|found| found.unwrap_or(rank))
        .collect()
}

fn dominates(a: &[f64], b: &[f64]) -> bool {
    assert_eq!(a.len(), b.len(), "the same coordinates for each point");
    let mut pairs = a.iter().zip(b);
    pairs.clone().all(|(a, b)| a <= b) && pairs.any(|(a, b)| a < b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(points: &[[f64; 2]]) -> Vec<usize> {
        let points: Vec<Option<Vec<f64>>> = points.iter().map(|p| Some(p.to_vec())).collect();
        ranks(&points)
    }

    #[test]
    fn fronts_are_peeled_one_by_one() {
        // x + y = 2, 3 and 4: within one of these nobody dominates anybody, each is behind the one before.
        let points = [
            [0.0, 2.0],
            [1.0, 1.0],
            [2.0, 0.0],
            [1.0, 2.0],
            [2.0, 1.0],
            [2.0, 2.0],
        ];
        assert_eq!(of(&points), [0, 0, 0, 1, 1, 2]);
    }

    #[test]
    fn equals_share_a_front() {
        assert_eq!(of(&[[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]), [0, 0, 1]);
    }

    #[test]
    fn one_coordinate_is_an_order() {
        let points = [3.0, 1.0, 2.0].map(|x| Some(vec![x]));
        assert_eq!(ranks(&points), [2, 0, 1]);
    }

    #[test]
    fn what_was_not_found_is_behind_all() {
        assert_eq!(ranks(&[None, Some(vec![1.0]), Some(vec![2.0])]), [2, 0, 1]);
        assert_eq!(ranks(&[None]), [0]);
        assert!(ranks(&[]).is_empty());
    }
}
