//! Why something on the Hub could not be had.

use crate::weights::WeightsError;
use hf_hub::api::sync::ApiError;
use std::path::{Path, PathBuf};

/// Why a repository or a file of it could not be had. `repo` is `owner/name@revision` throughout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Not a name that a repository can have.
    #[error("`{repo}` is not a name on the Hub (owner/name or owner/name@revision)")]
    Name {
        /// What was given.
        repo: String,
    },
    /// Nothing says where the cache is.
    #[error("no home folder for the Hub's cache; name one in HF_HOME")]
    NoCache,
    /// The server wants another token, or one at all.
    #[error("{repo}: the Hub refuses access ({status}): {}", advice(*status, *token))]
    Refused {
        /// The repository.
        repo: String,
        /// 401 or 403.
        status: u16,
        /// Whether a token was sent.
        token: bool,
    },
    /// The server knows no such repository, revision or file.
    #[error("{repo}: the Hub has no such {what} (404)")]
    NotFound {
        /// The repository.
        repo: String,
        /// What was asked for.
        what: String,
    },
    /// The server answered otherwise than with what was asked for.
    #[error("{repo}: the Hub answered {answer}")]
    Answer {
        /// The repository.
        repo: String,
        /// What it said instead.
        answer: String,
    },
    /// The server could not be reached.
    #[error("{repo}: the Hub cannot be reached: {reason}")]
    Unreachable {
        /// The repository.
        repo: String,
        /// Why.
        reason: String,
    },
    /// The connection broke within a file.
    #[error(
        "{repo}: the download of {file} broke off: {reason}; what arrived is kept, so that the \
         same command goes on from there"
    )]
    Interrupted {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// What arrived is not what the server had announced.
    #[error("{repo}: {file} arrived damaged ({what}) and was removed from the cache")]
    Damaged {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
        /// How that is known.
        what: String,
    },
    /// The repository does not hold what is needed of it.
    #[error("{repo}: holds no {file}")]
    Lacks {
        /// The repository.
        repo: String,
        /// What it lacks.
        file: String,
    },
    /// The cache alone may be used, and it does not hold this.
    #[error("{repo}: {file} is not in the cache {}, and {reason}", cache.display())]
    NotCached {
        /// The repository.
        repo: String,
        /// The file, or what else is needed.
        file: String,
        /// The cache.
        cache: PathBuf,
        /// Why it is not fetched.
        reason: String,
    },
    /// The cache could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The index of a sharded checkpoint is malformed.
    #[error(transparent)]
    Index(#[from] WeightsError),
}

fn advice(status: u16, token: bool) -> &'static str {
    match (status, token) {
        (403, _) => "this account has no access to it, or has not accepted its terms",
        (_, true) => "the token in HF_TOKEN or in the token file is not valid, or has no access",
        (_, false) => "no such repository, or a private one; a token goes in HF_TOKEN",
    }
}

impl HubError {
    pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// What a failed request for `what` of `repo` means.
    pub(super) fn request(repo: &str, what: &str, token: bool, error: &ureq::Error) -> Self {
        let repo = repo.to_owned();
        match error {
            ureq::Error::StatusCode(status @ (401 | 403)) => Self::Refused {
                repo,
                status: *status,
                token,
            },
            ureq::Error::StatusCode(404) => Self::NotFound {
                repo,
                what: what.to_owned(),
            },
            ureq::Error::StatusCode(status) => Self::Answer {
                repo,
                answer: format!("{status} when asked for {what}"),
            },
            other => Self::Unreachable {
                repo,
                reason: other.to_string(),
            },
        }
    }

    /// What a failed download of `file` means.
    pub(super) fn download(repo: &str, file: &str, token: bool, error: &ApiError) -> Self {
        match error {
            ApiError::RequestError(error) => Self::request(repo, file, token, error),
            ApiError::LockAcquisition(lock) => Self::Io {
                path: lock.clone(),
                source: std::io::Error::other("held by another download of the same file"),
            },
            ApiError::IoError(_) => Self::Interrupted {
                repo: repo.to_owned(),
                file: file.to_owned(),
                reason: error.to_string(),
            },
            other => Self::Answer {
                repo: repo.to_owned(),
                answer: format!("unusably when asked for {file}: {other}"),
            },
        }
    }
}
