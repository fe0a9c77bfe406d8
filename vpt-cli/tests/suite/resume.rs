//! A run that was stopped, however it was, ends as if it had not been.

use super::{Artefacts, Place, STEPS, reference, with_finished};
use std::fs;

fn finish(place: &Place, run: &str) -> Artefacts {
    let said = place.stdout(&["train", "--quiet", "--resume", run]);
    assert!(
        said.starts_with(&format!("{run}: finished at step ")),
        "{said}"
    );
    Artefacts::read(&place.path(run))
}

/// Before the first checkpoint, at one, between two, and where an evaluation is due.
#[test]
fn stopped_and_resumed_is_straight() {
    for (method, stops) in [("ntp", [2, 4]), ("value", [5, 9]), ("random", [3, 11])] {
        for stop in stops {
            let place = Place::new();
            let (set, after) = (format!("method={method}"), stop.to_string());
            let said = place.train("part", &["--set", &set, "--stop-after", &after]);
            assert_eq!(
                said,
                format!("part: stopped at step {stop}\nto go on: vpt train --resume part\n")
            );
            assert!(!place.path("part/summary.json").exists());
            finish(&place, "part").assert_same(&reference(method));
        }
    }
}

#[test]
fn many_stops_are_as_good_as_one() {
    let place = Place::new();
    place.train("part", &["--stop-after", "1"]);
    for stop in 2..STEPS {
        let after = stop.to_string();
        place.stdout(&[
            "train",
            "--resume",
            "part",
            "--quiet",
            "--stop-after",
            &after,
        ]);
    }
    finish(&place, "part").assert_same(&reference("value"));
}

#[test]
fn a_finished_run_is_not_overwritten() {
    let (place, run) = with_finished("value");
    let out = ["train", "--config", "tiny.toml", "--out", &run];
    let line = place.refused(1, &out);
    assert_eq!(
        line,
        format!("{run}: holds a run already; choose another --out, or --resume it")
    );
    // Nor is one that has a checkpoint only.
    fs::remove_file(place.path(&run).join("summary.json")).unwrap();
    assert_eq!(place.refused(1, &out), line);
    // To go on with it takes no step, and measures again what it said already.
    finish(&place, &run).assert_same(&reference("value"));
    finish(&place, &run).assert_same(&reference("value"));
}

#[test]
fn what_was_measured_is_measured_again_if_its_summary_is_missing() {
    let (place, run) = with_finished("random");
    for lost in ["summary.json", "evaluation.json", "example.json"] {
        fs::remove_file(place.path(&run).join(lost)).unwrap();
    }
    fs::remove_dir_all(place.path(&run).join("model")).unwrap();
    finish(&place, &run).assert_same(&reference("random"));
}

#[test]
fn a_changed_config_is_refused_by_its_key() {
    let place = Place::new();
    place.train("part", &["--stop-after", "3"]);
    let before = place.read("part/config.toml");
    for (set, key) in [
        ("train.lr=0.5", "train.lr"),
        ("train.steps=13", "train.steps"),
        ("method=ntp", "method"),
        ("seed=1", "seed"),
        ("data.columns.kind=sort", "data.columns.kind"),
    ] {
        let line = place.refused(2, &["train", "--resume", "part", "--set", set]);
        assert!(line.starts_with("part: "), "{line}");
        assert!(line.contains(&format!("another `{key}`")), "{line}");
    }
    let line = place.refused(2, &["train", "--resume", "part", "--model", "other"]);
    assert!(line.contains("another `model.path`"), "{line}");
    // Edited where the run keeps it, it is still another config.
    place.write(
        "part/config.toml",
        &before.replace("warmup = 2", "warmup = 3"),
    );
    let line = place.refused(1, &["train", "--resume", "part"]);
    assert_eq!(line, "part: `config` is not what the run was made with");
    place.write("part/config.toml", &before);
    // The same again is no change.
    let same = ["--set", "train.lr=1e-2", "--config", "tiny.toml"];
    place.stdout(&[&["train", "--quiet", "--resume", "part"], &same[..]].concat());
    Artefacts::read(&place.path("part")).assert_same(&reference("value"));
}

