"""Checks of plain values, without NumPy."""

import operator


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
