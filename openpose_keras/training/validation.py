"""Measure a network during training, on hands and grounds that it is never shown."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.heatmaps import peaks
from openpose_keras.training import samples, scenes, target_heatmaps
from openpose_keras.training.config import TrainConfig

if TYPE_CHECKING:
    import keras

_SEED = 1000  # beside the run's seed


def validation_sets(
    held: samples.Ingredients, config: TrainConfig
) -> dict[str, list[scenes.Sample]]:
    """Compose portraits of hands never trained on, before grounds never trained on.

    Args:
        held: what training does not see.
        config: size, number and seed.

    Returns:
        "rendered" and "photos", where there are any: lists of samples with one hand each.
    """
    kinds = {
        "rendered": held.hands is not None and replace(held, photos=[]),
        "photos": bool(held.photos) and replace(held, hands=None),
    }
    sets = {}
    for name, ingredients in kinds.items():
        if ingredients:
            composer = samples.make_composer(ingredients, photo_share=1.0, size=config.size)
            rng = np.random.default_rng((config.seed, _SEED))
            count = config.validation_samples
            sets[name] = [composer(rng, kind="portrait") for _ in range(count)]
    return sets


def validate(model: "keras.Model", sets: dict[str, list[scenes.Sample]]) -> dict[str, float]:
    """Measure PCK@0.1 and PCK@0.2 of the longer side of the keypoints' box, by plain argmax.

    Keypoints without a label do not count.

    Args:
        model: what gives heatmaps, of one stage or several.
        sets: lists of samples with one hand each, by name.

    Returns:
        For each list `<name>_pck10` and `<name>_pck20`: shares of keypoints.
    """
    report = {}
    for name, shown in sets.items():
        heatmaps = model.predict(samples.inputs(shown), batch_size=32, verbose=0)
        heatmaps = heatmaps[-1] if isinstance(heatmaps, list) else heatmaps
        found = np.stack([peaks.argmax_peaks(maps[..., :-1]) for maps in heatmaps])
        xy = peaks.to_input_frame(found, networks.LITE_STRIDE)[..., :2]
        truth = np.stack([sample.hands[0] for sample in shown])
        sizes = np.array([target_heatmaps.hand_size(hand) for hand in truth])
        error = np.linalg.norm(xy - truth, axis=-1) / sizes[:, None]
        error = error[np.isfinite(truth).all(axis=-1)]
        report |= {f"{name}_pck{int(100 * t)}": float((error < t).mean()) for t in (0.1, 0.2)}
    return report
