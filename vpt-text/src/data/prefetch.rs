//! Batches made ahead of their use.

use super::{DataError, PackedBatch, StateError, StreamState, TextStream};
use std::sync::mpsc::{Receiver, sync_channel};

/// A stream whose batches are made on a thread of their own, a few ahead of their use.
///
/// The thread works on a copy of the stream and sends, with each batch, the stream as it is after
/// it. So [`state`](Self::state) is that of the last batch handed out, whatever lies ready, and the
/// batches are those of the stream itself.
#[derive(Debug)]
pub struct Prefetch {
    stream: TextStream,
    sequences: usize,
    ahead: usize,
    ready: Option<Receiver<Result<(PackedBatch, TextStream), DataError>>>,
}

impl Prefetch {
    /// Batches of `sequences` rows, up to `ahead` (0: none) of which lie ready.
    pub fn new(stream: TextStream, sequences: usize, ahead: usize) -> Self {
        Self {
            stream,
            sequences,
            ahead,
            ready: None,
        }
    }

    /// The next batch.
    ///
    /// # Errors
    /// As for [`TextStream::next_batch`].
    pub fn next_batch(&mut self) -> Result<PackedBatch, DataError> {
        if self.ahead == 0 {
            return self.stream.next_batch(self.sequences);
        }
        let ready = match self.ready.take() {
            Some(ready) => ready,
            None => self.start(),
        };
        // A thread that is gone has left no more; it is started again where this stream is.
        let Ok(next) = ready.recv() else {
            return self.stream.next_batch(self.sequences);
        };
        let (batch, stream) = next?;
        self.stream = stream;
        self.ready = Some(ready);
        Ok(batch)
    }

    /// Starts a thread that ends when nobody takes its batches any more.
    fn start(&self) -> Receiver<Result<(PackedBatch, TextStream), DataError>> {
        // One more is made while it waits for the channel.
        let (sender, ready) = sync_channel(self.ahead - 1);
        let (mut stream, sequences) = (self.stream.clone(), self.sequences);
        std::thread::spawn(move || {
            loop {
                let next = stream.next_batch(sequences);
                let last = next.is_err();
                let sent = sender.send(next.map(|batch| (batch, stream.clone())));
                if last || sent.is_err() {
                    break;
                }
            }
        });
        ready
    }

    /// Where the stream is after the last batch handed out.
    pub fn state(&self) -> StreamState {
        self.stream.state()
    }

    /// Goes on where `state` was taken. On an error the stream stays where it is.
    ///
    /// # Errors
    /// As for [`TextStream::restore`].
    pub fn restore(&mut self, state: StreamState) -> Result<(), StateError> {
        self.stream.restore(state)?;
        self.ready = None;
        Ok(())
    }
}
