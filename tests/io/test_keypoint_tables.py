import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from openpose_keras import to_dataframe, to_supervision
from openpose_keras.core.errors import BackendError
from openpose_keras.core.keypoints import Body, Face, Hand, Person
from openpose_keras.core.skeletons import BODY_25, HAND
from openpose_keras.io.keypoint_tables import COLUMNS, OF_FRAMES, OF_PHOTOS, write_table


def person():
    """A body of which nothing was found, and a hand without its fourth keypoint."""
    xy, scores = np.full((21, 2), 7.125), np.full(21, 0.5)
    xy[3], scores[3] = np.nan, 0
    nobody = Body(np.full((25, 2), np.nan), np.zeros(25), skeleton=BODY_25)
    hand = Hand(xy, scores, box=(1, 2, 30, 30), side="left", presence=0.75)
    return Person(nobody, left_hand=hand, id=2)


def test_a_table_has_a_row_for_each_keypoint_that_was_found(tmp_path):
    with write_table(tmp_path / "a.csv") as add:
        add((0, 0.0), [])
        add((4, 0.5), [person()])
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == ",".join([*OF_FRAMES, *COLUMNS])
    values = "7.12,7.12,0.5000,left,0.7500,1.00,2.00,30.00,30.00"
    assert lines[1] == f"4,0.5,2,left_hand,wrist,{values}"
    assert len(lines) == 21


@pytest.mark.parametrize("count", [0, 1, 5])
def test_parquet_has_the_rows_in_order_however_many_there_are(tmp_path, monkeypatch, count):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("openpose_keras.io.keypoint_tables._BATCH", 15)
    monkeypatch.setattr("openpose_keras.io.keypoint_tables._GROUP", 2)
    with write_table(tmp_path / "a.parquet", first=OF_PHOTOS) as add:
        for number in range(count):
            add([f"{number}.jpg"], [person()])
    table = parquet.read_table(tmp_path / "a.parquet")
    types = {field.name: str(field.type).replace("float", "float32") for field in table.schema}
    assert types == {**OF_PHOTOS, **COLUMNS}
    found = [name for name in HAND.keypoints if name != HAND.keypoints[3]]
    assert table["keypoint"].to_pylist() == found * count
    assert table["photo"].to_pylist() == [f"{n}.jpg" for n in range(count) for _ in found]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_that_is_not_finished_leaves_nothing(tmp_path, name):
    def interrupt():
        with write_table(tmp_path / name) as add:
            add((0, 0.0), [person()])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert not list(tmp_path.iterdir())


def test_a_data_frame_has_the_rows_of_people_or_of_hands_alone():
    face = Face(np.ones((70, 2)), np.ones(70))
    table = to_dataframe([person(), person().left_hand, Hand(np.ones((21, 2)), np.ones(21)), face])
    assert list(table.columns) == list(COLUMNS)
    counts = table.groupby(["person", "part"], sort=False).size().to_dict()
    expected = {(2, "left_hand"): 20, (1, "left_hand"): 20, (2, "right_hand"): 21, (3, "face"): 70}
    assert counts == expected
    assert table.box_width[0] == 30
    assert np.isnan(table.box_width.iloc[-1])


def test_nobody_is_an_empty_data_frame_and_one_hand_is_refused():
    assert to_dataframe([]).shape == (0, len(COLUMNS))
    with pytest.raises(TypeError, match=r"one Hand: write \[...\]"):
        to_dataframe(person().left_hand)
    with pytest.raises(TypeError, match="expected a person, body, face or hand"):
        to_dataframe([7])


def test_without_pandas_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BackendError, match="pip install pandas"):
        to_dataframe([])


@pytest.fixture
def supervision(monkeypatch):
    """A module with the constructor of supervision 0.31's KeyPoints, and its checks of shapes."""

    @dataclass
    class KeyPoints:
        xy: np.ndarray
        class_id: np.ndarray | None = None
        keypoint_confidence: np.ndarray | None = None
        detection_confidence: np.ndarray | None = None
        visible: np.ndarray | None = None
        data: dict = field(default_factory=dict)

        def __post_init__(self):
            n, m, two = self.xy.shape
            for array, shape in (
                (self.keypoint_confidence, (n, m)),
                (self.detection_confidence, (n,)),
                (self.visible, (n, m)),
                *((values, (n,)) for values in self.data.values()),
            ):
                assert array is None or array.shape == shape
            assert two == 2

        @classmethod
        def empty(cls):
            return cls(np.empty((0, 0, 2), np.float32))

    module = SimpleNamespace(KeyPoints=KeyPoints)
    monkeypatch.setitem(sys.modules, "supervision", module)
    return module


def test_supervision_has_a_row_for_each_hand_or_part(supervision):
    someone = person()
    points = to_supervision([Person(), someone], part="left_hand")
    assert points.xy.shape == (1, 21, 2)
    assert points.xy[0, [0, 3]].tolist() == [[7.125, 7.125], [0, 0]]
    assert points.keypoint_confidence[0, [0, 3]].tolist() == [0.5, 0]
    assert np.flatnonzero(~points.visible[0]).tolist() == [3]
    assert points.data["person"].tolist() == [2]
    assert points.detection_confidence.tolist() == [0.75]
    [first, second] = to_supervision([someone.left_hand, someone.left_hand]).data["person"]
    assert (first, second) == (0, 1)
    assert to_supervision([someone]).xy.shape == (1, 25, 2)
    assert len(to_supervision([]).xy) == len(to_supervision([someone], part="face").xy) == 0


def test_supervision_is_given_one_skeleton_of_a_list(supervision):
    someone = person()
    with pytest.raises(ValueError, match="one skeleton, got body_25, hand"):
        to_supervision([someone.body, someone.left_hand])
    with pytest.raises(ValueError, match="a part among body, face, left_hand, right_hand"):
        to_supervision([someone], part="hands")
    with pytest.raises(TypeError, match="a list of results"):
        to_supervision(someone)


def test_without_a_fitting_supervision_a_line_says_how_to_get_it(supervision, monkeypatch):
    supervision.KeyPoints = object
    with pytest.raises(BackendError, match="pip install -U supervision"):
        to_supervision([])
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(BackendError, match="pip install supervision"):
        to_supervision([])
