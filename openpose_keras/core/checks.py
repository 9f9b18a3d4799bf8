"""Checks of plain values, without NumPy."""

import difflib
import operator
from collections.abc import Iterable


def check_whole(number: int, name: str, largest: int | None = None) -> int:
    """Return a positive whole number.

    Raises:
        ValueError: It is not one, or it is greater than `largest`; the message has the name.
    """
    try:
        whole = operator.index(number)
    except TypeError:
        whole = 0
    if whole <= 0 or (largest is not None and whole > largest):
        most = "" if largest is None else f" of at most {largest}"
        raise ValueError(f"{name} must be a positive whole number{most}, not {number!r}")
    return whole


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about a name that is not known: the one that is most like it.

    Example:
        >>> did_you_mean("hand_light", ["hand", "hand_lite"]), did_you_mean("x", ["hand"])
        ("; did you mean 'hand_lite'?", '')
    """
    closest = difflib.get_close_matches(str(name).lower(), known, 1)
    return f"; did you mean {closest[0]!r}?" if closest else ""
