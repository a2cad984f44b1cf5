"""Makes digest.txt: the digest of a split, which is BLAKE3 over its rows by fold and utterance.

Run: python digest.py      with blake3==1.0.11
Read by crates/corpus/tests/all/auditing.rs.
"""

from pathlib import Path
from struct import pack

from blake3 import blake3

ROWS = [
    (1, "C/a1", "train"),
    (1, "C/a2", "dev"),
    (1, "C/b1", "test"),
    (12, "C/a1", "train"),
    (12, "C/ü", "test"),
]

digest = blake3()
for fold, utterance, role in ROWS:
    name = utterance.encode()
    digest.update(pack("<I", fold) + pack("<Q", len(name)) + name + role.encode())
Path(__file__).with_name("digest.txt").write_text(digest.hexdigest() + "\n")
