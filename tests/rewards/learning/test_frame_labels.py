from __future__ import annotations

import json
from itertools import combinations

import gymnasium as gym
import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.rewards.learning import frame_labels
from rewardium.rewards.learning.frame_collection import collect_frames
from rewardium.rewards.learning.frame_labels import FrameLabelFile, frames_digest, label_frame_pairs
from rewardium.rewards.learning.frame_model import FramePreference
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.models.scripted_frames import ScriptedFrameJudge

FRAMES = [np.full((4, 4, 3), grey, np.uint8) for grey in (0, 80, 80, 200)]
PAIRS = list(combinations(range(4), 2))


class Moody:
    """Says nothing of some pairs, and fails the first times."""

    name = "moody"

    def __init__(self, failures=0):
        self.failures, self.asked = failures, 0

    def choose(self, questions, allowed):
        if self.failures:
            self.failures -= 1
            raise JudgeError("not now")
        self.asked += len(questions)
        return [
            None if question.frames[0].mean() == 0 else answer
            for question, answer in zip(
                questions, ScriptedFrameJudge("brightness").choose(questions, allowed), strict=True
            )
        ]


def label_file(path, judge, goal="bright", frames=FRAMES):
    return FrameLabelFile(path / "labels.jsonl", judge.name, goal, frames_digest(frames))


def test_answers_become_preferences_and_are_asked_for_once(tmp_path):
    judge = Moody()
    counts = []
    found = label_frame_pairs(
        judge, "bright", FRAMES, PAIRS, label_file(tmp_path, judge), at_once=2, progress=counts.append
    )
    assert found == [FramePreference(1, 2, 0.5), FramePreference(1, 3, 0.0), FramePreference(2, 3, 0.0)]
    assert counts[-1] == (6, 3, 6)
    again = label_file(tmp_path, judge)
    assert label_frame_pairs(judge, "bright", FRAMES, PAIRS, again, max_calls=0) == found
    assert judge.asked == 6
    label_frame_pairs(judge, "bright", FRAMES, PAIRS, again)  # what had no answer is asked for again
    assert judge.asked == 9


def test_labels_of_another_judge_goal_or_frames_are_not_used(tmp_path):
    judge = Moody()
    label_frame_pairs(judge, "bright", FRAMES, PAIRS, label_file(tmp_path, judge))
    assert len(label_file(tmp_path, judge).known) == 3
    assert not label_file(tmp_path, ScriptedFrameJudge("brightness")).known
    assert not label_file(tmp_path, judge, goal="dark").known
    assert not label_file(tmp_path, judge, frames=FRAMES[::-1]).known


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path):
    judge = ScriptedFrameJudge("brightness")
    label_frame_pairs(judge, "bright", FRAMES, PAIRS[:3], label_file(tmp_path, judge))
    path = tmp_path / "labels.jsonl"
    path.write_text(path.read_text()[:-9])
    known = label_file(tmp_path, judge)
    assert len(known.known) == 2
    label_frame_pairs(judge, "bright", FRAMES, PAIRS, known)
    assert label_file(tmp_path, judge).known.keys() == set(PAIRS)


def test_foreign_lines_are_passed_over(tmp_path):
    judge = ScriptedFrameJudge("brightness")
    mine = {"judge": judge.name, "goal": "bright", "frames": frames_digest(FRAMES)}
    rows = [[], 3, {"first": 0}, {**mine, "first": 0, "second": 1, "answer": "7"},
            {**mine, "first": [0], "second": 1, "answer": "1"},
            {**mine, "first": 0, "second": 1, "answer": []}]  # fmt: skip
    (tmp_path / "labels.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\nnonsense\n")
    assert label_file(tmp_path, judge).known == {}


def test_a_judge_that_fails_is_asked_again_and_then_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(frame_labels, "_SECONDS_BETWEEN", 0.01)
    judge = Moody(failures=3)
    assert len(label_frame_pairs(judge, "bright", FRAMES, PAIRS, label_file(tmp_path, judge))) == 3
    with pytest.raises(RewardiumError, match="labels so far are kept"):
        label_frame_pairs(Moody(10**9), "dark", FRAMES, PAIRS, label_file(tmp_path, judge, "dark"), patience=0.05)


class Lamp(gym.Env):
    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gym.spaces.Box(0, 1, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode=None, size=8):
        self.render_mode, self.size = render_mode, size

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.level, self.time = 0, 0
        return np.zeros(1, np.float32), {"task": Task("a bright lamp")}

    def step(self, action):
        self.level, self.time = self.level + int(action), self.time + 1
        return np.zeros(1, np.float32), 0.0, False, self.time == 12, {}

    def render(self):
        return np.full((self.size, self.size, 3), 20 * self.level, dtype=np.uint8)


@pytest.fixture
def lamp():
    gym.register("test/Lamp-v0", Lamp)
    yield "test/Lamp-v0"
    gym.registry.pop("test/Lamp-v0")


def test_frames_are_collected_by_random_play(lamp, tmp_path):
    seen = []
    goal = collect_frames(lamp, tmp_path / "a" / "frames.npy", frames=9, every=4, progress=seen.append)
    assert (goal, seen) == ("a bright lamp", list(range(1, 10)))
    frames = np.load(tmp_path / "a" / "frames.npy")
    assert frames.shape == (9, 8, 8, 3)
    assert frames[0].max() == 0
    assert frames[3].max() == 0  # a new episode after 12 steps
    assert frames.max() > 0
    collect_frames(lamp, tmp_path / "b.npy", frames=9, every=4)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), frames)


@pytest.mark.parametrize(
    ("env", "settings", "words"),
    [("test/Nothing-v0", {}, "cannot make"), ("test/Lamp-v0", {"frames": 0}, "at least 1"),
     ("test/Lamp-v0", {"env_kwargs": {"sise": 2}}, "cannot make")],
)  # fmt: skip
def test_what_cannot_be_collected(lamp, env, settings, words, tmp_path):
    with pytest.raises(RewardiumError, match=words):
        collect_frames(env, tmp_path / "frames.npy", **settings)
    assert not list(tmp_path.iterdir())
