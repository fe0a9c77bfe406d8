//! Regular expressions over module paths, compiled when they are read.

use regex::Regex;

/// A pattern over the paths of modules, `model.layers.0.self_attn.q_proj`. Two are equal if they
/// were written alike.
#[derive(Clone, Debug)]
pub struct ModulePattern {
    source: String,
    regex: Regex,
}

impl ModulePattern {
    /// One that must match a whole path, as `target_modules` in the form of a string.
    ///
    /// # Errors
    /// What is wrong with it, or cannot be had here: Python's look-around, say.
    pub fn whole(source: &str) -> Result<Self, String> {
        Self::new(source, format!("^(?:{source})$"))
    }

    /// One that must match the end of a path from a dot on, as the keys of `rank_pattern`.
    ///
    /// # Errors
    /// As for [`whole`](Self::whole).
    pub fn ending(source: &str) -> Result<Self, String> {
        Self::new(source, format!(r"^(?:.*\.)?(?:{source})$"))
    }

    fn new(source: &str, anchored: String) -> Result<Self, String> {
        let told = |error: regex::Error| {
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default();
            let cause = cause.trim_start_matches("error: ");
            format!("`{source}` is no regular expression that can be used here: {cause}")
        };
        Ok(Self {
            regex: Regex::new(&anchored).map_err(told)?,
            source: source.to_owned(),
        })
    }

    /// Whether `path` matches.
    pub fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl PartialEq for ModulePattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_pattern_needs_the_whole_path() {
        let pattern = ModulePattern::whole(r"model\.layers\.\d+\..*q_proj|v_proj").unwrap();
        assert!(pattern.matches("model.layers.12.self_attn.q_proj"));
        assert!(!pattern.matches("model.layers.12.self_attn.v_proj"));
        assert!(!pattern.matches("a.model.layers.12.self_attn.q_proj"));
    }

    #[test]
    fn an_ending_begins_at_a_dot() {
        let pattern = ModulePattern::ending(r"layers\.1\..*|k_proj").unwrap();
        assert!(pattern.matches("model.layers.1.mlp.up_proj"));
        assert!(pattern.matches("model.layers.3.self_attn.k_proj"));
        assert!(!pattern.matches("model.layers.11.mlp.up_proj"));
        assert!(!pattern.matches("model.layers.3.self_attn.xk_proj"));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for source in ["(", "(?=q_proj).*"] {
            let said = ModulePattern::whole(source).unwrap_err();
            assert!(said.contains(source) && !said.contains('\n'), "{said}");
        }
    }
}
