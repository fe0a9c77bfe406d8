//! The stream over files of every format, in memory and from kept tokens.

use super::{FILES, golden};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use vpt_text::data::{
    Columns, Corpus, Counts, DataError, Filter, Formatter, PackedBatch, Prefetch, Records,
    StreamOptions, Template, TextStream,
};
use vpt_text::tokenizer::Tokenizer;

const SEQ_LEN: usize = 48;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    Tokenizer::from_file(&data.join("headline/base/tokenizer.json"), None).unwrap()
});
static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::default);

fn formatter() -> Formatter<'static> {
    Formatter {
        tokenizer: &TOKENIZER,
        template: &TEMPLATE,
        seq_len: SEQ_LEN,
    }
}

fn records(files: Vec<PathBuf>, filter: Option<&str>) -> Records {
    let filter: Option<Filter> = filter.map(|text| text.parse().unwrap());
    Records::open(files, &Columns::default(), filter)
}

fn in_memory(name: &str, filter: Option<&str>) -> Corpus {
    let records = records(vec![golden(name)], filter);
    Corpus::read(Path::new(name), records, &formatter(), &mut |_| ()).unwrap()
}

fn cached(folder: &Path, files: Vec<PathBuf>) -> Result<Corpus, DataError> {
    let key = format!("key-{SEQ_LEN}");
    let records = records(files, None);
    let name = Path::new("corpus");
    Corpus::cached(folder, &key, name, records, &formatter(), &mut |_| ())
}

fn stream(corpus: Arc<Corpus>, shuffle_buffer: usize, open_rows: usize, seed: u64) -> TextStream {
    let options = StreamOptions {
        seq_len: SEQ_LEN,
        shuffle_buffer,
        open_rows,
    };
    TextStream::new(corpus, options, ChaCha8Rng::seed_from_u64(seed))
}

fn batches(corpus: Corpus) -> Vec<PackedBatch> {
    let mut stream = stream(Arc::new(corpus), 20, 1, 3);
    (0..40).map(|_| stream.next_batch(2).unwrap()).collect()
}

#[test]
fn batches_do_not_depend_on_the_format_or_on_where_tokens_lie() {
    let expected = batches(in_memory(FILES[0], None));
    for name in FILES {
        assert_eq!(batches(in_memory(name, None)), expected, "{name}");
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let corpus = cached(folder.path(), vec![golden(name)]).unwrap();
            assert_eq!(batches(corpus), expected, "{name} from kept tokens");
        }
    }
}

#[test]
fn kept_tokens_are_used_without_a_look_at_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let first = cached(folder.path(), vec![golden(FILES[0])]).unwrap();
    let second = cached(folder.path(), vec!["no/such.jsonl".into()]).unwrap();
    assert_eq!(second.counts(), first.counts());
    assert_eq!(second.fingerprint(), first.fingerprint());
    assert_eq!(second.len(), first.len());
}

#[test]
fn kept_tokens_that_are_cut_short_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    cached(folder.path(), vec![golden(FILES[0])]).unwrap();
    let path = folder.path().join("key-48.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    cached(folder.path(), vec![golden(FILES[0])]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn of_several_that_want_the_same_tokens_all_get_them() {
    let folder = tempfile::tempdir().unwrap();
    let open = || cached(folder.path(), vec![golden(FILES[1])]).unwrap();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        let fingerprint = open().fingerprint().to_owned();
        for other in others {
            assert_eq!(other.join().unwrap().fingerprint(), fingerprint);
        }
    });
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "and a lock"
    );
}

#[test]
fn a_corpus_that_fails_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.jsonl");
    let good = "{\"problem\": \"p\", \"solution\": \"s\"}\n".repeat(3000);
    fs::write(&broken, format!("{good}{{")).unwrap();
    let cache = folder.path().join("cache");
    let error = cached(&cache, vec![broken.clone()]).unwrap_err();
    assert!(error.to_string().contains("broken.jsonl:3001: "), "{error}");
    fs::write(&broken, "{\"problem\": \"p\", \"solution\": \"\"}").unwrap();
    let error = cached(&cache, vec![broken]).unwrap_err();
    assert!(matches!(error, DataError::NoDocuments { .. }), "{error}");
    let left: Vec<_> = fs::read_dir(&cache).unwrap().map(Result::unwrap).collect();
    assert_eq!(left.len(), 1, "the lock alone");
}

#[test]
fn what_is_left_out_is_counted() {
    let counts = in_memory(FILES[2], Some("source != 'gsm8k'")).counts();
    let Counts {
        records,
        documents,
        dropped_long,
        empty_answer,
        filtered,
        ..
    } = counts;
    // Record 17, of source gsm8k, is the one with an empty solution.
    assert_eq!((records, filtered, empty_answer), (61, 15, 0));
    assert_eq!(documents + dropped_long, 46);
    assert!(
        counts.to_string().ends_with(", 15 by the filter"),
        "{counts}"
    );
    let error = Corpus::read(
        Path::new("corpus"),
        records_of_nothing(),
        &formatter(),
        &mut |_| (),
    )
    .unwrap_err();
    assert!(error.to_string().ends_with("61 by the filter)"), "{error}");
}

fn records_of_nothing() -> Records {
    records(vec![golden(FILES[0])], Some("source == 'nowhere'"))
}

/// Kept tokens of every file, made once.
static KEPT: LazyLock<Vec<TempDir>> = LazyLock::new(|| {
    let keep = |name: &&str| {
        let folder = tempfile::tempdir().unwrap();
        cached(folder.path(), vec![golden(name)]).unwrap();
        folder
    };
    FILES.iter().map(keep).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// n + m batches are n, saved, opened anew, restored, and m, whatever the format.
    #[test]
    fn streams_resume_over_every_format(
        file in 0..FILES.len(),
        kept: bool,
        buffer in 0usize..80,
        open_rows in 1usize..5,
        ahead in 0usize..3,
        seed: u64,
        n in 0usize..20,
        m in 1usize..10,
    ) {
        let open = || {
            let corpus = match kept {
                true => cached(KEPT[file].path(), vec![]).unwrap(),
                false => in_memory(FILES[file], None),
            };
            Prefetch::new(stream(Arc::new(corpus), buffer, open_rows, seed), 3, ahead)
        };
        let mut whole = stream(Arc::new(in_memory(FILES[0], None)), buffer, open_rows, seed);
        let expected: Vec<_> = (0..n + m).map(|_| whole.next_batch(3).unwrap()).collect();
        let mut first = open();
        let mut found: Vec<_> = (0..n).map(|_| first.next_batch().unwrap()).collect();
        let saved = serde_json::to_string(&first.state()).unwrap();
        let mut second = open();
        second.restore(serde_json::from_str(&saved).unwrap()).unwrap();
        found.extend((0..m).map(|_| second.next_batch().unwrap()));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(second.state(), whole.state());
    }
}
