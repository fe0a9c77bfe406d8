//! Models and data sets by name, against a server on loopback and its bad days.

use super::hub_server::{Fault, HubServer, etag};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use vpt_core::hub::{Hub, HubError, ModelFiles};

const REPO: &str = "some-lab/tiny";
const WEIGHTS: &str = "model.safetensors";
const FILES: ModelFiles<'_> = ModelFiles {
    needed: &["config.json", "tokenizer.json"],
    welcome: &["generation_config.json"],
};

/// Bytes that differ along the file, so that a part in the wrong place shows.
fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length)
        .map(|i| ((i * 31 + i / 256 + seed) % 251) as u8)
        .collect()
}

struct Place {
    server: HubServer,
    cache: TempDir,
    weights: Vec<u8>,
}

impl Place {
    /// A server with a model of one weight file, and an empty cache.
    fn new() -> Self {
        let place = Self {
            server: HubServer::start(),
            cache: TempDir::new().unwrap(),
            weights: bytes(300_000, 0),
        };
        place.publish(b"{}");
        place
    }

    fn publish(&self, readme: &[u8]) -> String {
        let files: [(&str, &[u8]); 6] = [
            ("README.md", readme),
            ("config.json", b"{\"model_type\": \"llama\"}"),
            ("tokenizer.json", &bytes(5_000, 1)),
            ("generation_config.json", b"{}"),
            (WEIGHTS, &self.weights),
            ("pytorch_model.bin", &bytes(2_000, 3)),
        ];
        self.server.publish(REPO, "main", &files)
    }

    fn hub(&self) -> Hub {
        Hub {
            endpoint: self.server.endpoint.clone(),
            cache: self.cache.path().to_owned(),
            token: None,
            offline: false,
            progress: false,
        }
    }

    fn offline(&self) -> Hub {
        Hub {
            offline: true,
            // Nobody listens there.
            endpoint: "http://127.0.0.1:9".to_owned(),
            ..self.hub()
        }
    }

    fn root(&self) -> std::path::PathBuf {
        self.cache.path().join("models--some-lab--tiny")
    }

    fn weights_of(&self, folder: &Path) -> bool {
        fs::read(folder.join(WEIGHTS)).unwrap() == self.weights
    }

    /// How many requests asked for the bytes of a file.
    fn downloads(&self) -> usize {
        let requests = self.server.requests();
        requests
            .iter()
            .filter(|request| request.contains("/resolve/"))
            .count()
    }
}

#[test]
fn a_model_is_fetched_once_and_laid_out_as_python_does() {
    let place = Place::new();
    let commit = place.publish(b"{}");
    let folder = place.hub().model_folder(REPO, None, &FILES).unwrap();
    assert_eq!(folder, place.root().join("snapshots").join(&commit));
    assert!(place.weights_of(&folder));
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // Not the README, and of two formats of the weights the better one.
    let expected = [
        "config.json",
        "generation_config.json",
        WEIGHTS,
        "tokenizer.json",
    ];
    assert_eq!(names(&folder), expected);
    assert_eq!(
        fs::read_to_string(place.root().join("refs/main")).unwrap(),
        commit
    );
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(folder.join(WEIGHTS)).unwrap(),
        Path::new("../../blobs").join(etag(&place.weights))
    );

    assert!(place.downloads() > 0);
    assert_eq!(
        place
            .hub()
            .model_folder(REPO, Some("main"), &FILES)
            .unwrap(),
        folder
    );
    assert_eq!(place.downloads(), 0);
    for revision in [None, Some("main"), Some(commit.as_str())] {
        assert_eq!(
            place
                .offline()
                .model_folder(REPO, revision, &FILES)
                .unwrap(),
            folder
        );
    }
    // The server is not there at all: what is cached is used.
    let unreachable = Hub {
        offline: false,
        ..place.offline()
    };
    assert_eq!(
        unreachable.model_folder(REPO, None, &FILES).unwrap(),
        folder
    );
}

#[test]
fn another_commit_takes_from_the_cache_what_has_not_changed() {
    let place = Place::new();
    let first = place.hub().model_folder(REPO, None, &FILES).unwrap();
    place.downloads();
    place.publish(b"{\"new\": true}");
    let second = place.hub().model_folder(REPO, None, &FILES).unwrap();
    assert_ne!(first, second);
    assert!(place.weights_of(&second));
    assert_eq!(place.downloads(), 0);
    assert_eq!(
        place.offline().model_folder(REPO, None, &FILES).unwrap(),
        second
    );
}

