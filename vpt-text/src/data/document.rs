//! A record as tokens.

use super::{Record, Template};
use crate::tokenizer::{Tokenizer, TokenizerError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::ops::AddAssign;

/// Records tokenised at a time: enough for all cores, little beside the texts themselves.
pub(super) const CHUNK: usize = 1024;

/// A prompt and its answer, tokenised apart (A.1) so that no token holds a piece of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What the learner is given; never asked about. Where the tokenizer sets a token before every
    /// text, it begins with that.
    pub prompt: Vec<u32>,
    /// What the loss is on, the end-of-text token included unless the answer was cut.
    pub answer: Vec<u32>,
}

impl Document {
    /// Positions it takes in a row: one less than its tokens, since its last token is only ever a
    /// target.
    pub fn positions(&self) -> usize {
        (self.prompt.len() + self.answer.len()).saturating_sub(1)
    }

    /// Answer tokens that are asked about: all of them, but for the first of a document without a
    /// prompt.
    pub fn answer_targets(&self) -> usize {
        self.answer.len().min(self.positions())
    }

    /// Prompt, then answer.
    pub fn tokens(&self) -> impl Iterator<Item = u32> + '_ {
        self.prompt.iter().chain(&self.answer).copied()
    }
}

/// Where the records of a corpus went:
/// `records = documents + dropped_long + empty_answer + filtered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records looked at.
    pub records: usize,
    /// Records that became documents.
    pub documents: usize,
    /// Documents among them whose answer was cut to the length of a sequence.
    pub truncated: usize,
    /// Records left out because the prompt leaves no room for an answer token.
    pub dropped_long: usize,
    /// Records left out because the solution is empty.
    pub empty_answer: usize,
    /// Records left out by the filter.
    #[serde(default)]
    pub filtered: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.records += more.records;
        self.documents += more.documents;
        self.truncated += more.truncated;
        self.dropped_long += more.dropped_long;
        self.empty_answer += more.empty_answer;
        self.filtered += more.filtered;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} documents, {} of them truncated; left out: {} too long, {} without an answer",
            self.documents, self.truncated, self.dropped_long, self.empty_answer
        )?;
        match self.filtered {
            0 => Ok(()),
            filtered => write!(f, ", {filtered} by the filter"),
        }
    }
}

/// The documents of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// In the order of the records.
    pub documents: Vec<Document>,
    /// For each document the index of its record.
    pub sources: Vec<usize>,
    /// What was cut or left out.
    pub counts: Counts,
}

/// Makes documents that fit a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Formatter<'a> {
    /// Text to tokens.
    pub tokenizer: &'a Tokenizer,
    /// Records to text.
    pub template: &'a Template,
    /// Positions in a sequence: a document holds at most one token more.
    pub seq_len: usize,
}

impl Formatter<'_> {
    /// The documents of `records`.
    ///
    /// An answer that does not fit loses its end, the end-of-text token first. A record is left
    /// out, and counted, if its solution is blank or its prompt leaves no room for an answer token.
    ///
    /// # Errors
    /// A text that cannot be tokenised.
    pub fn format(&self, records: &[Record]) -> Result<Documents, TokenizerError> {
        let mut out = Documents::default();
        for (chunk, first) in records.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
            let prompts = chunk.iter().map(|r| self.template.prompt(r)).collect();
            let answers = chunk.iter().map(|r| self.template.answer(r)).collect();
            let prompts = self.tokenizer.encode_texts(prompts)?;
            let answers = self.tokenizer.encode_all(answers)?;
            for (offset, (prompt, answer)) in prompts.into_iter().zip(answers).enumerate() {
                let blank = chunk[offset].solution.trim().is_empty();
                self.add(&mut out, first + offset, prompt, answer, blank);
            }
        }
        Ok(out)
    }

    fn add(
        &self,
        out: &mut Documents,
        source: usize,
        prompt: Vec<u32>,
        mut answer: Vec<u32>,
        blank: bool,
    ) {
        out.counts.records += 1;
        if blank || answer.is_empty() {
            out.counts.empty_answer += 1;
            return;
        }
        answer.push(self.tokenizer.eos_id());
        let room = (self.seq_len + 1).saturating_sub(prompt.len());
        let truncated = answer.len() > room;
        answer.truncate(room);
        let document = Document { prompt, answer };
        if document.answer_targets() == 0 {
            out.counts.dropped_long += 1;
            return;
        }
        out.counts.documents += 1;
        out.counts.truncated += usize::from(truncated);
        out.documents.push(document);
        out.sources.push(source);
    }
}

/// SHA-256 over all tokens and borders, by which a saved position recognises its data.
#[derive(Default)]
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(super) fn add(&mut self, document: &Document) {
        for part in [&document.prompt, &document.answer] {
            self.0.update((part.len() as u64).to_le_bytes());
            for token in part {
                self.0.update(token.to_le_bytes());
            }
        }
    }

    /// In hexadecimal.
    pub(super) fn finish(self) -> String {
        format!("{:x}", self.0.finalize())
    }
}

