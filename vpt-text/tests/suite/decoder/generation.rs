//! Continuation: batches, draws, ends, limits, refusals.

use super::fixture::{Flex, fresh, tiny};
use std::path::Path;
use vpt_text::decoder::{
    Decoder, DecoderConfig, End, GenerateError, Generated, Generation, ModelType, Strategy,
    complete, generate,
};
use vpt_text::tokenizer::Tokenizer;

fn model() -> Decoder<Flex> {
    fresh(&tiny(ModelType::Qwen2, false), 11)
}

fn prompts() -> Vec<Vec<u32>> {
    (1..=9)
        .map(|n| (0..n).map(|i| (7 * n + 5 * i * i) % 13).collect())
        .collect()
}

/// The tokens of the first continuation of each prompt.
fn continued(prompts: &[Vec<u32>], options: &Generation) -> Vec<Vec<u32>> {
    let found = generate(&model(), prompts, options).unwrap();
    let first = |samples: &Vec<Generated>| samples[0].tokens.clone();
    found.iter().map(first).collect()
}

/// The continuation without a cache: the whole text again for every token.
fn slowly(decoder: &Decoder<Flex>, prompt: &[u32], options: &Generation) -> Vec<u32> {
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
    let free = Generation {
        max_new_tokens: 12,
        ..Default::default()
    };
    let seen = continued(&prompts, &free).concat();
    // Ends that do occur, so that rows finish at different times and are dropped on the way.
    let eos = vec![seen[3], seen[40]];
    for options in [
        free.clone(),
        Generation {
            eos: eos.clone(),
            ..free.clone()
        },
        Generation {
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
            let options = Generation {
                batch_size,
                ..options.clone()
            };
            assert_eq!(continued(&prompts, &options), one_by_one);
        }
    }
}

#[test]
fn an_end_stops_a_row_and_is_not_part_of_it() {
    let prompt = [vec![4, 2]];
    let free = Generation {
        max_new_tokens: 10,
        ..Default::default()
    };
    let full = continued(&prompt, &free).remove(0);
    assert_eq!(full.len(), 10);
    let end = full[4];
    let options = Generation {
        eos: vec![end],
        ..free
    };
    let cut = generate(&model(), &prompt, &options).unwrap().concat();
    let first = full.iter().position(|&token| token == end).unwrap();
    assert_eq!(cut[0].tokens, full[..first]);
    assert_eq!(cut[0].end, End::EndOfText);
}

#[test]
fn rows_above_the_tokenizer_are_never_chosen() {
    let options = Generation {
        max_new_tokens: 20,
        vocab_limit: Some(3),
        batch_size: 4,
        ..Default::default()
    };
    let found = continued(&prompts(), &options);
    assert!(found.concat().iter().all(|&token| token < 3));
    // A limit above the table is no limit.
    let above = Generation {
        vocab_limit: Some(1000),
        max_new_tokens: 2,
        ..Default::default()
    };
    assert!(generate(&model(), &prompts(), &above).is_ok());
}

#[test]
fn a_text_ends_where_the_positions_do() {
    let options = Generation {
        max_new_tokens: 100,
        ..Default::default()
    };
    let long = vec![vec![1; 30], vec![1; 32], vec![5]];
    let found = generate(&model(), &long, &options).unwrap().concat();
    let lengths: Vec<usize> = found.iter().map(|text| text.tokens.len()).collect();
    assert_eq!(lengths, [3, 1, 32]);
    assert!(found.iter().all(|text| text.end == End::Length));
}

/// A.4: `max_length − max_new_tokens` of the prompt are kept, from its end.
#[test]
fn a_long_prompt_can_lose_its_start() {
    let options = Generation {
        max_new_tokens: 12,
        truncate: true,
        ..Default::default()
    };
    let long: Vec<u32> = (0..90).map(|i| i * i % 13).collect();
    let prompts = [long.clone(), long[70..].to_vec(), vec![3, 4]];
    let found = continued(&prompts, &options);
    assert_eq!(found[0], found[1]);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [12; 3]);
    let whole = Generation {
        truncate: false,
        ..options.clone()
    };
    assert_eq!(continued(&prompts[1..], &whole), found[1..]);
    let none = Generation {
        max_new_tokens: 32,
        ..options
    };
    assert!(matches!(
        generate(&model(), &prompts, &none),
        Err(GenerateError::NoRoom {
            max_new_tokens: 32,
            limit: 32
        })
    ));
}

fn drawing(batch_size: usize) -> Generation {
    Generation {
        strategy: Strategy::new(0.8, 0.95, 0, 7).unwrap(),
        samples: 5,
        max_new_tokens: 12,
        eos: vec![2],
        batch_size,
        ..Default::default()
    }
}

