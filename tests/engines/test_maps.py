"""Images through an engine: batches, and checks of what comes out."""

import numpy as np
import pytest

from openpose_keras.core.errors import NetworkError
from openpose_keras.core.skeletons import HAND
from openpose_keras.engines.maps import run_batches
from openpose_keras.networks.input_spec import InputSpec

SPEC = InputSpec(box_size=16, stride=8)


def answer(batch):
    """Maps of the mean of each image."""
    rows, columns = (-(-side // 8) for side in batch.shape[1:3])
    return np.tile(batch.mean(axis=(1, 2, 3))[:, None, None, None], (1, rows, columns, 22))


def run(images, forward=answer, batch_size=2, order="rgb"):
    maps = run_maps(images, forward, batch_size, order)
    return [each["keypoints"] for each in maps]


def run_maps(images, forward, batch_size=2, order="rgb"):
    return run_batches(
        forward, images, spec=SPEC, skeleton=HAND, channel_order=order, batch_size=batch_size
    )


def test_answers_come_in_order_though_sizes_are_mixed():
    sizes = [(16, 16), (24, 16), (16, 16), (17, 16), (16, 16), (24, 16)]
    images = [np.full((*size, 3), 10 * n, np.uint8) for n, size in enumerate(sizes)]
    answers = run(images)
    for n, (size, maps) in enumerate(zip(sizes, answers, strict=True)):
        assert maps.shape == (-(-size[0] // 8), 2, 22)
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, 10 * n / 256 - 0.5)


def test_each_batch_is_of_one_size_and_bounded():
    shapes = []

    def forward(batch):
        shapes.append(batch.shape[:3])
        return answer(batch)

    run([np.zeros((16, 16, 3), np.uint8), np.zeros((24, 16, 3), np.uint8)] * 3, forward)
    assert shapes == [(2, 16, 16), (1, 16, 16), (2, 24, 16), (1, 24, 16)]


def test_a_batch_has_at_most_the_pixels_of_the_largest_input(monkeypatch):
    monkeypatch.setattr("openpose_keras.engines.maps.LARGEST_INPUT", 3 * 16 * 16)
    counts = []

    def forward(batch):
        counts.append(len(batch))
        return answer(batch)

    images = [np.full((16, 16, 3), n, np.uint8) for n in range(7)]
    answers = run(images, forward, batch_size=8)
    assert counts == [3, 3, 1]
    np.testing.assert_allclose([maps[0, 0, 0] for maps in answers], np.arange(7) / 256 - 0.5)
    counts.clear()
    run([np.zeros((80, 80, 3), np.uint8)] * 2, forward, batch_size=8)
    assert counts == [1, 1]  # larger than the budget, and one at a time


def test_the_network_is_given_float32_in_the_order_asked_for():
    seen = []

    def forward(batch):
        seen.append(batch)
        return answer(batch)

    image = np.zeros((16, 16, 3), np.uint8) + np.array([0, 128, 255], np.uint8)
    run([image], forward, order="bgr")
    assert seen[0].dtype == np.float32
    assert seen[0].shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(seen[0][0, 0, 0], np.float32([255 / 256 - 0.5, 0, -0.5]))


def test_no_pictures_no_call():
    assert run([], forward=None) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(NetworkError, match="NaN or infinity"):
        run([np.zeros((16, 16, 3), np.uint8)], lambda batch: answer(batch) * bad)


@pytest.mark.parametrize("crop", [np.s_[:, :1], np.s_[..., :21], np.s_[:0], np.s_[0]])
def test_other_shapes_are_refused(crop):
    with pytest.raises(NetworkError, match=r"expected heatmaps \(1, 2, 2, 22\)"):
        run([np.zeros((16, 16, 3), np.uint8)], lambda batch: answer(batch)[crop])


@pytest.mark.parametrize("bad", [np.float32(1), np.zeros(3), np.full(1, np.nan)])
def test_other_outputs_have_an_entry_per_image_and_are_finite(bad):
    with pytest.raises(NetworkError, match="presence"):
        run_maps(IMAGE, lambda batch: {"keypoints": answer(batch), "presence": bad})


def test_every_named_output_is_returned_for_each_image():
    def engine(batch):
        count = len(batch)
        presence, points = np.arange(count), np.zeros((count, 21, 3))
        return {"keypoints": answer(batch), "presence": presence, "points": points}

    first, second = run_maps(IMAGE * 2, engine)
    assert set(first) == {"keypoints", "presence", "points"}
    assert (first["presence"], second["presence"]) == (0, 1)
    assert first["points"].shape == (21, 3)


@pytest.mark.parametrize("kind", [tuple, list])
def test_maps_without_names_are_refused(kind):
    with pytest.raises(NetworkError, match=f"got a {kind.__name__}: return"):
        run_maps(IMAGE, lambda batch: kind([answer(batch), np.ones((len(batch), 2, 2, 52))]))


def test_an_engine_without_keypoints_is_refused():
    with pytest.raises(
        NetworkError, match="expected maps named 'keypoints' or 'points', got presence"
    ):
        run_maps(IMAGE, lambda batch: {"presence": np.ones(len(batch))})


IMAGE = [np.zeros((16, 16, 3), np.uint8)]
