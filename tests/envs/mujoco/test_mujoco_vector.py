import os
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import rewardium.envs  # noqa: F401 - registers
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco import gl
from rewardium.envs.mujoco.hopper_upright import HopperUprightEnv
from rewardium.envs.mujoco.vector import MujocoVectorEnv

pytestmark = pytest.mark.skipif(find_spec("mujoco") is None, reason="needs the extra 'mujoco'")
needs_gl = pytest.mark.skipif(gl.find_backend() is None, reason="needs EGL or OSMesa")

HOPPER = "rewardium/HopperUpright-v0"


def captured(env_id, **arguments):
    return Capture(gym.make(env_id, render_mode="rgb_array", **arguments))


def make(num_envs=3, **arguments):
    return gym.make_vec(HOPPER, num_envs=num_envs, **arguments)


class BrokenEnv(HopperUprightEnv):
    """Fails at its third step, or ends its process."""

    fatal = False

    def step(self, action):
        if self._steps == 2:
            if self.fatal:
                os._exit(7)
            raise ZeroDivisionError("the hopper broke")
        return super().step(action)


class FatalEnv(BrokenEnv):
    fatal = True


class BrokenVectorEnv(MujocoVectorEnv):
    env_class = BrokenEnv


class FatalVectorEnv(MujocoVectorEnv):
    env_class = FatalEnv


@needs_gl
@pytest.mark.slow
@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("env_id", [HOPPER, "rewardium/HumanoidKneel-v0"])
def test_equals_gymnasiums_vector_of_captured_environments(env_id, mode):
    arguments = {"max_episode_steps": 4, "render_size": 48}
    ours = gym.make_vec(
        env_id, num_envs=3, autoreset_mode=mode, render_mode="rgb_array", capture=True, workers=2, **arguments
    )
    theirs = SyncVectorEnv([partial(captured, env_id, **arguments)] * 3, autoreset_mode=mode)
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata["autoreset_mode"] is mode
    ours.action_space.seed(0)
    told = [venv.reset(seed=11) for venv in (ours, theirs)]
    for step in range(11):
        assert data_equivalence(*told, exact=True), step
        assert data_equivalence(ours.render(), theirs.render(), exact=True), step
        done = told[0][2] | told[0][3] if len(told[0]) == 5 else np.zeros(3, dtype=bool)
        if mode is AutoresetMode.DISABLED and done.any():
            told = [venv.reset(options={"reset_mask": done.copy()}) for venv in (ours, theirs)]
            continue
        actions = ours.action_space.sample()
        told = [venv.step(actions) for venv in (ours, theirs)]
    told = [venv.reset(seed=[5, None, 5]) for venv in (ours, theirs)]
    assert data_equivalence(*told, exact=True)
    ours.close()


@needs_gl
def test_the_last_frame_of_an_episode_is_its_own():
    venv = make(2, render_mode="rgb_array", render_size=32, max_episode_steps=2, autoreset_mode=AutoresetMode.SAME_STEP)
    _, infos = venv.reset(seed=[3, 3])
    start = infos["frame"].copy()
    actions = np.ones((2, 3), np.float32)
    venv.step(actions)
    *_, infos = venv.step(actions)
    last, first = infos["final_info"]["frame"], infos["frame"]
    assert (last != first).any()
    assert (last[0] == last[1]).all()
    assert infos["final_info"]["task"][0].goal == infos["task"][0].goal
    assert start.shape == last.shape == (2, 32, 32, 3)
    venv.close()


@needs_gl
@pytest.mark.slow
def test_draws_only_what_is_asked_for():
    venv = make(2, render_mode="rgb_array", render_size=32)
    _, infos = venv.reset(seed=0)
    assert "frame" not in infos
    frames = venv.render()
    assert len(frames) == 2
    assert frames[0].shape == (32, 32, 3)
    assert frames[0].max() > 0
    positions = np.array([0.0, 0.5, 1.5, 0.0, 0.0, 0.0])
    venv.call("set_state", positions, np.zeros(6))
    after = venv.render()
    assert (after[0] != frames[0]).any()
    assert (after[0] == after[1]).all()
    venv.close()