#[test]
fn draws_do_not_depend_on_batches() {
    let (decoder, prompts) = (model(), prompts());
    let alone = generate(&decoder, &prompts, &drawing(1)).unwrap();
    for batch_size in [3, 8, 64] {
        let found = generate(&decoder, &prompts, &drawing(batch_size)).unwrap();
        assert_eq!(found, alone, "{batch_size}");
    }
    assert!(alone.iter().all(|samples| samples.len() == 5));
    let ends: Vec<End> = alone.iter().flatten().map(|text| text.end).collect();
    assert!(ends.contains(&End::EndOfText) && ends.contains(&End::Length));
    // Samples differ, and so do seeds; a sample is the same among more of them.
    assert_ne!(alone[3][0], alone[3][1]);
    let more = Generation {
        samples: 7,
        ..drawing(4)
    };
    let more = generate(&decoder, &prompts, &more).unwrap();
    for (more, few) in more.iter().zip(&alone) {
        assert_eq!(more[..5], few[..]);
    }
    let other = Generation {
        strategy: Strategy::new(0.8, 0.95, 0, 8).unwrap(),
        ..drawing(8)
    };
    assert_ne!(generate(&decoder, &prompts, &other).unwrap(), alone);
    // Almost no temperature: the best token, as greedy takes it.
    let cold = Generation {
        strategy: Strategy::new(1e-4, 1.0, 0, 7).unwrap(),
        ..drawing(8)
    };
    let greedy = Generation {
        strategy: Strategy::Greedy,
        ..drawing(8)
    };
    assert_eq!(
        generate(&decoder, &prompts, &cold).unwrap(),
        generate(&decoder, &prompts, &greedy).unwrap()
    );
}

/// The base that ships, on its own test problems.
#[test]
fn stop_strings_end_texts_whatever_the_batch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/headline/base");
    let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json"), None).unwrap();
    let (decoder, _) =
        Decoder::<Flex>::load(&folder, &Default::default(), &Default::default()).unwrap();
    let prompt = |i: usize| format!("Question: What is {i}+{}-2?\nAnswer:", i % 7);
    let prompts = (3..11).map(prompt).collect();
    let prompts = tokenizer.encode_all(prompts).unwrap();
    let options = |batch_size| Generation {
        strategy: Strategy::new(0.7, 0.9, 0, 1).unwrap(),
        samples: 2,
        max_new_tokens: 24,
        batch_size,
        ..Generation::of(&tokenizer, decoder.config())
    };
    let complete = |options: &Generation, stop: &[&str]| {
        let stop: Vec<String> = stop.iter().map(|stop| (*stop).to_owned()).collect();
        let found = complete(&decoder, &tokenizer, &prompts, options, &stop).unwrap();
        found.concat()
    };
    let free = complete(&options(8), &[]);
    // Spans two tokens or more wherever it occurs, as no token holds a digit beside a sign.
    let stops = ["####", "=1"];
    let stopped = complete(&options(8), &stops);
    for (free, stopped) in free.iter().zip(&stopped) {
        let cut = stops.iter().fold(free.text.as_str(), |text, stop| {
            text.split(stop).next().unwrap_or_default()
        });
        assert_eq!(stopped.text, cut);
        let hit = cut.len() < free.text.len();
        assert_eq!(stopped.end == End::StopString, hit, "{free:?}");
        assert!(stopped.tokens.len() <= free.tokens.len());
    }
    let hits = stopped.iter().filter(|text| text.end == End::StopString);
    assert!(hits.count() > 4, "{stopped:?}");
    for batch_size in [1, 3] {
        assert_eq!(complete(&options(batch_size), &stops), stopped);
    }
}

#[test]
fn what_cannot_be_continued_is_refused_by_index() {
    let decoder = model();
    let ask = |prompt: Vec<u32>| {
        generate(&decoder, &[vec![1], prompt], &Generation::default()).unwrap_err()
    };
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
    let none = Generation {
        vocab_limit: Some(0),
        ..Default::default()
    };
    assert!(matches!(
        generate(&decoder, &[vec![1]], &none),
        Err(GenerateError::NothingToChoose)
    ));
    let empty: [Vec<u32>; 0] = [];
    assert!(
        generate(&decoder, &empty, &Generation::default())
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
    let options = Generation {
        max_new_tokens: 3,
        ..Default::default()
    };
    let found = generate(&fresh::<Flex>(&config, 0), &[vec![5]], &options).unwrap();
    assert_eq!(found[0][0].tokens, [0, 0, 0]);
}
