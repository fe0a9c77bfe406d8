use super::*;
use std::fs;
use vpt_text::config::{DEFAULT_TOML, RunConfig};

type Config = super::Config<RunConfig>;

fn args(set: &[&str]) -> ConfigArgs {
    ConfigArgs {
        config: None,
        set: set.iter().map(|text| (*text).to_owned()).collect(),
        model: None,
        adapter: None,
    }
}

fn refused(set: &[&str]) -> String {
    Config::load(None, &args(set)).unwrap_err().to_string()
}

/// What a file with this text is refused with, its folder left out.
fn file_refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.toml");
    fs::write(&path, text).unwrap();
    let layers = ConfigArgs {
        config: Some(path),
        ..args(&[])
    };
    let message = Config::load(None, &layers).unwrap_err().to_string();
    message.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_defaults_are_a_config() {
    let config = Config::load(None, &args(&[])).unwrap();
    assert_eq!(config.resolved(), DEFAULT_TOML);
    assert_eq!(config.run().train.steps, 200);
}

#[test]
fn every_key_has_a_comment_above_it() {
    let lines: Vec<&str> = DEFAULT_TOML.lines().collect();
    let mut keys = 0;
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with('#') || line.starts_with('[') || line.is_empty() {
            continue;
        }
        keys += 1;
        assert!(lines[at - 1].starts_with('#'), "no comment above `{line}`");
    }
    assert_eq!(keys, keys::dotted(DEFAULT_TOML).len());
}

#[test]
fn layers_lie_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.toml");
    fs::write(
        &path,
        "seed = 1\nmodel.path = \"a\"\n[train]\nsteps = 7\nlr = 1\n",
    )
    .unwrap();
    let config = Config::load(
        None,
        &ConfigArgs {
            config: Some(path),
            set: vec![
                "seed=2".into(),
                "seed = 3".into(),
                "data.columns.kind=style".into(),
            ],
            model: Some("b".into()),
            adapter: Some("c".into()),
        },
    )
    .unwrap();
    let run = config.run();
    assert_eq!((run.seed, run.train.steps), (3, 7));
    assert_eq!((run.model.path.as_str(), run.train.lr), ("b", 1.0));
    assert_eq!(run.data.columns.kind, "style");
}

#[test]
fn what_is_printed_keeps_comments_and_reads_back() {
    let config = Config::load(None, &args(&["designer.alpha_max=0.25", "method=ntp"])).unwrap();
    let text = config.resolved();
    let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(comments(&text), comments(DEFAULT_TOML));
    assert!(text.contains("(A.1).\nalpha_max = 0.25\n"));
    assert_eq!(&toml::from_str::<RunConfig>(&text).unwrap(), config.run());
}

#[test]
fn a_bare_word_is_a_string() {
    let config = Config::load(None, &args(&["model.path=/data/my model", "method = ntp"])).unwrap();
    assert_eq!(config.run().model.path, "/data/my model");
    assert!(refused(&["model.path=\"open"]).starts_with("--set model.path=\"open: "));
}

#[test]
fn a_table_may_be_set_whole_or_in_part() {
    let config = Config::load(None, &args(&["train = { steps = 3, lr = 2 }"])).unwrap();
    assert_eq!((config.run().train.steps, config.run().train.lr), (3, 2.0));
    let untouched = Config::load(None, &args(&[])).unwrap();
    assert_eq!(
        config.run().train.batch_size,
        untouched.run().train.batch_size
    );
    assert!(refused(&["train={stepz=3}"]).contains("unknown key `train.stepz`"));
}

#[test]
fn unknown_keys_name_the_nearest() {
    for (set, nearest) in [
        ("sede=1", "seed"),
        ("designer.alpha_mx=0.1", "designer.alpha_max"),
        ("trian.steps=3", "train.steps"),
        ("update_every=3", "value.update_every"),
        ("data.columns.problm=q", "data.columns.problem"),
        ("dta={}", "data"),
    ] {
        let message = refused(&[set]);
        let key = set.split('=').next().unwrap();
        assert!(
            message.contains(&format!("unknown key `{key}`; the nearest is `{nearest}`")),
            "{message}"
        );
    }
    assert_eq!(
        file_refused("seed = 1\n\n[data.columns]\nproblm = \"q\"\n"),
        "my.toml:4: unknown key `data.columns.problm`; the nearest is `data.columns.problem`"
    );
}

