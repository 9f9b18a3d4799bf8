"""Where a run's samples come from: what is shown, what is held back, batches of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core.errors import TrainingError
from openpose_keras.networks.preprocessing import normalise
from openpose_keras.training import backgrounds as grounds
from openpose_keras.training import labelled_photos, photos, render_cache, scenes, target_heatmaps
from openpose_keras.training.config import TrainConfig

if TYPE_CHECKING:
    import keras

_HELD_SEED = 1000  # added to the run's seed: no hand is in both banks


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What samples are made of.

    Attributes:
        hands: rendered hands, or None without.
        backgrounds: pictures without hands; where there are none, all grounds are made up.
        photos: labelled photos; may be empty.
    """

    hands: render_cache.Bank | None
    backgrounds: list[np.ndarray]
    photos: list[photos.LabelledPhoto]


def load_ingredients(config: TrainConfig) -> tuple[Ingredients, Ingredients]:
    """Render what hands are missing, load the rest, part what is shown from what is held back.

    Args:
        config: where things are, and how many hands to render.

    Returns:
        For training and for validation: other hands, other pictures, photos of other people (or,
        where they are your own, from other pictures).

    Raises:
        FileNotFoundError: An input is missing.
        DataError: The label file is none, or lacks a picture.
        TrainingError: There is too little of an input to hold some of it back, or the config does
            not say where it is.
    """
    others, held_pictures = _pictures(config)
    shown, held = _photos(config)
    hands = _bank(config, "hands", config.hands, config.seed)
    held_hands = _bank(config, "held", config.held_hands, config.seed + _HELD_SEED)
    return Ingredients(hands, others, shown), Ingredients(held_hands, held_pictures, held)


def _pictures(config: TrainConfig) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Load the backgrounds and part them."""
    if config.backgrounds is None:
        return [], []
    pictures = grounds.load_backgrounds(config.backgrounds)
    if len(pictures) < 2:
        raise TrainingError(
            f"expected at least two pictures in {config.backgrounds}, found {len(pictures)}; every "
            "eighth one is held back, and something has to be left"
        )
    return [picture for index, picture in enumerate(pictures) if index % 8], pictures[::8]


def _photos(
    config: TrainConfig,
) -> tuple[list[photos.LabelledPhoto], list[photos.LabelledPhoto]]:
    """Load the labelled photos, your own or the teacher's, and part them."""
    if not config.photo_share:
        return [], []
    if config.labels:
        return photos.split_by_person(labelled_photos.load_labelled(config.labels))
    if config.assets is None:
        raise TrainingError(
            "photo_share asks for labelled photos: give labels, or assets with hand_photos/, or "
            "set it to 0"
        )
    return photos.split_by_person(photos.load_photos(Path(config.assets) / "hand_photos"))


def _bank(config: TrainConfig, name: str, count: int, seed: int) -> render_cache.Bank | None:
    """Open as much of a bank as the run asks for, after rendering what it lacks."""
    if not config.hands:
        return None
    folder = Path(config.out) / f"{name}-{seed}"
    shards = -(-count // render_cache.SHARD_LAYERS)
    if not all(path.exists() for path in render_cache.shard_tables(folder, shards)):
        if config.assets is None:
            raise TrainingError(
                f"{folder} lacks rendered hands: give assets to render them from, or labels and "
                "0 as the number of hands"
            )
        from openpose_keras.training.synthesis import (
            render,  # needs Numba, which composing does not
        )

        render_cache.render_bank(
            folder, render.load_assets(config.assets), shards=shards, seed=seed
        )
    return render_cache.open_bank(folder, shards=shards)


def make_composer(ingredients: Ingredients, *, photo_share: float, size: int) -> scenes.Composer:
    """Bring hands and grounds together.

    Args:
        ingredients: of one side of `load_ingredients`.
        photo_share: share of the hands that come from photos, where there are both.
        size: side of a sample in pixels.

    Returns:
        What composes samples of them.

    Raises:
        TrainingError: There are neither hands nor photos.
    """
    sources = []
    if ingredients.hands is not None:
        sources.append((bank_source(ingredients.hands), 1 - photo_share))
    if ingredients.photos:
        sources.append((photo_source(ingredients.photos), photo_share))
    if len(sources) == 1:
        sources = [(sources[0][0], 1.0)]
    if not sources:
        raise TrainingError("expected rendered hands or labelled photos to compose samples of")
    return scenes.Composer(sources, ingredients.backgrounds, size=size)


def bank_source(hands: render_cache.Bank) -> scenes.Source:
    """Draw rendered hands evenly."""
    return lambda rng: hands[int(rng.integers(len(hands)))]


def photo_source(shown: list[photos.LabelledPhoto]) -> scenes.Source:
    """Draw photos evenly: cut out most of the time, else with their own ground."""
    cuts: dict[int, photos.CutOut | None] = {}

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        index = int(rng.integers(len(shown)))
        if index not in cuts:
            cuts[index] = photos.cut_out(shown[index])
        cut = cuts[index]
        if cut is None or rng.random() < 0.3:
            return photos.opaque(shown[index]), shown[index].xy
        return cut

    return draw


def batches(
    composer: scenes.Composer, config: TrainConfig, *, first_epoch: int = 0, stages: int = 2
) -> "keras.utils.PyDataset":
    """Give the training data as Keras wants it.

    Args:
        composer: what draws samples.
        config: sizes and seed.
        first_epoch: where a resumed run goes on.
        stages: how many outputs the network has, all of which are to give the same heatmaps.

    Returns:
        A dataset of (images (n, size, size, 3) float32, one heatmaps (n, size/4, size/4, 22)
        float32 a stage). Batch i of epoch e depends only on the seed, e and i.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        """Composes each batch when it is asked for."""

        def __init__(self) -> None:
            super().__init__(workers=1, use_multiprocessing=False, max_queue_size=6)
            self.epoch = first_epoch

        def __len__(self) -> int:
            """Count the steps of an epoch."""
            return config.steps_per_epoch

        def on_epoch_end(self) -> None:
            """Draw other samples next time."""
            self.epoch += 1

        def __getitem__(self, index: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
            """Compose one batch."""
            rng = np.random.default_rng((config.seed, self.epoch, index))
            samples = [composer(rng) for _ in range(config.batch_size)]
            maps = np.stack([_heatmaps(sample) for sample in samples])
            return inputs(samples), (maps,) * stages

    return Batches()


def inputs(samples: Sequence[scenes.Sample]) -> np.ndarray:
    """Stack the images of samples as the network wants them: (n, size, size, 3) float32."""
    return np.concatenate([normalise(sample.image) for sample in samples])


def _heatmaps(sample: scenes.Sample) -> np.ndarray:
    """Draw one sample's target."""
    size = sample.image.shape[0]
    return target_heatmaps.gaussian_heatmaps(sample.hands, size=size, stride=networks.LITE_STRIDE)
