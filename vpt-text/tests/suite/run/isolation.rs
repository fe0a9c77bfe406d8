//! What the learner must not notice, to the bit.

use super::fixture::Bench;
use serde_json::Value;
use vpt_text::config::Method;

#[test]
fn a_designer_that_may_not_speak_leaves_the_baseline() {
    let bench = Bench::new();
    let mut plain = bench.config();
    plain.method = Method::Ntp;
    let baseline = bench.model(&plain);

    let mut gagged = bench.config();
    gagged.designer.alpha_max = 0.0;
    assert!(bench.model(&gagged) == baseline, "alpha_max = 0");

    let mut late = bench.config();
    late.value.burn_in = usize::MAX;
    assert!(bench.model(&late) == baseline, "endless burn-in");

    // Neither holds because nothing ever changes the learner.
    assert!(bench.model(&bench.config()) != baseline, "a free designer");
}

#[test]
fn labels_reach_the_learner_through_the_designer_alone() {
    let bench = Bench::new();
    let mut frozen = bench.config();
    frozen.designer.lr = 0.0;
    let free = bench.config();
    let (held, steered) = (bench.model(&frozen), bench.model(&free));

    let records = bench.feedback();
    bench.write("feedback.jsonl", &shuffled(&records));
    assert!(bench.model(&frozen) == held, "a frozen designer");
    assert!(bench.model(&free) != steered, "a designer that learns");
}

/// Every problem with the next one's solution.
fn shuffled(records: &[String]) -> Vec<String> {
    let parsed: Vec<Value> = records
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let next = parsed.iter().cycle().skip(1);
    let pairs = parsed.iter().zip(next);
    pairs
        .map(|(record, other)| {
            let mut record = record.clone();
            record["solution"] = other["solution"].clone();
            record.to_string()
        })
        .collect()
}
