//! Where a program's main thread should do its products.

/// Bytes of a worker's stack: as many as a main thread usually has, since `work` may be a whole program.
#[cfg(feature = "flex")]
const STACK: usize = 8 << 20;

/// Do `work` on one of flex's worker threads.
///
/// An operation that a thread outside of the pool hands to it puts that thread to sleep until the
/// workers, woken one by one, have done it. A transformer's step has some thousands of operations,
/// most of them short, and sleeps through a good part of it. A worker does its share itself.
///
/// The pool is one of its own, as large as the global one (`RAYON_NUM_THREADS`). Threads that `work`
/// starts and waits for use the global one, so that a wait for them blocks none of their workers.
/// Without flex, or where no pool can be made, `work` is done in place.
pub fn on_worker<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    #[cfg(feature = "flex")]
    if let Ok(pool) = rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .thread_name(|index| format!("worker {index}"))
        .build()
    {
        return pool.install(work);
    }
    work()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::on_worker;
    use rayon::prelude::*;

    #[test]
    fn work_is_done_by_a_worker() {
        assert!(rayon::current_thread_index().is_none());
        assert!(on_worker(|| rayon::current_thread_index().is_some()));
    }

    #[test]
    fn a_thread_that_is_waited_for_has_workers() {
        let sum = on_worker(|| {
            let thread = std::thread::spawn(|| (0..10_000u64).into_par_iter().sum::<u64>());
            thread.join().expect("a sum does not panic")
        });
        assert_eq!(sum, 49_995_000);
    }
}
