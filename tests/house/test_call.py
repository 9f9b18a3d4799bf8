import numpy as np

from tests.house.call import CountingEngine, count_calls


def test_images_are_counted_and_handed_on():
    engine = CountingEngine(lambda batch: batch + 1)
    assert np.array_equal(engine(np.zeros((3, 2, 2, 3))), np.ones((3, 2, 2, 3)))
    engine(np.zeros((2, 2, 2, 3)))
    assert engine.images == 5


def test_calls_of_one_function_are_counted():
    def counted(depth):
        return depth and counted(depth - 1)

    assert count_calls(counted, lambda: [counted(0), counted(2), abs(-1)]) == 4
