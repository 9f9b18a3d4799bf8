"""The table of sources agrees with the table of official files and with itself."""

import re

import pytest

from openpose_keras.conversion.catalogue import OFFICIAL_FILES, SOURCES, identify

ALL = [source for sources in SOURCES.values() for source in sources]


@pytest.mark.parametrize("official", OFFICIAL_FILES, ids=lambda official: official.network)
def test_official_file_has_several_sources_with_its_checksum(official):
    assert identify(official.md5.upper()) is official
    copies = [one for one in SOURCES[official.network] if one.file.endswith(".caffemodel")]
    assert len(copies) >= 2
    assert copies[0] is SOURCES[official.network][0]
    for copy in copies:
        assert copy.checksum == official.md5
        assert copy.address.endswith(f"/models/{official.path}")


def test_addresses_and_checksums_are_well_formed():
    for source in ALL:
        assert re.fullmatch(rf"https?://[\w./-]+/({re.escape(source.file)}|view)", source.address)
        assert re.fullmatch("[0-9a-f]{32}([0-9a-f]{32})?|None", str(source.checksum))
        assert source.checksum or source.address.startswith("https://")
    alone = [source for name, each in SOURCES.items() if name != "body_mpi_4" for source in each]
    assert len({source.address for source in alone}) == len(alone)
    assert SOURCES["body_mpi_4"] == SOURCES["body_mpi"]


def test_one_file_name_of_a_network_means_one_content():
    """Files are kept by name between two calls, so two contents must not share a name."""
    for sources in SOURCES.values():
        contents = {(source.file, source.checksum) for source in sources}
        assert len(contents) == len({source.file for source in sources})
