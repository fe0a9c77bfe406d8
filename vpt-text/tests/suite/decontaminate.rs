//! Decontamination against other people's code and plain Python
//! (`tests/golden/make_decontaminate.py`), and what must hold for any stream.

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use vpt_text::data::{Columns, Record, Records, read_records};
use vpt_text::decontaminate::{
    Bands, Candidates, Compression, JaccardRule, MinHash, Normalisation, Numbers, Outputs,
    Punctuation, Reason, Settings, Shingles, TestIndex, TestItem, TestSet, Words, decontaminate,
};

/// Pairs whose measures are both below this are not in the golden file.
const FLOOR: f64 = 0.3;

#[derive(Deserialize)]
struct Golden {
    words: Vec<GoldenWords>,
    bands: Vec<(usize, f64, f64, usize, usize)>,
    measures: BTreeMap<String, Vec<[usize; 6]>>,
    janitor: Vec<usize>,
}

#[derive(Deserialize)]
struct GoldenWords {
    text: String,
    punctuation: String,
    numbers: String,
    words: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/decontaminate")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn golden() -> Golden {
    read(&folder().join("expected.json"))
}

fn stream() -> Vec<Record> {
    read_records(&folder().join("stream.jsonl"), &Columns::default()).unwrap()
}

fn items() -> TestSet {
    TestSet::read("made-up", &folder().join("items.jsonl"), "question").unwrap()
}

fn set(problems: &[String]) -> TestSet {
    let items = problems.iter().zip(1..).map(|(problem, line)| TestItem {
        line,
        problem: problem.clone(),
    });
    TestSet {
        name: "set".into(),
        path: "set.jsonl".into(),
        items: items.collect(),
    }
}

fn index(set: TestSet, settings: Settings) -> TestIndex {
    TestIndex::new(vec![set], settings).unwrap()
}

/// The paper's settings, with every pair measured that shares an n-gram.
fn exhaustive() -> Settings {
    let mut settings = Settings::paper();
    let rule = settings.jaccard.as_mut().unwrap();
    rule.candidates = Candidates::All;
    settings
}

/// The settings of each part of the golden measures, with every pair measured.
fn settings_of(name: &str) -> Settings {
    let mut settings = exhaustive();
    match name {
        "paper" => {}
        "zero" => settings.normalisation.numbers = Numbers::Zero,
        "trigrams" => {
            settings.normalisation.punctuation = Punctuation::Operators;
            settings.ngram = 3;
        }
        other => panic!("{other}"),
    }
    settings
}

#[test]
fn words_are_pythons() {
    for case in golden().words {
        let rule = Normalisation {
            punctuation: match case.punctuation.as_str() {
                "separate" => Punctuation::Separate,
                "operators" => Punctuation::Operators,
                _ => Punctuation::Delete,
            },
            numbers: match case.numbers.as_str() {
                "keep" => Numbers::Keep,
                _ => Numbers::Zero,
            },
        };
        let words = Words::new(&case.text, rule);
        assert_eq!(
            words.joined(),
            case.words.join(" "),
            "{:?} {rule:?}",
            case.text
        );
        assert_eq!(words.len(), case.words.len());
    }
}

#[test]
fn bands_are_datasketchs() {
    for (permutations, threshold, miss, bands, rows) in golden().bands {
        let ours = Bands::optimal(threshold, permutations, miss);
        assert_eq!(
            (ours.bands, ours.rows),
            (bands, rows),
            "{permutations} functions, threshold {threshold}, weight {miss}"
        );
    }
}

