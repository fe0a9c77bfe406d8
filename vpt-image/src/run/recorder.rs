//! What each learner step leaves in the log and tells observers.

use super::RunEvent;
use crate::artefacts::{AlarmEvent, Event, ProbeEvent, StepEvent, ValueEvent};
use crate::objective::CollapseWatch;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use vpt_core::run::{Log, Tell};
use vpt_core::{CoreError, Observer, StepReport, ValueReport};

/// Writes steps and value updates to `metrics.jsonl`, passes them on, and looks out for collapse.
pub(super) struct Recorder<'a, 't> {
    pub(super) log: &'a mut Log,
    pub(super) tell: &'a mut Tell<'t, RunEvent>,
    pub(super) watch: Option<&'a mut CollapseWatch>,
}

impl Observer for Recorder<'_, '_> {
    fn observe(&mut self, report: &StepReport) -> Result<ControlFlow<()>, CoreError> {
        let step = report.step as u64 + 1;
        let measures = report.measures.iter();
        self.log.write(&Event::Step(StepEvent {
            step,
            tokens: report.tokens,
            loss: report.loss,
            grad_norm: report.gradient_norm,
            lr: report.rate,
            measures: measures
                .map(|(name, figure)| ((*name).to_owned(), finite(*figure)))
                .collect(),
            seconds: report.elapsed.as_secs_f64(),
        }))?;
        if let Some(probe) = report.probe {
            self.log.write(&Event::Probe(ProbeEvent {
                step,
                loss: probe.loss,
                sgd_predicted: probe.sgd.predicted,
                sgd_realised: probe.sgd.realised,
                update_predicted: probe.update.predicted,
                update_realised: probe.update.realised,
                cosine: probe.cosine,
            }))?;
        }
        let step = report.step + 1;
        let mut flow = (self.tell)(&RunEvent::Step {
            step,
            loss: report.loss,
        });
        if let Some(value) = &report.value {
            self.log.write(&Event::Value(value_event(step, value)))?;
            let told = (self.tell)(&RunEvent::Value {
                step,
                value: value.value,
                cosine: value.cosine,
            });
            flow = if told.is_break() { told } else { flow };
        }
        if let Some(collapse) = self.watch.as_mut().and_then(|watch| watch.look(report)) {
            let message = collapse.to_string();
            self.log.write(&Event::Alarm(AlarmEvent {
                step: step as u64,
                message: message.clone(),
            }))?;
            let _ = (self.tell)(&RunEvent::Alarm { step, message });
            return Ok(ControlFlow::Break(()));
        }
        Ok(flow)
    }
}

fn value_event(step: usize, value: &ValueReport) -> ValueEvent {
    let named = |figures: &[(String, f64)]| -> BTreeMap<String, Option<f64>> {
        let figures = figures.iter();
        figures
            .map(|(name, figure)| (name.clone(), finite(*figure)))
            .collect()
    };
    ValueEvent {
        step: step as u64,
        value: value.value,
        cosine: value.cosine,
        g_down_norm: value.norms.0,
        g_pre_norm: value.norms.1,
        parts: named(&value.parts),
        losses: named(&value.losses),
        noise: noise(&value.samples),
        seconds: value.times.update().as_secs_f64(),
        direction_seconds: value.times.direction.as_secs_f64(),
    }
}

fn finite(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}

/// Sample standard deviation of V over feedback batches.
fn noise(samples: &[f64]) -> Option<f64> {
    let n = samples.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = samples.iter().sum::<f64>() / n;
    let squares = samples.iter().map(|v| (v - mean).powi(2));
    Some((squares.sum::<f64>() / (n - 1.0)).sqrt())
}
