"""Checks of plain values, without NumPy."""

import difflib
import numbers
import operator
from collections.abc import Iterable
from typing import NoReturn, TypeVar

_T = TypeVar("_T")


class Named(dict[str, _T]):
    """Values by name, printed one per line; the error for a wrong name suggests the closest one.

    Example:
        >>> Named(fast=1, refined=2)["Fast"]
        Traceback (most recent call last):
        KeyError: "there is no 'Fast', only fast, refined; did you mean 'fast'?"
    """

    def __missing__(self, name: str) -> NoReturn:
        """Raise an error that lists the known names."""
        raise KeyError(f"there is no {name!r}, only {', '.join(self)}{did_you_mean(name, self)}")

    def __repr__(self) -> str:
        """Return a line for each value."""
        return "\n".join(f"{name}: {value!r}" for name, value in self.items())


def brief(value: object) -> str:
    """Return a value as a message shows it: one line of at most 60 characters.

    Example:
        >>> brief([1, "a"] * 40)
        "[1, 'a', 1, 'a', 1, 'a', 1, 'a', 1, 'a', 1, 'a', 1, 'a', ..."
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_whole(number: int, name: str, largest: int | None = None) -> int:
    """Return a positive whole number.

    Raises:
        ValueError: `number` is not one, or is greater than `largest`; the message has the name.
    """
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if whole <= 0 or (largest is not None and whole > largest):
        most = "" if largest is None else f" of at most {largest}"
        raise ValueError(f"{name} must be a positive whole number{most}, not {number!r}")
    return whole


def check_limits(min_presence: float, most: int | None = None, *, name: str = "max_hands") -> None:
    """Check the limits on what a call reports.

    Args:
        min_presence: A probability.
        most: A number of hands or people; None for all.
        name: The name of `most` in the message.

    Raises:
        ValueError: The presence is not a number from 0 to 1, or `most` is not a positive whole
            number.
    """
    if not isinstance(min_presence, numbers.Real) or not 0 <= min_presence <= 1:
        raise ValueError(f"min_presence must be a number from 0 to 1, not {min_presence!r}")
    if most is not None:
        check_whole(most, name)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the closest known one, if any.

    Example:
        >>> did_you_mean("hand_light", ["hand", "hand_lite"]), did_you_mean("x", ["hand"])
        ("; did you mean 'hand_lite'?", '')
    """
    closest = difflib.get_close_matches(str(name).lower(), known, 1)
    return f"; did you mean {closest[0]!r}?" if closest else ""
