//! Threads whose work nobody waits for.

/// How much less than others a thread in the background gets when there are not processors enough: with 10 a tenth of what each of them gets.
/// Not less: now and then others wait for what it has locked, and in the end for its work.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// From now on the calling thread lets others go first when there are not processors enough. On Linux only: elsewhere priorities are a
/// process's.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    {
        // Linux takes the calling thread for the calling process here. Where that is not allowed it goes on as before.
        let _changed = rustix::process::setpriority_process(None, NICE);
    }
}
