//! Which records are taken: `source != "gsm8k" and level in ["1", "2"] or kind == "proof"`.

use super::DataError;
use std::str::FromStr;
use thiserror::Error;

/// Conditions on columns, of which one group must hold in all its members: `and` binds closer than
/// `or`.
///
/// ```text
/// filter    := group ("or" group)*
/// group     := condition ("and" condition)*
/// condition := column ("==" | "!=") text
///            | column ["not"] "in" "[" text ("," text)* "]"
/// ```
///
/// A column is a name of letters, digits, `_`, `-` and `.`; a text stands in double or single
/// quotes. A number is compared as it is written in the file, a truth value as `true` or `false`.
/// Null is equal to no text. A column that a record lacks altogether is an error, not a null: a
/// misspelt name must not let everything through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Groups of conditions.
    any: Vec<Vec<Condition>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    column: String,
    /// Whether the column must be one of `texts`, or none.
    within: bool,
    texts: Vec<String>,
}

/// A text that is no filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected {expected} at byte {at}")]
pub struct FilterError {
    /// What the grammar has there.
    pub expected: &'static str,
    /// Where, in bytes from 0.
    pub at: usize,
}

impl Filter {
    /// Whether a record is taken; `cell` is the text of its column of that name.
    pub(super) fn holds(
        &self,
        cell: impl Fn(&str) -> Result<Option<String>, DataError>,
    ) -> Result<bool, DataError> {
        // Every group is looked at, so that a misspelt column is found at the first record.
        let mut taken = false;
        for group in &self.any {
            let mut all = true;
            for condition in group {
                let text = cell(&condition.column)?;
                let found = text.is_some_and(|text| condition.texts.contains(&text));
                all &= found == condition.within;
            }
            taken |= all;
        }
        Ok(taken)
    }

    /// The columns that it looks at.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let conditions = self.any.iter().flatten();
        conditions.map(|condition| condition.column.as_str())
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut scanner = Scanner { text, rest: text };
        let mut any = vec![vec![scanner.condition()?]];
        while !scanner.at_end() {
            let or = scanner.take_word("or");
            if !or {
                scanner.word("and", "`and`, `or` or the end")?;
            }
            let condition = scanner.condition()?;
            match any.last_mut().filter(|_| !or) {
                Some(group) => group.push(condition),
                None => any.push(vec![condition]),
            }
        }
        Ok(Self { any })
    }
}

struct Scanner<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn condition(&mut self) -> Result<Condition, FilterError> {
        let column = self.name();
        if column.is_empty() {
            return Err(self.expected("a column"));
        }
        let (within, list) = if self.take("==") {
            (true, false)
        } else if self.take("!=") {
            (false, false)
        } else if self.take_word("in") {
            (true, true)
        } else if self.take_word("not") {
            self.word("in", "`in`")?;
            (false, true)
        } else {
            return Err(self.expected("`==`, `!=`, `in` or `not in`"));
        };
        let texts = if list {
            self.list()?
        } else {
            vec![self.quoted()?]
        };
        Ok(Condition {
            column: column.into(),
            within,
            texts,
        })
    }

    fn list(&mut self) -> Result<Vec<String>, FilterError> {
        if !self.take("[") {
            return Err(self.expected("`[`"));
        }
        let mut texts = vec![self.quoted()?];
        while self.take(",") {
            texts.push(self.quoted()?);
        }
        if !self.take("]") {
            return Err(self.expected("`,` or `]`"));
        }
        Ok(texts)
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        self.skip_space();
        for quote in ['"', '\''] {
            if let Some(inside) = self.rest.strip_prefix(quote) {
                let Some((text, rest)) = inside.split_once(quote) else {
                    return Err(self.expected("a text that ends in its quote"));
                };
                self.rest = rest;
                return Ok(text.into());
            }
        }
        Err(self.expected("a text in quotes"))
    }

    fn name(&mut self) -> &'a str {
        self.skip_space();
        let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = self.rest.find(|c| !part_of_name(c));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        name
    }

    fn word(&mut self, word: &str, expected: &'static str) -> Result<(), FilterError> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let found = self.name() == word;
        if !found {
            self.rest = before;
        }
        found
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty()
    }

    fn expected(&mut self, expected: &'static str) -> FilterError {
        self.skip_space();
        let at = self.text.len() - self.rest.len();
        FilterError { expected, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(filter: &str, source: Option<&str>) -> bool {
        let filter: Filter = filter.parse().unwrap();
        let cell = |column: &str| {
            assert_eq!(column, "source");
            Ok(source.map(str::to_owned))
        };
        filter.holds(cell).unwrap()
    }

    #[test]
    fn conditions() {
        for (filter, source, expected) in [
            ("source != \"gsm8k\"", Some("gsm8k"), false),
            ("source != \"gsm8k\"", Some("math"), true),
            ("source != \"gsm8k\"", None, true),
            ("source=='math'", Some("math"), true),
            ("source == \"math\"", Some("Math"), false),
            ("source == \"\"", None, false),
            ("source in ['a', \"b\"]", Some("b"), true),
            ("source in ['a','b']", Some("c"), false),
            ("source not in ['a','b']", Some("c"), true),
            ("source not in ['a']", None, true),
            ("source != 'a' and source != 'b'", Some("b"), false),
            ("source != 'a' and source != 'b'", Some("c"), true),
            ("source == 'a' or source == 'b'", Some("b"), true),
            ("source == 'a' or source == 'b'", Some("c"), false),
            (
                "source == 'a' and source == 'b' or source == 'c'",
                Some("c"),
                true,
            ),
            (
                "source == 'c' or source == 'a' and source == 'b'",
                Some("a"),
                false,
            ),
        ] {
            assert_eq!(holds(filter, source), expected, "{filter} of {source:?}");
        }
    }

    #[test]
    fn columns_are_all_that_it_looks_at() {
        let filter: Filter = "a.b == 'x' and c-d not in ['y'] and é_1!='z'"
            .parse()
            .unwrap();
        assert_eq!(filter.columns().collect::<Vec<_>>(), ["a.b", "c-d", "é_1"]);
    }

    #[test]
    fn refusals_say_where() {
        for (text, expected, at) in [
            ("", "a column", 0),
            ("== 'a'", "a column", 0),
            ("source", "`==`, `!=`, `in` or `not in`", 6),
            ("source = 'a'", "`==`, `!=`, `in` or `not in`", 7),
            ("source == gsm8k", "a text in quotes", 10),
            ("source == 'a", "a text that ends in its quote", 10),
            ("source in 'a'", "`[`", 10),
            ("source in ['a' 'b']", "`,` or `]`", 15),
            ("source not 'a'", "`in`", 11),
            (
                "source == 'a' xor source == 'b'",
                "`and`, `or` or the end",
                14,
            ),
            ("source == 'a' or", "a column", 16),
            ("source == 'a' and", "a column", 17),
            ("source inside ['a']", "`==`, `!=`, `in` or `not in`", 7),
        ] {
            assert_eq!(
                text.parse::<Filter>(),
                Err(FilterError { expected, at }),
                "{text}"
            );
        }
    }
}
