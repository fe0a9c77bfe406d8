//! One commit of a repository, in the cache as Python lays it out:
//! `models--OWNER--NAME/{refs/REVISION, snapshots/COMMIT/FILE → ../../blobs/ETAG}`.

use super::{Hub, HubError, RepoName};
use hf_hub::api::sync::{ApiBuilder, ApiRepo};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The longest list of a repository's files that is read.
const MAX_LISTING: u64 = 1 << 28;

/// A repository at one commit.
pub(super) struct Snapshot {
    /// `owner/name@revision`, for errors.
    label: String,
    revision: String,
    commit: String,
    cached: CacheRepo,
    folder: PathBuf,
    files: BTreeMap<String, Announced>,
    origin: Origin,
    hub: Hub,
}

/// What the server says of a file before it is fetched; nothing where the cache alone is asked.
#[derive(Default)]
struct Announced {
    size: Option<u64>,
    /// The name of its blob.
    etag: Option<String>,
    sha256: Option<String>,
}

enum Origin {
    Server(ApiRepo),
    /// The cache alone, and why.
    Cache(String),
}

/// The server's answer to `/api/…/revision/…?blobs=true`.
#[derive(Deserialize)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Snapshot {
    /// Asks the server which commit `revision` is and what it holds. Offline, or where the server
    /// cannot be reached, the cache's own memory of both.
    pub(super) fn open(
        hub: &Hub,
        kind: RepoType,
        repo: &str,
        revision: Option<&str>,
    ) -> Result<Self, HubError> {
        let revision = revision.unwrap_or("main");
        let label = format!("{repo}@{revision}");
        if RepoName::parse(&label).is_none() {
            return Err(HubError::Name { repo: label });
        }
        if hub.offline {
            return Self::remembered(hub, kind, repo, revision, "HF_HUB_OFFLINE is set");
        }
        match Self::listed(hub, kind, repo, revision, &label) {
            Err(HubError::Unreachable { reason, repo: name }) => {
                let why = format!("the Hub cannot be reached: {reason}");
                let cached = Self::remembered(hub, kind, repo, revision, &why);
                cached.map_err(|_| HubError::Unreachable { reason, repo: name })
            }
            other => other,
        }
    }

    fn listed(
        hub: &Hub,
        kind: RepoType,
        repo: &str,
        revision: &str,
        label: &str,
    ) -> Result<Self, HubError> {
        let answer = |answer: String| HubError::Answer {
            repo: label.to_owned(),
            answer,
        };
        let api = ApiBuilder::from_cache(Cache::new(hub.cache.clone()))
            .with_endpoint(hub.endpoint.clone())
            .with_token(hub.token.clone())
            .with_progress(hub.progress)
            .with_user_agent("vpt", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|error| answer(error.to_string()))?;
        let at = |revision: &str| Repo::with_revision(repo.into(), kind, revision.into());
        let request = api.repo(at(revision)).info_request();
        let wrong =
            |error| HubError::request(label, "repository or revision", hub.token.is_some(), &error);
        let mut response = request.query("blobs", "true").call().map_err(wrong)?;
        let listing: Listing = response
            .body_mut()
            .with_config()
            .limit(MAX_LISTING)
            .read_json()
            .map_err(|error| answer(format!("with no list of files: {error}")))?;
        // It becomes part of paths.
        if !is_commit(&listing.sha) {
            return Err(answer(format!("with the commit `{}`", listing.sha)));
        }
        let files = listing
            .siblings
            .into_iter()
            .filter(|file| is_inside(&file.rfilename));
        let pinned = at(&listing.sha);
        Ok(Self::new(
            hub,
            pinned.clone(),
            (label, revision),
            listing.sha,
            files.map(Sibling::announced).collect(),
            Origin::Server(api.repo(pinned)),
        ))
    }

    fn remembered(
        hub: &Hub,
        kind: RepoType,
        repo: &str,
        revision: &str,
        why: &str,
    ) -> Result<Self, HubError> {
        let label = format!("{repo}@{revision}");
        let named = Repo::with_revision(repo.into(), kind, revision.into());
        let root = hub.cache.join(named.folder_name());
        let stored = fs::read_to_string(root.join("refs").join(revision)).ok();
        let commit = stored
            .map(|commit| commit.trim().to_owned())
            .filter(|commit| is_commit(commit))
            .or_else(|| is_commit(revision).then(|| revision.to_owned()));
        let folder = commit
            .as_ref()
            .map(|commit| root.join("snapshots").join(commit));
        let Some((commit, folder)) = commit.zip(folder.filter(|folder| folder.is_dir())) else {
            return Err(HubError::NotCached {
                repo: label,
                file: "that revision".into(),
                cache: hub.cache.clone(),
                reason: why.to_owned(),
            });
        };
        let mut files = BTreeMap::new();
        walk(&folder, "", &mut files).map_err(HubError::io(&folder))?;
        let pinned = Repo::with_revision(repo.into(), kind, commit.clone());
        let origin = Origin::Cache(why.to_owned());
        Ok(Self::new(
            hub,
            pinned,
            (&label, revision),
            commit,
            files,
            origin,
        ))
    }

    fn new(
        hub: &Hub,
        pinned: Repo,
        (label, revision): (&str, &str),
        commit: String,
        files: BTreeMap<String, Announced>,
        origin: Origin,
    ) -> Self {
        let cached = Cache::new(hub.cache.clone()).repo(pinned);
        Self {
            label: label.to_owned(),
            revision: revision.to_owned(),
            folder: cached.pointer_path(&commit),
            commit,
            cached,
            files,
            origin,
            hub: hub.clone(),
        }
    }

    /// The folder that the files of this commit lie in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files of this commit, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// The error for a file that is needed and not there.
    pub(super) fn lacks(&self, file: &str) -> HubError {
        let (repo, file) = (self.label.clone(), file.to_owned());
        match &self.origin {
            Origin::Server(_) => HubError::Lacks { repo, file },
            Origin::Cache(reason) => HubError::NotCached {
                repo,
                file,
                cache: self.hub.cache.clone(),
                reason: reason.clone(),
            },
        }
    }

    /// A local copy of one file, whole.
    pub(super) fn fetch(&self, name: &str) -> Result<PathBuf, HubError> {
        let Some(announced) = self.files.get(name) else {
            return Err(self.lacks(name));
        };
        let path = self.folder.join(name);
        let size_of = |path: &Path| fs::metadata(path).ok().map(|found| found.len());
        let whole = |path: &Path| {
            size_of(path)
                .is_some_and(|size| announced.size.is_none_or(|announced| announced == size))
        };
        if whole(&path) {
            return Ok(path);
        }
        let Origin::Server(api) = &self.origin else {
            return Err(self.lacks(name));
        };
        if let Some(etag) = &announced.etag {
            let blob = self.cached.blob_path(etag);
            if whole(&blob) {
                link(&blob, &path, name).map_err(HubError::io(&path))?;
                return Ok(path);
            }
            // One that is too long cannot be gone on with, and one that is complete needs no more
            // than a name, but was not checked.
            let part = blob.with_extension("part");
            if size_of(&part).is_some_and(|size| announced.size.is_none_or(|all| size >= all)) {
                fs::remove_file(&part).map_err(HubError::io(&part))?;
            }
        }
        let token = self.hub.token.is_some();
        api.download(name)
            .map_err(|error| HubError::download(&self.label, name, token, &error))?;
        self.check(name, announced, &path)?;
        Ok(path)
    }

    /// Whether a fresh download is what was announced; one that is not leaves the cache.
    fn check(&self, name: &str, announced: &Announced, path: &Path) -> Result<(), HubError> {
        let size = fs::metadata(path).map_err(HubError::io(path))?.len();
        let what = match (announced.size, &announced.sha256) {
            (Some(expected), _) if expected != size => {
                format!("{size} bytes of {expected}")
            }
            (_, Some(expected)) if *expected != sha256(path).map_err(HubError::io(path))? => {
                "another SHA-256".to_owned()
            }
            _ => return Ok(()),
        };
        // The name in the snapshot may be a link; its blob is the damaged one.
        for path in [fs::canonicalize(path).ok(), Some(path.to_owned())] {
            if let Some(path) = path {
                let _ = fs::remove_file(path);
            }
        }
        Err(HubError::Damaged {
            repo: self.label.clone(),
            file: name.to_owned(),
            what,
        })
    }

    /// Notes in the cache which commit the revision was, now that what was asked for is there.
    pub(super) fn keep_reference(&self) -> Result<(), HubError> {
        if matches!(self.origin, Origin::Cache(_)) || self.revision == self.commit {
            return Ok(());
        }
        let root = self.folder.parent().and_then(Path::parent);
        let path = root
            .unwrap_or(&self.folder)
            .join("refs")
            .join(&self.revision);
        crate::write_atomically(&path, self.commit.as_bytes())
            .map_err(|error| HubError::io(&path)(std::io::Error::other(error)))
    }
}

