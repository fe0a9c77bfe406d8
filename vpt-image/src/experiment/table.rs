//! The small table that an experiment ends in.

use super::Summary;
use crate::artefacts::Figures;
use vpt_core::experiment::{Measured, align, figure, signed};

const HEADER: [&str; 8] = [
    "method",
    "seeds",
    "mIoU",
    "Δ mIoU [95 %]",
    "RMSE",
    "Δ RMSE [95 %]",
    "accuracy",
    "by seed (mIoU, RMSE)",
];

impl Summary {
    /// An aligned text table: mIoU and accuracy in per cent, RMSE in metres; Δ to the baseline.
    pub fn table(&self) -> String {
        let mut rows = vec![HEADER.map(String::from).to_vec()];
        for method in &self.methods {
            let (miou, rmse) = (method.miou.as_ref(), method.rmse.as_ref());
            let signs = |measured: Option<&Measured>| {
                let difference = measured.and_then(|m| m.difference.as_ref());
                difference.map_or("–".into(), |d| d.signs())
            };
            rows.push(vec![
                method.method.clone(),
                method.seeds.len().to_string(),
                miou.map_or("–".into(), |m| figure(100.0 * m.mean, 2)),
                difference(miou, 100.0, 2),
                rmse.map_or("–".into(), |m| figure(m.mean, 4)),
                difference(rmse, 1.0, 4),
                method
                    .accuracy
                    .as_ref()
                    .map_or("–".into(), |m| figure(100.0 * m.mean, 1)),
                format!("{} {}", signs(miou), signs(rmse)),
            ]);
        }
        let references = [("(before)", &self.start), ("(fresh weights)", &self.fresh)];
        for (name, figures) in references {
            if let Some(figures) = figures {
                rows.push(reference(name, figures));
            }
        }
        align(&rows, &[0, 7])
    }
}

fn difference(measured: Option<&Measured>, scale: f64, places: usize) -> String {
    let Some(d) = measured.and_then(|m| m.difference.as_ref()) else {
        return "–".into();
    };
    let show = |value: f64| signed(scale * value, places);
    format!("{} [{}, {}]", show(d.mean), show(d.low), show(d.high))
}

fn reference(name: &str, figures: &Figures) -> Vec<String> {
    let show = |value: Option<f64>, scale: f64, places| {
        value.map_or("–".into(), |value| figure(scale * value, places))
    };
    let dash = || "–".to_owned();
    vec![
        name.into(),
        dash(),
        show(figures.miou, 100.0, 2),
        dash(),
        show(figures.rmse, 1.0, 4),
        dash(),
        show(figures.accuracy, 100.0, 1),
        dash(),
    ]
}

#[cfg(test)]
mod tests {
    use crate::experiment::{summarise, synthetic};

    #[test]
    fn a_line_for_each_method_and_reference() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let names = ["baseline", "value"].map(String::from);
        let table = summarise(out.path(), &names, &[0, 1]).unwrap().table();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert!(lines[2].contains("+5.00 [+5.00, +5.00]"), "{table}");
        assert!(lines[2].contains("−0.0500 [−0.0500, −0.0500]"), "{table}");
        assert!(lines[2].ends_with("++ −−"), "{table}");
        assert!(lines[3].starts_with("(fresh weights)"), "{table}");
    }
}
