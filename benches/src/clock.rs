//! Times, and how they are summed up.

use std::time::Instant;

/// How long something took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timed {
    /// Wall time in seconds.
    pub wall: f64,
    /// User and system time over all threads in seconds; 0 where the system does not say.
    pub processor: f64,
}

/// What `work` returns, and its time.
pub fn timed<R>(work: impl FnOnce() -> R) -> (Timed, R) {
    let (start, before) = (Instant::now(), processor_time());
    let result = work();
    let time = Timed {
        wall: start.elapsed().as_secs_f64(),
        processor: processor_time() - before,
    };
    (time, result)
}

/// User and system time of this process so far, in seconds; 0 where the system does not say.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything, fields 12 and 13 in hundredths of a second.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// The highest resident memory so far in bytes; 0 where the system does not say.
pub fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    1024.0 * kib.unwrap_or(0.0)
}

/// The middle of `values`.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    quartiles(values)[1]
}

/// The first quartile, the median and the third.
pub fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

/// `median (quartile–quartile)` to `places` decimals.
pub fn spread(values: impl Iterator<Item = f64>, places: usize) -> String {
    let [low, middle, high] = quartiles(values);
    format!("{middle:.places$} ({low:.places$}–{high:.places$})")
}
