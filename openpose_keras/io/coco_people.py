"""COCO's labels of people: 17 keypoints each, or the 133 of COCO-WholeBody.

The files are `person_keypoints_*.json` (https://cocodataset.org/#format-data) and
`coco_wholebody_*.json` (`data_format.md` of jin-s13/COCO-WholeBody).
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import Box, check_box, keypoint_extent
from openpose_keras.core.errors import DataError
from openpose_keras.core.files import write_json
from openpose_keras.core.skeletons import COCO_17, COCO_FEET, COCO_WHOLE_BODY, Skeleton
from openpose_keras.geometry.axis_aligned import Size
from openpose_keras.io.coco_file import (
    LISTS,
    Json,
    box_entry,
    category,
    entry_of,
    image_entry,
    image_ids,
    image_paths,
    is_crowd,
    keypoint_lists,
    keypoint_table,
    known_skeleton,
    load_labels,
    next_id,
    require_images,
    valid_key,
    warn_of_unlisted,
)
from openpose_keras.io.coco_masks import (
    Segmentation,
    check_segmentation,
    fill_box,
    fill_segmentation,
)

_BOXES = {"face": "face_box", "left_hand": "lefthand_box", "right_hand": "righthand_box"}


@dataclass(frozen=True, eq=False)
class LabelledPerson:
    """One person whose keypoints are known, or a crowd of people who are not labelled one by one.

    Args:
        xy: (K, 2) pixels in the order of the skeleton; NaN where not labelled. A read-only float64
            copy is kept.
        visibility: (K,) 2 where the keypoint can be seen, 1 where it is labelled but hidden, 0
            where it is not labelled; a few of COCO-WholeBody's lie between.
        box: (x, y, width, height) in pixels; a side may be 0.
        area: Square pixels of the segmentation: the unit of the object keypoint similarity.
        crowd: Whether this is a crowd.
        segmentation: Polygons or run lengths as in the file, or None; see
            `coco_masks.check_segmentation`.
        part_boxes: Boxes of "face", "left_hand" and "right_hand", where they are labelled.
        skeleton: Names of the keypoints.

    Raises:
        ValueError: A shape, a box or the segmentation is not valid.
    """

    xy: FloatArray
    visibility: FloatArray
    box: Box
    area: float
    crowd: bool = False
    segmentation: Segmentation | None = None
    part_boxes: Mapping[str, Box] = field(default_factory=dict)
    skeleton: Skeleton = COCO_17

    def __post_init__(self) -> None:
        """Check the fields and keep read-only copies."""
        count = len(self.skeleton)
        xy, visibility = np.array(self.xy, np.float64), np.array(self.visibility, np.float64)
        if xy.shape != (count, 2) or visibility.shape != (count,):
            shapes = f"{xy.shape} and {visibility.shape}"
            raise ValueError(f"expected xy ({count}, 2) and visibility ({count},), got {shapes}")
        labelled = visibility > 0
        if not (np.isfinite(xy[labelled]).all() and np.isfinite(visibility).all()):
            raise ValueError("expected a finite position where the visibility is above 0")
        xy[~labelled] = np.nan
        numbers = tuple(float(number) for number in (*self.box, self.area))
        if len(numbers) != 5 or not all(map(math.isfinite, numbers)) or min(numbers[2:]) < 0:
            raise ValueError(
                "expected a box (x, y, width, height) and an area, finite and of at least 0, got "
                f"{self.box} and {self.area}"
            )
        for array in (xy, visibility):
            array.setflags(write=False)
        boxes = {name: check_box(box) for name, box in self.part_boxes.items()}
        kept = {"xy": xy, "visibility": visibility, "box": numbers[:4], "area": numbers[4]}
        kept |= {"segmentation": check_segmentation(self.segmentation)}
        for name, value in (kept | {"part_boxes": boxes}).items():
            object.__setattr__(self, name, value)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(K,) bool: True where the keypoint is labelled."""
        return self.visibility > 0

    def unsure(self, skeleton: Skeleton) -> NDArray[np.bool_]:
        """Return which keypoints of another skeleton the labels of this person leave open.

        These are the keypoints that the labels do not know; the middle of two keypoints of which
        one only is labelled; and the feet of COCO-WholeBody where they have no label at all, as
        `foot_valid` says no more. Any other keypoint without a label counts as one that cannot be
        seen (`lmdbJointsToOurModel` in `metaData.cpp` of CMU's openpose_caffe_train).

        Args:
            skeleton: The other skeleton; see `Skeleton.sources_of`.

        Returns:
            (K,) bool.
        """
        labelled = [self.labelled[list(each)] for each in self.skeleton.sources_of(skeleton)]
        unsure = np.array([each.any() != each.all() for each in labelled])  # True without sources
        own = np.isin(self.skeleton.keypoints, COCO_FEET.keypoints)
        if not self.labelled[own].any():
            unsure |= np.isin(skeleton.keypoints, COCO_FEET.keypoints)
        return unsure

    def converted(self, skeleton: Skeleton) -> "LabelledPerson":
        """Return the same person with the keypoints of another skeleton.

        A keypoint in the middle of two others, such as the neck, is labelled where both are, and
        as visible as the less visible one. One that these labels do not know is not labelled.

        Args:
            skeleton: The other skeleton; see `Skeleton.sources_of`.
        """
        xy, visibility = np.full((len(skeleton), 2), np.nan), np.zeros(len(skeleton))
        for number, sources in enumerate(self.skeleton.sources_of(skeleton)):
            if sources:
                xy[number] = self.xy[list(sources)].mean(axis=0)
                visibility[number] = self.visibility[list(sources)].min()
        return replace(self, xy=xy, visibility=visibility, skeleton=skeleton)


