"""Run several calls at once and combine their batches for the engine."""

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
    """A batch whose result one of the calls is waiting for."""

    engine: Engine
    batch: np.ndarray
    answer: Future[Any]


class _Gatherer:
    """Collects the requests of calls, and runs them once each call is waiting or has ended."""

    def __init__(self, count: int) -> None:
        """Set the number of expected calls."""
        self._lock = Lock()
        self._busy = count
        self._waiting: list[_Request] = []

    def call(self, function: Callable[[], _Found]) -> _Found:
        """Call one of the expected functions."""
        _GATHERER.set(self)
        try:
            return function()
        finally:
            self._pause()

    def run(self, engine: Engine, batch: np.ndarray) -> Any:  # noqa: ANN401 - as engines return it
        """Return an engine's output for a batch, once all other calls are waiting or have ended."""
        request = _Request(engine, batch, Future())
        self._pause(request)
        return request.answer.result()

    def _pause(self, *requests: _Request) -> None:
        """Record that a call is waiting or has ended; the last one runs all pending requests."""
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
    """Run an engine on a batch; within `call_together`, batches of several calls are combined.

    Args:
        engine: The engine that computes the maps.
        batch: (n, h, w, 3) float32.
    """
    gatherer = _GATHERER.get()
    return engine(batch) if gatherer is None else gatherer.run(engine, batch)


def call_together(functions: Sequence[Callable[[], _Found]]) -> list[Future[_Found]]:
    """Call functions at once in threads, and combine their batches of the same engine and size.

    An engine is never called by two threads at the same time.

    Args:
        functions: Functions that use engines through `run_engine`, as estimators do.

    Returns:
        The result or error of each function, in order.

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
    """Yield groups of requests of one engine and size, with at most 2^24 pixels in a group."""
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
    """Run the batches of requests as one, and set the result or the error of each request."""
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
    """Return some rows of an engine's output."""
    if isinstance(output, Mapping):
        return {name: array[rows] for name, array in output.items()}
    return output[rows]
