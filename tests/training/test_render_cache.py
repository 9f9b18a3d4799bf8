import numpy as np
import pytest

from openpose_keras.core import files
from openpose_keras.training import render_cache
from openpose_keras.training.render_cache import fill_cache, open_cache, shard_tables, write_shard
from openpose_keras.training.synthesis import assets, render
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_layer, write_cache


@pytest.fixture
def fake_hands(monkeypatch):
    """Render fake hands, three a shard."""
    monkeypatch.setattr(render_cache, "SHARD_SIZE", 3)
    monkeypatch.setattr(render, "render_hand", lambda assets, rng, **options: fake_layer(rng))


def contents(folder):
    """All files of a cache as arrays, by name."""
    found = {path.name: np.load(path) for path in sorted(folder.glob("*.npy"))}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as table:
            found |= {f"{path.name}/{key}": table[key] for key in table.files}
    return found


def assert_same_files(first, second):
    assert list(contents(first)) == list(contents(second))
    for array, other in zip(contents(first).values(), contents(second).values(), strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_cache_returns_what_was_written(tmp_path):
    layers = [fake_layer(np.random.default_rng(seed)) for seed in range(5)]
    write_shard(tmp_path / "0000.npz", layers)
    opened = open_cache(tmp_path)
    assert len(opened) == 5
    for index, layer in enumerate(layers):
        rgba, xy = opened[index]
        np.testing.assert_array_equal(rgba, layer.rgba)
        np.testing.assert_array_equal(xy, layer.xy)
        assert opened.left[index] == (layer.side == "left")
        assert opened.gloved[index] == layer.gloved
    assert opened.xy.dtype == np.float32


def test_images_stay_on_disk_and_cannot_be_written_into(tmp_path):
    opened = open_cache(write_cache(tmp_path))
    assert isinstance(opened.images[0], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        opened[0][0][:] = 0


def test_every_hand_has_an_index_even_if_shards_differ_in_length(tmp_path):
    opened = open_cache(write_cache(tmp_path, counts=(4, 2, 5)))
    truth = np.concatenate([np.load(tmp_path / f"000{number}.npy") for number in range(3)])
    np.testing.assert_array_equal(np.stack([rgba for rgba, _ in opened]), truth)
    np.testing.assert_array_equal(opened[-1][0], truth[10])
    np.testing.assert_array_equal(opened[np.int64(4)][0], truth[4])
    for index in (11, -12):
        with pytest.raises(IndexError):
            opened[index]


@pytest.mark.parametrize("names", [(), ("0000.npy",), ("0000.part.npy", "0000.part.npz")])
def test_a_folder_without_complete_shards_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    with pytest.raises(FileNotFoundError, match=r"expected shards NNNN\.npz"):
        open_cache(tmp_path)


def test_only_complete_shards_are_opened_or_the_first_that_are_asked_for(tmp_path):
    write_cache(tmp_path, counts=(6, 6, 6))
    (tmp_path / "0003.npy").write_bytes(b"half")
    (tmp_path / ".7.0003.npz").write_bytes(b"half")
    assert len(open_cache(tmp_path)) == 18
    assert len(open_cache(tmp_path, shards=2)) == 12
    with pytest.raises(FileNotFoundError, match=r"0003\.npz"):
        open_cache(tmp_path, shards=4)


@pytest.mark.usefixtures("fake_hands")
def test_shards_depend_on_seed_and_number_and_not_on_the_process(tmp_path):
    fill_cache(tmp_path / "one", None, shards=3, seed=4)
    fill_cache(tmp_path / "two", None, shards=1, seed=4, first=2)
    fill_cache(tmp_path / "two", None, shards=2, seed=4)
    fill_cache(tmp_path / "other", None, shards=1, seed=5)
    assert_same_files(tmp_path / "one", tmp_path / "two")
    first, other = open_cache(tmp_path / "one"), open_cache(tmp_path / "other")
    assert (first.images[0] != other.images[0]).any()
    assert (first.images[0] != first.images[1]).any()


@pytest.mark.usefixtures("fake_hands")
def test_shards_that_are_there_are_not_rendered_again(tmp_path):
    write_cache(tmp_path, counts=(7,), seed=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    fill_cache(tmp_path, None, shards=2, seed=4)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}.items()
    assert len(open_cache(tmp_path)) == 7 + 3


@pytest.mark.usefixtures("fake_hands")
@pytest.mark.parametrize("moment", ["rendering", "np.save", "np.savez", "first rename", "second"])
def test_an_interrupted_run_leaves_no_half_shard_and_continues(tmp_path, monkeypatch, moment):
    fill_cache(tmp_path / "whole", None, shards=2, seed=4)
    with monkeypatch.context() as patch:
        interrupt(patch, moment)
        with pytest.raises(KeyboardInterrupt):
            fill_cache(tmp_path / "run", None, shards=2, seed=4)
    complete = [path.exists() for path in shard_tables(tmp_path / "run", 2)]
    assert complete == [True, False]  # it was interrupted in the second shard
    assert len(open_cache(tmp_path / "run")) == 3
    fill_cache(tmp_path / "run", None, shards=2, seed=4)
    assert_same_files(tmp_path / "whole", tmp_path / "run")


def interrupt(patch, moment):
    """Stop the making of the second shard at a moment."""
    module, name, allowed = {
        "rendering": (render, "render_hand", 4),
        "np.save": (np, "save", 1),
        "np.savez": (np, "savez", 1),
        "first rename": (files.os, "replace", 2),
        "second": (files.os, "replace", 3),
    }[moment]
    original, calls = getattr(module, name), []

    def stop(*args, **options):
        calls.append(1)
        if len(calls) > allowed:
            raise KeyboardInterrupt
        return original(*args, **options)

    patch.setattr(module, name, stop)


def test_rendered_hands_fill_their_fraction_of_the_layers(tmp_path, monkeypatch):
    loaded = assets.load_assets(assets_folder(), texture_size=64)
    monkeypatch.setattr(render_cache, "SHARD_SIZE", 2)
    monkeypatch.setattr(render_cache, "LAYER_SIZE", 64)
    fill_cache(tmp_path, loaded, shards=1, seed=3)
    for rgba, xy in open_cache(tmp_path):
        assert rgba.shape == (64, 64, 4)
        assert np.ptp(xy, axis=0).max() == pytest.approx(64 * render_cache.LAYER_FRACTION, abs=0.05)
        column, row = np.round(xy).astype(int).T
        assert (rgba[row, column, 3] > 127).mean() > 0.7
