//! How far along a command is, on stderr: a bar on a terminal, a line every tenth elsewhere.

use crate::output;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

/// Counts steps and tells the time left.
#[derive(Debug)]
pub(crate) struct Progress {
    total: usize,
    done: usize,
    /// Of `done`, what an earlier process did; it says nothing about how fast this one is.
    earlier: usize,
    began: Instant,
    display: Display,
}

#[derive(Debug)]
enum Display {
    Silent,
    Bar(ProgressBar),
    Lines { tenth: usize },
}

impl Progress {
    /// For `total` steps; `silent` shows nothing.
    pub(crate) fn new(total: usize, silent: bool) -> Self {
        let display = if silent {
            Display::Silent
        } else if stderr().is_terminal() {
            let bar =
                ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} steps  {msg}") {
                bar.set_style(style);
            }
            Display::Bar(bar)
        } else {
            Display::Lines { tenth: 0 }
        };
        Self {
            total,
            done: 0,
            earlier: 0,
            began: Instant::now(),
            display,
        }
    }

    /// `steps` were done before this process began.
    pub(crate) fn skip(&mut self, steps: usize) {
        self.earlier += steps;
        self.done += steps;
        match &mut self.display {
            Display::Silent => {}
            Display::Bar(bar) => bar.set_position(self.done as u64),
            Display::Lines { tenth } => *tenth = tenth_of(self.done, self.total),
        }
    }

    /// `steps` will not be done.
    pub(crate) fn leave_out(&mut self, steps: usize) {
        self.total -= steps.min(self.total);
        if let Display::Bar(bar) = &self.display {
            bar.set_length(self.total as u64);
        }
    }

    /// One more step is done; `message` says something about it.
    pub(crate) fn advance(&mut self, message: &str) {
        self.done += 1;
        let left = time_left(
            self.began.elapsed(),
            self.done - self.earlier,
            self.total.saturating_sub(self.done),
        );
        let left = HumanDuration(left);
        match &mut self.display {
            Display::Silent => {}
            Display::Bar(bar) => {
                bar.set_position(self.done as u64);
                bar.set_message(format!("{left} left  {message}"));
            }
            Display::Lines { tenth } => {
                let now = tenth_of(self.done, self.total);
                if now > *tenth {
                    *tenth = now;
                    let (done, total) = (self.done, self.total);
                    output::remark(&format_args!(
                        "{done}/{total} steps  {left} left  {message}"
                    ));
                }
            }
        }
    }

    /// Whether all steps are done.
    pub(crate) fn is_complete(&self) -> bool {
        self.done >= self.total
    }

    /// What goes on while no step is taken.
    pub(crate) fn say(&self, message: &str) {
        if let Display::Bar(bar) = &self.display {
            bar.set_message(message.to_owned());
        }
    }

    /// A line of its own, above the bar.
    pub(crate) fn note(&self, line: &str) {
        match &self.display {
            Display::Silent => {}
            Display::Bar(bar) => bar.println(line),
            Display::Lines { .. } => output::remark(&line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}

/// What `left` steps take if they are like the `done` ones; evaluations between steps are in `elapsed`.
fn time_left(elapsed: Duration, done: usize, left: usize) -> Duration {
    #[allow(clippy::cast_precision_loss, reason = "a ratio for the eye")]
    let ratio = left as f64 / done.max(1) as f64;
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * ratio).unwrap_or(Duration::MAX)
}

fn tenth_of(done: usize, total: usize) -> usize {
    done.saturating_mul(10) / total.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_proportional() {
        let ten = Duration::from_secs(10);
        assert_eq!(time_left(ten, 5, 20), Duration::from_secs(40));
        assert_eq!(time_left(ten, 5, 0), Duration::ZERO);
        assert_eq!(time_left(ten, 0, 2), Duration::from_secs(20));
    }

    #[test]
    fn tenths() {
        assert_eq!(
            [0, 19, 20, 200].map(|done| tenth_of(done, 200)),
            [0, 0, 1, 10]
        );
        assert_eq!(tenth_of(3, 3), 10);
        assert_eq!(tenth_of(0, 0), 0);
    }
}
