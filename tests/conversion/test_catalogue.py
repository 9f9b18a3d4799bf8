"""The table of sources agrees with the table of official files and with itself."""

import re

import pytest

from openpose_keras.conversion.catalogue import LICENCES, OFFICIAL_FILES, SOURCES, identify

ALL = [source for sources in SOURCES.values() for source in sources]


def test_official_file_is_identified_by_its_checksum():
    for known in OFFICIAL_FILES:
        assert identify(known.md5.upper()) is known
    assert identify("0" * 32) is None


@pytest.mark.parametrize("official", OFFICIAL_FILES, ids=lambda official: official.network)
def test_official_file_has_several_sources_with_its_checksum(official):
    copies = [one for one in SOURCES[official.network] if one.file.endswith(".caffemodel")]
    assert len(copies) >= 2
    assert copies[0] is SOURCES[official.network][0]
    for copy in copies:
        assert copy.md5 == official.md5
        assert copy.address.endswith(f"/models/{official.path}")
    assert "non-commercial" in LICENCES[official.network]


def test_addresses_and_checksums_are_well_formed():
    for source in ALL:
        assert re.fullmatch(rf"https?://[\w./-]+/({re.escape(source.file)}|view)", source.address)
        assert source.md5 is None or re.fullmatch("[0-9a-f]{32}", source.md5)
        assert source.sha256 is None or re.fullmatch("[0-9a-f]{64}", source.sha256)
    assert len({source.address for source in ALL}) == len(ALL)


def test_source_without_checksum_is_reached_through_https():
    assert all(source.has_checksum or source.address.startswith("https://") for source in ALL)


def test_one_file_name_of_a_network_means_one_content():
    """Files are kept by name between two calls, so two contents must not share a name."""
    for sources in SOURCES.values():
        contents = {(source.file, source.md5, source.sha256) for source in sources}
        assert len(contents) == len({source.file for source in sources})