#[test]
fn changed_data_are_refused_by_their_key() {
    let place = Place::new();
    place.train("part", &["--stop-after", "3"]);
    for (file, named) in [
        ("stream.jsonl", "data.corpus"),
        ("feedback.jsonl", "data.feedback"),
        ("validation.jsonl", "data.validation"),
        ("test.jsonl", "data.test"),
        ("off_target.jsonl", "data.off_target"),
        ("model/tokenizer.json", "tokenizer.json"),
    ] {
        let before = place.read(file);
        // A corpus is known by its tokens, which a blank line does not change.
        let more = match named {
            "data.corpus" => before.lines().next().unwrap(),
            _ => "",
        };
        place.write(file, &format!("{before}{more}\n"));
        let line = place.refused(1, &["train", "--resume", "part"]);
        assert_eq!(
            line,
            format!("part: `{named}` is not what the run was made with")
        );
        place.write(file, &before);
    }
    finish(&place, "part");
}

#[test]
fn a_half_written_last_line_is_survived() {
    let place = Place::new();
    place.train("part", &["--stop-after", "6"]);
    let log = place.read("part/metrics.jsonl");
    for end in ["{\"event\":\"step\",\"lo", "\n", "\u{0}\u{0}\u{0}"] {
        place.write("part/metrics.jsonl", &format!("{log}{end}"));
        let copy = format!("part-{}", end.len());
        super::copy(&place.path("part"), &place.path(&copy));
        let whole = finish(&place, &copy);
        assert_eq!(whole.events(), reference("value").events(), "{end:?}");
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_by_name() {
    let place = Place::new();
    place.train("part", &["--stop-after", "6"]);
    let latest = "part/checkpoints/step-000006";
    for file in ["state.json", "state.safetensors"] {
        let path = place.path(latest).join(file);
        let whole = fs::read(&path).unwrap();
        for cut in [0, 4, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let line = place.refused(1, &["train", "--resume", "part"]);
            assert!(
                line.starts_with(&format!("{latest}/{file}: ")),
                "{cut}: {line}"
            );
        }
        fs::remove_file(&path).unwrap();
        let line = place.refused(1, &["train", "--resume", "part"]);
        assert!(line.starts_with(&format!("{latest}/{file}: ")), "{line}");
        fs::write(&path, &whole).unwrap();
    }
    // Without it, the run goes on from the one before.
    fs::remove_dir_all(place.path(latest)).unwrap();
    let whole = finish(&place, "part");
    assert_eq!(whole.weights(), reference("value").weights());
    assert_eq!(whole.events(), reference("value").events());
}

#[test]
fn a_checkpoint_that_was_being_written_does_not_count() {
    let place = Place::new();
    place.train("part", &["--stop-after", "6"]);
    let folder = place.path("part/checkpoints");
    fs::create_dir(folder.join(".step-000008.tmp")).unwrap();
    fs::write(folder.join(".step-000008.tmp/state.json"), "{").unwrap();
    let whole = finish(&place, "part");
    assert_eq!(whole.weights(), reference("value").weights());
    assert!(!folder.join(".step-000008.tmp").exists());
}

#[test]
fn weights_alone_start_a_new_run() {
    let (place, run) = with_finished("ntp");
    place.train("new", &["--init-from", &run, "--set", "seed=3"]);
    place.train("none", &["--set", "seed=3"]);
    let loss = |run: &str| {
        let run = Artefacts::read(&place.path(run));
        run.events()[0]["loss"].as_f64().unwrap()
    };
    // Measured before the first step, it is the finished run's own; a fresh draw is not.
    let ended = reference("ntp");
    let ended = ended
        .events()
        .iter()
        .rev()
        .find(|e| e["split"] == "validation");
    assert_eq!(loss("new"), ended.unwrap()["loss"].as_f64().unwrap());
    assert!(loss("none") > loss("new") + 1.0);
}

#[test]
fn nothing_to_resume_is_said() {
    let place = Place::new();
    let line = place.refused(2, &["train", "--resume", "none"]);
    assert!(line.starts_with("none/config.toml: "), "{line}");
    fs::create_dir(place.path("bare")).unwrap();
    let config = place.stdout(&["config", "--config", "tiny.toml"]);
    place.write("bare/config.toml", &config);
    let line = place.refused(1, &["train", "--resume", "bare"]);
    assert_eq!(line, "bare: holds no checkpoint to resume from");
}

#[cfg(unix)]
mod signals {
    use super::super::{Artefacts, Place, Running, train_args};
    use rustix::process::Signal;
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::ExitStatus;

    /// Long enough to be hit in its middle.
    const LONG: [&str; 6] = [
        "--set",
        "train.steps=300",
        "--set",
        "train.checkpoint_every=40",
        "--set",
        "train.eval_every=70",
    ];

    /// The last step that a log tells of.
    fn logged(log: &Path) -> u64 {
        let text = fs::read_to_string(log).unwrap_or_default();
        let steps = text.lines().filter_map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).ok()?;
            event["step"].as_u64()
        });
        steps.max().unwrap_or(0)
    }

    /// Sends `signal` once `step` is logged, and waits for the end.
    fn end_at(run: Running, log: &Path, step: u64, signal: Signal) -> ExitStatus {
        run.end_when(signal, || logged(log) >= step)
    }

    fn steps(events: &[serde_json::Value]) -> Vec<u64> {
        let steps = events.iter().filter(|event| event["event"] == "step");
        steps.filter_map(|event| event["step"].as_u64()).collect()
    }

    #[test]
    fn killed_and_resumed_is_straight() {
        let place = Place::new();
        place.train("straight", &LONG);
        let straight = Artefacts::read(&place.path("straight"));
        assert_eq!(steps(straight.events()), (1..=300).collect::<Vec<u64>>());
        let log = place.path("killed/metrics.jsonl");
        let status = end_at(
            place.start(&train_args("killed", &LONG)),
            &log,
            55,
            Signal::KILL,
        );
        assert_eq!(status.signal(), Some(9));
        // Once more, from a folder that was gone on with.
        let resume = ["train", "--quiet", "--resume", "killed"];
        let status = end_at(place.start(&resume), &log, 150, Signal::KILL);
        assert_eq!(status.signal(), Some(9));
        assert!(!place.path("killed/summary.json").exists());
        place.stdout(&resume);
        Artefacts::read(&place.path("killed")).assert_same(&straight);
    }

    #[test]
    fn killed_before_its_first_checkpoint_it_is_started_anew() {
        let place = Place::new();
        let args = [&LONG[..], &["--set", "train.checkpoint_every=0"]].concat();
        place.train("straight", &args);
        let log = place.path("killed/metrics.jsonl");
        let args = train_args("killed", &args);
        end_at(place.start(&args), &log, 5, Signal::KILL);
        let line = place.refused(1, &["train", "--resume", "killed"]);
        assert_eq!(line, "killed: holds no checkpoint to resume from");
        place.stdout(&args);
        Artefacts::read(&place.path("killed"))
            .assert_same(&Artefacts::read(&place.path("straight")));
    }

    #[test]
    fn a_signal_ends_a_run_between_two_steps() {
        let place = Place::new();
        place.train("straight", &LONG);
        let straight = Artefacts::read(&place.path("straight"));
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let run = format!("ended-{code}");
            let log = place.path(&run).join("metrics.jsonl");
            let status = end_at(place.start(&train_args(&run, &LONG)), &log, 90, signal);
            assert_eq!(status.code(), Some(code));
            // The checkpoint is at the last step that was logged: none is taken again.
            let last = logged(&log);
            assert!(last < 300);
            let checkpoint = place.path(&run).join(format!("checkpoints/step-{last:06}"));
            assert!(checkpoint.is_dir(), "{checkpoint:?}");
            place.stdout(&["train", "--quiet", "--resume", &run]);
            Artefacts::read(&place.path(&run)).assert_same(&straight);
        }
    }

    #[test]
    fn a_second_process_is_kept_from_a_run_that_is_under_way() {
        let place = Place::new();
        let args = [
            "--set",
            "train.steps=100000",
            "--set",
            "train.checkpoint_every=20",
        ];
        let args = train_args("run", &args);
        let mut first = place.start(&args);
        first.wait_until(|| place.path("run/checkpoints/step-000020").exists());
        let line = place.refused(1, &["train", "--resume", "run"]);
        assert_eq!(line, "run: another vpt is at work in this folder");
        assert!(first.0.try_wait().unwrap().is_none(), "the first goes on");
        drop(first);
        place.stdout(&["train", "--quiet", "--resume", "run", "--stop-after", "1"]);
    }
}
