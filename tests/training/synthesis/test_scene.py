from collections import Counter

import numpy as np
import pytest

from openpose_keras.training.synthesis import contact, scene
from openpose_keras.training.synthesis.assets import load_assets
from openpose_keras.training.synthesis.contact import hold
from openpose_keras.training.synthesis.meshes import moved
from openpose_keras.training.synthesis.poses import Shape, joint_rotations, joint_scales
from openpose_keras.training.synthesis.raster import Mesh
from openpose_keras.training.synthesis.scene import TOUCHING, build_scene
from tests.helpers.assets import assets_folder

PLAIN = Shape(np.ones((5, 4)), np.ones(5), np.ones(3))


@pytest.fixture(scope="module")
def assets():
    return load_assets(assets_folder(), texture_size=64)


@pytest.fixture(scope="module")
def rig(assets):
    return assets.rigs["hand_r"]


def skinned(rig, pose):
    scales = joint_scales(rig, PLAIN)
    vertices, frame, _ = rig.skin(joint_rotations(rig, pose), scales)
    return Mesh(vertices, frame, rig.uv, rig.triangles)


def volume(mesh):
    a, b, c = mesh.vertices[mesh.triangles].transpose(1, 0, 2)
    return (np.cross(a, b) * c).sum() / 6


def nearest(first, second):
    return np.linalg.norm(first[:, None] - second, axis=2).min()


def test_hands_in_contact_touch_and_hardly_enter_each_other(rig):
    kinds = Counter()
    for seed in range(25):
        pair = contact.sample_contact(rig, joint_scales(rig, PLAIN), np.random.default_rng(seed))
        first, second = (skinned(rig, pose) for pose in pair.poses)
        offset = contact.place(pair, rig, first, second)
        second = moved(second, pair.linear, offset)
        kinds[pair.name] += 1
        assert volume(second) > 0  # also a reflected hand has its outside outside
        if pair.name in ("mirrored", "stacked"):
            assert nearest(first.vertices, second.vertices) < 0.012
            overlap = contact._overlap(first.vertices, second.vertices, pair.direction)
            assert overlap == pytest.approx(contact._SQUASH, abs=2e-4)
        elif pair.name == "gripped":
            apart = np.linalg.norm(second.vertices.mean(0) - first.vertices.mean(0))
            assert 0.07 < apart < 0.25
    assert set(kinds) == {"mirrored", "stacked", "laced", "shaken", "gripped"}


def test_a_glove_is_thicker_than_the_hand_and_its_parts_are_the_whole(rig, assets):
    texture = assets.textures["labglove_baseColor"]
    hand = Mesh(rig.vertices, rig.frame, rig.uv, rig.triangles)
    style = scene.Glove(thickness=0.003, padding=0.002, rubber=0.5, two_tone=1.0)
    for seed in range(12):
        parts = scene.put_on_glove(hand, rig, style, texture, np.random.default_rng(seed))
        grown = ((parts[0].vertices - hand.vertices) * hand.frame[:, 0]).sum(1)
        assert 0.0029 < grown.min() < grown.max() < 0.0051
        triangles = np.concatenate([part.triangles for part in parts])
        assert sorted(map(tuple, triangles.tolist())) == sorted(map(tuple, rig.triangles.tolist()))
    assert (
        len(scene.put_on_glove(hand, rig, scene.NO_GLOVE, texture, np.random.default_rng(0))) == 1
    )


def test_a_hand_that_holds_something_is_near_it(rig):
    scales = joint_scales(rig, PLAIN)
    for seed in range(20):
        pose, held = hold(rig, scales, np.random.default_rng(seed))
        edges = np.concatenate([mesh.vertices[mesh.triangles[:, :2]] for mesh in held])
        points = np.concatenate(
            [edges[:, 0] * (1 - t) + edges[:, 1] * t for t in np.linspace(0, 1, 20)]
        )
        assert nearest(skinned(rig, pose).vertices, points) < 0.015
        assert all(volume(mesh) > 0 for mesh in held)


@pytest.mark.parametrize("touching", TOUCHING)
def test_a_scene_has_what_the_hand_touches(rig, assets, touching):
    rng = np.random.default_rng(1)
    texture = assets.textures["caucasian_baseColor"]
    scene = build_scene(rig, texture, rng, kind="bare", touching=touching, appearance_rng=rng)
    assert len(scene.keypoints) == (42 if touching == "hand" else 21)
    hands = [mesh for mesh in scene.meshes if len(mesh.vertices) == len(rig.vertices)]
    assert len(hands) == len(scene.keypoints) // 21
    if len(hands) == 2:  # both are one person's
        np.testing.assert_array_equal(*(hand.materials["target"] for hand in hands))
