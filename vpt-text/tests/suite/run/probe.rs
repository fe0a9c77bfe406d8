//! The probe of A.6 in a run.

use super::fixture::Bench;
use burn::backend::Flex;
use std::ops::ControlFlow;
use vpt_core::run::RunOptions;
use vpt_text::artefacts::{Event, ProbeEvent};
use vpt_text::run::train;

#[test]
fn probed_steps_are_logged_and_nothing_else_changes() {
    let bench = Bench::new();
    bench.write("validation.jsonl", &bench.feedback()[8..]);
    bench.write("feedback.jsonl", &bench.feedback()[..8]);
    let mut config = bench.config();
    let plain = bench.model(&config);
    config.data.validation = bench.path("validation.jsonl").display().to_string();
    config.eval.pass_items = 0;
    (config.probe.every, config.probe.items) = (2, 4);
    assert_eq!(bench.model(&config), plain);

    let out = bench.path("run");
    let options = |resume, stop_after| RunOptions {
        out: out.clone(),
        resume,
        stop_after,
        init_from: None,
        config_text: String::new(),
    };
    let mut observer = |_: &_| ControlFlow::Continue(());
    for options in [options(false, Some(3)), options(true, None)] {
        train::<Flex>(&config, &options, &Default::default(), &mut observer).unwrap();
    }
    let log = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let events = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let probes: Vec<ProbeEvent> = events
        .filter_map(|event| match event {
            Event::Probe(probe) => Some(probe),
            _ => None,
        })
        .collect();
    let steps: Vec<u64> = probes.iter().map(|probe| probe.step).collect();
    assert_eq!(steps, [2, 4, 6]);
    for probe in probes {
        assert!(probe.loss > 0.0 && probe.cosine > 0.0, "{probe:?}");
        // A small step: the prediction is near, and neither is nothing.
        let apart = (probe.update_realised - probe.update_predicted).abs();
        assert!(apart < 0.3 * probe.update_predicted.abs(), "{probe:?}");
        assert!(probe.sgd_predicted != 0.0, "{probe:?}");
    }
}
