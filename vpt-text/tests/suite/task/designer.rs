//! What A.1 says of the designer.

use super::fixture::{
    ALPHA_MAX, Flex, NdArray64, PAPER, STABILISED, Setting, TOP_K, VOCAB, assert_close, designer,
    document, documents, ids, moved, relative, upload, values,
};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use vpt_core::NoParameters;
use vpt_text::config::EstimatorKind::Linear;
use vpt_text::data::PackedBatch;
use vpt_text::task::{Candidates, SoftTargetDesigner, TextBatch};

fn fresh<B: Backend>(rule: vpt_text::task::TargetRule) -> Setting<B> {
    let mut setting = Setting::new(rule, true);
    setting.designer = (NoParameters, Some(designer()));
    setting
}

#[test]
fn a_fresh_designer_proposes_what_the_learner_does() {
    let setting = fresh::<Flex>(STABILISED);
    let reference = setting.reference();
    let target = setting.target(&reference);
    let learner = log_softmax(reference.log_p.clone().narrow(1, 1, TOP_K), 1);
    assert_close(&values(target.log_p.unwrap()), &values(learner), 1e-6);
    let half = vec![ALPHA_MAX / 2.0; reference.ids.dims()[0]];
    assert_close(&values(target.alpha), &half, 1e-6);
}

#[test]
fn a_fresh_designer_of_the_paper_is_uniform() {
    let setting = fresh::<Flex>(PAPER);
    let target = setting.target(&setting.reference());
    let p = values(target.log_p.unwrap().exp());
    assert_close(&p, &vec![1.0 / TOP_K as f64; p.len()], 1e-6);
}

#[test]
fn a_fresh_designer_can_learn() {
    // Zero heads, yet not a point without a slope.
    let setting = fresh::<NdArray64>(STABILISED);
    let subset = setting.subset("all");
    let steer = setting.direction(&subset);
    let estimate = setting.estimate(Linear, &subset, &steer);
    assert!(estimate.descent.as_vector().norm() > 1e-6);
}

#[test]
fn targets_are_distributions_and_gates_keep_their_limits() {
    for rule in [STABILISED, PAPER] {
        let mut setting = Setting::<Flex>::new(rule, true);
        // Gates driven far to both sides.
        setting.designer = (NoParameters, Some(moved(designer(), 20.0)));
        let target = setting.target(&setting.reference());
        let alpha = values(target.alpha);
        let limit = ALPHA_MAX as f32 as f64;
        assert!(
            alpha.iter().all(|alpha| (0.0..=limit).contains(alpha)),
            "{alpha:?}"
        );
        let spread = alpha.iter().fold(0.0, |a: f64, b| a.max(*b))
            - alpha.iter().fold(1.0, |a: f64, b| a.min(*b));
        assert!(
            spread > 0.9 * ALPHA_MAX,
            "gates that say nothing: {alpha:?}"
        );
        let q = values(target.q);
        assert!(q.iter().all(|q| *q >= 0.0));
        for row in q.chunks(1 + TOP_K) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
        }
    }
}

/// Scores and gate at every position of `packed`, all of them asked about, with the candidates held.
fn proposals<B: Backend>(
    designer: &SoftTargetDesigner<B>,
    packed: &PackedBatch,
    held: &Candidates<B>,
) -> Vec<Vec<f64>> {
    let proposal = designer.forward(&upload(packed), held);
    let scores = values(proposal.scores);
    let gates = values(proposal.gate);
    let rows = scores.chunks(TOP_K).zip(gates);
    rows.map(|(scores, gate)| [scores, &[gate]].concat())
        .collect()
}

/// Two documents in a row of 12 positions, each position asked about.
fn asked() -> PackedBatch {
    let [_, _, long] = documents();
    let short = document(&[5], &[3, 5, 8]);
    let mut packed = PackedBatch::from_rows(12, [[&long, &short]]);
    packed.answer_mask.fill(true);
    packed
}

const BORDER: usize = 8;

#[test]
fn a_proposal_knows_the_next_token_and_nothing_later() {
    let packed = asked();
    let mut setting = Setting::<Flex>::new(STABILISED, true);
    setting.batch = upload(&packed);
    let reference = setting.reference();
    let designer = setting.designer.1.clone().unwrap();
    let before = proposals(&designer, &packed, &reference);
    for t in 0..packed.seq {
        // The token after t, as t's target and as the next position's input, becomes another.
        let mut changed = packed.clone();
        changed.targets[t] = (packed.targets[t] + 1) % VOCAB as i32;
        if t + 1 < packed.seq && t + 1 != BORDER {
            changed.inputs[t + 1] = changed.targets[t];
        }
        let after = proposals(&designer, &changed, &reference);
        assert_eq!(
            before[..t],
            after[..t],
            "position {t} is seen before it comes"
        );
        assert_ne!(before[t], after[t], "position {t} does not read its label");
        let end = if t < BORDER { BORDER } else { 11 };
        for later in t + 1..end {
            assert_ne!(before[later], after[later], "{later} does not see {t}");
        }
        if t < BORDER {
            assert_eq!(
                before[BORDER..],
                after[BORDER..],
                "{t} is seen across the border"
            );
        }
    }
}

#[test]
fn names_of_tokens_do_not_matter() {
    type B = NdArray64;
    // Token v becomes token to[v], so that row u of a table is row from[u] of the old one.
    let to: Vec<usize> = (0..VOCAB).map(|v| (5 * v + 3) % VOCAB).collect();
    let mut from = [0i64; VOCAB];
    to.iter().enumerate().for_each(|(v, &u)| from[u] = v as i64);
    let rows = Tensor::<B, 1, Int>::from_ints(from, &Default::default());

    let setting = Setting::<B>::new(STABILISED, false);
    let reference = setting.reference();
    let expected = setting.target(&reference);

    let name = |ids: &Tensor<B, 2, Int>| {
        let renamed = self::ids(ids).into_iter().map(|id| to[id as usize] as i64);
        let data = TensorData::new(renamed.collect::<Vec<_>>(), ids.dims());
        Tensor::<B, 2, Int>::from_data(data, &Default::default())
    };
    let mut learner = setting.learner.clone();
    let table = &mut learner.embed_tokens.weight;
    *table = table.clone().map(|table| table.select(0, rows.clone()));
    let table = &mut learner.lm_head.as_mut().unwrap().weight;
    *table = table.clone().map(|table| table.select(0, rows));
    let TextBatch {
        mut input,
        next,
        rows,
        labels,
        weights,
        dropout,
    } = setting.batch.clone();
    input.tokens = name(&input.tokens);
    let [n] = labels.dims();
    let other = Setting::<B> {
        learner,
        batch: TextBatch {
            input,
            next: name(&next),
            rows,
            labels: name(&labels.reshape([n, 1])).reshape([n]),
            weights,
            dropout,
        },
        ..setting
    };
    let found_reference = other.reference();
    let found = other.target(&found_reference);
    assert_eq!(ids(&found.ids), ids(&name(&reference.ids)));
    assert_close(&values(found.q), &values(expected.q), 1e-12);
}

#[test]
fn the_scale_of_the_embeddings_does_not_matter() {
    type B = NdArray64;
    let setting = Setting::<B>::new(STABILISED, true);
    let mut reference = setting.reference();
    let expected = values(setting.target(&reference).q);
    reference.embedding = reference.embedding.mul_scalar(1e-3);
    assert!(relative(&values(setting.target(&reference).q), &expected) < 1e-4);
}
