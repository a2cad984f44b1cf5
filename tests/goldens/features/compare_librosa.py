"""How far our features are from librosa's on real recordings.

python 3.11, librosa 0.11.0, numpy 2.4.6, soundfile 0.14.0, soxr 1.1.0
usage: cargo run -p affekt-features --example files_per_second -- FOLDER --feature logmel --write features.f32
       compare_librosa.py features.f32 logmel
"""

import sys

import numpy as np

from librosa_files_per_second import FEATURES, extract


def main():
    path, feature = sys.argv[1:]
    assert feature in FEATURES, f"not one of {', '.join(FEATURES)}"
    with open(path + ".txt") as names:
        files = names.read().splitlines()
    features = np.fromfile(path, "<f4").reshape(len(files), 128, -1)
    errors = []
    for file, ours in zip(files, features):
        reference = extract(file, feature).astype(np.float64)
        errors.append((np.linalg.norm(ours - reference) / np.linalg.norm(reference), file))
    values = np.array([error for error, _ in errors])
    print(
        f"{feature}: relative L2 over {len(values)} files: "
        f"mean {values.mean():.2e}, median {np.median(values):.2e}, largest {values.max():.2e}"
    )
    for error, file in sorted(errors)[-3:]:
        print(f"  {error:.2e} {file}")


if __name__ == "__main__":
    main()
