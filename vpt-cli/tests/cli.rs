//! `vpt` from the outside: what it prints, what it refuses, and with which exit code.

use assert_cmd::Command;
use std::fs;

fn vpt(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vpt"));
    command.args(args);
    command
}

fn stdout(args: &[&str]) -> String {
    let output = vpt(args).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

/// The one line with which `args` are refused by exit code `code`, after `error: `.
fn refused(code: i32, args: &[&str]) -> String {
    let output = vpt(args).assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty(), "{args:?} printed to stdout");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    stderr
        .trim_end()
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{args:?}: {stderr}"))
        .to_owned()
}

const COMMANDS: [&str; 4] = ["train", "experiment", "config", "completions"];

#[test]
fn help_of_every_command_has_examples() {
    let listed = stdout(&["--help"]);
    for command in COMMANDS {
        assert!(listed.contains(&format!("\n  {command} ")), "{listed}");
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Examples:\n  vpt "), "{help}");
        assert!(!help.contains('\u{1b}'), "colours in a pipe");
    }
}

#[test]
fn config_print_is_toml_with_a_comment_on_each_key() {
    let text = stdout(&["config", "--print"]);
    let table: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(table["value"]["update_every"].as_integer(), Some(5));
    let changed = stdout(&[
        "config",
        "--print",
        "--set",
        "designer.top_k=4",
        "--model",
        "m",
    ]);
    assert!(changed.contains("(A.1).\ntop_k = 4\n"));
    assert!(changed.contains("\npath = \"m\"\n"));
    let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(comments(&changed), comments(&text));
}

#[test]
fn what_config_prints_config_reads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.toml");
    let text = stdout(&["config", "--set", "seed=7", "--set", "method=ntp"]);
    fs::write(&file, &text).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(stdout(&["config", "--print", "--config", file]), text);
    assert!(stdout(&["config", "--check", "--config", file]).starts_with("ok: ntp with seed 7"));
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command));
        }
    }
    assert!(refused(2, &["completions", "cobol"]).contains("possible values: bash"));
}

#[test]
fn keys_and_values_are_refused_in_one_line() {
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
        (
            "method=sgd",
            "unknown variant `sgd`, expected one of `value`",
        ),
        ("seed", "expected key=value"),
        ("=3", "expected key=value"),
        ("model.path=\"two\nlines", "--set model.path="),
    ] {
        let line = refused(2, &["config", "--check", "--set", set]);
        assert!(line.contains(named), "{line}");
    }
}

#[test]
fn config_files_are_refused_by_name_and_line() {
    let folder = tempfile::tempdir().unwrap();
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
        let file = folder.path().join("my.toml");
        fs::write(&file, text).unwrap();
        let line = refused(
            2,
            &["config", "--check", "--config", file.to_str().unwrap()],
        );
        assert!(line.contains(named), "{line}");
    }
    let missing = folder.path().join("none.toml");
    let line = refused(2, &["config", "--config", missing.to_str().unwrap()]);
    assert!(line.contains("none.toml: "), "{line}");
    let line = refused(2, &["config", "--config", folder.path().to_str().unwrap()]);
    assert!(line.contains(folder.path().to_str().unwrap()), "{line}");
}

#[test]
fn the_command_line_is_refused_in_one_line() {
    assert!(refused(2, &["config", "--backend", "abacus"]).contains("possible values: flex"));
    assert!(refused(2, &["config", "--printt"]).contains("--printt"));
    assert!(refused(2, &["trian"]).contains("'trian'"));
    assert!(refused(2, &[]).contains("vpt --help"));
    assert!(refused(2, &["config", "--print", "--check"]).contains("--check"));
}

#[test]
fn a_run_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    for args in [
        ["train", "--out", out, "--set", "designer.alpha_max=1.5"],
        ["train", "--out", out, "--set", "method=sgd"],
        ["train", "--out", out, "--backend", "abacus"],
        ["train", "--out", out, "--resume", out],
        ["train", "--out", out, "--stop-after", "0"],
        ["train", "--out", out, "--config", "none.toml"],
    ] {
        refused(2, &args);
    }
    let line = refused(2, &["train", "--resume", out]);
    assert!(line.contains("config.toml"), "{line}");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn an_experiment_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("experiment");
    let out = out.to_str().unwrap();
    for (args, named) in [
        (["--set", "method=ntp"], "use --methods"),
        (["--set", "seed=3"], "use --seeds"),
        (["--set", "value.update_every=0"], "value.update_every"),
        (["--methods", "ntp,sgd"], "`sgd`"),
        (["--seeds", "0"], "at least 1"),
        (["--jobs", "two"], "whole number"),
    ] {
        let line = refused(
            2,
            &[&["experiment", "headline", "--out", out], &args[..]].concat(),
        );
        assert!(line.contains(named), "{line}");
    }
    let line = refused(2, &["experiment", "headlin", "--out", out]);
    assert!(line.contains("'headline'"), "{line}");
    assert!(!folder.path().join("experiment").exists());
}

#[test]
fn a_finished_run_of_another_config_is_not_taken_for_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("runs/ntp-s0");
    fs::create_dir_all(&run).unwrap();
    let kept = stdout(&["config", "--set", "method=ntp", "--set", "train.steps=7"]);
    fs::write(run.join("config.toml"), kept).unwrap();
    fs::write(run.join("summary.json"), "{}").unwrap();
    let out = folder.path().to_str().unwrap();
    let line = refused(1, &["experiment", "headline", "--out", out]);
    assert!(line.contains("another `train.steps`"), "{line}");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_backend_that_was_left_out_names_its_feature() {
    let line = refused(2, &["config", "--check", "--backend", "cuda"]);
    assert!(line.contains("`--features cuda`"), "{line}");
}