/// The [`Fingerprint`] of all of them.
pub(super) fn fingerprint(documents: &[Document]) -> String {
    let mut hash = Fingerprint::default();
    documents.iter().for_each(|document| hash.add(document));
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::tests::{begun, bytes};

    fn record(problem: &str, solution: &str) -> Record {
        Record {
            problem: problem.into(),
            solution: solution.into(),
            ..Record::default()
        }
    }

    fn format(seq_len: usize, records: &[Record]) -> Documents {
        let formatter = Formatter {
            tokenizer: &bytes(),
            template: &Template::new("{problem}", "{solution}").unwrap(),
            seq_len,
        };
        formatter.format(records).unwrap()
    }

    #[test]
    fn paper_format_in_tokens() {
        let tokenizer = bytes();
        let formatter = Formatter {
            tokenizer: &tokenizer,
            template: &Template::default(),
            seq_len: 64,
        };
        let documents = formatter.format(&[record("6+1?", "7")]).unwrap().documents;
        let [document] = documents.as_slice() else {
            panic!("{documents:?}")
        };
        assert_eq!(
            tokenizer.decode(&document.prompt).unwrap(),
            "Question: 6+1?\nAnswer:"
        );
        let space_seven = tokenizer.encode(" 7").unwrap();
        assert_eq!(space_seven.len(), 1);
        assert_eq!(document.answer, [space_seven[0], tokenizer.eos_id()]);
    }

    #[test]
    fn a_document_begins_as_the_tokenizer_says_and_is_not_asked_about_it() {
        let template = Template::new("{problem}", "{solution}").unwrap();
        let made = |tokenizer: &Tokenizer, records: &[Record]| {
            let formatter = Formatter {
                tokenizer,
                template: &template,
                seq_len: 6,
            };
            formatter.format(records).unwrap()
        };
        let records = [record("ab", "cde"), record("", "cd")];
        let (without, with) = (made(&bytes(), &records), made(&begun(), &records));
        for (plain, begun) in without.documents.iter().zip(&with.documents) {
            assert_eq!(begun.prompt, [&[0][..], &plain.prompt].concat());
            assert_eq!(begun.answer, plain.answer);
        }
        // Without a prompt the first token of an answer has nothing before it, but for a beginning.
        let targets = |made: &Documents| made.documents[1].answer_targets();
        assert_eq!((targets(&without), targets(&with)), (2, 3));
        // A beginning takes room.
        assert_eq!(with.documents[0].positions(), 6);
        let longer = [record("abc", "def")];
        assert_eq!(made(&bytes(), &longer).counts.truncated, 0);
        assert_eq!(made(&begun(), &longer).counts.truncated, 1);
    }

    #[test]
    fn length_limits_to_the_token() {
        let eos = bytes().eos_id();
        // Three prompt tokens, three answer tokens and the end: seven tokens, six positions.
        let one = [record("abc", "def")];
        let whole = format(6, &one);
        assert_eq!(whole.counts.truncated, 0);
        assert_eq!(whole.documents[0].answer.last(), Some(&eos));
        assert_eq!(whole.documents[0].positions(), 6);

        let no_end = format(5, &one);
        assert_eq!((no_end.counts.documents, no_end.counts.truncated), (1, 1));
        assert_eq!(no_end.documents[0].answer, whole.documents[0].answer[..3]);

        let last = format(3, &one);
        assert_eq!((last.counts.documents, last.counts.truncated), (1, 1));
        assert_eq!(last.documents[0].answer.len(), 1);
        assert_eq!(last.documents[0].answer_targets(), 1);

        for seq_len in [0, 1, 2] {
            let none = format(seq_len, &one);
            assert_eq!((none.counts.documents, none.counts.dropped_long), (0, 1));
        }
    }

    #[test]
    fn what_is_left_out_is_counted_and_sources_point_back() {
        let records = [
            record("a", " \n"),
            record("b", "x"),
            record("abcdefgh", "x"),
            record("", "xy"),
            record("c", ""),
            record("d", "0123456789"),
        ];
        let out = format(6, &records);
        assert_eq!(out.sources, [1, 3, 5]);
        assert_eq!(
            out.counts,
            Counts {
                records: 6,
                documents: 3,
                truncated: 1,
                dropped_long: 1,
                empty_answer: 2,
                filtered: 0,
            }
        );
        assert_eq!(out.documents[1].answer_targets(), 2, "y and the end");
    }

    #[test]
    fn chunks_are_seamless() {
        let records: Vec<Record> = (0..2 * CHUNK + 5)
            .map(|i| record(&format!("p{i}"), &format!("s{i}")))
            .collect();
        let out = format(32, &records);
        assert_eq!(out.sources, (0..records.len()).collect::<Vec<_>>());
        let tokenizer = bytes();
        for i in [0, CHUNK - 1, CHUNK, 2 * CHUNK + 4] {
            let text = tokenizer.decode(&out.documents[i].prompt).unwrap();
            assert_eq!(text, format!("p{i}"));
        }
    }

    #[test]
    fn fingerprint_sees_borders() {
        let document = |prompt: &[u32], answer: &[u32]| Document {
            prompt: prompt.into(),
            answer: answer.into(),
        };
        let prints = [
            fingerprint(&[]),
            fingerprint(&[document(&[1, 2], &[3])]),
            fingerprint(&[document(&[1], &[2, 3])]),
            fingerprint(&[document(&[1, 2], &[3]), document(&[], &[])]),
        ];
        for (i, a) in prints.iter().enumerate() {
            assert!(!prints[..i].contains(a));
        }
    }
}
