//! Where the Hub and its cache are, and who asks.

use super::HubError;
use std::path::{Path, PathBuf};

/// The Hub as this process reaches it.
#[derive(Clone)]
pub struct Hub {
    /// The server, without a slash at its end.
    pub endpoint: String,
    /// The folder that holds `models--OWNER--NAME` and `datasets--OWNER--NAME`.
    pub cache: PathBuf,
    /// Sent to the server if there is one.
    pub token: Option<String>,
    /// Whether the cache alone is used.
    pub offline: bool,
    /// Whether a download draws a bar, on a terminal's standard error only.
    pub progress: bool,
}

impl Hub {
    /// As the environment says, by the variables of Python's `huggingface_hub`: `HF_ENDPOINT`;
    /// `HF_HUB_CACHE`, else `hub` below `HF_HOME`; `HF_TOKEN`, else the file `HF_TOKEN_PATH` or
    /// `token` below `HF_HOME`; `HF_HUB_OFFLINE`; `HF_HUB_DISABLE_PROGRESS_BARS`.
    ///
    /// # Errors
    /// There is neither a cache named nor a home folder to put one in.
    pub fn from_env() -> Result<Self, HubError> {
        Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir())
    }

    fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        home: Option<PathBuf>,
    ) -> Result<Self, HubError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        let flag = |name: &str| {
            set(name).is_some_and(|value| {
                let value = value.trim().to_ascii_uppercase();
                matches!(value.as_str(), "1" | "ON" | "YES" | "TRUE")
            })
        };
        let caches = path("XDG_CACHE_HOME").or_else(|| home.map(|home| home.join(".cache")));
        let base = path("HF_HOME").or_else(|| caches.map(|caches| caches.join("huggingface")));
        let cache = path("HF_HUB_CACHE").or_else(|| base.as_ref().map(|base| base.join("hub")));
        let token_file = path("HF_TOKEN_PATH").or_else(|| base.map(|base| base.join("token")));
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Ok(Self {
            endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
            cache: cache.ok_or(HubError::NoCache)?,
            token: set("HF_TOKEN")
                .map(|token| token.trim().to_owned())
                .or_else(|| token_file.and_then(|file| stored_token(&file))),
            offline: flag("HF_HUB_OFFLINE"),
            progress: !flag("HF_HUB_DISABLE_PROGRESS_BARS"),
        })
    }
}

/// What `hf auth login` has left.
fn stored_token(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

/// Without the token.
impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)], home: Option<&Path>) -> Result<Hub, HubError> {
        let value = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Hub::from_variables(value, home.map(Path::to_owned))
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let home = Path::new("/home/me");
        for (variables, cache) in [
            (&[][..], "/home/me/.cache/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/x")], "/hf/hub"),
            (&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/hf")], "/c"),
        ] {
            assert_eq!(hub(variables, Some(home)).unwrap().cache, Path::new(cache));
        }
        assert!(matches!(hub(&[], None), Err(HubError::NoCache)));
        assert!(hub(&[("HF_HUB_CACHE", "/c")], None).is_ok());
    }

    #[test]
    fn the_token_is_the_variable_or_the_file() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().to_str().unwrap();
        assert_eq!(hub(&[("HF_HOME", base)], None).unwrap().token, None);
        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let from_file = hub(&[("HF_HOME", base), ("HF_TOKEN", "")], None).unwrap();
        assert_eq!(from_file.token.as_deref(), Some("hf_file"));
        let from_variable = hub(&[("HF_HOME", base), ("HF_TOKEN", " hf_x ")], None).unwrap();
        assert_eq!(from_variable.token.as_deref(), Some("hf_x"));
        assert!(!format!("{from_variable:?}").contains("hf_x"));
    }

    #[test]
    fn switches_and_server() {
        let plain = hub(&[("HF_HOME", "/hf"), ("HF_HUB_OFFLINE", "0")], None).unwrap();
        assert!(!plain.offline && plain.progress);
        assert_eq!(plain.endpoint, "https://huggingface.co");
        let set = [
            ("HF_HOME", "/hf"),
            ("HF_HUB_OFFLINE", "true"),
            ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
            ("HF_ENDPOINT", "http://mirror/"),
        ];
        let set = hub(&set, None).unwrap();
        assert!(set.offline && !set.progress);
        assert_eq!(set.endpoint, "http://mirror");
    }
}
