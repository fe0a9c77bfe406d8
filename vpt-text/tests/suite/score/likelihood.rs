//! Log-probabilities against Transformers' logits, and requests as lm-evaluation-harness has them.

use crate::suite::decoder::fixture::{
    Flex, NdArray64, fresh, golden, golden_folder, largest_difference, tiny,
};
use burn::tensor::backend::Backend;
use serde::Deserialize;
use std::path::Path;
use vpt_text::data::Document;
use vpt_text::decoder::{Decoder, ModelType};
use vpt_text::score::{
    Continuation, LikelihoodError, answer_scores, continuation_log_likelihood, log_probabilities,
};
use vpt_text::tokenizer::Tokenizer;

#[derive(Deserialize)]
struct Golden {
    tokens: Vec<Vec<u32>>,
    logits: Vec<Vec<Vec<f64>>>,
}

/// log softmax of each row at the token that follows.
fn expected(golden: &Golden) -> Vec<Vec<f64>> {
    let row = |logits: &Vec<f64>, next: u32| {
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|z| (z - top).exp()).sum();
        logits[next as usize] - top - sum.ln()
    };
    let text = |(tokens, logits): (&Vec<u32>, &Vec<Vec<f64>>)| {
        let next = tokens.iter().skip(1);
        next.zip(logits).map(|(&next, z)| row(z, next)).collect()
    };
    golden.tokens.iter().zip(&golden.logits).map(text).collect()
}

fn they_are_those_of_transformers<B: Backend>() {
    for name in ["qwen2-tied", "qwen2-untied", "llama"] {
        let text = std::fs::read(golden_folder(name).join("golden.json")).unwrap();
        let theirs: Golden = serde_json::from_slice(&text).unwrap();
        let found = log_probabilities(&golden::<B>(name), &theirs.tokens, 8).unwrap();
        let difference = largest_difference(&found.concat(), &expected(&theirs).concat());
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn log_probabilities_are_those_of_transformers() {
    they_are_those_of_transformers::<Flex>();
    they_are_those_of_transformers::<NdArray64>();
}

fn model() -> Decoder<Flex> {
    fresh(&tiny(ModelType::Llama, false), 3)
}

fn sequences() -> Vec<Vec<u32>> {
    let lengths = [5, 1, 33, 2, 0, 17, 9, 33, 4, 12];
    let text = |(i, n): (u32, u32)| (0..n).map(|j| (7 * i + 3 * j * j) % 13).collect();
    (0..).zip(lengths).map(text).collect()
}

#[test]
fn the_size_of_a_batch_changes_nothing() {
    let (model, sequences) = (model(), sequences());
    let alone = log_probabilities(&model, &sequences, 1).unwrap();
    let lengths = |found: &[Vec<f64>]| found.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&alone), [4, 0, 32, 1, 0, 16, 8, 32, 3, 11]);
    for batch_size in [0, 3, 8, 64] {
        let found = log_probabilities(&model, &sequences, batch_size).unwrap();
        assert_eq!(lengths(&found), lengths(&alone));
        let difference = largest_difference(&found.concat(), &alone.concat());
        assert!(difference < 1e-5, "{batch_size}: {difference}");
    }
}

#[test]
fn answers_and_continuations_are_the_ends_of_sequences() {
    let (model, sequences) = (model(), sequences());
    let whole = log_probabilities(&model, &sequences, 4).unwrap();
    let long = [2, 5, 6, 9];
    let split = |i: usize| sequences[i].split_at(sequences[i].len() - 3);
    let document = |&i: &usize| Document {
        prompt: split(i).0.to_vec(),
        answer: split(i).1.to_vec(),
    };
    let documents: Vec<Document> = long.iter().map(document).collect();
    let scores = answer_scores(&model, &documents, 3).unwrap();
    let request = |document: &Document| Continuation {
        context: document.prompt.clone(),
        continuation: document.answer.clone(),
    };
    let requests: Vec<Continuation> = documents.iter().map(request).collect();
    let sums = continuation_log_likelihood(&model, &requests, 2).unwrap();
    for ((&i, score), sum) in long.iter().zip(&scores).zip(sums) {
        let end = &whole[i][whole[i].len() - 3..];
        assert!(largest_difference(&score.log_probability, end) < 1e-5);
        assert!((sum.log_likelihood - end.iter().sum::<f64>()).abs() < 1e-5);
        assert_eq!(sum.is_greedy, score.is_top.iter().all(|top| *top));
    }
}

