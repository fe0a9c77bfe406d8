//! Models by name, from a server on loopback: what goes wrong there is one line, and the cache
//! stays of use.

use super::hub_server::{Fault, HubServer};
use super::{Place, finished};
use assert_cmd::Command;
use std::fs;

const NAME: &str = "some-lab/tiny-lm";
const WEIGHTS: &str = "model.safetensors";

struct Hub {
    server: HubServer,
    place: Place,
}

impl Hub {
    /// A server with a finished run's model, and an empty cache.
    fn new() -> Self {
        let hub = Self {
            server: HubServer::start(),
            place: Place::new(),
        };
        hub.publish(|_| ());
        hub
    }

    fn publish(&self, edit: impl FnOnce(&mut Vec<u8>)) {
        let model = finished().join("runs/ntp/model");
        let read = |name: &str| fs::read(model.join(name)).unwrap();
        let mut weights = read(WEIGHTS);
        edit(&mut weights);
        let (config, tokenizer) = (read("config.json"), read("tokenizer.json"));
        let files: [(&str, &[u8]); 3] = [
            ("config.json", &config),
            ("tokenizer.json", &tokenizer),
            (WEIGHTS, &weights),
        ];
        self.server.publish(NAME, "main", &files);
    }

    fn vpt(&self, args: &[&str]) -> Command {
        let mut command = self.place.vpt(args);
        command
            .env("HF_ENDPOINT", &self.server.endpoint)
            .env("HF_HOME", self.place.path("hf"))
            .env_remove("HF_HUB_CACHE")
            .env_remove("HF_HUB_OFFLINE");
        command
    }

    fn breaks(&self, fault: Fault) {
        self.server.set(fault);
    }
}

fn inspect() -> [&'static str; 3] {
    ["inspect", "--model", NAME]
}

#[test]
fn an_interrupted_download_is_one_line_and_the_next_try_goes_on() {
    let hub = Hub::new();
    hub.breaks(Fault {
        breaks_off: Some((WEIGHTS.to_owned(), 5_000)),
        ..Fault::default()
    });
    let line = super::refusal(hub.vpt(&inspect()), 1);
    assert!(
        line.starts_with(&format!("{NAME}: no such file or folder here")),
        "{line}"
    );
    assert!(
        line.contains("the download of model.safetensors broke off"),
        "{line}"
    );
    hub.breaks(Fault::default());
    let found = super::printed(hub.vpt(&inspect()));
    let mut offline = hub.vpt(&inspect());
    offline
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_ENDPOINT", "http://127.0.0.1:9");
    assert_eq!(super::printed(offline), found);
    // Every command that opens a model takes a name; a run's own folder is a model by path.
    let train = super::train_args(
        "run",
        &["--model", NAME, "--set", "model.from_scratch=false"],
    );
    super::printed(hub.vpt(&train));
    hub.place.stdout(&["inspect", "--model", "run"]);
    let at_commit = format!("{NAME}@main");
    super::printed(hub.vpt(&["eval", "--config", "tiny.toml", "--model", &at_commit]));
}

#[test]
fn refusals_of_the_server_are_one_line() {
    let hub = Hub::new();
    let refused = |fault: Fault, named: &str| {
        hub.breaks(fault);
        let mut command = hub.vpt(&inspect());
        command.env("HF_TOKEN", "hf_bad");
        let line = super::refusal(command, 1);
        assert!(line.contains(named), "{line}");
        assert!(!line.contains("hf_bad"), "{line}");
    };
    let status = |part: &str, status: u16| Fault {
        status: Some((part.to_owned(), status)),
        ..Fault::default()
    };
    refused(
        Fault {
            token: Some("hf_good".to_owned()),
            ..Fault::default()
        },
        "the Hub refuses access (401): the token in HF_TOKEN or in the token file is not valid",
    );
    refused(
        status("/api/", 403),
        "(403): this account has no access to it",
    );
    refused(status("/api/", 404), "no such repository or revision (404)");
    refused(
        status("/resolve/", 500),
        "answered 500 when asked for config.json",
    );
    refused(
        Fault {
            damages: Some(WEIGHTS.to_owned()),
            ..Fault::default()
        },
        "model.safetensors arrived damaged (another SHA-256)",
    );
    hub.breaks(Fault {
        token: Some("hf_good".to_owned()),
        ..Fault::default()
    });
    fs::write(hub.place.path("hf/token"), "hf_good\n").unwrap();
    super::printed(hub.vpt(&inspect()));
}

#[test]
fn a_cached_file_that_was_cut_short_is_noticed_when_loaded() {
    let hub = Hub::new();
    super::printed(hub.vpt(&inspect()));
    let snapshots = hub.place.path("hf/hub/models--some-lab--tiny-lm/snapshots");
    let commit = fs::read_dir(snapshots).unwrap().next().unwrap().unwrap();
    let weights = fs::canonicalize(commit.path().join(WEIGHTS)).unwrap();
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    let mut offline = hub.vpt(&inspect());
    offline.env("HF_HUB_OFFLINE", "1");
    let line = super::refusal(offline, 1);
    assert!(line.contains("model.safetensors: malformed: "), "{line}");
    // With the server at hand it is fetched again.
    super::printed(hub.vpt(&inspect()));
    assert_eq!(fs::read(&weights).unwrap(), whole);
}

#[test]
fn neither_a_path_nor_a_name() {
    let hub = Hub::new();
    for path in ["./no/model", "nowhere", "a/b/c"] {
        let line = super::refusal(hub.vpt(&["inspect", "--model", path]), 1);
        let said = "no such file or folder, and not a name on the Hub (owner/name)";
        assert_eq!(line, format!("{path}: {said}"));
    }
    // A folder wins over a name.
    let folder = hub.place.path(NAME);
    super::copy(&finished().join("runs/ntp/model"), &folder);
    super::printed(hub.vpt(&inspect()));
    assert!(hub.server.requests().is_empty());
}
