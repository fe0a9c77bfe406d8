//! What V-Pretraining costs beside a plain step, on random weights and tokens of given shapes.
//!
//! | file | holds |
//! |---|---|
//! | `preset` | shapes and settings by name |
//! | `setting` | the trainers that are compared, and their data |
//! | `meter` | processor time, peak memory, the machine's name |
//! | `overhead` | Table 3 by the protocol of A.5 |
//! | `scaling` | cost against one size at a time |
//! | `soak` | memory over many value updates |

mod meter;
mod overhead;
mod preset;
mod scaling;
mod setting;
mod soak;

pub use meter::{PeakMemory, machine};
pub use overhead::{Arm, Overhead, OverheadOptions, Pace, Target, overhead, peak_memory};
pub use preset::{Preset, PresetName};
pub use scaling::{Axis, Exponents, Point, Scaling, scaling};
pub use soak::{Resident, Soak, soak};
