import numpy as np
import pytest

from openpose_keras.core.errors import DataError, OpenPoseKerasError
from openpose_keras.core.keypoints import Body, Face, Hand, Person
from openpose_keras.core.skeletons import BODY_25, BODY_COCO
from openpose_keras.io.photo_results import PhotoResults, format_photo


def keypoints(count, seed):
    """Positions and scores, float32; two keypoints are missing, one lies at the origin."""
    random = np.random.default_rng(seed)
    xy, scores = random.uniform(-9, 999, (count, 2)), random.uniform(-0.1, 1.2, count)
    xy[[2, 5]], scores[[2, 5]] = np.nan, 0
    xy[7] = 0
    return xy.astype(np.float32), scores.astype(np.float32)


def everyone():
    """People with all kinds of parts and facts, and without."""
    face = Face(*keypoints(70, 1), box=(1, 2.5, 3, 3), presence=0.75)
    left = Hand(*keypoints(21, 2), box=(-1, 2, 3, 3), side="left", presence=0.5, right=0.25)
    body = Body(*keypoints(25, 3), skeleton=BODY_25, person_score=0.5)
    return [
        Person(body, face, left, id=7),
        Person(Body(*keypoints(18, 4), skeleton=BODY_COCO)),
        Person(right_hand=Hand(*keypoints(21, 5))),
        Person(),
    ]


def test_people_come_back_as_they_were(tmp_path):
    with PhotoResults(tmp_path / "a.jsonl", {}) as results:
        results.add("a.jpg", format_photo("a.jpg", (480, 640), everyone()))
    with PhotoResults(tmp_path / "a.jsonl", {}) as results:
        [(name, size, people)] = results
    assert (name, size) == ("a.jpg", (480, 640))
    for before, after in zip(everyone(), people, strict=True):
        assert before.id == after.id
        assert before.parts.keys() == after.parts.keys()
        for name, part in before.parts.items():
            found = after.parts[name]
            np.testing.assert_allclose(found.xy, part.xy, atol=6e-5)
            np.testing.assert_allclose(found.scores, part.scores, atol=6e-5)
            assert type(found) is type(part)
            for fact in ("box", "side", "presence", "right", "person_score", "skeleton"):
                assert getattr(found, fact, None) == getattr(part, fact, None)


def line(name, count):
    return format_photo(name, (9, 9), [Person()] * count)


@pytest.mark.parametrize("cut", [1, 2, 20, 10_000])
def test_a_line_that_was_cut_off_is_dropped_and_the_last_of_a_photo_counts(tmp_path, cut):
    path = tmp_path / "a.jsonl"
    with PhotoResults(path, {"boxes": (1, 2)}) as results:
        results.begin([*"abc"])
        for name, count in (("b", 1), ("a", 2), ("b", 3)):
            results.add(name, line(name, count))
        whole = path.read_bytes()
        results.add("c", line("c", 1))
    size = max(len(whole), path.stat().st_size - cut)
    path.write_bytes(path.read_bytes()[:size])
    with PhotoResults(path, {"boxes": (1, 2)}) as results:
        assert "c" not in results
        assert results.begun("c")
        results.add("d", line("d", 0))
        found = [(name, len(people)) for name, _, people in results]
    assert found == [("a", 2), ("b", 3), ("d", 0)]
    assert path.read_bytes().startswith(whole)


def test_other_files_and_other_options_are_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    PhotoResults(path, {"preset": "lite"}).close()
    with pytest.raises(DataError, match=r"with other options \(--preset\)"):
        PhotoResults(path, {"preset": "openpose"})
    PhotoResults(path, {"preset": "openpose"}, force=True).close()
    for text in ("", "{}\n", '["file"]\n', "\xff\n"):
        path.write_text(text, "latin1")
        for force in (False, True):
            with pytest.raises(DataError, match="expected results of photos"):
                PhotoResults(path, {}, force=force)
        assert path.read_text("latin1") == text
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_damaged_line_is_told(tmp_path):
    path = tmp_path / "a.jsonl"
    PhotoResults(path, {}).close()
    path.write_text(path.read_text() + "{oh}\n")
    with pytest.raises(DataError, match="byte"):
        PhotoResults(path, {})


def test_a_file_is_open_once_at_a_time(tmp_path):
    path = tmp_path / "a.jsonl"
    with PhotoResults(path, {}), pytest.raises(OpenPoseKerasError, match="another run"):
        PhotoResults(path, {})
    PhotoResults(tmp_path / "a.jsonl", {}).close(delete=True)
    assert not list(tmp_path.iterdir())
