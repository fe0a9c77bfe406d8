//! A server on loopback with the paths and headers of the Hugging Face Hub that a download needs,
//! and with its bad days. Shared by the tests of the packages.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Files longer than this are large: stored by their SHA-256 and served from another path.
const LARGE: usize = 1000;

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    /// The connection ends after this many bytes of this file.
    pub(crate) breaks_off: Option<(String, usize)>,
    /// This status for requests whose path contains this.
    pub(crate) status: Option<(String, u16)>,
    /// The last byte of this file is another one.
    pub(crate) damages: Option<String>,
    /// Only this token is let in.
    pub(crate) token: Option<String>,
}

#[derive(Default)]
struct State {
    /// `owner/name` or `datasets/owner/name` → revision → commit.
    refs: BTreeMap<(String, String), String>,
    /// Repository and commit → files.
    commits: BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>,
    fault: Fault,
    requests: Vec<String>,
}

/// Ends with the process; what it holds may change while it runs.
pub(crate) struct HubServer {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    state: Arc<Mutex<State>>,
}

impl HubServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away is not this server's failure.
                std::thread::spawn(move || answer(&stream, &state));
            }
        });
        Self { endpoint, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Makes `files` the head of `revision` of `owner/name` or `datasets/owner/name`; gives its
    /// commit.
    pub(crate) fn publish(&self, repo: &str, revision: &str, files: &[(&str, &[u8])]) -> String {
        let mut state = self.state();
        let files: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect();
        let all: Vec<u8> = files
            .iter()
            .flat_map(|(n, b)| [n.as_bytes(), b].concat())
            .collect();
        let commit = hex(&all)[..40].to_owned();
        let key = (repo.to_owned(), revision.to_owned());
        state.refs.insert(key, commit.clone());
        state
            .refs
            .insert((repo.to_owned(), commit.clone()), commit.clone());
        state
            .commits
            .insert((repo.to_owned(), commit.clone()), files);
        commit
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// `GET PATH RANGE` of every request since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The name of a file's blob: the Hub takes another hash for small files.
pub(crate) fn etag(bytes: &[u8]) -> String {
    let hash = hex(bytes);
    if bytes.len() > LARGE {
        hash
    } else {
        hash[..40].to_owned()
    }
}

struct Request {
    path: String,
    token: Option<String>,
    /// The first byte and the last.
    range: Option<(usize, Option<usize>)>,
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let (mut token, mut range) = (None, None);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "authorization" => token = value.trim().strip_prefix("Bearer ").map(str::to_owned),
            "range" => {
                let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
                range = Some((first.parse().ok()?, last.parse().ok()));
            }
            _ => (),
        }
    }
    Some(Request { path, token, range })
}

fn answer(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let request = read(stream)?;
    let mut state = state.lock().unwrap();
    let range = match request.range {
        Some((first, _)) => format!(" from {first}"),
        None => String::new(),
    };
    state.requests.push(format!("{}{range}", request.path));
    let fault = &state.fault;
    if fault
        .token
        .as_ref()
        .is_some_and(|token| request.token.as_ref() != Some(token))
    {
        return send(stream, 401, &[], b"Invalid credentials");
    }
    if let Some((_, status)) = fault
        .status
        .as_ref()
        .filter(|(part, _)| request.path.contains(part))
    {
        return send(stream, *status, &[], b"");
    }
    let path = request.path.split('?').next().unwrap_or_default();
    if let Some(rest) = path.strip_prefix("/api/") {
        let (repo, revision) = rest.split_once("/revision/")?;
        let repo = repo.strip_prefix("models/").unwrap_or(repo).to_owned();
        let Some(commit) = state
            .refs
            .get(&(repo.clone(), revision.replace("%2F", "/")))
        else {
            return send(stream, 404, &[], b"");
        };
        let files = &state.commits[&(repo, commit.clone())];
        let body = listing(commit, files).to_string();
        return send(
            stream,
            200,
            &[("Content-Type", "application/json".into())],
            body.as_bytes(),
        );
    }
    let (redirected, path) = match path.strip_prefix("/cdn/") {
        Some(path) => (true, path),
        None => (false, path.strip_prefix('/')?),
    };
    let (repo, rest) = path.split_once("/resolve/")?;
    let (revision, name) = rest.split_once('/')?;
    let commit = state.refs.get(&(repo.to_owned(), revision.to_owned()));
    let found = commit.and_then(|commit| {
        let files = state.commits.get(&(repo.to_owned(), commit.clone()))?;
        Some((commit, files.get(name)?))
    });
    let Some((commit, bytes)) = found else {
        return send(stream, 404, &[], b"");
    };
    let mut headers = vec![("X-Repo-Commit", commit.clone())];
    let tag = format!("\"{}\"", etag(bytes));
    if bytes.len() > LARGE && !redirected {
        headers.push(("X-Linked-Etag", tag));
        headers.push(("X-Linked-Size", bytes.len().to_string()));
        let host = stream.local_addr().ok()?;
        headers.push(("Location", format!("http://{host}/cdn/{path}")));
        return send(stream, 302, &headers, b"");
    }
    headers.push(("ETag", tag));
    let mut bytes = bytes.clone();
    if fault.damages.as_deref() == Some(name)
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
    let Some((first, last)) = request.range else {
        return send(stream, 200, &headers, &bytes);
    };
    if first >= bytes.len() {
        return send(stream, 416, &headers, b"");
    }
    let end = last.map_or(bytes.len(), |last| bytes.len().min(last + 1));
    headers.push((
        "Content-Range",
        format!("bytes {first}-{}/{}", end - 1, bytes.len()),
    ));
    let part = &bytes[first..end];
    match &fault.breaks_off {
        Some((file, after)) if file == name && last.is_none() => {
            head(stream, 206, &headers, part.len())?;
            let mut stream = stream;
            stream.write_all(&part[..part.len().min(*after)]).ok()
        }
        _ => send(stream, 206, &headers, part),
    }
}

fn listing(commit: &str, files: &BTreeMap<String, Vec<u8>>) -> serde_json::Value {
    let siblings = files.iter().map(|(name, bytes)| {
        let mut file = serde_json::json!({
            "rfilename": name,
            "size": bytes.len(),
            "blobId": hex(name.as_bytes())[..40],
        });
        if bytes.len() > LARGE {
            file["lfs"] = serde_json::json!({ "sha256": hex(bytes), "size": bytes.len(), "pointerSize": 130 });
        } else {
            file["blobId"] = etag(bytes).into();
        }
        file
    });
    serde_json::json!({ "id": "x", "sha": commit, "siblings": siblings.collect::<Vec<_>>() })
}

fn send(stream: &TcpStream, status: u16, headers: &[(&str, String)], body: &[u8]) -> Option<()> {
    head(stream, status, headers, body.len())?;
    let mut stream = stream;
    stream.write_all(body).ok()
}

fn head(stream: &TcpStream, status: u16, headers: &[(&str, String)], length: usize) -> Option<()> {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n{lines}\r\n"
    )
    .ok()
}
