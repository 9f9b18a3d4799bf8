"""The progress of long work: a bar on a terminal, a line a minute in a log."""

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

_SECONDS = 60.0  # from one line of a log to the next; shorter work is told by its result alone
_LINE = "{n_fmt} of {total_fmt} {unit}s, {rate_fmt}\n"


def show_progress(
    items: Iterable[Item],
    *,
    unit: str,
    total: int | None = None,
    desc: str | None = None,
    shown: bool = True,
) -> Iterable[Item]:
    """Return items with a progress bar on stderr; where it is no terminal, a line a minute.

    Args:
        items: What is worked through.
        unit: Name of one item, such as "image".
        total: Number of the items; None where they know it, or where nobody does.
        desc: What is done, before the numbers.
        shown: Whether there is any progress to be seen.

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
