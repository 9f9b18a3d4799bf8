"""Where a run's samples come from: what is shown, what is held back, batches, validation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks, peaks, preprocessing
from openpose_keras.training import bank, grounds, photos, render, scenes, targets
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.errors import TrainingError

if TYPE_CHECKING:
    import keras

VALIDATION_SAMPLES = 384
_HELD_SEED = 1000  # added to the run's seed: no hand is in both banks


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What samples are made of.

    Attributes:
        hands: rendered hands.
        backgrounds: pictures without hands.
        photos: labelled photos; may be empty.
    """

    hands: bank.Bank
    backgrounds: list[np.ndarray]
    photos: list[photos.LabelledPhoto]


def load_ingredients(config: TrainConfig) -> tuple[Ingredients, Ingredients]:
    """Render what hands are missing, load the rest, part what is shown from what is held back.

    Args:
        config: where things are, and how many hands to render.

    Returns:
        For training and for validation: other hands, other pictures, photos of other people.

    Raises:
        FileNotFoundError: An input is missing.
        TrainingError: There is too little of an input to hold some of it back.
    """
    assets = Path(config.assets)
    pictures = grounds.load_backgrounds(config.backgrounds)
    if len(pictures) < 2:
        raise TrainingError(
            f"expected at least two pictures in {config.backgrounds}, found {len(pictures)}; every "
            "eighth one is held back, and something has to be left"
        )
    shown, held = [], []
    if config.photo_share:
        shown, held = photos.split_by_person(photos.load_photos(assets / "hand_photos"))
    hands = _bank(config, "hands", config.hands, config.seed)
    held_hands = _bank(config, "held", config.held_hands, config.seed + _HELD_SEED)
    others = [picture for index, picture in enumerate(pictures) if index % 8]
    return Ingredients(hands, others, shown), Ingredients(held_hands, pictures[::8], held)


def _bank(config: TrainConfig, name: str, count: int, seed: int) -> bank.Bank:
    """Open as much of a bank as the run asks for, after rendering what it lacks."""
    folder = Path(config.out) / f"{name}-{seed}"
    shards = -(-count // bank.SHARD_LAYERS)
    if not all(path.exists() for path in bank.shard_tables(folder, shards)):
        bank.render_bank(folder, render.load_assets(config.assets), shards=shards, seed=seed)
    return bank.open_bank(folder, shards=shards)


def make_composer(ingredients: Ingredients, *, photo_share: float, size: int) -> scenes.Composer:
    """Bring hands and grounds together.

    Args:
        ingredients: of one side of `load_ingredients`.
        photo_share: share of the hands that come from photos, where there are any.
        size: side of a sample in pixels.

    Returns:
        What composes samples of them.
    """
    share = photo_share if ingredients.photos else 0.0
    sources = [(bank_source(ingredients.hands), 1 - share)]
    if share:
        sources.append((photo_source(ingredients.photos), share))
    return scenes.Composer(sources, ingredients.backgrounds, size=size)


def bank_source(hands: bank.Bank) -> scenes.Source:
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
    composer: scenes.Composer, config: TrainConfig, *, first_epoch: int = 0
) -> "keras.utils.PyDataset":
    """Give the training data as Keras wants it.

    Args:
        composer: what draws samples.
        config: sizes and seed.
        first_epoch: where a resumed run goes on.

    Returns:
        A dataset of (images (n, size, size, 3) float32, (heatmaps, heatmaps) (n, size/4, size/4,
        22) float32). Batch i of epoch e depends only on the seed, e and i.
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
            return _inputs(samples), (maps, maps)

    return Batches()


def _inputs(samples: list[scenes.Sample]) -> np.ndarray:
    """Stack the images as the network wants them."""
    return np.concatenate([preprocessing.normalise(sample.image) for sample in samples])


def _heatmaps(sample: scenes.Sample) -> np.ndarray:
    """Draw one sample's target."""
    size = sample.image.shape[0]
    return targets.gaussian_heatmaps(sample.hands, size=size, stride=networks.LITE_STRIDE)


def validation_sets(held: Ingredients, config: TrainConfig) -> dict[str, list[scenes.Sample]]:
    """Compose portraits of hands never trained on, before grounds never trained on.

    Args:
        held: what training does not see.
        config: size and seed.

    Returns:
        "rendered", and "photos" where there are any: lists of samples with one hand each.
    """
    shares = {"rendered": 0.0, "photos": 1.0} if held.photos else {"rendered": 0.0}
    sets = {}
    for name, share in shares.items():
        composer = make_composer(held, photo_share=share, size=config.size)
        rng = np.random.default_rng((config.seed, _HELD_SEED))
        sets[name] = [composer(rng, kind="portrait") for _ in range(VALIDATION_SAMPLES)]
    return sets


def validate(model: "keras.Model", sets: dict[str, list[scenes.Sample]]) -> dict[str, float]:
    """Measure PCK@0.1 and PCK@0.2 of the longer side of the keypoints' box, by plain argmax.

    Args:
        model: what gives heatmaps, of one stage or several.
        sets: lists of samples with one hand each, by name.

    Returns:
        For each list `<name>_pck10` and `<name>_pck20`: shares of keypoints.
    """
    report = {}
    for name, samples in sets.items():
        heatmaps = model.predict(_inputs(samples), batch_size=32, verbose=0)
        heatmaps = heatmaps[-1] if isinstance(heatmaps, list) else heatmaps
        found = np.stack([peaks.argmax_peaks(maps[..., :-1]) for maps in heatmaps])
        xy = peaks.to_input_frame(found, networks.LITE_STRIDE)[..., :2]
        truth = np.stack([sample.hands[0] for sample in samples])
        error = np.linalg.norm(xy - truth, axis=-1) / np.ptp(truth, axis=1).max(-1, keepdims=True)
        report |= {f"{name}_pck{int(100 * t)}": float((error < t).mean()) for t in (0.1, 0.2)}
    return report