@dataclass(frozen=True, eq=False)
class LabelledPeople:
    """One image with all its labelled people.

    Args:
        image: Where the image lies.
        people: The people and crowds in it.
        image_id: The image's id, a number in COCO's files.
        size: (height, width) in pixels, or None where the file does not say.
    """

    image: Path
    people: tuple[LabelledPerson, ...]
    image_id: int | str
    size: Size | None = None


def read_people_labels(
    path: str | Path,
    images: str | Path | None = None,
    *,
    skeleton: Skeleton | None = COCO_17,
    limit: int | None = None,
) -> list[LabelledPeople]:
    """Read the labelled people of a label file.

    Args:
        path: The JSON file.
        images: The folder that the file's `file_name` entries start from; the images must be there.
            By default the file's own folder, and no image needs to be there.
        skeleton: `COCO_17`, or `COCO_WHOLE_BODY` in files that have its lists; None for the one
            of these whose lists the file has; `FACE` in files of faces alone, which
            `openpose-keras render heads` writes.
        limit: Number of images to read at most, from the file's first on.

    Returns:
        One entry an image, in the file's order, also for images without people. Annotations of a
        category that is not "person", and has not a person's keypoints, are passed over. The
        category's names say in which order keypoints are listed; COCO's is taken where there are
        none. A person without keypoints is not labelled, and so is a part of COCO-WholeBody that
        is marked as not valid. Where a person has no box, it is that of the keypoints, and where it
        has no area, it is that of the box: labelling tools leave them out. Coordinates are taken as
        they are: an integer is a pixel's centre.

    Raises:
        DataError: The file is not such a JSON file, or images are not in the folder; the message
            names the file and the entry.
        FileNotFoundError: The label file does not exist.
    """
    path, data = Path(path), load_labels(path)
    paths = image_paths(path, data, images)
    people = _read_people(path, data, known_skeleton(skeleton or _skeleton_of(data)))
    warn_of_unlisted(path, "people", people, paths)
    chosen = list(zip(data["images"], paths.values(), strict=True))[:limit]
    if images is not None:
        require_images(path, chosen)
    with entry_of(path, "an image"):
        return [
            LabelledPeople(image, tuple(people.get(str(e["id"]), ())), e["id"], _size(e))
            for e, image in chosen
        ]


def _skeleton_of(data: Json) -> Skeleton:
    """Return the skeleton of whose lists the first annotation that has keypoints has all."""
    first: Json = next((each for each in data["annotations"] if "keypoints" in each), {})
    return COCO_WHOLE_BODY if LISTS[COCO_WHOLE_BODY].keys() <= first.keys() else COCO_17


