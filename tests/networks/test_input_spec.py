"""The input that a network expects: checked when it is made."""

import pytest

from openpose_keras.networks.input_spec import InputSpec


@pytest.mark.parametrize(
    "changes",
    [
        {"box_size": 0},
        {"box_size": 368.0},
        {"stride": 0},
        {"multiple": -8},
        {"channel_order": "gbr"},
        {"sides": "left"},
        {"upright": "yes"},
        {"box_size": 100, "stride": 8},
        {"box_size": 368, "multiple": 32},
    ],
)
def test_wrong_fields_are_refused_by_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        InputSpec(**changes)
