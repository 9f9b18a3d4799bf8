"""COCO's result files of people: detections for evaluation by other programs.

A file is a list of people with `image_id`, `keypoints` and `score`, as OpenPose writes it with
`--write_coco_json` (`src/openpose/filestream/cocoJsonSaver.cpp`). The third number of a keypoint is
1 if it was found and 0 otherwise, never its score. A missing keypoint is -1, -1, 0. A person
without any keypoint is left out. Numbers have six significant digits.

    from openpose_keras.io.coco_people import read_people_labels
    from openpose_keras.io.coco_results import write_results
    samples = read_people_labels("person_keypoints_val2017.json", "val2017")
    found = {each.image_id: estimator(read_image(each.image)) for each in samples}
    write_results("results.json", found)
"""

import json
import math
import operator
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import Box, keypoint_extent
from openpose_keras.core.errors import DataError
from openpose_keras.core.files import atomic_write, write_json
from openpose_keras.core.keypoints import Body, Keypoints, Person, as_people
from openpose_keras.core.skeletons import (
    COCO_17,
    COCO_FEET,
    COCO_WHOLE_BODY,
    FACE,
    HAND,
    Skeleton,
)
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.io.coco_file import (
    Json,
    category,
    entry_of,
    keypoint_lists,
    keypoint_table,
    known_skeleton,
    load_json,
)
from openpose_keras.io.coco_people import LabelledPerson, annotation


def to_coco(person: Person | Body, skeleton: Skeleton = COCO_17) -> Body | None:
    """Return the keypoints of a person in the order of COCO's files.

    Args:
        person: The person, or only the body, with any of the body skeletons.
        skeleton: `COCO_17`, `COCO_FEET` or `COCO_WHOLE_BODY`.

    Returns:
        The keypoints in that order; those that the person lacks are missing. The score is that of
        the person, or the mean score of these keypoints if the body has no such score. None if all
        keypoints are missing.
    """
    person = Person(person) if isinstance(person, Body) else person
    if known_skeleton(skeleton) == COCO_WHOLE_BODY:
        parts = [_reordered(person.body, each) for each in (COCO_17, COCO_FEET)]
        parts.append(_reordered(person.face, FACE)[:-2])
        parts += [_reordered(hand, HAND) for hand in (person.left_hand, person.right_hand)]
        table = np.concatenate(parts)
    else:
        table = _reordered(person.body, skeleton)
    if np.isnan(table[:, 0]).all():
        return None
    score = person.body.person_score if isinstance(person.body, Body) else None
    score = float(table[:, 2].mean()) if score is None else score
    return Body(table[:, :2], table[:, 2], skeleton=skeleton, person_score=score)


def people_to_coco(people: Sequence[Person | Body], skeleton: Skeleton = COCO_17) -> list[Body]:
    """Apply `to_coco` to people, leaving out those without any of the skeleton's keypoints."""
    bodies = [to_coco(person, skeleton) for person in as_people(people)]
    return [body for body in bodies if body is not None]


def _reordered(keypoints: Keypoints | None, skeleton: Skeleton) -> FloatArray:
    """Return x, y, score (K, 3) in the order of another skeleton; NaN, NaN, 0 where missing."""
    table = np.full((len(skeleton), 3), (np.nan, np.nan, 0.0))
    if keypoints is not None:
        known = np.column_stack([keypoints.xy, keypoints.scores])
        for number, sources in enumerate(keypoints.skeleton.sources_of(skeleton)):
            if sources:
                table[number] = known[sources[0]]
    return table


def to_results(
    people: Sequence[Person | Body],
    image_id: int | str,
    *,
    skeleton: Skeleton = COCO_17,
    category_id: int = 1,
) -> list[Json]:
    """Return the people of an image as entries of COCO's results.

    Args:
        people: The people, or only their bodies, in pixels of the image.
        image_id: The image's id in the label file.
        skeleton: `COCO_17`; `COCO_FEET`, which OpenPose writes to a separate file; or
            `COCO_WHOLE_BODY`, whose entries have the lists of COCO-WholeBody.
        category_id: The id of the category of people in the label file: 1 in COCO's files, often
            another in other files.

    Returns:
        One entry for each person with at least one of these keypoints.

    Example:
        >>> from openpose_keras.core.skeletons import BODY_25
        >>> xy, scores = np.full((25, 2), np.nan), np.zeros(25)
        >>> xy[0], scores[0] = (7.25, 9), 0.5
        >>> person = Person(Body(xy, scores, skeleton=BODY_25, person_score=0.25))
        >>> to_results([person], 42)[0]["keypoints"][:6]
        [7.25, 9, 1, -1, -1, 0]
    """
    about, entries = {"image_id": image_id, "category_id": category_id}, []
    for body in people_to_coco(people, skeleton):
        table = np.where(body.found[:, None], np.column_stack([body.xy, body.found]), (-1, -1, 0))
        lists = keypoint_lists(np.vectorize(_six_digits)(table), skeleton)
        score = _six_digits(body.person_score or 0.0)
        entries.append(about | lists | {"score": score})
    return entries


def _six_digits(number: float) -> float:
    """Round a number as a C++ stream prints a float32."""
    return float(f"{np.float32(number):.6g}")


def write_results(
    path: str | Path,
    people: Mapping[int | str | Path, Sequence[Person | Body]],
    *,
    skeleton: Skeleton = COCO_17,
    category_id: int = 1,
    force: bool = False,
) -> None:
    """Write people as a COCO result file.

    Args:
        path: The file. Its folder must exist.
        people: A mapping from each image to the people in it. The image is given by its id, or by
            its path, whose last number is the id, as in COCO's file names.
        skeleton: As for `to_results`.
        category_id: As for `to_results`.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        ValueError: The name of an image has no number.
    """
    entries = [
        entry
        for image, found in people.items()
        for entry in to_results(found, _image_id(image), skeleton=skeleton, category_id=category_id)
    ]
    write_json(path, entries, force=force)


