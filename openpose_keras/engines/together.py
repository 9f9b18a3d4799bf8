"""Several calls at once, whose batches go through an engine together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np

LARGEST_INPUT = 1 << 24  # pixels of a batch; a first layer of 64 channels then takes 4 GB

Engine = Callable[[np.ndarray], Any]
"""(n, h, w, 3) float32 -> `Maps`, or the heatmaps alone as a bare array."""

_Found = TypeVar("_Found")


class _Request(NamedTuple):
    """A batch that one of the calls waits for."""

    engine: Engine
    batch: np.ndarray
    answer: Future[Any]


class _Gatherer:
    """Gathers what calls ask of engines until each of them waits or has ended, and runs it."""

    def __init__(self, count: int) -> None:
        """Expect so many calls."""
        self._lock = Lock()
        self._busy = count
        self._waiting: list[_Request] = []

    def call(self, function: Callable[[], _Found]) -> _Found:
        """Call a function, one of those that are expected."""
        _GATHERER.set(self)
        try:
            return function()
        finally:
            self._pause()

    def run(self, engine: Engine, batch: np.ndarray) -> Any:  # noqa: ANN401 - as engines return it
        """Return what an engine makes of a batch, once every other call waits too."""
        request = _Request(engine, batch, Future())
        self._pause(request)
        return request.answer.result()

    def _pause(self, *requests: _Request) -> None:
        """Note that a call waits or has ended; the last one runs what all of them wait for."""
        with self._lock:
            self._busy -= 1
            self._waiting += requests
            if self._busy:
                return
            ready, self._waiting = self._waiting, []
            self._busy = len(ready)
        for group in _groups(ready):
            _answer(group)


_GATHERER: ContextVar[_Gatherer | None] = ContextVar("gatherer", default=None)


def run_engine(engine: Engine, batch: np.ndarray) -> Any:  # noqa: ANN401 - as engines return it
    """Return what an engine makes of a batch; within `call_together`, of several calls at once.

    Args:
        engine: What computes the maps.
        batch: (n, h, w, 3) float32.
    """
    gatherer = _GATHERER.get()
    return engine(batch) if gatherer is None else gatherer.run(engine, batch)


def call_together(functions: Sequence[Callable[[], _Found]]) -> list[Future[_Found]]:
    """Call functions at once, each in a thread; batches of one engine and size are run as one.

    No engine is called by two threads at a time.

    Args:
        functions: They use engines through `run_engine`, as estimators do.

    Returns:
        What each of them returned or raised, in order.

    Example:
        >>> def count(batch):
        ...     return np.full(len(batch), len(batch))
        >>> calls = [lambda: run_engine(count, np.zeros((1, 8, 8, 3), np.float32))] * 3
        >>> [call.result().tolist() for call in call_together(calls)]
        [[3], [3], [3]]
    """
    gatherer = _Gatherer(len(functions))
    with ThreadPoolExecutor(max(len(functions), 1)) as pool:
        return [pool.submit(copy_context().run, gatherer.call, each) for each in functions]


def _groups(requests: Sequence[_Request]) -> Iterator[list[_Request]]:
    """Yield requests of one engine and size, as many as have 2^24 pixels together."""
    same: dict[tuple[int, tuple[int, ...]], list[_Request]] = {}
    for request in requests:
        group = same.setdefault((id(request.engine), request.batch.shape[1:]), [])
        pixels = sum(each.batch[..., 0].size for each in (*group, request))
        if group and pixels > LARGEST_INPUT:
            yield group.copy()
            group.clear()
        group.append(request)
    yield from same.values()


def _answer(requests: Sequence[_Request]) -> None:
    """Run the batches of requests as one, and give each its rows, or what was raised."""
    try:
        output = requests[0].engine(np.concatenate([each.batch for each in requests]))
        start = 0
        for each in requests:
            rows = slice(start, start + len(each.batch))
            each.answer.set_result(_rows(output, rows))
            start = rows.stop
    except BaseException as error:
        for each in requests:
            if not each.answer.done():
                each.answer.set_exception(error)


def _rows(output: Any, rows: slice) -> Any:  # noqa: ANN401 - as engines return it
    """Return some rows of what an engine returned."""
    if isinstance(output, Mapping):
        return {name: array[rows] for name, array in output.items()}
    return output[rows]