def _size(entry: Json) -> Size | None:
    """Return (height, width) of an image's entry, or None."""
    return (int(entry["height"]), int(entry["width"])) if "height" in entry else None


def _read_people(path: Path, data: Json, skeleton: Skeleton) -> dict[str, list[LabelledPerson]]:
    """Return the people of all annotations by the id of their image, as text."""
    orders = {str(each.get("id")): _order(path, each, skeleton) for each in data["categories"]}
    people: defaultdict[str, list[LabelledPerson]] = defaultdict(list)
    for number, annotation in enumerate(data["annotations"]):
        order = orders.get(str(annotation.get("category_id")), list(range(len(skeleton))))
        if order:
            with entry_of(path, f"annotation {number}"):
                people[str(annotation["image_id"])].append(_labelled(annotation, skeleton, order))
    if data["annotations"] and not people:
        raise DataError(
            f'{path}: expected annotations of the category "person", got none: labels of hands are '
            "for hand_lite"
        )
    everyone = [person for found in people.values() for person in found]
    if everyone and not any(each.crowd or each.labelled.any() for each in everyone):
        raise DataError(f"{path}: expected labelled keypoints of people, got none")
    return people


def _order(path: Path, about: Json, skeleton: Skeleton) -> list[int]:
    """Return where a category lists the keypoints of a skeleton; empty if it is of other things."""
    own = [_plain(name) for name in skeleton.keypoints]
    head = own[: LISTS[skeleton]["keypoints"]]
    names = [_plain(name) for name in about.get("keypoints") or ()]
    if sorted(names) == sorted(head):
        return [names.index(name) for name in head] + list(range(len(head), len(own)))
    if _plain(about.get("name", "person")) != "person":
        return []
    if names:
        expected, got = ", ".join(skeleton.keypoints[: len(head)]), about["keypoints"]
        raise DataError(f"{path}: expected the keypoints {expected} in any order, got {got}")
    return list(range(len(own)))


def _plain(name: object) -> str:
    """Return a name in small letters, without what stands between its words."""
    return re.sub("[^a-z0-9]", "", str(name).lower())


def _labelled(annotation: Json, skeleton: Skeleton, order: Sequence[int]) -> LabelledPerson:
    """Return the person of one annotation, whose keypoints are listed in an order."""
    crowd = is_crowd(annotation)
    bare = not any(annotation.get(name) for name in LISTS[skeleton])
    table = np.zeros((len(skeleton), 3)) if bare else keypoint_table(annotation, skeleton)
    table = table[list(order)]
    box = annotation.get("bbox")
    if box is None:
        (x, y), (width, height) = keypoint_extent(table[table[:, 2] > 0, :2])
        box = x - width / 2, y - height / 2, width, height
    boxes = {name: annotation.get(key) for name, key in _BOXES.items()}
    return LabelledPerson(
        table[:, :2],
        table[:, 2],
        box,
        annotation.get("area", float(np.prod(box[2:]))),
        crowd,
        annotation.get("segmentation"),
        {name: box for name, box in boxes.items() if box and min(box[2:]) > 0},
        skeleton,
    )


def write_people_labels(
    path: str | Path,
    samples: Sequence[LabelledPeople],
    *,
    description: str = "openpose_keras",
    force: bool = False,
) -> None:
    """Write labelled people as a new label file, which `read_people_labels` and pycocotools read.

    Args:
        path: The label file. Its folder must exist.
        samples: The images with their people, all of one skeleton, `COCO_17`, `COCO_WHOLE_BODY` or
            `FACE`. An image without a size is read to learn it.
        description: What the file states about itself.
        force: Whether a file that exists is replaced.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        FileNotFoundError: The folder does not exist.
        ImageError: An image can't be read.
        ValueError: The people are of several skeletons, or of one that the format lacks.
    """
    owned = [(sample.image_id, person) for sample in samples for person in sample.people]
    skeletons = {person.skeleton for _, person in owned} or {COCO_17}
    if len(skeletons) > 1:
        names = ", ".join(sorted(each.name for each in skeletons))
        raise ValueError(f"expected people of one skeleton, got {names}: convert them")
    skeleton = known_skeleton(skeletons.pop())
    images = [image_entry(each.image, Path(path), each.image_id, each.size) for each in samples]
    annotations = [
        {"id": number, "image_id": image_id, "category_id": 1} | annotation(person)
        for number, (image_id, person) in enumerate(owned, start=1)
    ]
    kind = COCO_17 if skeleton is COCO_WHOLE_BODY else skeleton
    data = {"info": {"description": description}, "images": images, "annotations": annotations}
    write_json(path, data | {"categories": [category(1, "person", kind)]}, force=force)