#[test]
fn an_interrupted_download_goes_on_where_it_broke_off() {
    let place = Place::new();
    place.server.set(Fault {
        breaks_off: Some((WEIGHTS.to_owned(), 100_000)),
        ..Fault::default()
    });
    for _ in 0..2 {
        let error = place.hub().model_folder(REPO, None, &FILES).unwrap_err();
        assert!(
            matches!(&error, HubError::Interrupted { file, .. } if file == WEIGHTS),
            "{error}"
        );
    }
    let error = place
        .offline()
        .model_folder(REPO, None, &FILES)
        .unwrap_err();
    assert!(matches!(error, HubError::NotCached { .. }), "{error}");
    place.server.set(Fault::default());
    place.server.requests();
    let folder = place.hub().model_folder(REPO, None, &FILES).unwrap();
    assert!(place.weights_of(&folder));
    let requests = place.server.requests();
    assert!(
        requests.iter().any(|r| r.ends_with(" from 200000")),
        "{requests:?}"
    );
    assert_eq!(
        place.offline().model_folder(REPO, None, &FILES).unwrap(),
        folder
    );
}

#[test]
fn what_is_in_the_way_of_a_download_is_no_obstacle() {
    let place = Place::new();
    let blob = place.root().join("blobs").join(etag(&place.weights));
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    // Left by something that died at the worst moment, or never was a part of this file.
    for length in [place.weights.len(), place.weights.len() + 1] {
        fs::write(blob.with_extension("part"), bytes(length, 9)).unwrap();
        let folder = place.hub().model_folder(REPO, None, &FILES).unwrap();
        assert!(place.weights_of(&folder));
        fs::remove_dir_all(place.root().join("snapshots")).unwrap();
        fs::remove_file(&blob).unwrap();
    }
    // A cached file that was cut short is fetched again.
    let folder = place.hub().model_folder(REPO, None, &FILES).unwrap();
    fs::write(&blob, &place.weights[..1000]).unwrap();
    assert!(!place.weights_of(&folder));
    assert_eq!(
        place.hub().model_folder(REPO, None, &FILES).unwrap(),
        folder
    );
    assert!(place.weights_of(&folder));
}

#[test]
fn a_damaged_file_does_not_stay_in_the_cache() {
    let place = Place::new();
    place.server.set(Fault {
        damages: Some(WEIGHTS.to_owned()),
        ..Fault::default()
    });
    let error = place.hub().model_folder(REPO, None, &FILES).unwrap_err();
    assert!(
        matches!(&error, HubError::Damaged { file, .. } if file == WEIGHTS),
        "{error}"
    );
    place.server.set(Fault::default());
    let folder = place.hub().model_folder(REPO, None, &FILES).unwrap();
    assert!(place.weights_of(&folder));
}

#[test]
fn refusals_say_what_to_do() {
    let place = Place::new();
    let text = |hub: &Hub, repo: &str, revision: Option<&str>| -> String {
        hub.model_folder(repo, revision, &FILES)
            .unwrap_err()
            .to_string()
    };
    let with_token = |token: &str| Hub {
        token: Some(token.to_owned()),
        ..place.hub()
    };
    place.server.set(Fault {
        token: Some("hf_good".to_owned()),
        ..Fault::default()
    });
    let said = text(&with_token("hf_bad"), REPO, None);
    assert!(
        said.starts_with("some-lab/tiny@main: the Hub refuses access (401): the token"),
        "{said}"
    );
    assert!(!said.contains("hf_bad"), "{said}");
    assert!(text(&place.hub(), REPO, None).contains("a token goes in HF_TOKEN"));
    assert!(
        with_token("hf_good")
            .model_folder(REPO, None, &FILES)
            .is_ok()
    );

    let fault = |part: &str, status: u16| {
        let status = Some((part.to_owned(), status));
        place.server.set(Fault {
            status,
            ..Fault::default()
        });
    };
    fault("/api/", 403);
    assert!(text(&place.hub(), REPO, None).contains("has not accepted its terms"));
    fault("/api/", 500);
    let said = text(&place.hub(), REPO, None);
    assert_eq!(
        said,
        "some-lab/tiny@main: the Hub answered 500 when asked for repository or revision"
    );
    place.server.set(Fault::default());
    for (repo, revision) in [("some-lab/none", None), (REPO, Some("v9"))] {
        let said = text(&place.hub(), repo, revision);
        assert!(
            said.ends_with("the Hub has no such repository or revision (404)"),
            "{said}"
        );
    }
    let said = text(&place.hub(), "no-owner", None);
    assert!(said.contains("is not a name on the Hub"), "{said}");
    let said = text(
        &Hub {
            offline: false,
            ..place.offline()
        },
        "some-lab/none",
        None,
    );
    assert!(
        said.starts_with("some-lab/none@main: the Hub cannot be reached: "),
        "{said}"
    );
    let said = text(&place.offline(), "some-lab/none", None);
    assert!(
        said.contains("is not in the cache") && said.ends_with("HF_HUB_OFFLINE is set"),
        "{said}"
    );

    // After the listing: a file that is refused, and a repository that is no model.
    let place = Place::new();
    place.server.set(Fault {
        status: Some(("resolve".to_owned(), 500)),
        ..Fault::default()
    });
    let said = place
        .hub()
        .model_folder(REPO, None, &FILES)
        .unwrap_err()
        .to_string();
    assert!(
        said.ends_with("answered 500 when asked for config.json"),
        "{said}"
    );
    place.server.publish(
        "a/b",
        "main",
        &[("config.json", b"{}"), ("tokenizer.json", b"{}")],
    );
    place.server.set(Fault::default());
    let said = place
        .hub()
        .model_folder("a/b", None, &FILES)
        .unwrap_err()
        .to_string();
    assert_eq!(
        said,
        "a/b@main: holds no model.safetensors or pytorch_model.bin"
    );
}

