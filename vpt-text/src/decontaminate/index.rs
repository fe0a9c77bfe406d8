//! Test sets, ready to be looked up.

use super::bands::LshIndex;
use super::matching::{Match, Reason, Verdict};
use super::shingles::{hash, jaccard, ratio};
use super::{
    Bands, Candidates, MinHash, Settings, SettingsError, Shingles, TestSet, Within, Words,
};
use crate::data::Record;
use std::collections::{BTreeSet, HashMap};
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

/// Items shorter than an n-gram are looked for inside a text from this many words on, as GPT-3's n
/// is never below 8. Still shorter ones would be found everywhere: they only match a problem that
/// is nothing else.
const SHORTEST_QUOTE: usize = 8;

/// N-grams that a match lists.
const SHOWN: usize = 3;

type Postings = HashMap<u64, Vec<u32>, Xxh3DefaultBuilder>;

/// The test sets, held in memory while the stream passes.
#[derive(Clone, Debug)]
pub struct TestIndex {
    settings: Settings,
    sets: Vec<TestSet>,
    items: Vec<Item>,
    /// Whole items, by the hash of their words.
    whole: Postings,
    /// Items by what is looked for in a text: their n-grams, or all of a short one.
    shingles: Postings,
    lsh: Option<(MinHash, LshIndex)>,
    /// Lengths of the items that are shorter than an n-gram and looked for inside texts.
    short: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
struct Item {
    set: usize,
    /// Which one of the set.
    place: usize,
    shingles: Shingles,
}

/// A record as it is compared.
struct Text {
    problem: Words,
    /// N-grams of the problem.
    shingles: Shingles,
    /// What items are looked for in: n-grams, and runs of the short items' lengths.
    around: Shingles,
}

impl TestIndex {
    /// Prepares `sets`.
    ///
    /// # Errors
    /// Settings that cannot be meant.
    pub fn new(sets: Vec<TestSet>, settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let lsh = settings.jaccard.filter(|r| r.candidates == Candidates::Lsh);
        let mut index = Self {
            settings,
            sets: Vec::new(),
            items: Vec::new(),
            whole: Postings::default(),
            shingles: Postings::default(),
            lsh: lsh.map(|rule| {
                let bands = Bands::optimal(rule.threshold, rule.permutations, rule.miss_weight);
                (
                    MinHash::new(bands.bands * bands.rows, rule.seed),
                    LshIndex::new(bands),
                )
            }),
            short: BTreeSet::new(),
        };
        for (number, set) in sets.iter().enumerate() {
            for (place, item) in set.items.iter().enumerate() {
                index.insert(number, place, &item.problem);
            }
        }
        index.sets = sets;
        Ok(index)
    }

    fn insert(&mut self, set: usize, place: usize, problem: &str) {
        let words = Words::new(problem, self.settings.normalisation);
        // Without words there is nothing to find. So many items that their number overflows do not
        // fit in memory.
        let (false, Ok(id)) = (words.is_empty(), u32::try_from(self.items.len())) else {
            return;
        };
        let ngram = self.settings.ngram;
        let shingles = if words.len() >= ngram {
            Shingles::new(&words, ngram)
        } else if words.len() >= SHORTEST_QUOTE {
            self.short.insert(words.len());
            Shingles::new(&words, words.len())
        } else {
            Shingles::default()
        };
        self.whole.entry(hash(words.joined())).or_default().push(id);
        for shingle in shingles.hashes() {
            self.shingles.entry(*shingle).or_default().push(id);
        }
        if let Some((minhash, lsh)) = &mut self.lsh
            && words.len() >= ngram
        {
            lsh.insert(id, &minhash.signature(&shingles));
        }
        self.items.push(Item {
            set,
            place,
            shingles,
        });
    }

    /// What counts as a near-duplicate here.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The sets, in the order given.
    pub fn sets(&self) -> &[TestSet] {
        &self.sets
    }

    /// How signatures are divided, where MinHash LSH is used.
    pub fn bands(&self) -> Option<Bands> {
        self.lsh.as_ref().map(|(_, lsh)| lsh.division())
    }

    /// Items of a set that hold no word, and so match nothing.
    pub fn without_words(&self, set: usize) -> usize {
        let indexed = self.items.iter().filter(|item| item.set == set).count();
        let all = self.sets.get(set).map_or(0, |set| set.items.len());
        all.saturating_sub(indexed)
    }

