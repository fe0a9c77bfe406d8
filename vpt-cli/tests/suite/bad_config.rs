//! What the command line and the config alone are enough to refuse.

use super::bad_input::assert_names;
use super::{Place, refused, stdout};

#[test]
fn keys_and_values_are_refused_in_one_line() {
    let place = Place::new();
    for (set, named) in [
        ("metod=ntp", "unknown key `metod`; the nearest is `method`"),
        ("designer.alpha_mx=1", "nearest is `designer.alpha_max`"),
        ("data.columns.problm=q", "nearest is `data.columns.problem`"),
        (
            "designer.alpha_max=1.5",
            "designer.alpha_max: 1.5 is not between 0 and 1",
        ),
        ("designer.alpha_max=nan", "designer.alpha_max: NaN is not"),
        (
            "value.update_every=0",
            "value.update_every: must be at least 1",
        ),
        ("value.update_every=-1", "`value.update_every`: "),
        ("value.update_every=often", "takes an integer, not a string"),
        ("train.lr=inf", "train.lr: inf is not"),
        ("train.lr=-1", "train.lr: -1 is not"),
        ("train.steps=0", "train.steps: must be at least 1"),
        (
            "train.steps=9000000000000000000",
            "train.steps: must be at most",
        ),
        (
            "train.batch_size=9000000000000000000",
            "train.batch_size: must be at most",
        ),
        (
            "train.grad_accum=9000000000000000000",
            "train.grad_accum: must be at most",
        ),
        (
            "designer.width=9000000000000000000",
            "designer.width: must be at most",
        ),
        (
            "designer.width=6",
            "designer.width: 6 does not split into 2 heads of even width",
        ),
        ("data.seq_len=1", "data.seq_len: must be at least 2"),
        ("data.prompt=Question:", "data.prompt: must hold {problem}"),
        ("data.answer=", "data.answer: must hold {solution}"),
        (
            "target.temperature=0",
            "target.temperature: must be above 0",
        ),
        ("value.subset=some", "`some` is none of all, head, last:K"),
        (
            "value.subset=adapters",
            "value.subset: there are no adapters",
        ),
        (
            "train.parameters=some",
            "`some` is none of auto, all, last:K",
        ),
        (
            "train.parameters=adapters",
            "train.parameters: there are no adapters",
        ),
        ("lora.dropout=1.0", "lora.dropout: 1 is not in [0, 1)"),
        ("lora.targets=(", "`(` is no regular expression"),
        (
            "method=sgd",
            "unknown variant `sgd`, expected one of `value`",
        ),
        ("seed=-1", "`seed`: "),
        ("seed", "expected key=value"),
        ("=3", "expected key=value"),
        ("model.path=\"two\nlines", "--set model.path="),
    ] {
        let config = ["config", "--check", "--config", "tiny.toml", "--set", set];
        let line = place.refused(2, &config);
        assert_names(&line, named);
        assert_eq!(place.train_refused(2, &["--set", set]), line);
    }
    let line = place.train_refused(2, &["--set", "data.prompt=Q: {problem} {queston}"]);
    assert_names(&line, "queston");
}

#[test]
fn config_files_are_refused_by_name_and_line() {
    let place = Place::new();
    for (text, named) in [
        ("seed = 1\nmethod = \n", "my.toml:2: "),
        ("seed = 1\n[train\nsteps = 3\n", "my.toml:2: "),
        (
            "seed = 1\n\ntran.steps = 3\n",
            "my.toml:3: unknown key `tran.steps`; the nearest is `train.steps`",
        ),
        (
            "[data.columns]\nproblem = 3\n",
            "my.toml:2: `data.columns.problem` takes a string, not an integer",
        ),
        (
            "[value]\nupdate_every = 0\n",
            "my.toml:2: value.update_every: must be",
        ),
    ] {
        place.write("my.toml", text);
        for args in [&["config", "--check"][..], &["train"], &["inspect"]] {
            let line = place.refused(2, &[args, &["--config", "my.toml"]].concat());
            assert!(line.starts_with(named), "{line}");
        }
    }
    let line = place.refused(2, &["config", "--config", "none.toml"]);
    assert!(line.starts_with("none.toml: "), "{line}");
    let line = place.refused(2, &["config", "--config", "model"]);
    assert!(line.starts_with("model: "), "{line}");
    assert!(!place.path("runs").exists());
}

#[test]
fn the_command_line_is_refused_in_one_line() {
    assert!(refused(2, &["config", "--backend", "abacus"]).contains("possible values: flex"));
    assert!(refused(2, &["config", "--printt"]).contains("--printt"));
    assert!(refused(2, &["trian"]).contains("'trian'"));
    assert!(refused(2, &[]).contains("vpt --help"));
    assert!(refused(2, &["config", "--print", "--check"]).contains("--check"));
    assert!(refused(2, &["generate"]).contains("<PROMPT>"));
    assert!(refused(2, &["generate", "p", "--max-new-tokens", "0"]).contains("at least 1"));
}

#[test]
fn a_run_is_refused_before_anything_is_written() {
    let place = Place::new();
    for args in [
        ["--set", "designer.alpha_max=1.5"],
        ["--set", "method=sgd"],
        ["--backend", "abacus"],
        ["--resume", "run"],
        ["--stop-after", "0"],
        ["--config", "none.toml"],
    ] {
        let args = [&["train", "--out", "run"], &args[..]].concat();
        place.refused(2, &args);
    }
    let line = place.refused(2, &["train", "--resume", "run"]);
    assert_names(&line, "run/config.toml");
    assert!(!place.path("run").exists());
}

/// A figure that is none ends a run by its step, not by a panic.
#[cfg(not(feature = "cuda"))]
#[test]
fn a_backend_that_was_left_out_names_its_feature() {
    for args in [
        &["config", "--check"][..],
        &["train"],
        &["eval"],
        &["inspect"],
    ] {
        let line = refused(2, &[args, &["--backend", "cuda"]].concat());
        assert_names(&line, "`--features cuda`");
    }
    assert!(stdout(&["config", "--check", "--backend", "flex"]).contains("flex"));
}
