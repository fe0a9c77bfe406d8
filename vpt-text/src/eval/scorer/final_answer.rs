//! The cascade of [`answer`](crate::eval::answer) (A.1).

use super::Scorer;
use crate::data::Record;
use crate::eval::answer::{final_answer, gold_answer, matches};

/// `####`, else the last box, else the last number; equal as numbers.
#[derive(Clone, Copy, Debug)]
pub struct FinalAnswer;

impl Scorer for FinalAnswer {
    fn gold(&self, text: &str) -> Option<String> {
        gold_answer(&Record {
            answer: Some(text.to_owned()),
            ..Record::default()
        })
    }

    fn extract(&self, completion: &str) -> Option<String> {
        final_answer(completion)
    }

    fn is_right(&self, answer: &str, gold: &str) -> bool {
        matches(answer, gold)
    }
}
