"""From Gymnasium's returns to transitions, under every way of resetting."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.text import ScalarTextVectorEnv, make_text_vec
from rewardium.envs.tracker import TransitionTracker

MODES = list(AutoresetMode)


class Walk(gym.Env):
    """Env k counts up to k + 2 and ends there; everything it shows carries env, episode and step."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 1}  # noqa: RUF012
    observation_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gym.spaces.Discrete(100)
    render_mode = "rgb_array"

    def __init__(self, index):
        self.index, self.episode, self.renders = index, -1, 0

    def place(self):
        return np.array([self.index, self.episode, self.steps], dtype=np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.steps = self.episode + 1, 0
        return self.place(), {"task": self.task()}

    def task(self):
        return Task(f"{self.index}.{self.episode}")

    def step(self, action):
        self.steps += 1
        done = self.steps == self.index + 2
        terminated, truncated = done and self.index % 2 == 0, done and self.index % 2 == 1
        return self.place(), 10.0 * self.index + self.steps, terminated, truncated, {"task": self.task()}

    def render(self):
        self.renders += 1
        return np.tile(self.place().astype(np.uint8), (2, 2, 1))

    def caption(self):
        return f"{self.index}.{self.episode}.{self.steps}"


def follow(mode, needs, n=3, steps=12, capture=True):
    """Return the transitions of a walk by (env, episode, step)."""
    wrap = (lambda env: Capture(env, frame="frame" in needs, text="text" in needs)) if capture else (lambda env: env)
    venv = SyncVectorEnv([lambda k=k: wrap(Walk(k)) for k in range(n)], autoreset_mode=mode)
    tracker = TransitionTracker(
        n,
        frozenset(needs),
        autoreset_mode=mode,
        render=venv.render,
        caption=lambda: [env.unwrapped.caption() for env in venv.envs],
    )
    tracker.reset(*venv.reset(seed=0))
    seen = {}
    for number in range(steps):
        actions = np.arange(n) + 10 * number
        result = venv.step(actions % 100)
        for transition in tracker.step(actions % 100, *result):
            key = (transition.env, transition.episode, transition.step)
            assert key not in seen
            seen[key] = transition
        done = result[2] | result[3]
        if mode is AutoresetMode.DISABLED and done.any():
            observations, infos = venv.reset(options={"reset_mask": done.copy()})
            tracker.reset(observations, infos, done)
    return seen, venv


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_same_transitions(mode):
    seen, _ = follow(mode, {"observation", "action", "text", "frame", "task", "history"})
    assert {env for env, _, _ in seen} == {0, 1, 2}
    assert max(episode for _, episode, _ in seen) >= 2
    for (env, episode, step), transition in seen.items():
        last = step == env + 1
        assert transition.observation.tolist() == [env, episode, step + 1]
        assert transition.previous_observation.tolist() == [env, episode, step]
        assert transition.reward == 10.0 * env + step + 1
        assert transition.task == Task(f"{env}.{episode}")
        assert transition.text == f"{env}.{episode}.{step + 1}"
        assert transition.frame[0, 0].tolist() == [env, episode, step + 1]
        assert transition.terminated == (last and env % 2 == 0)
        assert transition.truncated == (last and env % 2 == 1)
        assert [earlier.step for earlier in transition.history] == list(range(step))
        assert all(earlier.episode == episode and earlier.history == () for earlier in transition.history)
        assert transition.action % 10 == env
        # No step of an episode is missing before this one.
        assert all((env, episode, before) in seen for before in range(step))


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_rendered_that_no_source_needs(mode):
    seen, venv = follow(mode, {"observation"}, capture=False)
    assert all(transition.text is None and transition.frame is None for transition in seen.values())
    assert [env.renders for env in venv.envs] == [0, 0, 0]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_frames_and_captions_come_from_the_vector_where_it_still_shows_the_end(mode):
    seen, _ = follow(mode, {"text", "frame"}, capture=False)
    for (env, episode, step), transition in seen.items():
        assert transition.frame[0, 0].tolist() == [env, episode, step + 1]
        assert transition.text == f"{env}.{episode}.{step + 1}"


@pytest.mark.parametrize("need", ["frame", "text"])
def test_same_step_without_capture_is_an_error_not_a_wrong_frame(need):
    with pytest.raises(RewardiumError, match="Capture"):
        follow(AutoresetMode.SAME_STEP, {need}, capture=False)


def test_disabled_rows_that_ended_give_no_transition():
    venv = make_text_vec("rewardium/RandomCalculation-v0", 2)
    tracker = TransitionTracker(2, frozenset({"task"}))
    tracker.reset(*venv.reset(seed=0))
    assert len(tracker.step(["a", "b"], *venv.step(["a", "b"]))) == 2
    assert len(tracker.step([None, None], *venv.step([None, None]))) == 0
    mask = np.array([False, True])
    tracker.reset(*venv.reset(options={"reset_mask": mask}), mask)
    (transition,) = tracker.step([None, "c"], *venv.step([None, "c"]))
    assert (transition.env, transition.episode, transition.step, transition.action) == (1, 1, 0, "c")
    assert transition.previous_observation


@pytest.mark.parametrize("mode", MODES)
def test_text_environments_show_the_reply_as_text(mode):
    venv = ScalarTextVectorEnv([lambda: gym.make("rewardium/RandomCalculation-v0")] * 2, mode)
    tracker = TransitionTracker(2, frozenset({"text", "task"}), autoreset_mode=mode)
    observations, infos = venv.reset(seed=[1, 2])
    tracker.reset(observations, infos)
    first, second = tracker.step(["x", "y"], *venv.step(["x", "y"]))
    # The terminal observation, not the prompt of the episode after it.
    assert first.text == second.text == first.observation == ""
    assert (first.previous_observation, second.previous_observation) == observations
    assert [first.task, second.task] == list(infos["task"])


def test_dict_observations_are_taken_apart():
    space = gym.spaces.Dict({"a": gym.spaces.Box(0, 9, (2,), np.float32)})
    batched = gym.vector.utils.batch_space(space, 2)
    tracker = TransitionTracker(2, frozenset({"observation"}), observation_space=batched)
    tracker.reset({"a": np.zeros((2, 2))}, {})
    no = np.zeros(2, dtype=bool)
    batch = tracker.step([0, 1], {"a": np.array([[1, 2], [3, 4]])}, np.zeros(2), no, no, {})
    assert batch[1].observation["a"].tolist() == [3, 4]
    assert batch[1].previous_observation["a"].tolist() == [0, 0]


def test_errors_name_what_is_missing():
    with pytest.raises(RewardiumError, match="unknown needs"):
        TransitionTracker(1, frozenset({"smell"}))
    no = np.zeros(1, dtype=bool)
    with pytest.raises(RewardiumError, match="before reset"):
        TransitionTracker(1).step([0], [0], np.zeros(1), no, no, {})
    with pytest.raises(RewardiumError, match=r"info\['task'\]"):
        TransitionTracker(1, frozenset({"task"})).reset(np.zeros((1, 2)), {})
    for need, message in (("text", r"caption\(\)"), ("frame", "rgb_array")):
        tracker = TransitionTracker(1, frozenset({need}))
        tracker.reset(np.zeros((1, 2)), {})
        with pytest.raises(RewardiumError, match=message):
            tracker.step([0], np.zeros((1, 2)), np.zeros(1), no, no, {})


def test_capture_refuses_what_the_environment_cannot_show():
    with pytest.raises(RewardiumError, match="rgb_array"):
        Capture(gym.make("CartPole-v1"))
    with pytest.raises(RewardiumError, match="caption"):
        Capture(gym.make("CartPole-v1"), frame=False, text=True)
