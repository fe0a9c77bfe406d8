//! Which linears are adapted, and how strongly.

use super::pattern::ModulePattern;
use serde::{Deserialize, Serialize};

/// The linears that get an adapter, selected by the path that Transformers has for them
/// (`model.layers.0.self_attn.q_proj`, `lm_head`).
///
/// In a config it is a string: `all-linear`, names with commas between them (`q_proj,v_proj`), or
/// anything else as a regular expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TargetModules {
    /// Every linear but the head.
    AllLinear,
    /// Those whose path is one of these, or ends with a dot and one of these.
    Names(Vec<String>),
    /// Those whose whole path matches.
    Matching(ModulePattern),
}

impl TargetModules {
    /// Whether the module at `path` is one of them.
    pub fn select(&self, path: &str) -> bool {
        let named = |name: &String| {
            path.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        match self {
            Self::AllLinear => path.contains(".layers."),
            Self::Names(names) => names.iter().any(named),
            Self::Matching(pattern) => pattern.matches(path),
        }
    }
}

impl TryFrom<String> for TargetModules {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("all-linear") {
            return Ok(Self::AllLinear);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "_., ".contains(c);
        if !text.chars().all(plain) {
            return ModulePattern::whole(&text).map(Self::Matching);
        }
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match names.iter().any(String::is_empty) {
            true => Err(format!(
                "`{text}` is neither all-linear, nor names with commas between them, nor a regular expression"
            )),
            false => Ok(Self::Names(names)),
        }
    }
}

impl From<TargetModules> for String {
    fn from(targets: TargetModules) -> Self {
        match targets {
            TargetModules::AllLinear => "all-linear".into(),
            TargetModules::Names(names) => names.join(","),
            TargetModules::Matching(pattern) => pattern.source().to_owned(),
        }
    }
}

/// The shape and strength of a set of adapters.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// r, the width between A and B.
    pub rank: usize,
    /// α, which the scale is proportional to.
    pub alpha: f64,
    /// The share of an adapter's inputs that is zeroed in training.
    pub dropout: f64,
    /// Which linears.
    pub targets: TargetModules,
    /// Whether s = α/√r in place of α/r.
    pub rslora: bool,
    /// r of the modules whose path ends with a pattern, the first that matches.
    pub rank_pattern: Vec<(ModulePattern, usize)>,
    /// α likewise.
    pub alpha_pattern: Vec<(ModulePattern, f64)>,
}

impl LoraConfig {
    /// One rank and one scale for all of `targets`.
    pub fn new(rank: usize, alpha: f64, targets: TargetModules) -> Self {
        Self {
            rank,
            alpha,
            dropout: 0.0,
            targets,
            rslora: false,
            rank_pattern: vec![],
            alpha_pattern: vec![],
        }
    }

    /// r and s of the module at `path`.
    pub fn rank_and_scale(&self, path: &str) -> (usize, f64) {
        let rank = first(&self.rank_pattern, path).unwrap_or(self.rank);
        let alpha = first(&self.alpha_pattern, path).unwrap_or(self.alpha);
        let divisor = rank as f64;
        let divisor = if self.rslora { divisor.sqrt() } else { divisor };
        (rank, alpha / divisor)
    }
}

fn first<V: Copy>(patterns: &[(ModulePattern, V)], path: &str) -> Option<V> {
    let found = patterns.iter().find(|(pattern, _)| pattern.matches(path));
    found.map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: &str = "model.layers.1.self_attn.q_proj";

    fn targets(text: &str) -> TargetModules {
        TargetModules::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn targets_are_read_in_each_of_their_forms() {
        for (text, selected) in [
            ("all-linear", [true, true, false]),
            ("q_proj", [true, false, false]),
            ("up_proj, q_proj", [true, true, false]),
            ("self_attn.q_proj", [true, false, false]),
            ("proj", [false, false, false]),
            ("lm_head", [false, false, true]),
            (r".*\.layers\.1\..*", [true, true, false]),
        ] {
            let targets = targets(text);
            let found = [Q, "model.layers.1.mlp.up_proj", "lm_head"].map(|p| targets.select(p));
            assert_eq!(found, selected, "{text}");
            assert_eq!(self::targets(&String::from(targets.clone())), targets);
        }
        for text in ["", "q_proj,,v_proj", "q_proj,", "("] {
            assert!(TargetModules::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_scale_follows_rank_and_patterns() {
        let mut config = LoraConfig::new(4, 6.0, TargetModules::AllLinear);
        assert_eq!(config.rank_and_scale(Q), (4, 1.5));
        config.rslora = true;
        assert_eq!(config.rank_and_scale(Q), (4, 3.0));
        let pattern = |source| ModulePattern::ending(source).unwrap();
        config.rank_pattern = vec![(pattern("k_proj"), 2), (pattern(r"layers\.1\..*"), 9)];
        config.rank_pattern.push((pattern("q_proj"), 16));
        config.alpha_pattern = vec![(pattern("q_proj"), 12.0)];
        assert_eq!(config.rank_and_scale(Q), (9, 4.0));
    }
}
