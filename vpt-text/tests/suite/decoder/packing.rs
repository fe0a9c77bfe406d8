//! Documents in one row do not see each other, and a frozen prefix can be kept.

use super::fixture::{Flex, NdArray, fresh, ints, largest_difference, packed, tiny, values};
use burn::tensor::backend::Backend;
use vpt_text::decoder::{DecoderInput, KvCache, ModelType};

const A: [i64; 5] = [3, 1, 4, 1, 5];
const OTHER: [i64; 5] = [9, 2, 6, 5, 3];
const B: [i64; 7] = [5, 8, 9, 7, 9, 3, 2];

fn documents_are_isolated<T: Backend>() {
    let decoder = fresh::<T>(&tiny(ModelType::Qwen2, true), 3);
    let second = |first: &[i64]| values(decoder.hidden(&packed(&[first, &B])).narrow(1, 5, 7));
    // Bit for bit: a masked weight is exactly zero.
    assert_eq!(second(&A), second(&OTHER));

    let first = |second: &[i64]| values(decoder.hidden(&packed(&[&A, second])).narrow(1, 0, 5));
    assert_eq!(first(&B), first(&[0; 7]));

    let alone = values(decoder.logits(decoder.hidden(&packed(&[&B])).flatten(0, 1)));
    let packed = decoder.hidden(&packed(&[&A, &B])).narrow(1, 5, 7);
    let packed = values(decoder.logits(packed.flatten(0, 1)));
    assert!(largest_difference(&alone, &packed) < 1e-5);
}

#[test]
fn a_document_sees_nothing_of_its_neighbours() {
    documents_are_isolated::<Flex>();
    documents_are_isolated::<NdArray>();
}

#[test]
fn positions_and_the_mask_matter() {
    let decoder = fresh::<Flex>(&tiny(ModelType::Qwen2, true), 3);
    let both = [A.to_vec(), B.to_vec()].concat();
    let as_one = values(decoder.hidden(&packed(&[&both])).narrow(1, 5, 7));
    let as_two = values(decoder.hidden(&packed(&[&A, &B])).narrow(1, 5, 7));
    assert!(largest_difference(&as_one, &as_two) > 1e-3);
    // Attention looks back only.
    let changed = [&both[..11], &[0]].concat();
    let before = |tokens: &[i64]| values(decoder.hidden(&packed(&[tokens])).narrow(1, 0, 11));
    assert_eq!(before(&both), before(&changed));
}

#[test]
fn a_prefix_and_the_rest_are_the_whole() {
    let decoder = fresh::<Flex>(&tiny(ModelType::Llama, false), 4);
    let input = packed(&[&A, &B]);
    let whole = values(decoder.hidden(&input));
    for from in 0..=2 {
        let below = decoder.embed_and_below(&input, from);
        assert_eq!(
            values(decoder.resume(below, &input, from, None)),
            whole,
            "block {from}"
        );
    }
}

#[test]
fn cached_tokens_give_the_same_states() {
    let decoder = fresh::<Flex>(&tiny(ModelType::Qwen2, false), 5);
    let rows = vec![A.to_vec(), OTHER.to_vec()];
    let whole = DecoderInput::<Flex>::whole(ints(&rows));
    let expected = values(decoder.hidden(&whole));

    let mut cache = KvCache::new(&decoder);
    let part = |from, count| DecoderInput {
        tokens: whole.tokens.clone().narrow(1, from, count),
        positions: whole.positions.clone().narrow(1, from, count),
        documents: whole.documents.clone().narrow(1, from, count),
    };
    let parts = [(0, 2), (2, 2), (4, 1)].map(|(at, n)| decoder.extend(&part(at, n), &mut cache));
    let found = values(burn::tensor::Tensor::cat(parts.to_vec(), 1));
    assert_eq!(cache.seen(), 5);
    assert!(largest_difference(&found, &expected) < 1e-5);
}
