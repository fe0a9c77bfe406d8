//! Runs side by side, a few at a time.

use super::arm::{Arm, State};
use super::child::{self, Event, Message};
use super::{Failures, Shared};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::signals::ENDING;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a signal may wait to be passed on.
const POLL: Duration = Duration::from_millis(50);

/// Runs in progress.
pub(crate) struct Pool<'a> {
    arms: &'a [Arm],
    shared: &'a Shared<'a>,
    jobs: usize,
    threads: usize,
    waiting: VecDeque<usize>,
    running: BTreeMap<usize, (Child, Instant)>,
    began: Instant,
    /// The longest that a run has taken so far.
    longest: Duration,
    finished: usize,
    /// Runs that were opened.
    begun: BTreeSet<usize>,
    /// What runs said that failed after that.
    failed: BTreeMap<usize, String>,
    progress: Progress,
    sender: Sender<(usize, Message)>,
    receiver: Receiver<(usize, Message)>,
    /// Why no further run starts.
    ending: Option<Failure>,
}

impl<'a> Pool<'a> {
    pub(crate) fn new(arms: &'a [Arm], shared: &'a Shared<'a>) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let jobs = shared.jobs.unwrap_or(cores.min(2));
        let (sender, receiver) = mpsc::channel();
        let silent = shared.verbosity.quiet || shared.verbosity.json;
        let mut progress = Progress::new(arms.iter().map(|arm| arm.steps).sum(), silent);
        let (done, waiting): (Vec<usize>, Vec<usize>) =
            (0..arms.len()).partition(|index| arms[*index].state == State::Finished);
        progress.skip(done.iter().map(|index| arms[*index].steps).sum());
        Self {
            arms,
            shared,
            jobs,
            threads: (cores / jobs).max(1),
            waiting: waiting.into(),
            running: BTreeMap::new(),
            began: Instant::now(),
            longest: Duration::ZERO,
            finished: done.len(),
            begun: BTreeSet::new(),
            failed: BTreeMap::new(),
            progress,
            sender,
            receiver,
            ending: None,
        }
    }

    /// Runs all that is left; returns what failed on the way, by index, where failures are but noted.
    ///
    /// # Errors
    /// The first run that failed, or a signal. The runs beside it have then ended too, each with a checkpoint
    /// to go on from.
    pub(crate) fn run(mut self) -> Result<BTreeMap<usize, String>, Failure> {
        let mut signals =
            Signals::new(ENDING).map_err(|error| Failure::Run(format!("signals: {error}")))?;
        loop {
            self.fill();
            if self.running.is_empty() {
                break;
            }
            for signal in signals.pending() {
                self.pass_on(signal);
                self.ending.get_or_insert(Failure::Signal(signal));
            }
            match self.receiver.recv_timeout(POLL) {
                Ok((index, Message::Line(line))) => self.heard(index, &line),
                Ok((index, Message::Ended(last_words))) => self.ended(index, &last_words),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        if matches!(self.ending, Some(Failure::Signal(_))) {
            let (finished, all) = (self.finished, self.arms.len());
            self.progress.note(&format!(
                "stopped with {finished} of {all} runs finished; the same command goes on from here"
            ));
        }
        self.progress.end();
        self.ending.map_or(Ok(self.failed), Err)
    }

    fn fill(&mut self) {
        while self.ending.is_none() && self.running.len() < self.jobs {
            let Some(index) = self.waiting.pop_front() else {
                break;
            };
            let arm = &self.arms[index];
            if arm.optional && !self.fits() {
                self.progress.leave_out(arm.steps);
                let minutes = self.shared.minutes;
                self.progress.note(&format!(
                    "{}: left out, since it would end after more than {minutes} minutes (--minutes)",
                    arm.name
                ));
                continue;
            }
            match child::start(arm, self.shared, self.threads, index, self.sender.clone()) {
                Ok(child) => {
                    self.running.insert(index, (child, Instant::now()));
                }
                Err(error) => self.give_up(Failure::Run(format!("{}: {error}", arm.name))),
            }
        }
    }

    /// Whether a run that starts now ends in time, if it takes as long as the longest so far.
    fn fits(&self) -> bool {
        let limit = Duration::from_secs(60 * self.shared.minutes);
        limit.is_zero() || self.began.elapsed() + self.longest <= limit
    }

    fn heard(&mut self, index: usize, line: &str) {
        let name = &self.arms[index].name;
        match serde_json::from_str(line) {
            Ok(Event::Started { start_step }) => {
                self.begun.insert(index);
                self.progress.skip(start_step);
            }
            Ok(Event::Step { step, loss }) => {
                self.progress.advance(&format!("{name} loss {loss:.4}"));
                if step == self.arms[index].steps {
                    self.progress.say(&format!("{name} measuring"));
                }
            }
            Ok(Event::Other) | Err(_) => {}
        }
        if self.shared.verbosity.json
            && let Ok(event) = serde_json::from_str::<serde_json::Value>(line)
        {
            let tagged = serde_json::json!({ "run": name, "what": event });
            if let Err(failure) = output::json(&tagged) {
                self.give_up(failure);
            }
        }
    }

    fn ended(&mut self, index: usize, last_words: &str) {
        let Some((mut child, started)) = self.running.remove(&index) else {
            return;
        };
        self.longest = self.longest.max(started.elapsed());
        let has_begun = self.begun.contains(&index);
        let name = &self.arms[index].name;
        match child.wait() {
            Ok(status) if status.success() => {
                self.finished += 1;
                let (finished, all) = (self.finished, self.arms.len());
                self.progress
                    .note(&format!("{name} done ({finished} of {all} runs)"));
            }
            // Asked to end, it did.
            Ok(_) if self.ending.is_some() => {}
            Ok(status) => {
                let message = format!("{name}: {}", child::complaint(last_words, status));
                match status.code() {
                    Some(2) => self.give_up(Failure::Usage(message)),
                    Some(1) if has_begun && self.shared.failures == Failures::AreNoted => {
                        self.progress.note(&message);
                        self.failed.insert(index, message);
                    }
                    _ => self.give_up(Failure::Run(message)),
                }
            }
            Err(error) => self.give_up(Failure::Run(format!("{name}: {error}"))),
        }
    }

    /// Lets what runs end at its next step, and starts nothing more.
    fn give_up(&mut self, failure: Failure) {
        if self.ending.is_none() {
            self.ending = Some(failure);
            self.pass_on(SIGTERM);
        }
    }

    fn pass_on(&mut self, signal: i32) {
        for (child, _) in self.running.values_mut() {
            child::signal(child, signal);
        }
    }
}