/// Every pair of the golden stream and items, the ones without an entry included.
#[test]
fn measures_and_verdicts_are_plain_pythons() {
    let (stream, items) = (stream(), items());
    for (name, rows) in golden().measures {
        let settings = settings_of(&name);
        let (rule, n) = (settings.normalisation, settings.ngram);
        let known: BTreeMap<(usize, usize), &[usize; 6]> =
            rows.iter().map(|row| ((row[0], row[1]), row)).collect();
        let shingled: Vec<Shingles> = items
            .items
            .iter()
            .map(|item| Shingles::new(&Words::new(&item.problem, rule), n))
            .collect();
        let index = index(items.clone(), settings);
        for (r, record) in stream.iter().enumerate() {
            let mut words = Words::new(&record.problem, rule);
            let problem = Shingles::new(&words, n);
            words.extend(&record.solution, rule);
            let text = Shingles::new(&words, n);
            let mut expected = Vec::new();
            for (i, item) in shingled.iter().enumerate() {
                let shared = item.shared(&problem);
                let union = item.len() + problem.len() - shared;
                let inside = item.shared(&text);
                let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
                match known.get(&(r, i)) {
                    Some(row) => assert_eq!(
                        [shared, union, inside, item.len()],
                        row[2..],
                        "{name}: record {r}, item {i}"
                    ),
                    None => {
                        assert!(share(shared, union) < FLOOR && share(inside, item.len()) < FLOOR)
                    }
                }
                let copied =
                    Words::new(&record.problem, rule) == Words::new(&items.items[i].problem, rule);
                if copied || share(shared, union) >= 0.7 || share(inside, item.len()) >= 0.8 {
                    expected.push((0, i));
                }
            }
            let found = index
                .judge(record)
                .map_or(Vec::new(), |verdict| verdict.items);
            assert_eq!(found, expected, "{name}: record {r}");
        }
    }
}

#[test]
fn thirteen_grams_are_janitors() {
    let index = index(items(), Settings::gpt3());
    let stream = stream();
    // Janitor has no rule for items below 13 words; ours are told by a copy or a whole quotation.
    let long = |place: usize| {
        let words = Words::new(
            &items().items[place].problem,
            Settings::gpt3().normalisation,
        );
        words.len() >= 13
    };
    let dirty: Vec<usize> = (0..stream.len())
        .filter(|r| {
            let verdict = index.judge(&stream[*r]);
            verdict.is_some_and(|verdict| verdict.items.iter().any(|(_, place)| long(*place)))
        })
        .collect();
    assert_eq!(dirty, golden().janitor);
}

/// What each kind of planted near-duplicate is found by, and what is no near-duplicate.
#[test]
fn planted_kinds() {
    let index = index(items(), Settings::paper());
    let mut found: BTreeMap<String, Vec<Option<Reason>>> = BTreeMap::new();
    for record in stream() {
        let reason = index.judge(&record).map(|verdict| verdict.best.reason);
        found.entry(record.kind.unwrap()).or_default().push(reason);
    }
    let all = |kind: &str, reason| found[kind].iter().all(|found| *found == Some(reason));
    assert!(all("copy", Reason::Copy) && all("unicode", Reason::Copy));
    assert!(all("longer", Reason::Containment));
    assert!(found["other"].iter().all(Option::is_none));
    let some = |kind: &str, reason| found[kind].contains(&Some(reason));
    assert!(some("quoted", Reason::Containment) && some("reordered", Reason::Containment));
    assert!(some("numbers", Reason::Jaccard) && some("truncated", Reason::Jaccard));
    // Three other numbers, or 14 words of about 40, are too far for 5-grams at 0.7.
    assert!(found["numbers"].contains(&None) && found["truncated"].contains(&None));
}

/// Items of fewer words than an n-gram.
#[test]
fn short_items_match_as_a_whole() {
    let nine = "evaluate the sum of the first nine odd primes";
    let problems = ["Compute 2 + 2.".to_owned(), nine.to_owned()];
    let index = index(set(&problems), Settings::gpt3());
    let judge = |problem: &str, solution: &str| {
        let record = Record {
            problem: problem.into(),
            solution: solution.into(),
            ..Record::default()
        };
        let verdict = index.judge(&record)?;
        Some((verdict.best.item, verdict.best.reason, verdict.common))
    };
    assert_eq!(judge("compute 2 2", "4"), Some((0, Reason::Copy, vec![])));
    assert_eq!(judge("compute 2 2 now", "compute 2 + 2"), None);
    let quoted = judge("Something else", &format!("So we {nine}, which is 99."));
    assert_eq!(
        quoted,
        Some((1, Reason::Containment, vec![nine.to_owned()]))
    );
    assert_eq!(
        judge("Something else", "the sum of the first nine odd primes"),
        None
    );
}

