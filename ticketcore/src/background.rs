//! Threads whose work nobody waits for.

/// By how much less urgent than the process a thread in the background is: with 10 it gets a tenth of what each of the others gets, when there
/// are not processors enough. Not less: now and then others wait for what it has locked, and in the end for its work.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// From now on the calling thread lets others go first when there are not processors enough. On Linux only: elsewhere priorities are a
/// process's.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};

        // Linux takes the calling thread for the calling process here. Where that is not allowed it goes on as before.
        let _changed = getpriority_process(None).and_then(|nice| setpriority_process(None, nice + NICE));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    #[test]
    fn who_steps_back_does_so_alone() {
        let before = getpriority_process(None).unwrap();
        let stepped = std::thread::spawn(|| {
            super::step_back();
            getpriority_process(None).unwrap()
        });
        assert_eq!(stepped.join().unwrap(), (before + super::NICE).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
