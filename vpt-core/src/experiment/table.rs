//! Figures as text, and the small table that an experiment ends in.

/// A number to so many places; a dash where there is none.
pub fn figure(value: f64, places: usize) -> String {
    if value.is_finite() {
        format!("{value:.places$}").replace('-', "−")
    } else {
        "–".into()
    }
}

/// A number with its sign.
pub fn signed(value: f64, places: usize) -> String {
    let text = figure(value, places);
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.' | '−'));
    match value {
        _ if is_zero => text.replace('−', ""),
        v if v > 0.0 => format!("+{text}"),
        _ => text,
    }
}

/// Rows as lines with their columns aligned: those of `left` to the left, the others to the right.
///
/// # Panics
/// If a row is shorter than the first.
pub fn align(rows: &[Vec<String>], left: &[usize]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| match left.contains(&column) {
                    true => format!("{cell:<width$}"),
                    false => format!("{cell:>width$}"),
                })
                .collect();
            format!("{}\n", cells.join("  ").trim_end())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_never_show_a_signed_zero() {
        assert_eq!(signed(-0.00001, 3), "0.000");
        assert_eq!(signed(0.25, 2), "+0.25");
        assert_eq!(signed(-0.25, 2), "−0.25");
        assert_eq!(figure(f64::NAN, 2), "–");
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [["method", "loss"], ["α", "−0.5"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(align(&rows, &[0]), "method  loss\nα       −0.5\n");
        assert_eq!(align(&[], &[]), "");
    }
}
