//! The loop: steps, measurements, checkpoints, artefacts.

use super::folder::{
    checkpoint_path, lock, newest_checkpoint, prune, saved_fingerprint, write_json,
};
use super::{Log, RunOptions, Schedule, Tell, Verdict, Work};
use crate::{CoreError, write_atomically};
use std::fs::File;
use std::ops::ControlFlow;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunOutcome<S> {
    /// Steps taken.
    pub step: usize,
    /// What `summary.json` holds; `None` for a run that was stopped.
    pub summary: Option<S>,
}

/// Runs `work` into `options.out`, or goes on with it there. The observer is told of every event and can
/// end the run after the current step, with a checkpoint.
///
/// # Errors
/// A folder that holds a run already or that another process is at work in, a checkpoint of another run,
/// a file that cannot be read or written; and those of `work`.
pub fn drive<W: Work>(
    work: &mut W,
    schedule: Schedule,
    options: &RunOptions,
    tell: &mut Tell<'_, W::Told>,
) -> Result<RunOutcome<W::Summary>, W::Error> {
    Run::open(work, schedule, options, tell)?.drive()
}

struct Run<'a, 't, W: Work> {
    work: &'a mut W,
    schedule: Schedule,
    options: &'a RunOptions,
    log: Log,
    tell: &'a mut Tell<'t, W::Told>,
    /// Keeps other processes from this folder for as long as it is open.
    _lock: File,
}

impl<'a, 't, W: Work> Run<'a, 't, W> {
    fn open(
        work: &'a mut W,
        schedule: Schedule,
        options: &'a RunOptions,
        tell: &'a mut Tell<'t, W::Told>,
    ) -> Result<Self, W::Error> {
        let out = &options.out;
        let lock = lock(out)?;
        options.refuse_to_spoil()?;
        let path = out.join("metrics.jsonl");
        let log = if options.resume {
            let folder = newest_checkpoint(out)?;
            let saved = saved_fingerprint(&folder);
            let changed = |saved| work.fingerprint().changed(saved);
            if let Some(part) = saved.as_deref().and_then(changed) {
                let message = format!("`{part}` is not what the run was made with");
                return Err(CoreError::folder(out, message).into());
            }
            work.load(&folder)?;
            let (log, events) = Log::go_on(&path, work.step(), schedule.steps)?;
            work.recall(&events);
            log
        } else {
            Log::new(&path)?
        };
        write_atomically(&out.join("config.toml"), options.config_text.as_bytes())?;
        Ok(Self {
            work,
            schedule,
            options,
            log,
            tell,
            _lock: lock,
        })
    }

    fn drive(mut self) -> Result<RunOutcome<W::Summary>, W::Error> {
        let steps = self.schedule.steps;
        let mut flow = (self.tell)(&self.work.started(&self.schedule));
        // A run that goes on from step 0 has been measured there.
        if self.work.step() == 0 && !self.options.resume {
            flow = self.look()?;
        }
        loop {
            let taken = self.work.step();
            if taken == steps {
                break;
            }
            let limit = self.options.stop_after.unwrap_or(steps);
            if flow.is_break() || taken >= limit {
                self.save()?;
                return Ok(self.stopped());
            }
            match self.work.verdict() {
                Verdict::GoOn => {}
                Verdict::Stop => break,
                Verdict::RollBack { step } => {
                    self.go_back(step)?;
                    break;
                }
            }
            flow = self.advance(self.schedule.next_stop(taken).min(limit))?;
        }
        self.finish()
    }

    /// Learner steps until `until`, then what is due there.
    fn advance(&mut self, until: usize) -> Result<ControlFlow<()>, W::Error> {
        let mut flow = self.work.advance(until, &mut self.log, self.tell)?;
        let (step, schedule) = (self.work.step(), self.schedule);
        if schedule.is_due(schedule.eval_every, step) && self.look()?.is_break() {
            flow = ControlFlow::Break(());
        }
        if schedule.is_due(schedule.checkpoint_every, step) {
            self.save()?;
        }
        Ok(flow)
    }

    /// A measurement along the way, with a checkpoint where a later one may want to come back.
    fn look(&mut self) -> Result<ControlFlow<()>, W::Error> {
        let flow = self.work.measure(false, &mut self.log, self.tell)?;
        if self.work.kept() == Some(self.work.step()) {
            self.save()?;
        }
        Ok(flow)
    }

    fn save(&mut self) -> Result<(), W::Error> {
        let out = &self.options.out;
        self.work.save(&checkpoint_path(out, self.work.step()))?;
        prune(out, self.work.kept())?;
        // Whether to stop is asked after the next step.
        let _ = (self.tell)(&self.work.saved());
        Ok(())
    }

    fn go_back(&mut self, step: usize) -> Result<(), W::Error> {
        self.work.load(&checkpoint_path(&self.options.out, step))
    }

    fn finish(mut self) -> Result<RunOutcome<W::Summary>, W::Error> {
        // Saved first: a run that dies while it is measured is measured again, not trained again.
        self.save()?;
        loop {
            if self
                .work
                .measure(true, &mut self.log, self.tell)?
                .is_break()
            {
                return Ok(self.stopped());
            }
            match self.work.verdict() {
                Verdict::RollBack { step } if step != self.work.step() => self.go_back(step)?,
                _ => break,
            }
        }
        let out = &self.options.out;
        let summary = self.work.finish(out, self.log.times())?;
        // Last, since its presence says that the run is complete.
        write_json(&out.join("summary.json"), &summary)?;
        Ok(RunOutcome {
            step: self.work.step(),
            summary: Some(summary),
        })
    }

    /// The outcome of a run that has a checkpoint to go on from.
    fn stopped(&self) -> RunOutcome<W::Summary> {
        RunOutcome {
            step: self.work.step(),
            summary: None,
        }
    }
}
