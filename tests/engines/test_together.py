import threading
import time

import numpy as np
import pytest

from openpose_keras.engines import together
from openpose_keras.engines.together import call_together, run_engine


class Sum:
    """An engine that keeps what it was called with, and never runs twice at a time."""

    def __init__(self):
        self.shapes, self.lock = [], threading.Lock()

    def __call__(self, batch):
        assert self.lock.acquire(blocking=False)
        self.shapes.append(batch.shape)
        time.sleep(0.001)
        self.lock.release()
        return {"points": batch.sum(axis=(1, 2, 3))}


def images(*values, size=4):
    return np.stack([np.full((size, size, 3), value, np.float32) for value in values])


def passes(engine, *batches):
    """A call of several passes; each input depends on the output before."""
    total = np.zeros(1, np.float32)
    for batch in batches:
        total = total + run_engine(engine, batch + total[0])["points"].sum()
    return total.item()


def test_calls_of_any_number_of_passes_have_the_results_that_they_have_alone():
    rng = np.random.default_rng(0)
    engine, calls = Sum(), []
    for _ in range(20):
        sizes = rng.integers(3, 6, rng.integers(0, 5))
        batches = [images(*rng.uniform(0, 0.01, rng.integers(1, 4)), size=s) for s in sizes]
        calls.append(batches)
    expected = [passes(engine, *batches) for batches in calls]
    alone, engine = engine, Sum()
    found = call_together([lambda batches=batches: passes(engine, *batches) for batches in calls])
    np.testing.assert_allclose([each.result() for each in found], expected, rtol=1e-5)
    assert len(engine.shapes) < len(alone.shapes) / 3
    assert sum(shape[0] for shape in engine.shapes) == sum(shape[0] for shape in alone.shapes)


def test_what_one_engine_is_asked_for_goes_through_it_together_and_each_size_alone():
    engine, other = Sum(), Sum()
    asked = [(engine, 4), (engine, 4), (engine, 5), (other, 4)]
    calls = [
        lambda engine=engine, size=size: passes(engine, images(1, size=size))
        for engine, size in asked
    ]
    assert [each.result() for each in call_together(calls)] == [48, 48, 75, 48]
    assert sorted(engine.shapes) == [(1, 5, 5, 3), (2, 4, 4, 3)]
    assert other.shapes == [(1, 4, 4, 3)]


def test_large_inputs_go_through_in_several_batches(monkeypatch):
    monkeypatch.setattr(together, "LARGEST_INPUT", 2 * 4 * 4)
    engine = Sum()
    found = call_together([lambda: passes(engine, images(1))] * 5)
    assert [each.result() for each in found] == [48] * 5
    assert [shape[0] for shape in engine.shapes] == [2, 2, 1]


def test_an_error_of_a_call_is_its_own_and_one_of_the_engine_reaches_all_who_asked():
    def fail():
        raise ValueError("mine")

    def broken(batch):
        raise RuntimeError("the engine's")

    engine = Sum()
    good = lambda: passes(engine, images(1), images(2))  # noqa: E731
    one, two, three, four = call_together([good, fail, lambda: run_engine(broken, images(1)), good])
    assert one.result() == four.result() == 48 + 48 * 50
    with pytest.raises(ValueError, match="mine"):
        two.result()
    with pytest.raises(RuntimeError, match="the engine's"):
        three.result()
    assert call_together([]) == []
    assert run_engine(engine, images(1))["points"] == 48  # outside, at once
