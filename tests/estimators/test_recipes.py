"""Recipes are data: complete, checked, easy to vary."""

import json
import pickle
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from openpose_keras.estimators import recipes
from openpose_keras.estimators.recipes import (
    BODY_RECIPES,
    FACE_RECIPES,
    RECIPES,
    DecodeRecipe,
    Recipe,
    ViewRecipe,
    WholeImageRecipe,
    get_recipe,
    read_recipe,
    recipe_by_part,
    scale_range,
)


def test_recipes_are_there_by_name():
    assert list(RECIPES) == ["openpose", "pytorch_openpose", "mmittek", "refined", "fast"]
    assert all(recipe.name == name for name, recipe in RECIPES.items())


def test_a_recipe_is_varied_and_not_changed():
    mine = replace(RECIPES["refined"], scales=[1, 2])
    assert mine.scales == (1.0, 2.0)
    assert RECIPES["refined"].scales != mine.scales
    with pytest.raises(FrozenInstanceError):
        mine.scales = (3.0,)


def test_recipes_can_be_keys_and_pickled():
    for recipe in RECIPES.values():
        assert {recipe: 1}[pickle.loads(pickle.dumps(recipe))] == 1


@pytest.mark.parametrize("recipe", [*RECIPES.values(), *BODY_RECIPES.values()])
def test_a_recipe_comes_back_from_json(tmp_path, recipe):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(asdict(recipe)))
    assert read_recipe(path) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"scale": [1]}', r"mine\.json: there is no field 'scale': .*; did you mean 'scales'\?"),
        ('{"resolutoin": [256, null], "reach": 0}', "did you mean 'resolution'"),
        ('{"scales": [100]}', r"mine\.json: scales are one or more factors from 0.01 to 10"),
        ('{"weka": 0.2}', "did you mean 'weak'"),
        ('{"flip_average": true}', "a recipe of hands has these fields and one of bodies"),
        ('{"refined": true, "weak": 7}', "expected a weak below 1"),
        ("[1]", "expected an object"),
        ("{", r"mine\.json is not a JSON file: Expecting"),
        (None, r"mine\.json: No such file"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_recipe(path)


def test_a_recipe_of_your_own_goes_to_the_parts_that_take_its_kind():
    body, hand = BODY_RECIPES["fast"], RECIPES["fast"]
    parts = ("body", "face", "hand")
    assert recipe_by_part(body, parts) == {"body": body, "face": None, "hand": None}
    assert recipe_by_part(hand, parts) == {"body": None, "face": hand, "hand": hand}
    with pytest.raises(ValueError, match="expected a recipe of body, got Recipe"):
        recipe_by_part(hand, ("body",))


@pytest.mark.parametrize("kind", [ViewRecipe, DecodeRecipe, WholeImageRecipe])
def test_every_field_is_documented(kind):
    for field in fields(kind):
        assert f"\n        {field.name}: " in kind.__doc__, field.name


@pytest.mark.parametrize(
    "changes",
    [
        {"scales": ()},
        {"scales": (1.0, 0.0)},
        {"scales": (100.0,)},
        {"scales": (1.0, float("nan"))},
        {"scales": 1.0},
        {"scales": ("1",)},
        {"scaling": "both"},
        {"convention": "caffe"},
        {"frame": "crop"},
        {"upsampling": "area"},
        {"merge": "max"},
        {"peak": "centroid"},
        {"sigma": -1},
        {"sigma": "3"},
        {"threshold": float("inf")},
        {"threshold": "none"},
        {"mirror": 1},
        {"antialias": None},
        {"frame": "image"},
        {"peak": "blob", "threshold": None},
        {"peak": "local_maxima", "threshold": None},
        {"peak": "blob", "sigma": 0},
    ],
)
def test_a_wrong_field_is_refused_by_its_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        Recipe(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"fit": "area"}, {"resize": "nearest"}, {"channel_order": "bgr"}, {"scales": ()}, {"pad": 1}],
)
def test_a_wrong_field_of_a_whole_image_is_refused_by_its_name(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        WholeImageRecipe(**changes)


def test_scale_range_is_openposes_formula():
    number, width = 6, 0.4
    expected = [(1 - width / 2) + width * i / (number - 1) for i in range(number)]
    assert scale_range(number, width) == pytest.approx(expected)
    assert scale_range(1) == (1.0,)


@pytest.mark.parametrize(("number", "width"), [(0, 0.4), (3, 2.0), (3, -0.1)])
def test_scale_range_refuses_what_makes_no_scales(number, width):
    with pytest.raises(ValueError, match="expected a number"):
        scale_range(number, width)


def test_recipes_are_got_by_name_or_as_they_are():
    mine = Recipe(name="mine")
    assert get_recipe(mine) is mine
    assert get_recipe("mmittek") is RECIPES["mmittek"]
    with pytest.raises(ValueError, match="take one of openpose, pytorch_openpose, mmi"):
        get_recipe("opnpose")
    for other in (None, BODY_RECIPES["refined"]):
        with pytest.raises(TypeError, match=f"kind in RECIPES, got {type(other).__name__}"):
            get_recipe(other)


def test_recipes_are_printed_one_a_line_and_a_wrong_name_is_told():
    lines = repr(RECIPES).splitlines()
    assert [line.split(":")[0] for line in lines] == list(RECIPES)
    assert lines[-1] == "fast: Recipe(name='fast', prior=0.1)"
    for recipe in (*RECIPES.values(), *FACE_RECIPES.values(), *BODY_RECIPES.values()):
        assert eval(repr(recipe), vars(recipes)) == recipe
    with pytest.raises(KeyError, match="did you mean 'refined'"):
        RECIPES["Refined"]
