from importlib.util import find_spec

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.humanoid import HumanoidPoseEnv
from rewardium.envs.mujoco.humanoid_poses import POSES

pytestmark = pytest.mark.skipif(find_spec("mujoco") is None, reason="needs the extra 'mujoco'")

STANDING = {"stand", "arms_raised", "hands_on_hips", "arms_crossed"}
# Bodies that are near a pose and not in it: joint angles in degrees, and how far the torso leans forward.
NEARLY = {
    "a squat is no kneeling": ("kneel", {"knee": -140, "hip_y": -110}, 0),
    "kneeling with the face on the floor": ("kneel", {"knee": -140, "hip_y": -100}, 80),
    "lying with bent knees": ("kneel", {"knee": -90}, -90),
    "standing is no kneeling": ("kneel", {}, 0),
    "a lunge is no splits": ("splits", {"left_hip_y": -70, "left_knee": -80, "right_hip_y": 10}, 0),
    "half of the splits": ("splits", {"abdomen_y": 15, "left_hip_y": -70, "right_hip_y": 15}, 0),
    "splits in the air, lying on the back": ("splits", {"left_hip_y": -110, "right_hip_y": 20}, -90),
    "sitting with straight legs is no lotus": ("lotus", {"abdomen_y": -60, "hip_y": -50}, 0),
    "squatting is no lotus": ("lotus", {"knee": -140, "hip_y": -110}, 0),
    "lying cross-legged is no lotus": ("lotus", {"hip_y": -70, "hip_z": -60, "knee": -145}, -90),
    "one arm raised": ("arms_raised", {"right_shoulder1": -85, "left_elbow": -90}, 0),
    "arms held forwards": ("arms_raised", {}, 0),
    "arms raised while lying": ("arms_raised", {"right_shoulder1": -85, "left_shoulder1": 85}, -90),
    "arms hanging beside the body": ("hands_on_hips", {"elbow": -90}, 0),
    "one hand on its hip": (
        "hands_on_hips",
        {"right_shoulder1": 45, "right_shoulder2": -65, "right_elbow": -30},
        0,
    ),
    "arms held forwards are not crossed": ("arms_crossed", {}, 0),
    "one arm before the chest": (
        "arms_crossed",
        {"right_shoulder1": 56, "right_shoulder2": 52, "right_elbow": -51},
        0,
    ),
    "both feet on the floor": ("one_leg", {}, 0),
    "a foot that is hardly lifted": ("one_leg", {"left_hip_y": -20, "left_knee": -30}, 0),
    "a leg raised while lying": ("one_leg", {"left_hip_y": -90}, -90),
    "bowing": ("stand", {}, 60),
    "lying": ("stand", {}, -90),
}


@pytest.fixture(scope="module")
def envs():
    return {name: HumanoidPoseEnv(pose=name) for name in POSES}


def put(env, angles, pitch):
    """Put a body on the floor; an angle without a side is meant for both."""
    positions = env.model.qpos0.copy()
    half = np.radians(pitch) / 2
    positions[3:7] = [np.cos(half), 0, np.sin(half), 0]
    names = {env.model.joint(index).name: env.model.joint(index).qposadr[0] for index in range(1, env.model.njnt)}
    for joint, angle in angles.items():
        for name in (joint,) if joint in names else (f"right_{joint}", f"left_{joint}"):
            positions[names[name]] = np.radians(angle)
    from rewardium.envs.mujoco.grounding import grounded

    env.set_state(grounded(env.model, positions, 2), np.zeros(env.model.nv))


@pytest.mark.parametrize("pose", POSES)
def test_an_example_is_in_its_pose(envs, pose):
    env = envs[pose]
    env.set_state(env.example(pose), np.zeros(env.model.nv))
    assert env.is_reached()
    assert env.truth() == 1.0
    assert env.describe() == POSES[pose].goal


@pytest.mark.parametrize("pose", POSES)
def test_an_example_respects_the_joints(envs, pose):
    env = envs[pose]
    low, high = env.model.jnt_range[1:].T
    # The model's own posture has the knees straight, two degrees beyond their range.
    beyond = np.maximum(low - env.example(pose)[7:], env.example(pose)[7:] - high)
    assert beyond.max() <= np.radians(2) + 1e-9


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("other", POSES)
def test_no_other_example_is_in_a_pose(envs, pose, other):
    if pose == other or (pose == "stand" and other in STANDING):
        pytest.skip("it is")
    env = envs[pose]
    env.set_state(env.example(other), np.zeros(env.model.nv))
    assert not env.is_reached()
    assert env.truth() < 1.0


@pytest.mark.parametrize("case", NEARLY)
def test_what_is_near_a_pose_is_not_in_it(envs, case):
    pose, angles, pitch = NEARLY[case]
    put(envs[pose], angles, pitch)
    assert not envs[pose].is_reached(), envs[pose].criteria()


@pytest.mark.parametrize("pose", sorted(set(POSES) - {"stand"}))
def test_an_episode_does_not_start_in_the_pose(envs, pose):
    for seed in range(5):
        envs[pose].reset(seed=seed)
        assert not envs[pose].is_reached()


def test_grades_rise_towards_the_pose(envs):
    env = envs["kneel"]
    steps = []
    for share in np.linspace(0, 1, 6):
        put(env, {"knee": -90 * share}, 0)
        steps.append(env.truth())
    assert steps == sorted(steps)
    assert steps[0] < 0.9 < 1.0 == steps[-1]


def test_captions_tell_postures_apart(envs):
    env = envs["stand"]
    captions = set()
    for seed in range(150):
        env.set_state(*env.draw_state(np.random.default_rng(seed)))
        captions.add(env.describe())
    assert len(captions) > 12
    assert POSES["kneel"].goal in captions


def test_an_unknown_pose_names_the_near_ones():
    with pytest.raises(RewardiumError, match="unknown pose 'kneeling'; did you mean 'kneel'"):
        HumanoidPoseEnv(pose="kneeling")
