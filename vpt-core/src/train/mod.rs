//! Algorithm 1: the state it holds, one step of it, and how it survives an interruption.

mod adamw;
mod atomic;
mod checkpoint;
mod clock;
mod fixed;
mod freeze;
mod gradient;
mod observer;
mod probe;
mod schedule;
mod source;
mod tensors;
mod trainer;

pub use adamw::AdamW;
pub use atomic::write_atomically;
pub use clock::ValueTimes;
pub use freeze::Freeze;
pub use gradient::{Clip, UpdateGradient};
pub use observer::Observer;
pub use probe::{ProbeReport, StepProbe};
pub use schedule::{Cadence, CosineRamp, CosineSchedule, Progress};
pub use source::{Source, StepData};
pub use tensors::{read_tensors, write_tensors};
pub use trainer::{StepReport, Trainer, TrainerConfig, ValueReport};
