"""How fast librosa turns files into features on one core: the twin of crates/features/examples/files_per_second.rs.

python 3.11, librosa 0.11.0, numpy 2.4.6, soundfile 0.14.0, soxr 1.1.0, threadpoolctl 3.6.0
usage: librosa_files_per_second.py FOLDER [FILES] [PASSES] [mfcc|logmel]
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import statistics
import sys
import time
from pathlib import Path

import librosa
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from peer import say  # noqa: E402

RATE_HZ = 16_000
LENGTH = 3 * RATE_HZ


def mfcc(waveform):
    return librosa.feature.mfcc(y=waveform, sr=RATE_HZ, n_mfcc=128, n_mels=128)


def logmel(waveform):
    power = librosa.feature.melspectrogram(y=waveform, sr=RATE_HZ, hop_length=256, n_mels=128)
    return librosa.power_to_db(power, ref=np.max)


FEATURES = {"mfcc": mfcc, "logmel": logmel}


def audio_files(folder, limit):
    files = [path for path in walk(Path(folder)) if path.suffix in (".wav", ".flac")]
    count = min(limit, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def walk(folder):
    for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name)):
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def extract(path, feature):
    waveform, _ = librosa.load(path, sr=RATE_HZ)
    waveform = np.pad(waveform[:LENGTH], (0, max(0, LENGTH - len(waveform))))
    return FEATURES[feature](waveform)


def main():
    arguments = dict(enumerate(sys.argv))
    files = audio_files(sys.argv[1], int(arguments.get(2, 200)))
    passes = int(arguments.get(3, 5))
    feature = arguments.get(4, "mfcc")
    extract(files[0], feature)
    seconds = []
    for _ in range(passes):
        start = time.perf_counter()
        for path in files:
            extract(path, feature)
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    print(
        f"librosa: {len(files) / median:.1f} files/s on one thread "
        f"({median / len(files) * 1e3:.3f} ms a file, {len(files)} files, median of {passes} passes)"
    )
    say()


if __name__ == "__main__":
    main()
