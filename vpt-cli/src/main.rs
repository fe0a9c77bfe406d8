//! `vpt`: value-based pretraining from the command line.
//!
//! Each subcommand is a file under `commands`: it parses, loads the config, calls a library and prints.

mod args;
mod backend;
mod commands;
mod config;
mod failure;
mod modality;
mod model;
mod output;
mod progress;
mod signals;

use args::{Cli, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;
use vpt_core::kernels::on_worker;

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => on_worker(|| dispatch(cli.command)),
        Err(error) => failure::from_clap(&error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(line) = failure.line() {
                output::remark(&format_args!("error: {line}"));
            }
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Train(args) => commands::train::run(&args),
        Command::Experiment(args) => commands::experiment::run(args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Score(args) => commands::score::run(&args),
        Command::Generate(args) => commands::generate::run(&args),
        Command::Features(args) => commands::features::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Merge(args) => commands::merge::run(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Config(args) => commands::config::run(args),
        Command::Completions(args) => commands::completions::run(&args),
    }
}