#[test]
fn signatures_are_the_formula_over_big_integers() {
    let golden: Value = read(&folder().join("expected.json"));
    let numbers = |key: &str| golden["signature"][key].as_array().unwrap().clone();
    let pair = |value: &Value| (value[0].as_u64().unwrap(), value[1].as_u64().unwrap());
    let functions = numbers("functions").iter().map(pair).collect();
    let hashes: Shingles = numbers("hashes").iter().filter_map(Value::as_u64).collect();
    let values: Vec<u64> = numbers("values").iter().filter_map(Value::as_u64).collect();
    let signature = MinHash::with(functions).signature(&hashes);
    let signature: Vec<u64> = signature.into_iter().map(u64::from).collect();
    assert_eq!(signature, values);
}

/// How often pairs of known similarity become candidates, against 1 − (1 − sʳ)ᵇ.
#[test]
fn candidates_are_as_frequent_as_bands_say() {
    let rule = JaccardRule {
        permutations: 64,
        ..Settings::paper().jaccard.unwrap()
    };
    let bands = Bands::optimal(rule.threshold, rule.permutations, 0.5);
    let pairs = 400u64;
    for shared in [40u64, 64, 80] {
        // 100 n-grams in the union.
        let mut candidates = 0;
        for pair in 0..pairs {
            let minhash = MinHash::new(bands.bands * bands.rows, pair);
            let hash = |i: u64| (pair * 1000 + i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let half = shared + (100 - shared) / 2;
            let a: Shingles = (0..half).map(hash).collect();
            let b: Shingles = (0..shared).chain(half..100).map(hash).collect();
            let mut lsh = vpt_text::decontaminate::LshIndex::new(bands);
            lsh.insert(0, &minhash.signature(&a));
            candidates += u64::from(!lsh.candidates(&minhash.signature(&b)).is_empty());
        }
        let expected = bands.probability(shared as f64 / 100.0);
        let deviation = (expected * (1.0 - expected) / pairs as f64).sqrt();
        let measured = candidates as f64 / pairs as f64;
        assert!(
            (measured - expected).abs() < 4.5 * deviation + 1e-3,
            "{shared}: {measured} of pairs, {expected} expected"
        );
    }
}

/// One pass over the golden stream on `threads` threads, and what it wrote.
fn pass(threads: usize) -> [Vec<u8>; 2] {
    let out = tempfile::tempdir().unwrap();
    let (clean, report) = (
        out.path().join("clean.jsonl.gz"),
        out.path().join("report.json"),
    );
    let index = index(items(), Settings::paper());
    let records = Records::open(
        vec![folder().join("stream.jsonl")],
        &Columns::default(),
        None,
    );
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let outputs = Outputs {
        clean: Some((&clean, Compression::Gzip)),
        report: Some(&report),
    };
    let summary =
        pool.install(|| decontaminate(records, &index, outputs, |_| ControlFlow::Continue(())));
    let summary = summary.unwrap().unwrap();
    let kept = read_records(&clean, &Columns::default()).unwrap();
    assert_eq!(kept.len(), summary.kept);
    let told: Value = read(&report);
    let removed = told["removed"].as_array().unwrap();
    assert_eq!(removed.len(), summary.removed);
    assert_eq!(kept.len() + removed.len(), 200);
    assert_eq!(told["summary"], serde_json::to_value(&summary).unwrap());
    // What stays is as it was, in its order.
    let lines: Vec<u64> = removed
        .iter()
        .map(|r| r["line"].as_u64().unwrap())
        .collect();
    let stayed: Vec<Record> = stream()
        .into_iter()
        .filter(|record| !lines.contains(&(record.line as u64)))
        .zip(1..)
        .map(|(record, line)| Record { line, ..record })
        .collect();
    assert_eq!(kept, stayed);
    let mut written = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(&clean).unwrap())
        .read_to_string(&mut written)
        .unwrap();
    let source = std::fs::read_to_string(folder().join("stream.jsonl")).unwrap();
    let expected = source.lines().zip(1..);
    let expected = expected.filter(|(_, line)| !lines.contains(line));
    assert!(written.lines().eq(expected.map(|(text, _)| text)));
    [
        std::fs::read(&clean).unwrap(),
        std::fs::read(&report).unwrap(),
    ]
}

