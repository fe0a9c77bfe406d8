//! Trials of settings, and going on with them.

use super::commands::json;
use super::{Place, without_times};
use serde_json::Value;

/// Three trials of the tiny run, two of them before a model is made.
const SWEEP: &str = r#"
config = "tiny.toml"
set = ["method=value", "train.eval_every=0", "train.checkpoint_every=2"]
strategy = "tpe"
trials = 3
random_trials = 2
[[objective]]
figure = "evaluation.test.loss"
direction = "minimise"
label = "test loss"
[keys]
"train.lr" = { log_uniform = [1e-3, 1e-1] }
"designer.top_k" = { choice = [2, 4] }
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("my.toml", SWEEP);
    place
}

const RUN: [&str; 5] = ["sweep", "my.toml", "--quiet", "--out", "s"];

impl Place {
    fn trials(&self, out: &str) -> Vec<Value> {
        let sweep = without_times(json(&self.read(&format!("{out}/sweep.json"))));
        sweep["trials"].as_array().unwrap().clone()
    }
}

#[test]
fn trials_differ_and_the_best_is_told() {
    let place = place();
    let said = place.stdout(&RUN);
    let trials = place.trials("s");
    assert_eq!(trials.len(), 3);
    let losses: Vec<f64> = trials
        .iter()
        .map(|trial| trial["figures"][0].as_f64().unwrap())
        .collect();
    let best = (0..3)
        .min_by(|a, b| losses[*a].total_cmp(&losses[*b]))
        .unwrap();
    for (index, trial) in trials.iter().enumerate() {
        let name = trial["name"].as_str().unwrap();
        let summary = json(&place.read(&format!("s/runs/{name}/summary.json")));
        assert_eq!(summary["evaluation"]["test"]["loss"], trial["figures"][0]);
        assert_eq!(trial["front"] == 0, index == best, "{trials:?}");
        // What was proposed is what was run.
        let config = place.read(&format!("s/runs/{name}/config.toml"));
        let lr = trial["settings"]["train.lr"].as_f64().unwrap();
        assert!(
            config.contains(&format!("\nlr = {lr:?}\n")),
            "{lr} {config}"
        );
        assert!((1e-3..=1e-1).contains(&lr));
    }
    assert!(losses[0] != losses[1] && losses[1] != losses[2]);
    assert!(
        said.contains(trials[best]["name"].as_str().unwrap()),
        "{said}"
    );
    assert!(place.read("s/report.html").contains("The best so far"));
    // Again: nothing is run.
    let (json, html) = (place.read("s/sweep.json"), place.read("s/report.html"));
    assert_eq!(place.stdout(&RUN), said);
    assert_eq!(
        (place.read("s/sweep.json"), place.read("s/report.html")),
        (json, html)
    );
}

#[test]
fn two_objectives_have_a_front() {
    let place = place();
    let two = SWEEP.replace(
        "[keys]",
        "[[objective]]\nfigure = \"evaluation.off_target.loss\"\ndirection = \"minimise\"\n[keys]",
    );
    place.write("my.toml", &two.replace("\"tpe\"", "\"grid\""));
    let said = place.stdout(&[&RUN[..], &["--json", "--trials", "2"]].concat());
    let sweep = json(said.lines().last().unwrap());
    let trials = sweep["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 2);
    assert!(trials.iter().any(|trial| trial["front"] == 0));
    let tried = |index: usize| trials[index]["settings"]["train.lr"].as_f64().unwrap();
    assert_eq!(trials[0]["settings"]["designer.top_k"], 2);
    assert_eq!((tried(0), tried(1)), (1e-3, 1e-2));
    assert!(
        place
            .read("s/report.html")
            .contains("The plane of both objectives")
    );
}

#[test]
fn a_trial_that_diverges_is_noted_and_the_others_go_on() {
    let place = place();
    let rates = SWEEP.replace("log_uniform = [1e-3, 1e-1]", "choice = [1e-2, 1e30]");
    place.write("my.toml", &rates.replace("\"tpe\"", "\"grid\""));
    place.stdout(&[&RUN[..], &["--trials", "4"]].concat());
    let trials = place.trials("s");
    let has_failed = |trial: &Value| trial["figures"].is_null();
    let rate = |trial: &Value| trial["settings"]["train.lr"].as_f64().unwrap();
    assert!(
        trials
            .iter()
            .all(|trial| has_failed(trial) == (rate(trial) > 1.0)),
        "{trials:?}"
    );
    assert!(trials.iter().any(has_failed) && !trials.iter().all(has_failed));
    let failed = trials.iter().find(|trial| has_failed(trial)).unwrap();
    let why = format!("s/runs/{}/failure.txt", failed["name"].as_str().unwrap());
    assert!(
        place.read(&why).contains("is not finite"),
        "{}",
        place.read(&why)
    );
}

#[test]
fn what_cannot_be_searched_is_refused_by_its_line() {
    let place = place();
    for (from, to, said) in [
        (
            "trials = 3",
            "trials = 0",
            "my.toml: trials: must be at least 1",
        ),
        (
            "trials = 3",
            "trails = 3",
            "my.toml:5: unknown field `trails`",
        ),
        (
            "[1e-3, 1e-1]",
            "[0, 1e-1]",
            "my.toml: keys: train.lr: is not a range",
        ),
        ("\"train.lr\"", "\"train.lrr\"", "unknown key `train.lrr`"),
        (
            "\"train.lr\"",
            "\"seed\"",
            "seed: is not for a sweep to vary",
        ),
        (
            "config = \"tiny.toml\"",
            "config = \"none.toml\"",
            "none.toml",
        ),
    ] {
        place.write("my.toml", &SWEEP.replace(from, to));
        let line = place.refused(2, &RUN);
        assert!(line.contains(said), "{line}");
    }
    place.write("my.toml", &SWEEP.replace("test.loss", "test.los"));
    let mut command = place.vpt(&RUN);
    let output = command.assert().code(1).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("holds no figure `evaluation.test.los`"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn killed_it_goes_on_as_if_it_had_not_been() {
    use rustix::process::Signal;
    let place = place();
    place.stdout(&["sweep", "my.toml", "--quiet", "--out", "straight"]);
    let checkpoint = place.path("s/runs/trial-001/checkpoints/step-000004");
    place
        .start(&RUN)
        .end_when(Signal::KILL, || checkpoint.exists());
    assert!(!place.path("s/sweep.json").exists());
    // Its trial ends at its next step, since nobody hears it. Until then it keeps its folder.
    let began = std::time::Instant::now();
    loop {
        let output = place.vpt(&RUN).output().unwrap();
        if output.status.success() {
            break;
        }
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("another vpt is at work in this folder"),
            "{said}"
        );
        assert!(began.elapsed().as_secs() < 30, "{said}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(place.trials("s"), place.trials("straight"));
}
