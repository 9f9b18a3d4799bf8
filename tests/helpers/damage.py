"""Files that are damaged at random."""

import os

ROUNDS = int(os.environ.get("OPENPOSE_KERAS_FUZZ", "200"))
"""How many damaged files of each kind a test reads."""


def damage(data, rng):
    """Cut the file, flip bits, write over bytes, leave some out or repeat them."""
    data = bytearray(data)
    kind = rng.integers(5)
    if kind == 0:
        return bytes(data[: rng.integers(len(data))])
    for _ in range(rng.integers(1, 5)):
        position = int(rng.integers(len(data)))
        if kind == 1:
            data[position] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            data[position] = int(rng.integers(256))
        elif kind == 3:
            del data[position : position + int(rng.integers(1, 20))]
        else:
            data[position:position] = data[position : position + int(rng.integers(1, 20))]
    return bytes(data)
