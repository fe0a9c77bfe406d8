//! The loop around a run, over a work that only counts.

use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;
use vpt_core::CoreError;
use vpt_core::run::{
    Fingerprint, Log, LogEvent, RunOptions, RunOutcome, Schedule, Tell, Times, Verdict, Work,
    drive, read_lines, write_json,
};

/// One line: a step, or a look at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    step: u64,
    look: bool,
    last: bool,
}

impl LogEvent for Line {
    fn step(&self) -> Option<u64> {
        Some(self.step)
    }

    fn is_closing(&self, _: usize) -> bool {
        self.last
    }

    fn times(&self) -> Times {
        Times {
            all: if self.look { 0.0 } else { 1.0 },
            ..Times::default()
        }
    }
}

/// Counts, and judges itself by a list of (step, verdict).
struct Counting {
    fingerprint: Fingerprint,
    step: usize,
    /// Steps at which a look is the best so far.
    best_at: &'static [usize],
    /// What a look at a step says.
    says: &'static [(usize, Verdict)],
    kept: Option<usize>,
    verdict: Verdict,
}

impl Counting {
    fn new(best_at: &'static [usize], says: &'static [(usize, Verdict)]) -> Self {
        let files: [(&'static str, &Path); 0] = [];
        Self {
            fingerprint: Fingerprint::new(&"config", &files).unwrap(),
            step: 0,
            best_at,
            says,
            kept: None,
            verdict: Verdict::GoOn,
        }
    }

    fn judge(&mut self, step: usize) {
        if self.best_at.contains(&step) {
            self.kept = Some(step);
        }
        let said = self.says.iter().find(|(at, _)| *at == step);
        self.verdict = said.map_or(Verdict::GoOn, |(_, verdict)| *verdict);
    }
}

impl Work for Counting {
    type Event = Line;
    type Told = usize;
    type Summary = usize;
    type Error = CoreError;

    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    fn step(&self) -> usize {
        self.step
    }

    fn save(&self, checkpoint: &Path) -> Result<(), CoreError> {
        let state = serde_json::json!({
            "fingerprint": self.fingerprint.to_string(), "step": self.step,
        });
        write_json(&checkpoint.join("state.json"), &state)
    }

    fn load(&mut self, checkpoint: &Path) -> Result<(), CoreError> {
        let path = checkpoint.join("state.json");
        let text = std::fs::read(&path).map_err(CoreError::io(&path))?;
        let state: serde_json::Value = serde_json::from_slice(&text).unwrap();
        self.step = state["step"].as_u64().unwrap() as usize;
        Ok(())
    }

    fn recall(&mut self, events: &[Line]) {
        for line in events.iter().filter(|line| line.look) {
            self.judge(line.step as usize);
        }
    }

    fn started(&self, _: &Schedule) -> usize {
        self.step
    }

    fn saved(&self) -> usize {
        self.step
    }

    fn advance(
        &mut self,
        until: usize,
        log: &mut Log,
        tell: &mut Tell<'_, usize>,
    ) -> Result<ControlFlow<()>, CoreError> {
        while self.step < until {
            self.step += 1;
            log.write(&Line {
                step: self.step as u64,
                look: false,
                last: false,
            })?;
            if tell(&self.step).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn measure(
        &mut self,
        last: bool,
        log: &mut Log,
        _: &mut Tell<'_, usize>,
    ) -> Result<ControlFlow<()>, CoreError> {
        log.write(&Line {
            step: self.step as u64,
            look: true,
            last,
        })?;
        self.judge(self.step);
        Ok(ControlFlow::Continue(()))
    }

    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn kept(&self) -> Option<usize> {
        self.kept
    }

    fn finish(&mut self, _: &Path, times: Times) -> Result<usize, CoreError> {
        assert!(times.all >= self.step as f64, "a second a step");
        Ok(self.step)
    }
}

const SCHEDULE: Schedule = Schedule {
    steps: 12,
    eval_every: 3,
    checkpoint_every: 4,
};

fn run(
    out: &Path,
    mut work: Counting,
    (resume, stop_after): (bool, Option<usize>),
) -> RunOutcome<usize> {
    let options = RunOptions {
        out: out.to_owned(),
        resume,
        stop_after,
        init_from: None,
        config_text: String::new(),
    };
    let mut tell = |_: &usize| ControlFlow::Continue(());
    drive(&mut work, SCHEDULE, &options, &mut tell).unwrap()
}

fn checkpoints(out: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(out.join("checkpoints")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn log(out: &Path) -> Vec<(u64, bool, bool)> {
    let lines: Vec<Line> = read_lines(&out.join("metrics.jsonl")).unwrap();
    let lines = lines.into_iter();
    lines
        .map(|line| (line.step, line.look, line.last))
        .collect()
}

#[test]
fn what_is_due_is_done_and_the_newest_checkpoints_stay() {
    let out = tempfile::tempdir().unwrap();
    let outcome = run(out.path(), Counting::new(&[], &[]), (false, None));
    assert_eq!((outcome.step, outcome.summary), (12, Some(12)));
    assert_eq!(checkpoints(out.path()), ["step-000008", "step-000012"]);
    let looks: Vec<(u64, bool)> = log(out.path())
        .into_iter()
        .filter(|(_, look, _)| *look)
        .map(|(step, _, last)| (step, last))
        .collect();
    let expected = [(0, false), (3, false), (6, false), (9, false), (12, true)];
    assert_eq!(looks, expected);
}

/// Stopped after any step and gone on with, the log is that of a straight run.
#[test]
fn stopped_anywhere_it_is_straight() {
    let straight = tempfile::tempdir().unwrap();
    run(straight.path(), Counting::new(&[], &[]), (false, None));
    for stop in 1..12 {
        let out = tempfile::tempdir().unwrap();
        let stopped = run(out.path(), Counting::new(&[], &[]), (false, Some(stop)));
        assert_eq!((stopped.step, stopped.summary), (stop, None));
        run(out.path(), Counting::new(&[], &[]), (true, None));
        assert_eq!(log(out.path()), log(straight.path()), "{stop}");
    }
}

#[test]
fn a_measurement_can_end_a_run() {
    let out = tempfile::tempdir().unwrap();
    let work = || Counting::new(&[], &[(6, Verdict::Stop)]);
    let outcome = run(out.path(), work(), (false, None));
    assert_eq!((outcome.step, outcome.summary), (6, Some(6)));
    assert_eq!(log(out.path()).last(), Some(&(6, true, true)));
    // One that died before its last measurement was through is only measured again.
    let whole = log(out.path());
    std::fs::remove_file(out.path().join("summary.json")).unwrap();
    assert_eq!(run(out.path(), work(), (true, None)).summary, Some(6));
    assert_eq!(log(out.path()), whole);
}

#[test]
fn a_measurement_can_send_a_run_back_to_a_checkpoint_that_was_kept() {
    let back = Verdict::RollBack { step: 3 };
    let straight = tempfile::tempdir().unwrap();
    let outcome = run(
        straight.path(),
        Counting::new(&[0, 3], BACK_AT_9),
        (false, None),
    );
    assert_eq!(BACK_AT_9[0].1, back);
    assert_eq!((outcome.step, outcome.summary), (3, Some(3)));
    // Steps 4 and 8 were due, 3 was kept, 0 was the best before it.
    let kept = ["step-000003", "step-000004", "step-000008"];
    assert_eq!(checkpoints(straight.path()), kept);
    let whole = log(straight.path());
    assert_eq!(
        whole[whole.len() - 2..],
        [(9, true, false), (3, true, true)]
    );
    // Stopped on the way, even right after the verdict, it ends the same.
    for stop in [2, 5, 9] {
        let out = tempfile::tempdir().unwrap();
        let work = || Counting::new(&[0, 3], BACK_AT_9);
        assert_eq!(run(out.path(), work(), (false, Some(stop))).summary, None);
        assert_eq!(run(out.path(), work(), (true, None)).summary, Some(3));
        assert_eq!(log(out.path()), whole, "{stop}");
    }
}

const BACK_AT_9: &[(usize, Verdict)] = &[(9, Verdict::RollBack { step: 3 })];

#[test]
fn the_last_measurement_too_can_send_it_back() {
    let out = tempfile::tempdir().unwrap();
    let says = &[(12, Verdict::RollBack { step: 6 })];
    let outcome = run(out.path(), Counting::new(&[6], says), (false, None));
    assert_eq!((outcome.step, outcome.summary), (6, Some(6)));
    let whole = log(out.path());
    assert_eq!(
        whole[whole.len() - 2..],
        [(12, true, true), (6, true, true)]
    );
}
