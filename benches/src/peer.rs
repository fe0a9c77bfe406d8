//! The same work in PyTorch, in a process of its own.

use crate::Timed;
use std::error::Error;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A script of `peers/` that answers a line on its standard input with a line of numbers: wall time,
/// processor time, and whatever else was asked for.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `script` by the interpreter `python` on what lies in `folder`.
    ///
    /// # Errors
    /// An interpreter that cannot be started.
    pub fn start(
        python: &OsStr,
        script: &str,
        folder: &Path,
        arguments: &[String],
    ) -> Result<Self, Box<dyn Error>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("peers")
            .join(script);
        let mut process = Command::new(python)
            .arg(script)
            .arg(folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (ask, answers) = (process.stdin.take(), process.stdout.take());
        Ok(Self {
            process,
            ask,
            answers: BufReader::new(answers.ok_or("PyTorch says nothing")?),
        })
    }

    /// What it answers to `command`: the time, and further figures.
    ///
    /// # Errors
    /// A script that has ended, or that answers anything but numbers.
    pub fn ask(&mut self, command: &str) -> Result<(Timed, Vec<f64>), Box<dyn Error>> {
        let ask = self.ask.as_mut().ok_or("PyTorch hears nothing")?;
        writeln!(ask, "{command}")?;
        ask.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let figures: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        match figures?[..] {
            [wall, processor, ref more @ ..] => Ok((Timed { wall, processor }, more.to_vec())),
            _ => Err(format!("PyTorch failed at {command}").into()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its loop ends with its standard input.
        drop(self.ask.take());
        let _ = self.process.wait();
    }
}
