//! What each learner step leaves in the log and tells observers.

use super::RunEvent;
use crate::artefacts::{Event, ProbeEvent, StepEvent, ValueEvent};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use vpt_core::run::{Log, Tell};
use vpt_core::{CoreError, Observer, StepReport, ValueReport};

/// Writes steps and value updates to `metrics.jsonl` and passes them on.
pub(super) struct Recorder<'a, 't> {
    pub(super) log: &'a mut Log,
    pub(super) alpha_max: f64,
    pub(super) tell: &'a mut Tell<'t, RunEvent>,
}

impl Observer for Recorder<'_, '_> {
    fn observe(&mut self, report: &StepReport) -> Result<ControlFlow<()>, CoreError> {
        let measures: BTreeMap<&str, f64> = report.measures.iter().copied().collect();
        let figure = |name: &str| measures.get(name).copied();
        let (step, tokens) = (report.step + 1, report.tokens);
        let seconds = report.elapsed.as_secs_f64();
        let target_seconds = report.target_elapsed.as_secs_f64();
        let loss = figure("label_loss").unwrap_or(report.loss);
        self.log.write(&Event::Step(StepEvent {
            step: step as u64,
            tokens,
            loss,
            target_loss: report.loss,
            grad_norm: report.gradient_norm,
            lr: report.rate,
            alpha: figure("alpha"),
            entropy: figure("entropy"),
            kl: figure("kl"),
            seconds,
            target_seconds: Some(target_seconds),
        }))?;
        if let Some(probe) = report.probe {
            self.log.write(&Event::Probe(ProbeEvent {
                step: step as u64,
                loss: probe.loss,
                sgd_predicted: probe.sgd.predicted,
                sgd_realised: probe.sgd.realised,
                update_predicted: probe.update.predicted,
                update_realised: probe.update.realised,
                cosine: probe.cosine,
            }))?;
        }
        let flow = (self.tell)(&RunEvent::Step { step, loss, tokens });
        let Some(value) = &report.value else {
            return Ok(flow);
        };
        let (times, seconds) = (value.times, value.times.update().as_secs_f64());
        let along = Along::new(&measures, self.alpha_max);
        let oracle_share = along.as_ref().and_then(Along::share);
        self.log.write(&Event::Value(ValueEvent {
            step: step as u64,
            tokens,
            value: value.value,
            value_ntp: along.as_ref().map(|along| along.ntp),
            value_target: along.as_ref().map(|along| along.target),
            value_oracle: along.as_ref().map(|along| along.oracle),
            oracle_share,
            scale: Some(value.scale),
            cosine: Some(value.cosine),
            g_down_norm: Some(value.norms.0),
            g_pre_norm: Some(value.norms.1),
            feedback_loss: value.losses.first().map(|(_, loss)| *loss),
            noise: noise(value),
            seconds: Some(seconds),
            direction_seconds: Some(times.direction.as_secs_f64()),
            probe_seconds: Some(times.probe.as_secs_f64()),
            designer_seconds: Some(times.designer.as_secs_f64()),
            noise_seconds: (!value.samples.is_empty()).then_some(times.noise.as_secs_f64()),
        }))?;
        let told = (self.tell)(&RunEvent::Value {
            step,
            value: value.value,
            oracle_share,
        });
        Ok(if told.is_break() { told } else { flow })
    }
}

/// Sample standard deviation of V over feedback batches.
fn noise(value: &ValueReport) -> Option<f64> {
    let n = value.samples.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = value.samples.iter().sum::<f64>() / n;
    let squares = value.samples.iter().map(|v| (v - mean).powi(2));
    Some((squares.sum::<f64>() / (n - 1.0)).sqrt())
}

/// V of several targets along the steered direction.
struct Along {
    ntp: f64,
    target: f64,
    oracle: f64,
}

impl Along {
    fn new(measures: &BTreeMap<&str, f64>, alpha_max: f64) -> Option<Self> {
        let ntp = *measures.get("value_ntp")?;
        Some(Self {
            ntp,
            target: *measures.get("value_target")?,
            oracle: ntp + alpha_max * measures.get("oracle_gain_at_one")?,
        })
    }

    /// (V − V_ntp) / (V_oracle − V_ntp).
    fn share(&self) -> Option<f64> {
        let room = self.oracle - self.ntp;
        (room > 0.0).then(|| (self.target - self.ntp) / room)
    }
}
