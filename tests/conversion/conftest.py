"""What the tests of downloads share."""

import pytest

from tests.helpers.web import refuse_other_hosts, web_server


@pytest.fixture
def server(monkeypatch):
    refuse_other_hosts(monkeypatch)
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)  # gdown's wait between two tries
    with web_server() as server:
        yield server
