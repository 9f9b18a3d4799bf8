"""The table of sources: whole, and of a piece with what else the package knows."""

import re
from urllib.parse import urlsplit

import pytest

from openpose_keras.conversion.mirrors import DRIVE, MIRRORS, Mirror
from openpose_keras.conversion.official import OFFICIAL_FILES
from openpose_keras.networks.presets import PRESETS

ALL = [mirror for mirrors in MIRRORS.values() for mirror in mirrors]


def test_every_official_file_has_several_sources():
    assert list(MIRRORS) == [official.network for official in OFFICIAL_FILES]
    assert all(len(mirrors) >= 2 for mirrors in MIRRORS.values())
    assert "hand" in set(MIRRORS) & set(PRESETS)


@pytest.mark.parametrize("official", OFFICIAL_FILES, ids=lambda official: official.network)
def test_copies_of_the_official_file_are_known_by_its_checksum(official):
    copies = [m for m in MIRRORS[official.network] if m.file.endswith(".caffemodel")]
    assert copies[0] is MIRRORS[official.network][0]
    for mirror in copies:
        assert mirror.md5 == official.md5
        assert mirror.address.endswith(f"/models/{official.file}")
        assert mirror.file == official.file.rpartition("/")[2]
        assert mirror.verifiable


@pytest.mark.parametrize("mirror", ALL, ids=lambda mirror: mirror.address)
def test_addresses_and_checksums_are_of_their_form(mirror):
    if mirror.address.startswith(DRIVE):
        assert re.fullmatch(r"[\w-]{20,50}", mirror.address.removeprefix(DRIVE))
    else:
        assert urlsplit(mirror.address).scheme in ("http", "https")
        assert mirror.address.endswith(f"/{mirror.file}")
    assert re.fullmatch(r"[\w.]+", mirror.file)
    assert mirror.md5 is None or re.fullmatch("[0-9a-f]{32}", mirror.md5)
    assert mirror.sha256 is None or re.fullmatch("[0-9a-f]{64}", mirror.sha256)


def test_what_no_checksum_protects_comes_by_a_protected_way():
    for mirror in ALL:
        assert mirror.verifiable or mirror.address.startswith(("https://", DRIVE))


def test_one_name_is_one_file():
    """Files are kept by name between two calls, so two files must not share one."""
    for mirrors in MIRRORS.values():
        facts = {(mirror.file, mirror.md5, mirror.sha256, mirror.size) for mirror in mirrors}
        assert len(facts) == len({mirror.file for mirror in mirrors})


def test_no_source_is_listed_twice():
    assert len({mirror.address for mirror in ALL}) == len(ALL)


def test_a_mirror_without_checksums_says_so():
    assert not Mirror(address="https://127.0.0.1/x", file="x").verifiable
    assert Mirror(address="https://127.0.0.1/x", file="x", sha256="0" * 64).verifiable