#[test]
fn shards_are_those_of_the_index() {
    let place = Place::new();
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    let shard = bytes(4_000, 7);
    let files: [(&str, &[u8]); 6] = [
        ("config.json", b"{}"),
        ("tokenizer.json", b"{}"),
        ("model.safetensors.index.json", index),
        ("model-1.safetensors", &shard),
        ("model-2.safetensors", b"small"),
        ("model-3.safetensors", b"of another model"),
    ];
    place.server.publish("a/b", "v1", &files);
    let folder = place.hub().model_folder("a/b", Some("v1"), &FILES).unwrap();
    assert_eq!(fs::read(folder.join("model-1.safetensors")).unwrap(), shard);
    assert!(folder.join("model-2.safetensors").exists());
    assert!(!folder.join("model-3.safetensors").exists());

    place.server.publish("a/c", "main", &files[..4]);
    let said = place
        .hub()
        .model_folder("a/c", None, &FILES)
        .unwrap_err()
        .to_string();
    assert_eq!(said, "a/c@main: holds no model-2.safetensors");
    fs::remove_file(folder.join("model-2.safetensors")).unwrap();
    let said = place
        .offline()
        .model_folder("a/b", Some("v1"), &FILES)
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("a/b@v1: model-2.safetensors is not in the cache"),
        "{said}"
    );
}

#[test]
fn the_files_of_a_data_set_are_listed_and_fetched() {
    let place = Place::new();
    let train = bytes(20_000, 2);
    let files: [(&str, &[u8]); 4] = [
        ("README.md", b"# Data"),
        ("data/train-00000-of-00002.parquet", &train),
        ("data/train-00001-of-00002.parquet", b"second"),
        ("data/test-00000-of-00001.parquet", b"test"),
    ];
    let repo = "AI-MO/NuminaMath-CoT";
    place
        .server
        .publish(&format!("datasets/{repo}"), "main", &files);
    let listed = place.hub().dataset_listing(repo, None).unwrap();
    assert_eq!(listed, [files[0].0, files[3].0, files[1].0, files[2].0]);
    let is_train = |name: &str| name.starts_with("data/train-");
    let found = place.hub().dataset_files(repo, None, is_train).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(fs::read(&found[0]).unwrap(), train);
    assert_eq!(fs::read(&found[1]).unwrap(), b"second");
    assert_eq!(
        place.offline().dataset_files(repo, None, is_train).unwrap(),
        found
    );
    assert_eq!(
        place.offline().dataset_listing(repo, None).unwrap(),
        listed[2..]
    );
    let error = place
        .hub()
        .dataset_files(repo, None, |_| false)
        .unwrap_err();
    assert!(matches!(error, HubError::Lacks { .. }), "{error}");
    // A model of the same name is another repository.
    let error = place.hub().model_folder(repo, None, &FILES).unwrap_err();
    assert!(matches!(error, HubError::NotFound { .. }), "{error}");
}

#[test]
fn a_name_that_leads_out_of_the_cache_is_not_followed() {
    let place = Place::new();
    let files: [(&str, &[u8]); 3] = [("../../evil", b"x"), ("/evil", b"x"), ("good", b"y")];
    place.server.publish("datasets/a/b", "main", &files);
    assert_eq!(place.hub().dataset_listing("a/b", None).unwrap(), ["good"]);
}
