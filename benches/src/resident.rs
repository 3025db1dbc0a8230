//! [`resident_bytes`]: how much memory a process has.

/// The resident size of a process: its number, or `self`.
///
/// # Errors
/// If the system does not say.
pub fn resident_bytes(process: &str) -> std::io::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().map_err(std::io::Error::other)?;
    Ok(kib * 1_024.0)
}
