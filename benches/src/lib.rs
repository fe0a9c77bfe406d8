//! What the benches share: shapes, random batches, clocks, and a process that does the same in PyTorch.
//!
//! | file | holds |
//! |---|---|
//! | `shapes` | learners by name |
//! | `batch` | random tokens on the host, as tensors and as JSON |
//! | `clock` | wall and processor time, medians and quartiles, peak memory |
//! | `peer` | a Python script that answers commands with figures |

mod batch;
mod clock;
mod peer;
mod shapes;

pub use batch::{Batch, Plan};
pub use clock::{Timed, median, peak_memory, quartiles, spread, timed};
pub use peer::Peer;
pub use shapes::{Shapes, shapes, smollm2};