impl Sibling {
    fn announced(self) -> (String, Announced) {
        let (sha256, size) = match self.lfs {
            Some(large) => (large.sha256, large.size.or(self.size)),
            None => (None, self.size),
        };
        let etag = sha256
            .clone()
            .or(self.blob_id)
            .filter(|etag| is_commit(etag));
        (self.rfilename, Announced { size, etag, sha256 })
    }
}

/// Whether this can be a commit or a blob: hexadecimal digits, and so no path.
fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a repository's path stays below the folder it is put in.
fn is_inside(name: &str) -> bool {
    let mut components = Path::new(name).components();
    !name.is_empty() && components.all(|part| matches!(part, Component::Normal(_)))
}

/// The files below `folder` as `/`-separated paths.
fn walk(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Announced>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        // Follows the link to a blob, which may have gone.
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_dir() {
            walk(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), Announced::default());
        }
    }
    Ok(())
}

/// Gives a blob that another commit has brought its name in this one.
fn link(blob: &Path, path: &Path, name: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::symlink_metadata(path).is_ok() {
        fs::remove_file(path)?;
    }
    #[cfg(unix)]
    {
        let depth = 2 + name.matches('/').count();
        let mut target: PathBuf = std::iter::repeat_n("..", depth).collect();
        target.push("blobs");
        target.extend(blob.file_name());
        std::os::unix::fs::symlink(target, path)
    }
    #[cfg(not(unix))]
    {
        let _ = name;
        fs::copy(blob, path).map(|_| ())
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut fs::File::open(path)?, &mut hash)?;
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
