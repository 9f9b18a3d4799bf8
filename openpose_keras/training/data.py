"""The data of a run: its sources, batches for training, sets for validation."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.core.boxes import box_from_points
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.keypoints import Hand
from openpose_keras.evaluation.metrics import pck
from openpose_keras.heatmaps import peaks
from openpose_keras.networks.preprocessing import normalise
from openpose_keras.training import photos, render_cache
from openpose_keras.training.compose import Composer, Sample, Source, load_backgrounds
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.target_heatmaps import gaussian_heatmaps

if TYPE_CHECKING:
    import keras

Hands = Sequence[render_cache.DrawnHand | tuple[np.ndarray, np.ndarray]]
"""Rendered hands, or images (h, w, 4) uint8 RGBA, each with its keypoints (21, 2)."""

_VALIDATION_SEED = 1000  # added to the run's seed: training and validation have no hand in common
_PREVIEWS = 40


@dataclass(frozen=True, eq=False)
class DataSources:
    """What samples are composed of.

    Args:
        hands: Rendered hands as `render_cache.rendered_hands` returns them, or shipped ones; None
            for none.
        backgrounds: Images without hands; without any, all backgrounds are procedural.
        photos: Labelled photos; may be empty.
    """

    hands: Hands | None
    backgrounds: list[np.ndarray]
    photos: list[photos.LabelledPhoto]


def load_data_sources(config: TrainConfig) -> tuple[DataSources, DataSources]:
    """Render the hands that are missing, load the rest, and split it.

    Args:
        config: Where the data is, and how many hands to render.

    Returns:
        The sources for training and for validation: other hands, other backgrounds, photos of
        other people (or of other images, if the photos are your own).

    Raises:
        FileNotFoundError: An input is missing.
        DataError: The label file is not valid, or an image of it is missing.
        TrainingError: There is too little data to hold a part out, or the config does not name a
            folder that the run needs.
    """
    backgrounds, held_out_backgrounds = _load_backgrounds(config)
    shown, held_out = _load_photos(config)
    hands = _load_hands(config, "hands", config.hands, config.seed)
    seed = config.seed + _VALIDATION_SEED
    held_out_hands = _load_hands(config, "validation", config.validation_hands, seed)
    validation = DataSources(held_out_hands, held_out_backgrounds, held_out)
    return DataSources(hands, backgrounds, shown), validation


def _load_backgrounds(config: TrainConfig) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Load the background images; every eighth one is for validation."""
    if config.backgrounds is None:
        return [], []
    images = load_backgrounds(config.backgrounds)
    if len(images) < 2:
        raise TrainingError(
            f"expected at least two images in {config.backgrounds}, one of them to hold out, "
            f"got {len(images)}: add some"
        )
    return [image for index, image in enumerate(images) if index % 8], images[::8]


def _load_photos(
    config: TrainConfig,
) -> tuple[list[photos.LabelledPhoto], list[photos.LabelledPhoto]]:
    """Load and split the labelled photos: your own, or else those of the assets."""
    if not config.photo_fraction:
        return [], []
    if config.labels:
        return photos.split_by_person(photos.load_labelled_photos(config.labels))
    if config.assets is None:
        raise TrainingError(
            "expected labelled photos, as photo_fraction is above 0, got none: set labels, or "
            "assets with hand_photos/, or set photo_fraction to 0"
        )
    return photos.split_by_person(photos.load_photos(Path(config.assets) / "hand_photos"))


def _load_hands(config: TrainConfig, name: str, count: int, seed: int) -> Hands | None:
    """Open the run's cache of a name and a seed, if it has rendered hands at all."""
    folder = Path(config.out) / f"{name}-{seed}"
    if not config.hands:
        return None
    return render_cache.rendered_hands(folder, count=count, seed=seed, assets=config.assets)


def make_composer(sources: DataSources, *, photo_fraction: float, size: int) -> Composer:
    """Return a composer that draws from data sources.

    Args:
        sources: The sources for training or for validation.
        photo_fraction: Fraction of the hands that come from photos, if there are both.
        size: Side of a sample in pixels.

    Raises:
        TrainingError: There are neither hands nor photos.
    """
    weighted: list[tuple[Source, float]] = []
    if sources.hands is not None:
        weighted.append((rendered_source(sources.hands), 1 - photo_fraction))
    if sources.photos:
        weighted.append((photo_source(sources.photos), photo_fraction))
    if not weighted:
        raise TrainingError(
            "expected rendered hands or labelled photos, got neither: set hands above 0, or labels"
        )
    if len(weighted) == 1:
        weighted = [(weighted[0][0], 1.0)]
    return Composer(weighted, sources.backgrounds, size=size)


def rendered_source(hands: Hands) -> Source:
    """Return a source of rendered hands, all equally likely."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return an image with a hand, and its keypoints."""
        rgba, xyz = hands[int(rng.integers(len(hands)))][:2]
        return rgba, xyz[:, :2]

    return draw


