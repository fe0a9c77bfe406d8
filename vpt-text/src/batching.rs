//! Many texts in batches that fit in memory.

/// Positions that run together at most, padding included: a batch of short texts is as large as was
/// asked for, one of long texts is cut before its states and its cache outgrow the weights. (A position
/// of a cache takes 46 kB in SmolLM2-135M and 0.8 MB in Qwen1.5-4B, in f32.)
const POSITIONS: usize = 32_768;

/// `texts` in batches, in their order: at most `size` a batch, and no more than take [`POSITIONS`] when
/// all are padded to the longest; a text that alone takes more is a batch. `positions` says what one
/// takes.
pub(crate) fn batches<T>(texts: &[T], size: usize, positions: impl Fn(&T) -> usize) -> Vec<&[T]> {
    within(POSITIONS, texts, size, positions)
}

fn within<T>(limit: usize, texts: &[T], size: usize, positions: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let mut rest = texts;
    while !rest.is_empty() {
        let mut longest = 0;
        let fitting = rest.iter().take(size.max(1)).enumerate();
        let fitting = fitting.take_while(|(index, text)| {
            longest = longest.max(positions(text));
            longest.saturating_mul(index + 1) <= limit
        });
        let (batch, more) = rest.split_at(fitting.count().max(1));
        batches.push(batch);
        rest = more;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(limit: usize, texts: &[usize], size: usize) -> Vec<Vec<usize>> {
        let batches = within(limit, texts, size, |length| *length);
        batches.into_iter().map(<[usize]>::to_vec).collect()
    }

    #[test]
    fn a_batch_ends_where_its_size_or_its_padded_positions_do() {
        assert_eq!(cut(100, &[1, 2, 3], 2), [vec![1, 2], vec![3]]);
        // Four times 3 are 12 positions, three times 4 are 12, twice 7 are 14.
        assert_eq!(
            cut(12, &[3, 3, 3, 3, 4, 4, 4, 7, 7], 8),
            [vec![3; 4], vec![4; 3], vec![7], vec![7]]
        );
        // The longest counts wherever it stands.
        assert_eq!(cut(12, &[6, 1, 1], 8), [vec![6, 1], vec![1]]);
    }

    #[test]
    fn what_fits_nowhere_is_alone_and_nothing_is_lost() {
        assert_eq!(cut(12, &[1, 50, 1], 8), [vec![1], vec![50], vec![1]]);
        assert_eq!(cut(0, &[0, 1], 0), [vec![0], vec![1]]);
        assert!(cut(12, &[], 8).is_empty());
    }
}