@pytest.mark.slow
def test_attributes_and_methods_of_the_environments():
    venv = make(3, workers=2)
    venv.reset(seed=0)
    truths = venv.call("truth")
    assert len(truths) == 3
    assert venv.get_attr("hold_steps") == (20, 20, 20)
    venv.set_attr("hold_steps", [1, 2, 3])
    assert venv.get_attr("hold_steps") == (1, 2, 3)
    assert venv.render() is None
    venv.close()


def test_what_is_returned_belongs_to_the_caller():
    venv = make(2, workers=1)
    observations, _ = venv.reset(seed=0)
    kept = observations.copy()
    stepped = venv.step(np.ones((2, 3), np.float32))
    assert (observations == kept).all()
    rewards = stepped[1].copy()
    venv.step(np.ones((2, 3), np.float32))
    assert (stepped[1] == rewards).all()
    venv.close()


@pytest.mark.slow
def test_refuses_wrong_arguments_and_steps():
    with pytest.raises(RewardiumError, match="num_envs"):
        MujocoVectorEnv(0)
    with pytest.raises(RewardiumError, match="capture=True needs render_mode"):
        make(capture=True)
    with pytest.raises(RewardiumError, match="render_size"):
        make(render_size=3)
    venv = make(2, workers=1, autoreset_mode=AutoresetMode.DISABLED, max_episode_steps=1)
    with pytest.raises(ResetNeeded):
        venv.step(np.zeros((2, 3)))
    with pytest.raises(RewardiumError, match="2 seeds"):
        venv.reset(seed=[1, 2, 3])
    with pytest.raises(RewardiumError, match="reset_mask"):
        venv.reset(options={"reset_mask": np.zeros(2, dtype=bool)})
    venv.reset(seed=0)
    with pytest.raises(RewardiumError, match=r"actions must be \[2, 3\]"):
        venv.step(np.zeros((3, 3)))
    venv.step(np.zeros((2, 3)))
    with pytest.raises(RewardiumError, match="has ended and is stepped again"):
        venv.step(np.zeros((2, 3)))
    with pytest.raises(ClosedEnvironmentError):
        venv.step(np.zeros((2, 3)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (BrokenVectorEnv, "an environment of the vector failed: ZeroDivisionError: the hopper broke"),
        (FatalVectorEnv, r"a worker process of the vector has ended \(exit status 7\)"),
    ],
)
def test_an_error_in_a_worker_is_told_and_ends_all_of_them(cls, said, monkeypatch):
    # Workers import the class by its module's name, as a user's own environments are found.
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(cls.env_class, "__module__", Path(__file__).stem)
    venv = cls(2, workers=2)
    processes = [worker.process for worker in venv._workers]
    venv.reset(seed=0)
    venv.step(np.zeros((2, 3)))
    venv.step(np.zeros((2, 3)))
    with pytest.raises(RewardiumError, match=said):
        venv.step(np.zeros((2, 3)))
    assert all(process.poll() is not None for process in processes)


@pytest.mark.slow
def test_closing_ends_the_workers():
    venv = make(2, workers=2)
    processes = [worker.process for worker in venv._workers]
    assert all(process.poll() is None for process in processes)
    venv.close()
    venv.close()
    assert [process.poll() for process in processes] == [0, 0]


def test_a_vector_that_is_forgotten_ends_its_workers():
    venv = make(2, workers=1)
    (process,) = [worker.process for worker in venv._workers]
    del venv
    assert process.poll() == 0


KILLED = """
import sys, time
import gymnasium as gym, rewardium.envs
venv = gym.make_vec("rewardium/HopperUpright-v0", num_envs=2, workers=2)
venv.reset(seed=0)
print(*(worker.process.pid for worker in venv._workers), flush=True)
time.sleep(60)
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_killed_parent_leaves_neither_workers_nor_memory_behind():
    before = set(Path("/dev/shm").iterdir()) if Path("/dev/shm").is_dir() else set()
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert all(map(is_alive, pids))
        parent.send_signal(signal.SIGKILL)
    limit = time.monotonic() + 30
    while any(map(is_alive, pids)) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(map(is_alive, pids))
    after = set(Path("/dev/shm").iterdir()) if Path("/dev/shm").is_dir() else set()
    assert not after - before
