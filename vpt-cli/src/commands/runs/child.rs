//! A run as a process of its own.

use super::Shared;
use super::arm::{Arm, State, state};
use serde::Deserialize;
use std::io::{self, BufRead, BufReader, Read};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

/// What a child's event lines say that concerns whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Event {
    Started {
        start_step: usize,
    },
    Step {
        step: usize,
        loss: f64,
    },
    #[serde(other)]
    Other,
}

/// What a child has to say.
#[derive(Debug)]
pub(super) enum Message {
    /// A line of its stdout.
    Line(String),
    /// It has closed its stdout; what it left on stderr.
    Ended(String),
}

/// Starts a run. Its messages come through `sender` under `index`.
pub(super) fn start(
    arm: &Arm,
    shared: &Shared<'_>,
    threads: usize,
    index: usize,
    sender: Sender<(usize, Message)>,
) -> io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["train", "--json"]);
    // Looked at again: a run whose parent was killed may have left a checkpoint meanwhile.
    command.arg(match state(&arm.folder) {
        State::Fresh => "--out",
        State::Unfinished | State::Finished => "--resume",
    });
    command.arg(&arm.folder);
    if let Some(file) = &shared.layers.config {
        command.arg("--config").arg(file);
    }
    for assignment in shared.layers.set.iter().chain(&arm.set) {
        command.arg("--set").arg(assignment);
    }
    if let Some(model) = &shared.layers.model {
        command.arg("--model").arg(model);
    }
    if let Some(adapter) = &shared.layers.adapter {
        command.arg("--adapter").arg(adapter);
    }
    if let Some(backend) = shared.backend.backend {
        command.arg("--backend").arg(backend.to_string());
    }
    command
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Ctrl-C in a terminal goes to a whole process group. The parent passes signals on itself, so that
    // its children do not take one keystroke for two.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::spawn(move || {
        let last_words = thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        });
        for line in stdout
            .into_iter()
            .flat_map(|out| BufReader::new(out).lines())
        {
            let Ok(line) = line else { break };
            if sender.send((index, Message::Line(line))).is_err() {
                break;
            }
        }
        let last_words = last_words.join().unwrap_or_default();
        let _ = sender.send((index, Message::Ended(last_words)));
    });
    Ok(child)
}

/// Passes a signal on.
pub(super) fn signal(child: &mut Child, number: i32) {
    #[cfg(unix)]
    if let Some(signal) = rustix::process::Signal::from_named_raw(number) {
        // It may have ended meanwhile; its end is then on its way as a message.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), signal);
    }
    #[cfg(not(unix))]
    {
        let _ = number;
        let _ = child.kill();
    }
}

/// What a child that failed says of it: its own `error:` line, its last line, or how it was ended.
pub(super) fn complaint(last_words: &str, status: ExitStatus) -> String {
    let lines = || {
        last_words
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
    };
    lines()
        .find_map(|line| line.strip_prefix("error: "))
        .or_else(|| lines().next())
        .map_or_else(|| status.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_do_not_concern_it_are_passed_over() {
        let parse = |text| serde_json::from_str::<Event>(text).ok();
        assert_eq!(
            parse(r#"{"event":"started","steps":9,"start_step":4,"parameters":7}"#),
            Some(Event::Started { start_step: 4 })
        );
        assert_eq!(
            parse(r#"{"event":"step","step":1,"loss":2.5,"tokens":9}"#),
            Some(Event::Step { step: 1, loss: 2.5 })
        );
        assert_eq!(
            parse(r#"{"event":"checkpoint","step":1}"#),
            Some(Event::Other)
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_error_line_speaks_for_a_child() {
        use std::os::unix::process::ExitStatusExt;
        let killed = ExitStatus::from_raw(9);
        assert_eq!(
            complaint("warning: x\nerror: no such file\n", killed),
            "no such file"
        );
        assert_eq!(complaint("thread panicked\n\n", killed), "thread panicked");
        assert!(complaint("", killed).contains("signal: 9"));
    }
}
