//! Numbers as a reader expects them.

/// 901248 → "0.9 M"; 16380 → "16 thousand".
pub fn rough(count: u64) -> String {
    let n = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..100_000 => format!("{:.0} thousand", n / 1e3),
        100_000..100_000_000 => format!("{:.1} M", n / 1e6),
        100_000_000..1_000_000_000 => format!("{:.0} M", n / 1e6),
        _ => format!("{:.1} B", n / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::rough;

    #[test]
    fn rough_numbers() {
        assert_eq!(rough(256), "256");
        assert_eq!(rough(16_380), "16 thousand");
        assert_eq!(rough(901_248), "0.9 M");
        assert_eq!(rough(463_987_712), "464 M");
        assert_eq!(rough(7_000_000_000), "7.0 B");
    }
}
