import numpy as np
import pytest

from openpose_keras.core import files as _files
from openpose_keras.training import render_cache
from openpose_keras.training.render_cache import open_bank, render_bank
from openpose_keras.training.synthesis import render
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_layer, write_bank


@pytest.fixture
def renderer(monkeypatch):
    """Render fake hands, three a shard; the list says how many were rendered."""
    rendered = []

    def render_hand(assets, rng, *, size, share):
        rendered.append((size, share))
        return fake_layer(rng)

    monkeypatch.setattr(render_cache, "SHARD_LAYERS", 3)
    monkeypatch.setattr(render, "render_hand", render_hand)
    return rendered


def contents(folder):
    """All of a bank's files as arrays, by name."""
    files = {path.name: np.load(path) for path in sorted(folder.glob("*.npy"))}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as table:
            files |= {f"{path.name}/{key}": table[key] for key in table.files}
    return files


def assert_same_files(first, second):
    assert list(contents(first)) == list(contents(second))
    for array, other in zip(contents(first).values(), contents(second).values(), strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_bank_gives_back_what_was_written(tmp_path):
    layers = [fake_layer(np.random.default_rng(seed)) for seed in range(5)]
    render_cache._write_shard(tmp_path / "0000", layers)
    opened = open_bank(tmp_path)
    assert len(opened) == 5
    for index, layer in enumerate(layers):
        rgba, xy = opened[index]
        np.testing.assert_array_equal(rgba, layer.rgba)
        np.testing.assert_array_equal(xy, layer.xy)
        assert opened.left[index] == (layer.side == "left")
        assert opened.gloved[index] == layer.gloved
    assert opened.xy.dtype == np.float32


def test_layers_stay_on_disk_and_cannot_be_written_into(tmp_path):
    opened = open_bank(write_bank(tmp_path))
    assert isinstance(opened.layers[0], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        opened[0][0][:] = 0


def test_every_hand_is_reached_also_when_shards_differ_in_length(tmp_path):
    for number, count in enumerate((4, 2, 5)):
        rng = np.random.default_rng(number)
        render_cache._write_shard(
            tmp_path / f"{number:04d}", [fake_layer(rng) for _ in range(count)]
        )
    opened = open_bank(tmp_path)
    assert len(opened) == 11
    hands = list(opened)
    assert len(hands) == 11
    truth = np.concatenate([np.load(tmp_path / f"000{number}.npy") for number in range(3)])
    np.testing.assert_array_equal(np.stack([rgba for rgba, _ in hands]), truth)
    np.testing.assert_array_equal(opened[-1][0], truth[10])
    np.testing.assert_array_equal(opened[np.int64(4)][0], truth[4])


@pytest.mark.parametrize("index", [6, -7])
def test_a_hand_beyond_the_end_is_refused(tmp_path, index):
    with pytest.raises(IndexError):
        open_bank(write_bank(tmp_path, layers=6))[index]


@pytest.mark.parametrize("files", [(), ("0000.npy",), ("0000.part.npy", "0000.part.npz")])
def test_a_folder_without_whole_shards_is_refused(tmp_path, files):
    for name in files:
        (tmp_path / name).write_bytes(b"half")
    with pytest.raises(FileNotFoundError, match=r"expected shards NNNN\.npz"):
        open_bank(tmp_path)


def test_the_first_shards_are_opened_alone(tmp_path):
    write_bank(tmp_path, shards=3, layers=6)
    assert len(open_bank(tmp_path, shards=2)) == 12
    assert len(open_bank(tmp_path)) == 18
    with pytest.raises(FileNotFoundError, match=r"0003\.npz"):
        open_bank(tmp_path, shards=4)


def test_half_shards_are_left_out(tmp_path):
    write_bank(tmp_path, layers=6)
    (tmp_path / "0001.npy").write_bytes(b"half")
    (tmp_path / "0002.part.npz").write_bytes(b"half")
    (tmp_path / ".7.0003.npz").write_bytes(b"half")
    assert len(open_bank(tmp_path)) == 6


def test_same_seed_gives_the_same_bank_and_another_seed_another(tmp_path, renderer):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        render_bank(tmp_path / name, None, shards=2, seed=seed)
    assert_same_files(tmp_path / "a", tmp_path / "b")
    first, other = open_bank(tmp_path / "a"), open_bank(tmp_path / "c")
    assert (first.layers[0] != other.layers[0]).any()
    assert (first.layers[0] != first.layers[1]).any()
    assert len(first) == 6
    assert set(renderer) == {(render_cache.LAYER_SIZE, render_cache.LAYER_SHARE)}


def test_processes_share_the_work_by_numbers(tmp_path, renderer):
    render_bank(tmp_path / "one", None, shards=3, seed=4)
    render_bank(tmp_path / "two", None, shards=1, seed=4, first=2)
    render_bank(tmp_path / "two", None, shards=2, seed=4)
    assert_same_files(tmp_path / "one", tmp_path / "two")


def test_only_missing_shards_are_rendered(tmp_path, renderer):
    render_bank(tmp_path, None, shards=2, seed=4)
    before = contents(tmp_path)
    renderer.clear()
    render_bank(tmp_path, None, shards=3, seed=4)
    assert len(renderer) == 3
    for name, array in before.items():
        np.testing.assert_array_equal(contents(tmp_path)[name], array)


@pytest.mark.parametrize("moment", ["rendering", "np.save", "np.savez", "first rename", "second"])
def test_an_interrupted_run_leaves_no_half_shard_and_goes_on(
    tmp_path, renderer, monkeypatch, moment
):
    render_bank(tmp_path / "whole", None, shards=2, seed=4)
    with monkeypatch.context() as patch:
        interrupt(patch, moment)
        with pytest.raises(KeyboardInterrupt):
            render_bank(tmp_path / "run", None, shards=2, seed=4)
    names = {path.name for path in (tmp_path / "run").glob("[0-9][0-9][0-9][0-9].npz")}
    assert names == {"0000.npz"}  # the second shard was the one under way
    assert len(open_bank(tmp_path / "run")) == 3
    render_bank(tmp_path / "run", None, shards=2, seed=4)
    assert_same_files(tmp_path / "whole", tmp_path / "run")


def interrupt(patch, moment):
    """Stop the second shard at a moment of its making."""
    module, name, allowed = {
        "rendering": (render, "render_hand", 4),
        "np.save": (np, "save", 1),
        "np.savez": (np, "savez", 1),
        "first rename": (_files.os, "replace", 2),
        "second": (_files.os, "replace", 3),
    }[moment]
    original, calls = getattr(module, name), []

    def stop(*args, **options):
        calls.append(1)
        if len(calls) > allowed:
            raise KeyboardInterrupt
        return original(*args, **options)

    patch.setattr(module, name, stop)


def test_rendered_hands_fill_their_share_of_the_layers(tmp_path, monkeypatch):
    assets = render.load_assets(assets_folder(), texture_size=256)
    monkeypatch.setattr(render_cache, "SHARD_LAYERS", 2)
    monkeypatch.setattr(render_cache, "LAYER_SIZE", 64)
    for name in ("a", "b"):
        render_bank(tmp_path / name, assets, shards=1, seed=3)
    assert_same_files(tmp_path / "a", tmp_path / "b")
    for rgba, xy in open_bank(tmp_path / "a"):
        assert rgba.shape == (64, 64, 4)
        assert np.ptp(xy, axis=0).max() == pytest.approx(render_cache.LAYER_SHARE * 64, abs=0.05)
        column, row = np.round(xy).astype(int).T
        assert (rgba[row, column, 3] > 127).mean() > 0.7
