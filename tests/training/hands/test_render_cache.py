import numpy as np
import pytest

from openpose_keras.core import files
from openpose_keras.core.errors import TrainingError
from openpose_keras.training.hands import render_cache
from openpose_keras.training.hands.render_cache import rendered_hands, write_shard
from openpose_keras.training.synthesis import assets, render
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_hand, fake_layer


@pytest.fixture
def fake_hands(monkeypatch):
    """Render fake hands, three a shard."""
    monkeypatch.setattr(render_cache, "SHARD_SIZE", 3)
    monkeypatch.setattr(assets, "load_assets", lambda folder: None)
    monkeypatch.setattr(render, "render_hand", lambda assets, rng, **options: fake_layer(rng))


def fill(folder, *, count, seed=4, assets="some"):
    return rendered_hands(folder, count=count, seed=seed, assets=assets)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_cache_returns_what_was_written_and_images_stay_on_disk(tmp_path):
    hands = [fake_hand(np.random.default_rng(seed)) for seed in range(5)]
    write_shard(tmp_path / "new" / "0000.npy", hands[:3])
    write_shard(tmp_path / "new" / "0001.npy", hands[3:])
    opened = fill(tmp_path / "new", count=render_cache.SHARD_SIZE + 1, assets=None)
    for got, hand in zip(opened, hands, strict=True):
        np.testing.assert_array_equal(got.rgba, hand.rgba)
        np.testing.assert_array_equal(got.xyz, hand.xyz)
        assert got.right == hand.right
        assert (got.rgba.dtype, got.xyz.dtype) == (np.uint8, np.float32)
        assert isinstance(got.rgba, np.memmap)
    assert {hand.right for hand in opened} == {0.0, 1.0}
    with pytest.raises(ValueError, match="read-only"):
        opened[0].rgba[:] = 0


@pytest.mark.usefixtures("fake_hands")
def test_shards_depend_on_seed_and_number_only(tmp_path):
    hands = fill(tmp_path / "one", count=7)
    assert len(hands) == 9  # whole shards
    fill(tmp_path / "two", count=9)
    (tmp_path / "two" / "0001.npy").unlink()
    fill(tmp_path / "two", count=9)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(set(contents(tmp_path / "one").values())) == 3
    fill(tmp_path / "other", count=9, seed=5)
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


@pytest.mark.usefixtures("fake_hands")
def test_shards_that_are_there_are_not_rendered_again(tmp_path):
    write_shard(tmp_path / "0000.npy", [fake_hand(np.random.default_rng(9))] * 7)
    before = contents(tmp_path)
    assert len(fill(tmp_path, count=6)) == 7 + 3
    assert before.items() <= contents(tmp_path).items()
    assert len(fill(tmp_path, count=3, assets=None)) == 7  # only as many shards as are asked for
    with pytest.raises(TrainingError, match="set assets to render them"):
        fill(tmp_path, count=7, assets=None)


@pytest.mark.usefixtures("fake_hands")
@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [(render, "render_hand", 4), (np, "save", 1), (files.Path, "replace", 1)],
    ids=["rendering", "np.save", "rename"],
)
def test_an_interrupted_run_leaves_no_half_shard_and_continues(
    tmp_path, monkeypatch, module, name, allowed
):
    fill(tmp_path / "whole", count=6)
    original, calls = getattr(module, name), []

    def stop(*args, **options):
        calls.append(1)
        if len(calls) > allowed:
            raise KeyboardInterrupt
        return original(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stop)
        with pytest.raises(KeyboardInterrupt):
            fill(tmp_path / "run", count=6)
    assert set(contents(tmp_path / "run")) == {"0000.npy"}  # it was interrupted in the second shard
    fill(tmp_path / "run", count=6)
    assert contents(tmp_path / "whole") == contents(tmp_path / "run")


def test_rendered_hands_fill_their_fraction_of_the_layers(tmp_path, monkeypatch):
    monkeypatch.setattr(render_cache, "SHARD_SIZE", 2)
    monkeypatch.setattr(render_cache, "LAYER_SIZE", 64)
    for rgba, xyz, right, _ in fill(tmp_path, count=2, assets=assets_folder()):
        assert rgba.shape == (64, 64, 4)
        assert right in (0.0, 1.0)
        xy = xyz[:, :2]
        assert np.ptp(xy, axis=0).max() == pytest.approx(64 * render_cache.LAYER_FRACTION, abs=0.05)
        column, row = np.round(xy).astype(int).T
        assert (rgba[row, column, 3] > 127).mean() > 0.7


@pytest.mark.slow
def test_several_processes_render_what_one_does(tmp_path):
    for processes in (1, 2):
        rendered_hands(
            tmp_path / str(processes),
            count=render_cache.SHARD_SIZE + 1,
            seed=3,
            assets=assets_folder(),
            processes=processes,
        )
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
