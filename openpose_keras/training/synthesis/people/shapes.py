"""Bodies of all ages, genders and builds, drawn at random as strengths of MakeHuman's targets."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from openpose_keras.training.synthesis.people.body import Body

_AGES = {"baby": 0.0, "child": 0.1875, "young": 0.5, "old": 1.0}
_RACES = ("african", "asian", "caucasian")
_DETAILS = (
    "arms", "buttocks", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "hip",
    "legs", "mouth", "neck", "nose", "stomach", "torso",
)  # fmt: skip
_MOST_DETAILS = 9


class Shape(NamedTuple):
    """Who is drawn.

    Args:
        male: Whether the body is a man's.
        age: 0 a baby, 0.19 a child, 0.5 a young adult, 1 an old person.
        targets: Strengths of the targets, see `Body.shaped`.
    """

    male: bool
    age: float
    targets: dict[str, float]


def sample_shape(body: Body, rng: np.random.Generator) -> Shape:
    """Draw a body and the expression of its face.

    Args:
        body: The base mesh, whose targets are used.
        rng: The random generator.
    """
    male = bool(rng.random() < 0.5)
    low, high = ((0.06, 0.4), (0.4, 0.75), (0.75, 1.0))[rng.choice(3, p=(0.2, 0.65, 0.15))]
    age = float(rng.uniform(low, high))
    muscle, weight = rng.beta(2, 2), rng.beta(1.6, 1.8)
    races = rng.dirichlet((0.3, 0.3, 0.3))
    targets = dict(_macro_targets(male, age, muscle, weight, height=rng.beta(2.5, 2.5)))
    gender = "male" if male else "female"
    for (race, part), (name, strength) in itertools.product(
        zip(_RACES, races, strict=True), _between(age, _AGES).items()
    ):
        targets[f"macrodetails/{race}-{gender}-{name}"] = part * strength
    if not male and age > 0.35 and rng.random() < 0.6:
        cup = f"breast/female-young-averagemuscle-averageweight-{rng.choice(('max', 'min'))}cup"
        targets[f"{cup}-averagefirmness"] = rng.uniform(0, 0.9)
    targets |= _details(body, rng)
    targets |= _expression(body, rng, _RACES[int(np.argmax(races))])
    return Shape(male, age, {name: float(value) for name, value in targets.items()})


def _between(value: float, stops: dict[str, float]) -> dict[str, float]:
    """Return the fractions of the two stops on both sides of a value."""
    positions = list(stops.values())
    fractions = (np.interp(value, positions, row) for row in np.eye(len(positions)))
    return {name: float(f) for name, f in zip(stops, fractions, strict=True) if f > 0}


def _macro_targets(
    male: bool, age: float, muscle: float, weight: float, *, height: float
) -> Iterator[tuple[str, float]]:
    """Yield the targets of age, muscle, weight and height."""
    gender = "male" if male else "female"
    axes = [
        {f"{extreme}{kind}": stop for extreme, stop in (("min", 0), ("average", 0.5), ("max", 1))}
        for kind in ("muscle", "weight")
    ]
    tall = abs(2 * height - 1), "maxheight" if height > 0.5 else "minheight"
    parts = (_between(age, _AGES), _between(muscle, axes[0]), _between(weight, axes[1]))
    for (a, x), (m, y), (w, z) in itertools.product(*(each.items() for each in parts)):
        yield f"macrodetails/universal-{gender}-{a}-{m}-{w}", x * y * z
        yield f"macrodetails/height/{gender}-{a}-{m}-{w}-{tall[1]}", x * y * z * tall[0]


def _details(body: Body, rng: np.random.Generator) -> dict[str, float]:
    """Draw a few targets of single features, the same on both sides."""
    result = {}
    for _ in range(rng.integers(_MOST_DETAILS + 1)):
        folder = str(rng.choice(_DETAILS))
        name, strength = str(rng.choice(body.target_names(folder))), rng.uniform(0, 0.6)
        if name.startswith(("l-", "r-")):
            result[f"{folder}/l-{name[2:]}"] = strength
            name = f"r-{name[2:]}"
        result[f"{folder}/{name}"] = strength
    return result


def _expression(body: Body, rng: np.random.Generator, race: str) -> dict[str, float]:
    """Draw movements of the face; an open mouth, a smile and closed eyes are frequent."""
    folder = f"expression/units/{race}"
    names = rng.choice(body.target_names(folder), rng.integers(0, 5), replace=False)
    result = {f"{folder}/{name}": rng.uniform(0, 0.8) for name in names if "-eye" not in name}
    if rng.random() < 0.35:
        result[f"{folder}/mouth-open"] = rng.uniform(0, 1)
    if rng.random() < 0.4:
        result[f"{folder}/mouth-corner-puller"] = rng.uniform(0.2, 1)
    if rng.random() < 0.15:
        closed = rng.uniform(0.3, 1)
        result |= {f"{folder}/eye-{side}-closure": closed for side in ("left", "right")}
    return result
