//! How long something computes, whatever else the machine does.

use cpu_time::ThreadTime;

/// Does `work` on one thread, and returns what it gives with the CPU seconds that it took.
pub fn timed<T: Send>(work: impl FnOnce() -> T + Send) -> (T, f64) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(|| {
        let start = ThreadTime::now();
        let made = work();
        (made, start.elapsed().as_secs_f64())
    })
}
