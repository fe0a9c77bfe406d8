//! What a process has used, as Linux tells it.

use std::fs;
use std::thread::available_parallelism;

/// Seconds in a tick of `/proc/self/stat`: USER_HZ, 100 on every architecture that Rust supports.
const TICK: f64 = 0.01;

/// Processor time of this process so far, in seconds over all threads, to a hundredth; none where the
/// system does not tell.
pub(super) fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name before the last parenthesis may hold anything.
    let fields = stat.rsplit_once(')')?.1;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) * TICK)
}

/// The peak of this process's resident memory from a point in time on.
#[derive(Debug)]
pub struct PeakMemory(());

impl PeakMemory {
    /// From now on; none where the system does not tell or the peak cannot be reset.
    pub fn from_now() -> Option<Self> {
        fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(Self(()))
    }

    /// Bytes.
    pub fn bytes(&self) -> Option<u64> {
        status("VmHWM:")
    }
}

/// This process's resident memory in bytes, where the system tells.
pub(super) fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

/// A figure of `/proc/self/status` in bytes.
fn status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kibibytes)
}

/// The processor's name and the number of threads that it runs at a time.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let threads = available_parallelism().map_or(1, usize::from);
    format!("{name}, {threads} threads")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_grow_with_what_is_done() {
        let before = processor_seconds().unwrap();
        let mut sum = 0.0f64;
        while processor_seconds().unwrap() < before + 0.05 {
            sum += (0..100_000).map(f64::from).map(f64::sqrt).sum::<f64>();
        }
        assert!(sum > 0.0);
        let peak = PeakMemory::from_now().unwrap();
        let low = peak.bytes().unwrap();
        let held = vec![1u8; 64 << 20];
        assert!(peak.bytes().unwrap() >= low + (32 << 20));
        assert!(resident_bytes().unwrap() >= 64 << 20);
        assert_eq!(held[held.len() / 2], 1);
    }
}
