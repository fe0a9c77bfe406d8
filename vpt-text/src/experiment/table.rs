//! The small table that an experiment ends in.

use super::Summary;
use vpt_core::experiment::{Measured, align, figure, signed};

const HEADER: [&str; 9] = [
    "method",
    "seeds",
    "loss",
    "first",
    "digit",
    "off-target",
    "Pass@1",
    "Δ loss to ntp [95 %]",
    "by seed",
];

impl Summary {
    /// An aligned text table: losses in nats a token, lower is better; Pass@1 in per cent.
    pub fn table(&self) -> String {
        let mut rows = vec![HEADER.map(String::from).to_vec()];
        for method in &self.methods {
            let difference = method.loss.difference.as_ref();
            rows.push(vec![
                method.method.clone(),
                method.seeds.len().to_string(),
                figure(method.loss.mean, 4),
                figure(method.first.mean, 3),
                optional(&method.digit, |mean| figure(mean, 3)),
                optional(&method.off_target, |mean| figure(mean, 3)),
                optional(&method.pass_at_1, |mean| figure(100.0 * mean, 1)),
                difference.map_or("–".into(), |d| {
                    format!(
                        "{} [{}, {}]",
                        signed(d.mean, 4),
                        signed(d.low, 4),
                        signed(d.high, 4)
                    )
                }),
                difference.map_or("–".into(), |d| d.signs()),
            ]);
        }
        align(&rows, &[0, 8])
    }
}

fn optional(measured: &Option<Measured>, show: impl Fn(f64) -> String) -> String {
    measured.as_ref().map_or("–".into(), |m| show(m.mean))
}

#[cfg(test)]
mod tests {
    use crate::experiment::{summarise, synthetic};

    #[test]
    fn a_line_for_each_method_with_columns_aligned() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let names = ["ntp", "value"].map(String::from);
        let table = summarise(out.path(), &names, &[0, 1, 2]).unwrap().table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[2].contains("−0.0300 [−0.0300, −0.0300]  −−−"),
            "{table}"
        );
        let column = |line: &str, what: &str| line.split(what).next().map(|s| s.chars().count());
        assert_eq!(column(lines[0], "by seed"), column(lines[2], "−−−"));
    }
}
