//! Examples without audio: with the structure of IEMOCAP, and of any number of random corpora.

use std::hint::black_box;

use affekt_domain::{Example, Role, SplitMix64};
use cpu_time::ThreadTime;

use crate::support::{digest_of, example};

/// 10 039 examples in five sessions of two speakers each, whose corpus calls sessions 1 and 2 its training part, 3 dev,
/// 4 and 5 test.
pub fn iemocap() -> Vec<Example> {
    let sizes = [1819, 1811, 2136, 2103, 2170];
    let parts = [Role::Train, Role::Train, Role::Dev, Role::Test, Role::Test];
    let mut examples = Vec::new();
    for ((session, size), part) in (1..).zip(sizes).zip(parts) {
        for n in 0..size {
            let speaker = format!("Ses{session:02}{}", if n % 2 == 0 { "F" } else { "M" });
            let class = ["angry", "happy", "neutral", "sad"][n % 7 % 4];
            let name = format!("Session{session}/sentences/wav/{speaker}/{speaker}_{n:04}");
            let mut made = example("IEMOCAP", &speaker, &name, class);
            made.utterance.session = Some(format!("IEMOCAP/Ses{session:02}"));
            made.utterance.part = Some(part);
            examples.push(made);
        }
    }
    examples
}

/// One to four corpora of 3 to 9 speakers, who say up to 6 texts in three classes, in sessions of two speakers. Some
/// recordings of a speaker are the same audio.
pub fn world(seed: u64) -> Vec<Example> {
    let mut random = SplitMix64(seed);
    let mut examples = Vec::new();
    for corpus in &["North", "South", "East", "West"][..1 + random.below(4)] {
        let texts = 2 + random.below(5);
        for speaker in 0..3 + random.below(7) {
            for n in 0..3 * texts + random.below(12) {
                let (class, text) = (["happy", "neutral", "sad"][n % 3], n / 3 % texts);
                let name = format!("{speaker}/{class}-{text}-{n:02}");
                let mut made = example(corpus, &format!("s{speaker}"), &name, class);
                made.utterance.session = Some(format!("{corpus}/Ses{:02}", speaker / 2));
                made.utterance.text = Some(format!("t{text}"));
                if random.below(20) == 0 {
                    made.utterance.audio = digest_of(&format!("{corpus}/{speaker}/{class}"));
                }
                examples.push(made);
            }
        }
    }
    examples
}

/// Returns the same examples in another order.
pub fn shuffled(mut examples: Vec<Example>, seed: u64) -> Vec<Example> {
    let mut random = SplitMix64(seed);
    for place in (1..examples.len()).rev() {
        examples.swap(place, random.below(place + 1));
    }
    examples
}

/// Returns the seconds that this thread computes for `work`, whatever else the machine does: the minimum of three runs.
pub fn fastest<T>(work: impl Fn() -> T) -> f64 {
    let time = |_| {
        let start = ThreadTime::now();
        black_box(work());
        start.elapsed().as_secs_f64()
    };
    (0..3).map(time).fold(f64::INFINITY, f64::min)
}
