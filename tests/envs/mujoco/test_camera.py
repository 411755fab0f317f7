import math

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.camera import Camera


def test_changes_only_what_is_named():
    camera = Camera(distance=2.0, azimuth=30, lookat=(1, 2, 3), follow="torso")
    assert camera.changed(None) == camera
    changed = camera.changed({"azimuth": 60, "lookat": [0, 0, 1]})
    assert (changed.azimuth, changed.lookat) == (60.0, (0.0, 0.0, 1.0))
    assert (changed.distance, changed.follow) == (2.0, "torso")


@pytest.mark.parametrize(
    "wrong",
    [
        {"zoom": 2},
        {"distance": 0},
        {"distance": math.nan},
        {"azimuth": "left"},
        {"elevation": True},
        {"lookat": [0, 0]},
        {"lookat": 3},
        {"follow": 1},
        "track",
    ],
    ids=str,
)
def test_refuses_what_is_no_camera(wrong):
    with pytest.raises(RewardiumError, match="camera"):
        Camera().changed(wrong)
