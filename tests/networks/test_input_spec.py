"""How a network wants to be fed: checked when it is said."""

from dataclasses import fields

import pytest

from openpose_keras.networks.input_spec import InputSpec


def test_the_default_is_openposes_hand_network():
    spec = InputSpec()
    assert (spec.box_size, spec.stride, spec.sides) == (368, 8, "right")


def test_every_field_is_documented():
    for field in fields(InputSpec):
        assert f"\n        {field.name}: " in InputSpec.__doc__, field.name


@pytest.mark.parametrize(
    "changes",
    [
        {"box_size": 0},
        {"box_size": 368.0},
        {"box_size": True},
        {"stride": 0},
        {"multiple": -8},
        {"channel_order": "gbr"},
        {"sides": "left"},
        {"box_size": 100, "stride": 8},
        {"box_size": 368, "multiple": 32},
    ],
)
def test_a_wrong_input_spec_is_refused_by_its_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        InputSpec(**changes)
