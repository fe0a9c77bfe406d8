//! Greedy continuation: batches, ends, limits, refusals.

use super::fixture::{Flex, fresh, tiny};
use vpt_text::decoder::{Decoder, DecoderConfig, GenerateError, Greedy, ModelType, generate};

fn model() -> Decoder<Flex> {
    fresh(&tiny(ModelType::Qwen2, false), 11)
}

fn prompts() -> Vec<Vec<u32>> {
    (1..=9)
        .map(|n| (0..n).map(|i| (7 * n + 5 * i * i) % 13).collect())
        .collect()
}

/// The continuation without a cache: the whole text again for every token.
fn slowly(decoder: &Decoder<Flex>, prompt: &[u32], options: &Greedy) -> Vec<u32> {
    use super::fixture::{packed, values};
    let (mut text, mut new) = (prompt.to_vec(), Vec::new());
    while new.len() < options.max_new_tokens {
        let ids: Vec<i64> = text.iter().map(|&token| token.into()).collect();
        let hidden = decoder.hidden(&packed(&[&ids])).narrow(1, ids.len() - 1, 1);
        let logits = values(decoder.logits(hidden.flatten(0, 1)));
        let limit = options.vocab_limit.unwrap_or(logits.len());
        let best = (0..limit)
            .rev()
            .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
            .unwrap();
        if options.eos.contains(&(best as u32)) {
            break;
        }
        new.push(best as u32);
        text.push(best as u32);
    }
    new
}

#[test]
fn batched_continuations_are_the_single_ones() {
    let (decoder, prompts) = (model(), prompts());
    let free = Greedy {
        max_new_tokens: 12,
        ..Default::default()
    };
    let seen = generate(&decoder, &prompts, &free).unwrap().concat();
    // Ends that do occur, so that rows finish at different times and are dropped on the way.
    let eos = vec![seen[3], seen[40]];
    for options in [
        free.clone(),
        Greedy {
            eos: eos.clone(),
            ..free.clone()
        },
        Greedy {
            eos,
            vocab_limit: Some(9),
            ..free
        },
    ] {
        let one_by_one: Vec<_> = prompts
            .iter()
            .map(|p| slowly(&decoder, p, &options))
            .collect();
        for batch_size in [1, 4, 64] {
            let options = Greedy {
                batch_size,
                ..options.clone()
            };
            assert_eq!(generate(&decoder, &prompts, &options).unwrap(), one_by_one);
        }
    }
}

#[test]
fn an_end_stops_a_row_and_is_not_part_of_it() {
    let (decoder, prompt) = (model(), vec![4, 2]);
    let free = Greedy {
        max_new_tokens: 10,
        ..Default::default()
    };
    let full = generate(&decoder, std::slice::from_ref(&prompt), &free)
        .unwrap()
        .remove(0);
    assert_eq!(full.len(), 10);
    let end = full[4];
    let options = Greedy {
        eos: vec![end],
        ..free
    };
    let cut = generate(&decoder, &[prompt], &options).unwrap().remove(0);
    let first = full.iter().position(|&token| token == end).unwrap();
    assert_eq!(cut, full[..first]);
}

#[test]
fn rows_above_the_tokenizer_are_never_chosen() {
    let options = Greedy {
        max_new_tokens: 20,
        vocab_limit: Some(3),
        batch_size: 4,
        ..Default::default()
    };
    let found = generate(&model(), &prompts(), &options).unwrap();
    assert!(found.concat().iter().all(|&token| token < 3));
    // A limit above the table is no limit.
    let above = Greedy {
        vocab_limit: Some(1000),
        max_new_tokens: 2,
        ..Default::default()
    };
    assert!(generate(&model(), &prompts(), &above).is_ok());
}

#[test]
fn a_text_ends_where_the_positions_do() {
    let decoder = model();
    let options = Greedy {
        max_new_tokens: 100,
        ..Default::default()
    };
    let long = vec![vec![1; 30], vec![1; 32], vec![5]];
    let found = generate(&decoder, &long, &options).unwrap();
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 32]);
}

#[test]
fn what_cannot_be_continued_is_refused_by_index() {
    let decoder = model();
    let ask =
        |prompt: Vec<u32>| generate(&decoder, &[vec![1], prompt], &Greedy::default()).unwrap_err();
    assert!(matches!(ask(vec![]), GenerateError::Empty { prompt: 1 }));
    assert!(matches!(
        ask(vec![1; 33]),
        GenerateError::TooLong {
            prompt: 1,
            limit: 32,
            ..
        }
    ));
    let unknown = ask(vec![3, 13]);
    assert!(matches!(
        unknown,
        GenerateError::UnknownToken {
            prompt: 1,
            token: 13,
            vocab: 13
        }
    ));
    let none = Greedy {
        vocab_limit: Some(0),
        ..Default::default()
    };
    assert!(matches!(
        generate(&decoder, &[vec![1]], &none),
        Err(GenerateError::NothingToChoose)
    ));
    let empty: [Vec<u32>; 0] = [];
    assert!(
        generate(&decoder, &empty, &Greedy::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn equal_logits_give_the_lowest_id() {
    let config = DecoderConfig {
        initializer_range: 0.0,
        ..tiny(ModelType::Qwen2, true)
    };
    let options = Greedy {
        max_new_tokens: 3,
        ..Default::default()
    };
    let found = generate(&fresh::<Flex>(&config, 0), &[vec![5]], &options).unwrap();
    assert_eq!(found, [[0, 0, 0]]);
}
