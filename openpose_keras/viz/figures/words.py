"""Alternative texts of figures."""

from collections.abc import Mapping, Sequence

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.evaluation.reports import Interval

FEW = 8  # values of a curve or a group that are listed all, with their intervals

Values = Sequence[float | Interval]


def number(value: float) -> str:
    """Format a number with two digits, or three from 100, and never with an exponent.

    Example:
        >>> number(0.00417), number(1404)
        ('0.0042', '1400')
    """
    precision = 2 if abs(value) < 100 else 3
    return np.format_float_positional(value, precision, fractional=False, trim="-")


def say_images(
    kind: str,
    titles: str | Sequence[str] | None,
    count: int,
    *,
    subject: str | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """Describe images: their number, what they show, and their titles.

    Args:
        kind: The kind of image, "image" or "map".
        titles: One title per image, or an empty sequence.
        count: The number of images.
        subject: What the images show.
        limits: The values of the first and of the last colour of maps.

    Example:
        >>> say_images("map", ["wrist", "index_tip"], 2, subject="a hand", limits=(0, 1))
        '2 maps of a hand, colours from 0 to 1: wrist, index_tip.'
    """
    one = "An" if kind[0] in "aeiou" else "A"
    text = f"{count} {kind}s" if count > 1 else f"{one} {kind}"
    text += f" of {subject}" if subject else ""
    text += f", colours from {number(limits[0])} to {number(limits[1])}" if limits else ""
    named = [titles] if isinstance(titles, str) else [title for title in titles or () if title]
    between = "; " if any("," in title for title in named) else ", "
    return text + (f": {between.join(named)}." if named else ".")


def say_curves(xlabel: str, ylabel: str, x: FloatArray, curves: Mapping[str, Values]) -> str:
    """Describe a chart: its axes and the values of each curve, or the ends and extremes of many.

    Example:
        >>> say_curves("scale", "PCK", np.array([1.0, 2]), {"one": [0.5, Interval(0.6, 0.5, 0.7)]})
        'Chart, PCK over scale. one: 0.5 at 1, 0.6 (0.5 to 0.7) at 2.'
    """
    sentences = []
    for name, points in curves.items():
        values = np.array([_value(each) for each in points], np.float64)
        known = np.flatnonzero(np.isfinite(values))
        said = {int(k): "" for k in (known if len(known) <= FEW else known[[0, -1]])}
        if len(known) > FEW:
            for word, k in (("highest", np.nanargmax(values)), ("lowest", np.nanargmin(values))):
                said.setdefault(int(k), f"{word} ")
        places = [f"{said[k]}{_text(points[k])} at {number(x[k])}" for k in sorted(said)]
        sentences.append(_sentence(name, places))
    return ". ".join([_heading(ylabel, xlabel), *sentences]) + "."


def say_bars(ylabel: str, names: Sequence[str], groups: Mapping[str, Values]) -> str:
    """Describe a bar chart: its axis and each value, with the interval if there are few bars.

    Example:
        >>> say_bars("ms", ["a", "b"], {"one": [1, 2], "two": [3, 4]})
        'Chart, ms. one: 1 for a, 2 for b. two: 3 for a, 4 for b.'
    """
    few = len(names) <= FEW
    sentences = []
    for group, points in groups.items():
        texts = [_text(each) if few else number(_value(each)) for each in points]
        places = [f"{text} for {name}" for text, name in zip(texts, names, strict=True)]
        sentences.append(_sentence(group, places))
    return ". ".join([_heading(ylabel), *sentences]) + "."


def say_histograms(xlabel: str, edges: FloatArray, fractions: Mapping[str, FloatArray]) -> str:
    """Describe a histogram: its axis, and where most values of each group lie.

    Example:
        >>> say_histograms("score", np.array([0.0, 1, 2]), {"right": np.array([0.2, 0.8])})
        'Chart, fraction of the values over score. right: most at 1.5, 0.8 of them.'
    """
    sentences = []
    for name, each in fractions.items():
        highest = int(each.argmax())
        middle, most = edges[highest : highest + 2].mean(), each[highest]
        sentences.append(f"{name}: most at {number(middle)}, {number(most)} of them")
    return ". ".join([_heading("fraction of the values", xlabel), *sentences]) + "."


def _heading(ylabel: str, xlabel: str = "") -> str:
    """Return a heading with the names of the axes."""
    named = " over ".join(filter(None, (ylabel, xlabel)))
    return f"Chart, {named}" if named else "Chart"


def _sentence(name: str, places: Sequence[str]) -> str:
    """Return the values of one curve or group, after its name if it has one."""
    return ": ".join(filter(None, (name, ", ".join(places) or "no value")))


def _value(point: float | Interval) -> float:
    """Return the number, or the value of an interval."""
    return point.value if isinstance(point, Interval) else float(point)


def _text(point: float | Interval) -> str:
    """Format a number, or a value with the ends of its interval."""
    if isinstance(point, Interval):
        return f"{number(point.value)} ({number(point.low)} to {number(point.high)})"
    return number(float(point))