#[test]
fn threads_make_no_difference_to_a_byte() {
    assert_eq!(pass(1), pass(3));
}

#[test]
fn a_pass_that_is_ended_writes_nothing() {
    let out = tempfile::tempdir().unwrap();
    let clean = out.path().join("clean.jsonl.zst");
    let report = out.path().join("report.json");
    let index = index(items(), Settings::paper());
    let records = Records::open(
        vec![folder().join("stream.jsonl")],
        &Columns::default(),
        None,
    );
    let outputs = Outputs {
        clean: Some((&clean, Compression::Zstd)),
        report: Some(&report),
    };
    let ended = decontaminate(records, &index, outputs, |_| ControlFlow::Break(()));
    assert_eq!(ended.unwrap(), None);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
}

fn sentence(words: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(words.split(' ').collect::<Vec<_>>()),
        0..30,
    )
    .prop_map(|words| words.join(" "))
}

const LEFT: &str = "ant bee cat dog elk fox gnu hen";
const RIGHT: &str = "oak elm ash fir yew bay box fig";

fn any_settings() -> impl Strategy<Value = Settings> {
    let preset = prop::sample::select(vec![Settings::paper(), Settings::gpt3(), exhaustive()]);
    (preset, 1usize..14).prop_map(|(preset, ngram)| Settings { ngram, ..preset })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_exact_copy_is_always_found(
        settings in any_settings(),
        problems in prop::collection::vec(sentence(LEFT), 1..6),
        at: prop::sample::Index,
        solution in sentence(RIGHT),
    ) {
        let problem = at.get(&problems).clone();
        prop_assume!(!problem.is_empty());
        let record = Record { problem: format!(" {}! ", problem.to_uppercase()), solution, ..Record::default() };
        let verdict = index(set(&problems), settings).judge(&record);
        let best = verdict.map(|verdict| verdict.best);
        prop_assert_eq!(best.as_ref().map(|best| best.reason), Some(Reason::Copy));
        prop_assert_eq!(best.map(|best| problems[best.item].clone()), Some(problem));
    }

    #[test]
    fn without_a_common_ngram_nothing_is_removed(
        settings in any_settings(),
        problems in prop::collection::vec(sentence(LEFT), 1..6),
        problem in sentence(RIGHT),
        solution in sentence(RIGHT),
    ) {
        let record = Record { problem, solution, ..Record::default() };
        prop_assert_eq!(index(set(&problems), settings).judge(&record), None);
    }

    #[test]
    fn lsh_finds_no_more_than_all_pairs(
        problems in prop::collection::vec(sentence(LEFT), 1..6),
        problem in sentence(LEFT),
        solution in sentence(LEFT),
    ) {
        let record = Record { problem, solution, ..Record::default() };
        let found = |settings| {
            let verdict = index(set(&problems), settings).judge(&record);
            verdict.map_or(Vec::new(), |verdict| verdict.items)
        };
        let all = found(exhaustive());
        prop_assert!(found(Settings::paper()).iter().all(|item| all.contains(item)));
    }
}
