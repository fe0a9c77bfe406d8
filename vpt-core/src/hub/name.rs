//! Names of repositories.

use std::fmt;

/// A repository on the Hub: `owner/name`, or `owner/name@revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoName {
    /// `owner/name`.
    pub repo: String,
    /// A branch, tag or commit.
    pub revision: Option<String>,
}

impl RepoName {
    /// The repository that `text` names; `None` if no repository can have such a name.
    pub fn parse(text: &str) -> Option<Self> {
        let (repo, revision) = match text.split_once('@') {
            Some((repo, revision)) => (repo, Some(revision)),
            None => (text, None),
        };
        let (owner, name) = repo.split_once('/')?;
        let sound = is_part(owner) && is_part(name) && revision.is_none_or(is_revision);
        sound.then(|| Self {
            repo: repo.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.repo),
            None => f.write_str(&self.repo),
        }
    }
}

/// The Hub's own rule for an owner and for a name.
fn is_part(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let outer = |c: Option<char>| c.is_some_and(|c| !matches!(c, '-' | '.'));
    text.len() <= 96
        && text.chars().all(inner)
        && outer(text.chars().next())
        && outer(text.chars().next_back())
        && !text.contains("--")
        && !text.contains("..")
}

/// What names a file below the cache's `refs/` and nothing outside it.
fn is_revision(text: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+');
    text.chars().all(sound)
        && text
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_a_name_and_perhaps_a_revision() {
        for (text, repo, revision) in [
            ("Qwen/Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B", None),
            ("a/b@v1.0", "a/b", Some("v1.0")),
            ("a/b@refs/pr/3", "a/b", Some("refs/pr/3")),
        ] {
            let name = RepoName::parse(text).unwrap();
            assert_eq!(
                (name.repo.as_str(), name.revision.as_deref()),
                (repo, revision)
            );
            assert_eq!(name.to_string(), text);
        }
        for text in [
            "", "gpt2", "a/b/c", "/a/b", "a/", "./model", "../model", "~/model", "a/b.", "a--b/c",
            "a b/c", "a/b@", "a/b@../x", "a/b@x//y", "C:/model",
        ] {
            assert_eq!(RepoName::parse(text), None, "{text}");
        }
    }
}