#[test]
fn types_are_named() {
    assert_eq!(
        file_refused("[value]\nupdate_every = \"often\"\n"),
        "my.toml:2: `value.update_every` takes an integer, not a string"
    );
    assert_eq!(
        refused(&["value.update_every=0.5"]),
        "--set value.update_every=0.5: `value.update_every` takes an integer, not a float"
    );
    assert!(refused(&["train=3"]).ends_with("`train` takes a table, not an integer"));
    assert!(refused(&["seed={a=1}"]).ends_with("`seed` takes an integer, not a table"));
    assert!(
        file_refused("[[train]]\nsteps = 1\n").ends_with("takes a table, not an array of tables")
    );
}

#[test]
fn values_that_a_key_does_not_know() {
    let message = refused(&["method=sgd"]);
    assert!(
        message.starts_with("--set method=sgd: `method`: unknown variant `sgd`, expected one of")
    );
    assert!(refused(&["value.subset=last:0"]).contains("last:K"));
    assert!(refused(&["seed=-1"]).contains("`seed`"));
}

#[test]
fn ranges_name_their_layer() {
    assert_eq!(
        refused(&["designer.alpha_max=1.5"]),
        "--set designer.alpha_max=1.5: designer.alpha_max: 1.5 is not between 0 and 1"
    );
    assert_eq!(
        file_refused("[value]\nupdate_every = 0\n"),
        "my.toml:2: value.update_every: must be at least 1"
    );
}

#[test]
fn files_that_are_not_toml() {
    assert!(file_refused("seed = 1\nmethod = \n").starts_with("my.toml:2: "));
    assert!(file_refused("seed = 1\nseed = 2\n").starts_with("my.toml:2: "));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin.toml");
    fs::write(&path, b"seed = 1\n# caf\xe9\n").unwrap();
    let layers = ConfigArgs {
        config: Some(path),
        ..args(&[])
    };
    let message = Config::load(None, &layers).unwrap_err().to_string();
    assert!(message.ends_with("latin.toml:2: not UTF-8"), "{message}");
}

#[test]
fn a_byte_order_mark_and_crlf_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("windows.toml");
    fs::write(&path, "\u{feff}seed = 4\r\n[train]\r\nsteps = 9\r\n").unwrap();
    let layers = ConfigArgs {
        config: Some(path),
        ..args(&[])
    };
    let run = Config::load(None, &layers).unwrap().run().clone();
    assert_eq!((run.seed, run.train.steps), (4, 9));
}

#[test]
fn differences_are_of_meaning_not_of_writing() {
    let a = Config::load(None, &args(&["train.lr=0.001"])).unwrap();
    let b = Config::load(None, &args(&["train.lr=1e-3"])).unwrap();
    assert_eq!(differing_key(&a, &b), None);
    let c = Config::load(None, &args(&["train.lr=1e-3", "data.columns.kind=style"])).unwrap();
    assert_eq!(differing_key(&a, &c).as_deref(), Some("data.columns.kind"));
}

#[test]
fn the_uppermost_layer_names_the_modality() {
    let of = |set: &[&str]| modality(None, &args(set)).map_err(|error| error.to_string());
    assert_eq!(of(&["seed=1"]), Ok(ModalityName::Text));
    assert_eq!(
        of(&["modality=text", "modality=image"]),
        Ok(ModalityName::Image)
    );
    assert_eq!(
        of(&["modality=smell"]).unwrap_err(),
        "--set modality=smell: `modality`: `smell` is none of `text`, `image`"
    );
}

#[test]
fn a_command_of_text_refuses_a_config_of_images() {
    let refusal = refused(&["modality=image"]);
    assert!(
        refusal.starts_with("--set modality=image: `modality`: unknown variant `image`, expected"),
        "{refusal}"
    );
}