def add_people_labels(
    path: str | Path, image: str | Path, people: Sequence[LabelledPerson]
) -> None:
    """Write the labelled people of one image into a label file, in place of those it had there.

    All else in the file stays as it is. If the file does not exist, it is begun.

    Args:
        path: The label file. Its folder must exist.
        image: The image's path.
        people: All people in it, with the keypoints of `COCO_WHOLE_BODY`.

    Raises:
        DataError: The file is not a label file, or keeps something else than whole people.
        FileNotFoundError: The folder does not exist.
        ImageError: The image can't be read.
    """
    path, image = Path(path), Path(image)
    if not path.exists():
        write_people_labels(path, [LabelledPeople(image, tuple(people), 1)])
        return
    data = load_labels(path)
    category_id = _category_of_people(path, data)
    listed = image_ids(data, path, image)
    image_id = listed[0] if listed else next_id(data["images"])
    kept = [each for each in data["annotations"] if str(each.get("image_id")) != str(image_id)]
    about, first = {"image_id": image_id, "category_id": category_id}, next_id(data["annotations"])
    new = [{"id": id_} | about | annotation(each) for id_, each in enumerate(people, first)]
    images = data["images"] if listed else [*data["images"], image_entry(image, path, image_id)]
    write_json(path, data | {"images": images, "annotations": [*kept, *new]}, force=True)


def _category_of_people(path: Path, data: Json) -> object:
    """Return the id of the category of whole people in a label file, or raise."""
    named = [each for each in data["categories"] if each.get("name") == "person"]
    if named and (not data["annotations"] or _skeleton_of(data) is COCO_WHOLE_BODY):
        return named[0].get("id")
    raise DataError(
        f"{path} keeps hands, or people without faces and hands: choose the name of a new file"
    )


def annotation(person: LabelledPerson) -> Json:
    """Return the annotation of a person without its ids."""
    xy = np.where(person.labelled[:, None], person.xy, 0).round(2)
    lists = keypoint_lists(np.column_stack([xy, person.visibility]), person.skeleton)
    entry: Json = {
        "iscrowd": int(person.crowd),
        "bbox": box_entry(person.box),
        "area": round(person.area, 4),
        "segmentation": person.segmentation or [],
        "num_keypoints": sum(third > 0 for third in lists["keypoints"][2::3]),
        **lists,
    }
    if person.skeleton == COCO_WHOLE_BODY:
        entry |= {valid_key(name): any(each[2::3]) for name, each in lists.items() if "_" in name}
        boxes = ((key, person.part_boxes.get(name)) for name, key in _BOXES.items())
        entry |= {key: box_entry(box) if box else [0.0] * 4 for key, box in boxes}
    return entry


def unlabelled_mask(people: Sequence[LabelledPerson], size: Size) -> NDArray[np.bool_]:
    """Return where there are people whose keypoints are not labelled, which training leaves out.

    Args:
        people: All labelled people and crowds of an image.
        size: (height, width) of the image in pixels.

    Returns:
        (H, W) bool: True in the segmentation of a crowd and of a person without any labelled
        keypoint; in its box where there is no segmentation.

    Raises:
        ImportError: A segmentation has polygons, and pycocotools is not installed.
        ValueError: A segmentation is that of an image of another size.
    """
    mask = np.zeros(size, bool)
    for person in people:
        if person.crowd or not person.labelled.any():
            shape = person.segmentation
            mask |= fill_segmentation(shape, size) if shape else fill_box(person.box, size)
    return mask