def photo_source(labelled: list[photos.LabelledPhoto]) -> Source:
    """Return a source of photos, all equally likely: 70 % cut out, where that is possible."""
    cut_out = functools.cache(photos.cut_out)

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return an image with a hand, and its keypoints."""
        photo = labelled[int(rng.integers(len(labelled)))]
        cut = cut_out(photo)
        if cut is None or rng.random() < 0.3:
            return photos.opaque(photo), photo.xy
        return cut

    return draw


def batches(
    composer: Composer, config: TrainConfig, *, first_epoch: int = 0
) -> "keras.utils.PyDataset":
    """Return the training data for `keras.Model.fit`.

    Args:
        composer: Draws the samples.
        config: Sizes and seed.
        first_epoch: Number of the epoch that a resumed run begins with.

    Returns:
        A dataset of (images (n, size, size, 3) float32, and for each of the network's two stages
        heatmaps (n, size/4, size/4, 22) float32). Batch i of epoch e depends only on the seed, e
        and i.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        """Composes each batch when it is asked for."""

        def __init__(self) -> None:
            """Begin with the first epoch."""
            super().__init__()
            self.epoch = first_epoch

        def __len__(self) -> int:
            """Return the steps of an epoch."""
            return config.steps_per_epoch

        def on_epoch_end(self) -> None:
            """Draw other samples in the next epoch."""
            self.epoch += 1

        def __getitem__(self, index: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
            """Compose one batch."""
            rng = np.random.default_rng((config.seed, self.epoch, index))
            samples = [composer(rng) for _ in range(config.batch_size)]
            size, stride = config.size, networks.LITE_STRIDE
            maps = np.stack(
                [gaussian_heatmaps(each.hands, size=size, stride=stride) for each in samples]
            )
            return stack_images(samples), (maps, maps)

    return Batches()


def stack_images(samples: Sequence[Sample]) -> np.ndarray:
    """Return the images of samples as a batch for the network: (n, size, size, 3) float32."""
    return np.concatenate([normalise(sample.image) for sample in samples])


def validation_sets(sources: DataSources, config: TrainConfig) -> dict[str, list[Sample]]:
    """Compose centered samples of hands that training never shows.

    Args:
        sources: The sources for validation.
        config: Size, number and seed.

    Returns:
        "rendered" and "photos", if there are any: lists of samples with one hand each.
    """
    kinds = {
        "rendered": replace(sources, photos=[]) if sources.hands is not None else None,
        "photos": replace(sources, hands=None) if sources.photos else None,
    }
    sets = {}
    for name, some in kinds.items():
        if some:
            composer = make_composer(some, photo_fraction=1.0, size=config.size)
            rng = np.random.default_rng((config.seed, _VALIDATION_SEED))
            count = config.validation_samples
            sets[name] = [composer(rng, kind="centered") for _ in range(count)]
    return sets


def validate(model: "keras.Model", sets: dict[str, list[Sample]]) -> dict[str, float]:
    """Measure PCK@0.1 and PCK@0.2 of the longer side of the keypoints' extent, by plain argmax.

    Args:
        model: Computes heatmaps, of one stage or several.
        sets: Lists of samples with one hand each, by name.

    Returns:
        `<name>_pck10` and `<name>_pck20` for each list: fractions of the labelled keypoints.
    """
    report: dict[str, float] = {}
    for name, samples in sets.items():
        heatmaps = model.predict(stack_images(samples), batch_size=32, verbose=0)
        heatmaps = heatmaps[-1] if isinstance(heatmaps, list) else heatmaps
        found = np.stack([peaks.argmax_peaks(maps[..., :-1]) for maps in heatmaps])
        xy = peaks.to_input_frame(found, networks.LITE_STRIDE)[..., :2]
        truth = np.stack([sample.hands[0] for sample in samples])
        boxes = np.array([box_from_points(hand, 1.0) for hand in truth])
        values = pck(xy, truth, boxes, (0.1, 0.2))
        report |= {f"{name}_pck10": float(values[0]), f"{name}_pck20": float(values[1])}
    return report


def preview_samples(config: TrainConfig) -> list[tuple[np.ndarray, list[Hand]]]:
    """Return forty training samples of a config.

    Args:
        config: The config of the run. Hands that are missing are rendered.

    Returns:
        For each sample its image (h, w, 3) uint8 RGB and its hands; keypoints have the score 1.
    """
    sources, _ = load_data_sources(config)
    composer = make_composer(sources, photo_fraction=config.photo_fraction, size=config.size)
    rng = np.random.default_rng(config.seed)
    samples = [composer(rng) for _ in range(_PREVIEWS)]
    return [(sample.image, [labelled_hand(xy) for xy in sample.hands]) for sample in samples]


def labelled_hand(xy: np.ndarray) -> Hand:
    """Return keypoints (21, 2) as a hand; labelled ones have the score 1, NaN has the score 0."""
    return Hand(xy, np.isfinite(xy).all(axis=1).astype(float))
