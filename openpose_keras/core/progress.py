"""The progress of long work: a bar on a terminal, one line per minute in a log."""

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

_SECONDS = 60.0  # between the lines of a log; shorter work shows no progress
_LINE = "{n_fmt} of {total_fmt} {unit}s, {rate_fmt}\n"


def show_progress(
    items: Iterable[Item],
    *,
    unit: str,
    total: int | None = None,
    desc: str | None = None,
    shown: bool = True,
) -> Iterable[Item]:
    """Return items with a progress bar on stderr, or one line per minute without a terminal.

    Args:
        items: The items to process.
        unit: Name of one item, such as "image".
        total: Number of items; None if it is their length, or if it is unknown.
        desc: Description of the work, shown before the numbers.
        shown: Whether to show any progress.

    Returns:
        The same items.

    Example:
        >>> list(show_progress("abc", unit="letter"))
        ['a', 'b', 'c']
    """
    options: dict[str, Any] = {"unit": unit, "total": total, "desc": desc, "disable": not shown}
    if not sys.stderr.isatty():
        line = _LINE if desc is None else f"{desc}: {_LINE}"
        options |= {"bar_format": line, "delay": _SECONDS}
        options |= {"mininterval": _SECONDS, "maxinterval": _SECONDS}
    bar: Iterable[Item] = tqdm(items, **options)
    return bar
