import threading
import time

import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.estimators.photos import process, write_behind
from tests.helpers.folders import write_photos


def test_photos_come_in_order_and_those_that_fail_are_told(tmp_path):
    write_photos(tmp_path, 9, bad=[2])

    def estimate(image):
        if image[0, 0, 0] == 5:
            raise RuntimeError("five")
        return int(image[0, 0, 0])

    errors = []
    paths = sorted(tmp_path.iterdir())
    found = list(process(paths, estimate, on_error=lambda *args: errors.append(args)))
    assert [value for _, value in found] == [0, 1, 3, 4, 6, 7, 8]
    assert [photo.path for photo, _ in found] == [paths[value] for _, value in found]
    assert all((photo.image == value).all() for photo, value in found)
    assert [path for path, _ in errors] == [paths[2], paths[5]]
    with pytest.raises(ImageError, match=r"002\.png: expected JPEG"):
        list(process(paths, estimate))


def test_no_more_than_a_few_items_are_between_reading_and_writing():
    made, most = [], []
    held = threading.Semaphore(0)

    def write(item):
        held.acquire()
        return item

    def items():
        for number in range(20):
            made.append(number)
            yield number

    results = write_behind(write, items(), count=2)
    thread = threading.Thread(target=lambda: most.extend(results))
    thread.start()
    time.sleep(0.1)
    assert len(made) == 3  # two wait, and one is about to be written
    held.release(20)
    thread.join()
    assert most == list(range(20))


def test_an_error_of_the_writer_ends_the_run():
    def write(item):
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        list(write_behind(write, range(3)))


def test_one_path_and_addresses_are_refused():
    with pytest.raises(ImageError, match="several files, got one"):
        process("a.jpg", len)
    with pytest.raises(ImageError, match=r"download https://example\.org/a\.jpg first"):
        list(process(["https://example.org/a.jpg"], len))
