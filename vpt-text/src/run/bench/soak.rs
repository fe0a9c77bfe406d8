//! Whether memory stays where it is over many value updates.

use super::meter::{machine, resident_bytes};
use super::setting::Setting;
use super::{Preset, PresetName};
use crate::config::{Method, RunConfig};
use crate::run::RunError;
use burn::tensor::backend::Backend;
use serde::Serialize;

/// Resident memory after some steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Resident {
    /// Steps taken, each with a value update.
    pub steps: usize,
    /// Bytes; none where the system does not tell.
    pub bytes: Option<u64>,
}

/// Resident memory over a long run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Soak {
    /// The shapes.
    pub preset: PresetName,
    /// The backend.
    pub backend: String,
    /// The processor.
    pub machine: String,
    /// At even distances; the first is behind the first of them.
    pub points: Vec<Resident>,
    /// Bytes that a thousand steps of the second half add, by least squares.
    pub growth: Option<f64>,
}

/// Takes `steps` steps with a value update in each, and looks at memory `looks` times. `told` hears of
/// each look.
///
/// # Errors
/// A config that cannot be run on these shapes, or a step that fails.
pub fn soak<I: Backend>(
    preset: &Preset,
    config: &RunConfig,
    steps: usize,
    looks: usize,
    device: &I::Device,
    told: &mut dyn FnMut(Resident),
) -> Result<Soak, RunError> {
    let mut config = config.clone();
    config.value.update_every = 1;
    let mut trainer = Setting::<I>::new(preset, &config, false, device)?.trainer(Method::Value)?;
    let every = steps.div_ceil(looks.max(1)).max(1);
    let mut points = vec![];
    for step in 1..=steps {
        trainer.step()?;
        if step.is_multiple_of(every) || step == steps {
            let point = Resident {
                steps: step,
                bytes: resident_bytes(),
            };
            told(point);
            points.push(point);
        }
    }
    Ok(Soak {
        preset: preset.name,
        backend: I::name(device),
        machine: machine(),
        growth: growth(&points[points.len() / 2..]),
        points,
    })
}

/// The slope of bytes over thousands of steps by least squares; none of fewer than two points.
fn growth(points: &[Resident]) -> Option<f64> {
    let told: Option<Vec<(f64, f64)>> = points
        .iter()
        .map(|point| Some((point.steps as f64 / 1000.0, point.bytes? as f64)))
        .collect();
    let told = told.filter(|told| told.len() > 1)?;
    let n = told.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| told.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let products = told.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    Some(products / told.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_a_slope() {
        let at = |steps, bytes| Resident {
            steps,
            bytes: Some(bytes),
        };
        let line = [at(1000, 70), at(2000, 90), at(4000, 130)];
        assert!((growth(&line).unwrap() - 20.0).abs() < 1e-9);
        assert_eq!(growth(&line[..1]), None);
        let unknown = Resident {
            steps: 5000,
            bytes: None,
        };
        assert_eq!(growth(&[line[0], unknown]), None);
    }
}