def _image_id(image: int | str | Path) -> int:
    """Return an image's id, or the last number of its name."""
    if not isinstance(image, str | Path):
        return operator.index(image)
    numbers = re.findall(r"\d+", Path(image).stem)
    if not numbers:
        raise ValueError(f"expected a number in the name of an image, got {image}: pass its id")
    return int(numbers[-1])


def write_found(
    path: str | Path,
    photos: Iterable[tuple[str, Size, Sequence[Person]]],
    *,
    force: bool = False,
) -> None:
    """Write the people found in photos as a label file of COCO-WholeBody.

    `coco_people.read_people_labels` and pycocotools read the file as if it were labelled by hand.
    Each annotation has a `score`, so it is also a valid result. It also has `face_presence`,
    `lefthand_presence` and `righthand_presence` if the networks estimate them.

    Args:
        path: The file. Its folder must exist.
        photos: For each photo, its path relative to the file's folder, its (height, width) and its
            people. It is iterated twice. A photo's id is the last number of its name, as in COCO's
            file names. If two photos have the same number, or one has no number, the photos are
            counted from 1.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
    """
    number = 0
    with (
        atomic_write(path, force=force) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        sizes = {name: size for name, size, _ in photos}
        first = next(iter(sizes), None)
        ids = dict(zip(sizes, _photo_ids(list(sizes)), strict=True))
        about = {"description": "openpose_keras"}
        categories = json.dumps([category(1, "person", COCO_17)])
        file.write(f'{{"info":{json.dumps(about)},"categories":{categories},')
        file.write('"images":[')
        for name, (height, width) in sizes.items():
            image = {"id": ids[name], "file_name": name, "height": height, "width": width}
            file.write(f"{',' if name != first else ''}\n{json.dumps(image)}")
        file.write('],"annotations":[')
        for name, _, people in photos:  # one photo after the other: there may be a million
            for person, body, label in label_people(people):
                number += 1
                entry = {"id": number, "image_id": ids[name], "category_id": 1}
                entry |= annotation(label) | {"score": _six_digits(body.person_score or 0.0)}
                entry |= _presences(person)
                file.write(f"{',' if number > 1 else ''}\n{json.dumps(entry)}")
        file.write("]}\n")


def _presences(person: Person) -> Json:
    """Return the known presences of face and hands, named after COCO-WholeBody's conventions."""
    known = {name: getattr(part, "presence", None) for name, part in person.parts.items()}
    return {
        f"{name.replace('_', '')}_presence": _six_digits(presence)
        for name, presence in known.items()
        if presence is not None
    }


def _photo_ids(names: Sequence[str]) -> Sequence[int]:
    """Return an id for each photo, see `write_found`."""
    numbers = [re.findall(r"\d+", Path(name).stem)[-1:] for name in names]
    ids = [int(found[0]) for found in numbers if found]
    return ids if len(set(ids)) == len(names) else range(1, len(names) + 1)


def label_people(people: Sequence[Person]) -> Iterable[tuple[Person, Body, LabelledPerson]]:
    """Yield each person with at least one keypoint, with its COCO keypoints and its label.

    Args:
        people: The people, in pixels of the image.

    Yields:
        The person, its keypoints as `to_coco` returns them for `COCO_WHOLE_BODY`, and a label of
        the keypoints that were found.
    """
    for person in people:
        body = to_coco(person, COCO_WHOLE_BODY)
        if body is not None:
            boxes = {name: _extent(part) for name, part in person.parts.items() if name != "body"}
            box = _extent(body)
            yield (
                person,
                body,
                LabelledPerson(
                    body.xy,
                    2.0 * body.found,
                    box,
                    box[2] * box[3],
                    part_boxes={name: each for name, each in boxes.items() if min(each[2:]) > 0},
                    skeleton=COCO_WHOLE_BODY,
                ),
            )


def _extent(keypoints: Keypoints) -> Box:
    """Return the smallest box around the keypoints that were found."""
    middle, size = keypoint_extent(keypoints.xy)
    x, y, width, height = (float(value) for value in (*(middle - size / 2), *size))
    return x, y, width, height


def read_results(path: str | Path, *, skeleton: Skeleton = COCO_17) -> dict[int | str, list[Body]]:
    """Read a COCO result file.

    Args:
        path: The file.
        skeleton: As for `to_results`.

    Returns:
        A mapping from each image's id to its people, in the order of the file. The score of a
        keypoint is its third number, whatever the file means by it. A keypoint of -1, -1, 0 or 0,
        0, 0 is missing.

    Raises:
        DataError: The file is not a JSON result file. The message names the file and the entry.
        FileNotFoundError: The file does not exist.
    """
    data, people = load_json(path), defaultdict(list)
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise DataError(f"{path}: expected COCO's results, a list of objects")
    for number, entry in enumerate(data):
        with entry_of(path, f"result {number}"):
            people[entry["image_id"]].append(_found(entry, known_skeleton(skeleton)))
    return dict(people)


def _found(entry: Json, skeleton: Skeleton) -> Body:
    """Return the person of one entry of results."""
    table, score = keypoint_table(entry, skeleton), float(entry["score"])
    if not math.isfinite(score):
        raise ValueError(f"expected a finite score, got {score}")
    missing = [row in ([0, 0, 0], [-1, -1, 0]) for row in table.tolist()]
    table[missing] = np.nan, np.nan, 0
    return Body(table[:, :2], table[:, 2], skeleton=skeleton, person_score=score)