#[test]
fn a_greedy_continuation_is_known_as_such() {
    use vpt_text::{Generation, generate};
    let (model, context) = (model(), vec![4, 2, 7]);
    let options = Generation {
        max_new_tokens: 5,
        ..Default::default()
    };
    let found = generate(&model, std::slice::from_ref(&context), &options).unwrap();
    let continuation = found[0][0].tokens.clone();
    let ask = |continuation: Vec<u32>| {
        let context = context.clone();
        let request = Continuation {
            context,
            continuation,
        };
        continuation_log_likelihood(&model, &[request], 1).unwrap()[0]
    };
    let found = ask(continuation.clone());
    assert!(found.is_greedy);
    let mut other = continuation;
    other[4] = (other[4] + 1) % 13;
    let other = ask(other);
    assert!(!other.is_greedy && other.log_likelihood < found.log_likelihood);
}

/// 32 positions hold 33 tokens, as `(context + continuation)[-33:][:-1]` does.
#[test]
fn a_request_that_is_too_long_loses_its_start() {
    let model = model();
    let long: Vec<u32> = (0..50).map(|j| (j * j) % 13).collect();
    let request = |context: &[u32]| Continuation {
        context: context.to_vec(),
        continuation: vec![3, 1, 12],
    };
    let ask = |request: Continuation| continuation_log_likelihood(&model, &[request], 1).unwrap();
    assert_eq!(ask(request(&long)), ask(request(&long[20..])));
    assert_ne!(ask(request(&long)), ask(request(&long[21..])));
    let full = Continuation {
        context: vec![5, 6],
        continuation: vec![2; 32],
    };
    let last = Continuation {
        context: vec![6],
        ..full.clone()
    };
    assert_eq!(ask(full), ask(last));
}

#[test]
fn what_cannot_be_scored_is_refused_by_index() {
    let model = model();
    let whole = |tokens: Vec<u32>| log_probabilities(&model, &[vec![1], tokens], 4).unwrap_err();
    let long = LikelihoodError::TooLong {
        index: 1,
        positions: 33,
        limit: 32,
    };
    assert_eq!(whole(vec![1; 34]), long);
    let unknown = LikelihoodError::UnknownToken {
        index: 1,
        token: 13,
        vocab: 13,
    };
    assert_eq!(whole(vec![0, 13, 40]), unknown);
    let ask = |context: usize, continuation: usize| {
        let request = Continuation {
            context: vec![1; context],
            continuation: vec![1; continuation],
        };
        let error = continuation_log_likelihood(&model, &[request], 4).unwrap_err();
        error.to_string()
    };
    assert_eq!(ask(0, 1), "sequence 0: its context is empty");
    assert_eq!(ask(1, 0), "sequence 0: its continuation is empty");
    let beyond = "sequence 0 takes 33 positions, the model has 32";
    assert_eq!(ask(1, 33), beyond);
}

#[test]
fn a_request_is_encoded_as_one_text_and_sliced() {
    let file = "../data/headline/base/tokenizer.json";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let tokenizer = Tokenizer::from_file(&file, None).unwrap();
    let encode = |context: &str, continuation: &str| {
        Continuation::encode(&tokenizer, context, continuation).unwrap()
    };
    let plain = encode("Question: 1+1?\nAnswer:", " 2");
    assert_eq!(
        plain.context,
        tokenizer.encode("Question: 1+1?\nAnswer:").unwrap()
    );
    assert_eq!(plain.continuation, tokenizer.encode(" 2").unwrap());
    // Blanks move over, whichever side they were written on.
    assert_eq!(encode("Question: 1+1?\nAnswer: ", "2"), plain);
    assert_eq!(encode("", "2").context, [1]);
    assert_eq!(encode("", "2").continuation, tokenizer.encode("2").unwrap());
    // Where a token spans the border, the joined text decides: `w`, `hat`, ` is`, of which `wh` has
    // taken two.
    let found = encode("wh", "at is");
    assert_eq!(found.context, tokenizer.encode("wh").unwrap());
    assert_eq!(found.context.len(), 2);
    assert_eq!(found.continuation, tokenizer.encode(" is").unwrap());
}