    /// Which items `record` is a near-duplicate of, if any. All three measures are exact; only the
    /// pairs that LSH does not propose are not measured.
    pub fn judge(&self, record: &Record) -> Option<Verdict> {
        let text = self.text(record);
        let mut found: Vec<(u32, Reason)> = Vec::new();
        if let Some(whole) = self.whole.get(&hash(text.problem.joined())) {
            found.extend(whole.iter().map(|id| (*id, Reason::Copy)));
        }
        if let Some(rule) = self.settings.jaccard {
            let candidates = match &self.lsh {
                Some(_) if text.shingles.is_empty() => Vec::new(),
                Some((minhash, lsh)) => lsh.candidates(&minhash.signature(&text.shingles)),
                None => self.sharing(&text.shingles).map(|(id, _)| id).collect(),
            };
            let similar = candidates.into_iter().filter(|id| {
                self.item(*id)
                    .is_some_and(|item| text.jaccard(item) >= rule.threshold)
            });
            found.extend(similar.map(|id| (id, Reason::Jaccard)));
        }
        if let Some(rule) = self.settings.containment {
            let contained = self.sharing(&text.around).filter(|(id, shared)| {
                self.item(*id)
                    .is_some_and(|item| ratio(*shared, item.shingles.len()) >= rule.threshold)
            });
            found.extend(contained.map(|(id, _)| (id, Reason::Containment)));
        }
        // The strongest reason of each item comes first, and stays.
        found.sort_unstable();
        found.dedup_by_key(|(id, _)| *id);
        let matches = found
            .into_iter()
            .filter_map(|(id, reason)| Some(matched(&text, self.item(id)?, reason)));
        let matches: Vec<Match> = matches.collect();
        let best = matches.iter().min_by(|a, b| a.strength(b))?;
        Some(Verdict {
            common: self.common(&text, best),
            best: best.clone(),
            items: matches.iter().map(|m| (m.set, m.item)).collect(),
        })
    }

    fn item(&self, id: u32) -> Option<&Item> {
        self.items.get(usize::try_from(id).ok()?)
    }

    fn text(&self, record: &Record) -> Text {
        let Settings {
            normalisation,
            ngram,
            containment,
            ..
        } = self.settings;
        let problem = Words::new(&record.problem, normalisation);
        let shingles = Shingles::new(&problem, ngram);
        let around = match containment.map(|rule| rule.within) {
            Some(Within::Record) => {
                let mut both = problem.clone();
                both.extend(&record.solution, normalisation);
                self.runs(&both)
            }
            Some(Within::Problem) => self.runs(&problem),
            None => shingles.clone(),
        };
        Text {
            problem,
            shingles,
            around,
        }
    }

    fn runs(&self, words: &Words) -> Shingles {
        let lengths = self.short.iter().copied().chain([self.settings.ngram]);
        lengths
            .flat_map(|length| words.ngrams(length).map(hash))
            .collect()
    }

    /// The items that share a shingle with `shingles`, ascending, and how many they share.
    fn sharing(&self, shingles: &Shingles) -> impl Iterator<Item = (u32, usize)> {
        let postings = shingles
            .hashes()
            .iter()
            .filter_map(|h| self.shingles.get(h));
        let mut items: Vec<u32> = postings.flatten().copied().collect();
        items.sort_unstable();
        let mut counted: Vec<(u32, usize)> = Vec::new();
        for item in items {
            match counted.last_mut() {
                Some((last, count)) if *last == item => *count += 1,
                _ => counted.push((item, 1)),
            }
        }
        counted.into_iter()
    }

    /// A few n-grams of the item that are found in the record too.
    fn common(&self, text: &Text, found: &Match) -> Vec<String> {
        let set = self.sets.get(found.set);
        let Some(item) = set.and_then(|set| set.items.get(found.item)) else {
            return Vec::new();
        };
        let words = Words::new(&item.problem, self.settings.normalisation);
        let ngrams = words.ngrams(self.settings.ngram.min(words.len()));
        let common = ngrams.filter(|ngram| text.around.contains(ngram));
        common.take(SHOWN).map(str::to_owned).collect()
    }
}

fn matched(text: &Text, item: &Item, reason: Reason) -> Match {
    let shared = item.shingles.shared(&text.around);
    let copy = reason == Reason::Copy;
    Match {
        set: item.set,
        item: item.place,
        reason,
        jaccard: if copy { 1.0 } else { text.jaccard(item) },
        containment: if copy {
            1.0
        } else {
            ratio(shared, item.shingles.len())
        },
        shared,
        ngrams: item.shingles.len(),
    }
}

impl Text {
    /// Of the problem and an item.
    fn jaccard(&self, item: &Item) -> f64 {
        let shared = self.shingles.shared(&item.shingles);
        jaccard(shared, self.shingles.len(), item.shingles.len())
    }
}
