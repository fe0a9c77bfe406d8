//! SIGINT and SIGTERM end a command between two steps; a second one ends it at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The signals that ask a command to end.
pub(crate) const ENDING: [i32; 2] = [SIGINT, SIGTERM];

/// Whether a signal has asked for the end.
#[derive(Clone, Debug)]
pub(crate) struct StopRequest(Arc<AtomicUsize>);

impl StopRequest {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refuses to register a handler.
    pub(crate) fn listen() -> io::Result<Self> {
        let received = Arc::new(AtomicUsize::new(0));
        let armed = Arc::new(AtomicBool::new(false));
        for signal in ENDING {
            // In this order: the first signal finds the shutdown not yet armed, and arms it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed))?;
            flag::register(signal, Arc::clone(&armed))?;
            flag::register_usize(
                signal,
                Arc::clone(&received),
                usize::try_from(signal).unwrap_or_default(),
            )?;
        }
        Ok(Self(received))
    }

    /// The signal that asked, if one did.
    pub(crate) fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}
