"""How far our MFCC are from librosa's on real recordings.

python 3.11, librosa 0.11.0, numpy 2.4.6, soundfile 0.14.0, soxr 1.1.0
usage: cargo run -p affekt-features --example files_per_second -- FOLDER --write features.f32
       compare_librosa.py features.f32
"""

import sys

import numpy as np

from librosa_files_per_second import extract


def main():
    features = np.fromfile(sys.argv[1], "<f4").reshape(-1, 128, 94)
    with open(sys.argv[1] + ".txt") as names:
        files = names.read().splitlines()
    assert len(files) == len(features)
    errors = []
    for path, ours in zip(files, features):
        reference = extract(path).astype(np.float64)
        errors.append((np.linalg.norm(ours - reference) / np.linalg.norm(reference), path))
    values = sorted(error for error, _ in errors)
    print(f"relative L2 over {len(values)} files: median {values[len(values) // 2]:.2e}, largest {values[-1]:.2e}")
    for error, path in sorted(errors)[-3:]:
        print(f"  {error:.2e} {path}")


if __name__ == "__main__":
    main()
