//! How much memory a worker takes, and whether the kernel killed for want of it: as Linux says.

use std::fs;

/// Returns the memory of a process that cannot be had back, in MiB: without the pages of files that it maps, which the kernel drops and
/// reads again. `None` where nobody says.
pub fn occupied_mib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    Some((kib("RssAnon:")? + kib("RssShmem:").unwrap_or(0)) / 1024)
}

/// Returns how many processes the kernel has killed so far because memory ran out, a container's limits among them. 0 where nobody counts.
pub fn kills_for_memory() -> u64 {
    let counts = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let kills = counts.lines().find_map(|line| line.strip_prefix("oom_kill "));
    kills.and_then(|kills| kills.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_takes_is_seen() {
        let before = occupied_mib(std::process::id()).unwrap();
        let taken = vec![1_u8; 64 << 20];
        let during = occupied_mib(std::process::id()).unwrap();
        assert!(during >= before + 60, "{before} MiB, then {during} MiB with {} bytes more", taken.len());
        assert_eq!(occupied_mib(u32::MAX), None);
    }
}
