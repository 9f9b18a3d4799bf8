"""Distribute photos over several processes or machines with Dask.

A chunk of photos is a task. Each worker process loads the networks once. If a worker is lost, its
task is repeated by another one.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openpose_keras.cli.finders import Finder, Job, Outcome, load_finder, work
from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import BackendError, OpenPoseKerasError

CHUNK = 16  # photos at most
_AHEAD = 3  # chunks a worker that wait for it
_finders: dict[str, Finder] = {}  # of this process


def spread(args: argparse.Namespace, jobs: Sequence[Job]) -> Iterator[Outcome]:
    """Process photos as `finders.work` does, on the workers of a Dask cluster.

    Args:
        args: The options of `detect`: `workers` to start on this machine, or the address of a
            `scheduler`.
        jobs: The photos. Workers on another machine must find them at the same paths.

    Yields:
        An outcome for each photo, in any order.

    Raises:
        BackendError: Dask is not installed.
        OpenPoseKerasError: There is no scheduler at the address.
    """
    try:
        import distributed
    except ImportError as error:
        raise BackendError(
            f"--workers and --scheduler need Dask, which can't be imported ({error}): pip install "
            "distributed"
        ) from error
    sent = argparse.Namespace(**vars(args))
    del sent.run, sent.parser
    sent.out = args.out.absolute()
    known = {job.name: job for job in jobs}
    absolute = [job._replace(photo=str(Path(job.photo).absolute())) for job in jobs]
    with _connect(distributed, args) as client:
        share = len(jobs) // (_AHEAD * max(len(client.nthreads()), 1))
        size = min(max(share, 1), CHUNK)  # of few photos each worker has its share too
        chunks = (absolute[start : start + size] for start in range(0, len(jobs), size))
        for outcome in _run(distributed, client, sent, chunks):
            yield replace(outcome, job=known[outcome.job.name])


@contextmanager
def _connect(distributed: Any, args: argparse.Namespace) -> Iterator[Any]:  # noqa: ANN401 - Dask's
    """Yield a client of the given scheduler, or of a local one that is started with workers."""
    if args.scheduler is None:
        cluster = distributed.LocalCluster(
            n_workers=args.workers,
            threads_per_worker=1,
            memory_limit=0,  # photos differ; the system knows best
            dashboard_address=None,
            silence_logs="CRITICAL",
        )
        with cluster, distributed.Client(cluster) as client:
            yield client
        return
    try:
        client = distributed.Client(args.scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise OpenPoseKerasError(f"--scheduler {args.scheduler}: {error}") from error
    with client:
        yield client


def _run(
    distributed: Any,  # noqa: ANN401 - Dask's
    client: Any,  # noqa: ANN401
    args: argparse.Namespace,
    chunks: Iterator[list[Job]],
) -> Iterator[Outcome]:
    """Keep the workers busy; a photo that kills them repeatedly is reported as failed."""
    running = distributed.as_completed()
    tasks: dict[Any, list[Job]] = {}

    def submit(chunk: list[Job]) -> None:
        """Submit a chunk to any free worker."""
        # An impure task has a key of its own: its result is not that of an earlier run.
        task = client.submit(work_chunk, args, chunk, pure=False)
        tasks[task] = chunk
        running.add(task)

    def refill() -> None:
        """Submit chunks until enough of them wait."""
        while len(tasks) < _AHEAD * max(len(client.nthreads()), 1):
            chunk = next(chunks, None)
            if chunk is None:
                return
            submit(chunk)

    refill()
    for task in running:
        chunk = tasks.pop(task)
        error = task.exception()
        if error is None:
            yield from task.result()
        elif not isinstance(error, distributed.KilledWorker):
            raise error
        elif len(chunk) > 1:
            for job in chunk:
                submit([job])
        else:
            yield Outcome(chunk[0], "the process that worked on it died, several times", True)
        refill()


def work_chunk(args: argparse.Namespace, jobs: Sequence[Job]) -> list[Outcome]:
    """Process a few photos in a worker process, which is one of several on its machine."""
    key = repr(sorted(vars(args).items()))
    if key not in _finders:
        cv2.setNumThreads(1)
        _finders.clear()
        _finders[key] = load_finder(args)
    return list(work(args, _finders[key], jobs))
