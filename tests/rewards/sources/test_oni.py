from __future__ import annotations

import copy
import pickle
import threading
from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.annotation.question import parts_of
from rewardium.rewards.models.scripted import scripted_rule
from rewardium.rewards.sources.oni import Oni
from rewardium.rewards.vector import DenseVectorReward

GOOD = ("a key", "the staircase", "a gold piece", "an open door")
BAD = ("a wall", "a boulder", "solid stone", "a closed door", "nothing at all")
FRAMES = ("You see {} here.", "There is {} here.", "You touch {}.", "You find {}.", "You feel {}.", "Here is {}!")
HELD_OUT = ("Now you see {} here!", "You find {} here.", "It seems there is {}.")
TRAIN = [frame.format(thing) for frame, thing in product(FRAMES, GOOD + BAD)]
UNSEEN = [frame.format(thing) for frame, thing in product(HELD_OUT, GOOD + BAD)]
STUDENTS = ("retrieval", "classification", "ranking")
FAST = {"learning_rate": 2e-3, "rounds": 2, "steps": 12, "batch_size": 32}


def worth(message: str) -> int:
    """0 for bad, 1 for a find, 2 for what opens the way."""
    return sum(thing in message for thing in GOOD) + ("staircase" in message)


@scripted_rule("oni_test")
def judge(prompt: str) -> tuple[str, ...]:
    values = [worth(part) for part in parts_of(prompt)]
    if len(values) == 1:
        return ("helpful", "unhelpful") if values[0] else ("unhelpful", "helpful")
    order = "none" if values[0] == values[1] else "first" if values[0] > values[1] else "second"
    return (order, *({"first", "second", "none"} - {order}))


def batch(*messages: str | None) -> TransitionBatch:
    texts = [None if message is None else Caption(message, "east").text() for message in messages]
    return TransitionBatch.from_transitions([Transition("", "", 0, text=text) for text in texts])


@pytest.fixture
def make(tmp_path):
    """Build sources that share one cache, and end all that they have started."""
    built = []

    def build(student="retrieval", judge="scripted:oni_test", **settings):
        source = Oni(judge, student, **{"cache": str(tmp_path / "labels.sqlite"), **settings})
        built.append(source)
        return source

    yield build
    for source in built:
        source.close()
        source.annotator.close()


def test_unknown_is_invalid_and_then_the_label(make):
    source = make()
    rows = batch("You see a key here.", "You see a wall here.", "", None, "You see a key here.")
    before = source.score(rows)
    assert before.valid.tolist() == [False, False, True, False, False]
    assert before.reasons == ["the message has no label yet"] * 2 + [None, "the step has no text", before.reasons[0]]
    assert source.drain(60)
    after = source.score(rows)
    assert after.valid.tolist() == [True, True, True, False, True]
    assert after.value.tolist() == [1, 0, 0, 0, 1]
    assert source.statistics.asked == 2
    assert source.student_statistics.labels == 2


def test_a_caption_is_labelled_by_its_message(make):
    source = make()
    rows = [Caption("You see a key here.", action, status=f"turn {turn}").text() for turn, action in enumerate("abc")]
    source.score(TransitionBatch.from_transitions([Transition("", "", 0, text=text) for text in rows]))
    assert source.drain(60)
    assert source.statistics.asked == 1


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("rule", ["dead", "nonsense"])
def test_a_judge_that_says_nothing_scores_nothing_and_stops_nothing(make, student, rule):
    source = make(student, f"scripted:{rule}", **FAST)
    for _ in range(3):
        scored = source.score(batch(*TRAIN[:8], ""))
        assert scored.valid.tolist() == [False] * 8 + [True]
    source.drain(0.3)
    assert not source.score(batch(*TRAIN[:8])).valid.any()


@pytest.mark.parametrize("student", STUDENTS)
def test_without_a_judge_it_can_be_built_and_says_what_is_missing(student):
    source = Oni(student=student)
    assert rewards.parse(str(source)) == source
    with pytest.raises(RewardiumError, match="--judge"):
        source.score(batch("You see a key here."))
    source.close()
    assert source.drain()


@pytest.mark.slow
def test_the_classifier_knows_paraphrases_of_which_retrieval_knows_nothing(make):
    """One label in ten is wrong, and the budget ends with the messages of training."""
    truth = np.array([float(worth(message) > 0) for message in UNSEEN])
    right, noise = [], []
    for seed in range(3):
        noisy = {"judge": f"scripted:oni_test?error=0.1&seed={seed}", "max_items": len(TRAIN)}
        source = make("classification", learning_rate=2e-3, background=False, **noisy)
        source.score(batch(*TRAIN))
        assert source.annotator.wait(60)
        assert source.update()
        assert source.update()
        scored = source.score(batch(*UNSEEN))
        assert scored.valid.all()
        right += (scored.value == truth).tolist()
        labels = source.annotator.labels([(message,) for message in TRAIN])
        noise += [label != (worth(message) > 0) for label, message in zip(labels, TRAIN, strict=True)]
        assert not make("retrieval", **noisy).score(batch(*UNSEEN)).valid.any()
    assert 0.05 < np.mean(noise) < 0.2
    assert np.mean(right) >= 0.75  # always the more frequent answer: 0.56


def test_the_classifier_pays_above_its_threshold(make):
    paid = []
    for threshold in (0.0, 0.5, 1.0):
        source = make("classification", threshold=threshold, background=False, **FAST)
        source.score(batch(*TRAIN[:12]))
        assert source.annotator.wait(60)
        source.update()
        paid.append(source.score(batch(*TRAIN[:12])).value)
    assert paid[0].all()
    assert 0 < paid[1].mean() < 1
    assert not paid[2].any()


def ranked(make, quantile=0.0, **settings):
    source = make("ranking", quantile=quantile, partners=8, background=False, **{**FAST, "batch_size": 256, **settings})
    source.score(batch(*TRAIN))
    assert source.annotator.wait(60)
    assert source.update()
    return source


@pytest.mark.slow
def test_the_ranking_agrees_with_the_truth_and_ties_stay_together(make):
    source = ranked(make, judge="scripted:oni_test?error=0.1", steps=48)
    values = source.score(batch(*TRAIN)).value
    level = np.array([worth(message) for message in TRAIN])
    agreement = [np.sign(values[i] - values[j]) * np.sign(level[i] - level[j]) for i, j in decided(level)]
    assert np.mean(agreement) > 0.8
    means = [values[level == worth].mean() for worth in range(3)]
    assert means[0] < means[1] < means[2]
    assert values[level == 0].std() < means[1] - means[0]
    unseen, unseen_level = source.score(batch(*UNSEEN)).value, np.array([worth(message) for message in UNSEEN])
    assert (
        np.mean([unseen[i] > unseen[j] for i, j in decided(unseen_level) if unseen_level[i] > unseen_level[j]]) > 0.75
    )


def decided(level):
    return [(i, j) for i, j in product(range(len(level)), repeat=2) if level[i] != level[j]]


@pytest.mark.slow
def test_the_ranking_is_normalised_and_zero_below_the_quantile(make):
    """The authors' code adds the raw number of the model; the paper's formula is the normalised one."""
    whole, cut = ranked(make, quantile=0.0), ranked(make, quantile=0.75)
    values, paid = whole.score(batch(*TRAIN)).value, cut.score(batch(*TRAIN)).value
    assert abs(values.mean()) < 0.3
    assert 0.7 < values.std() < 1.3
    kept = values >= np.quantile(values, 0.75)
    assert 0.2 < kept.mean() < 0.3
    np.testing.assert_allclose(paid, np.where(kept, values, 0.0), atol=0.02)


def test_the_ranking_asks_about_some_pairs_of_each_message(make):
    source = make("ranking", partners=3, background=False)
    source.score(batch(*TRAIN[:10]))
    source.score(batch(*TRAIN[:10]))
    assert source.drain(60)
    pairs = {frozenset(pair) for pair in source.annotator.known()}
    assert len(pairs) == source.statistics.asked == 1 + 2 + 7 * 3
    assert all(len(pair) == 2 for pair in pairs)


@pytest.mark.parametrize("student", ["classification", "ranking"])
def test_equal_labels_give_equal_students(make, student):
    values = []
    for number in range(2):
        source = make(student, background=False, **{**FAST, "batch_size": 8})
        if number == 0:
            source.score(batch(*TRAIN[:18]))
            assert source.annotator.wait(60)
        assert source.update()
        assert source.update()
        values.append(source.score(batch(*TRAIN[:18])).value.tolist())
    assert values[0] == values[1]


@pytest.mark.parametrize("student", STUDENTS)
def test_order_and_split_of_a_batch_do_not_matter(make, student):
    source = make(student, **FAST)
    rows = batch(*TRAIN[:20], "", None)
    source.score(rows)
    assert source.drain(60)
    whole = source.score(rows)
    assert whole.valid.tolist() == [True] * 21 + [False]
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_allclose(source.score(rows.select(order)).value, whole.value[order], atol=1e-5)
    parts = [source.score(rows[start : start + 3]).value for start in range(0, len(rows), 3)]
    np.testing.assert_allclose(np.concatenate(parts), whole.value, atol=1e-5)


@pytest.mark.parametrize("student", ["classification", "ranking"])
def test_it_learns_in_a_thread_of_its_own_and_comes_to_rest(make, student, monkeypatch):
    from rewardium.rewards.learning.message_model import MessageTrainer

    threads, learn = set(), MessageTrainer._learn

    def watched(self, *arguments):
        threads.add(threading.current_thread())
        return learn(self, *arguments)

    monkeypatch.setattr(MessageTrainer, "_learn", watched)
    source = make(student, **FAST)
    assert not source.score(batch(*TRAIN[:9])).valid.any()
    assert source.drain(60)
    rounds = source.student_statistics.rounds
    assert rounds >= 2
    assert source.score(batch(*TRAIN[:9])).valid.all()
    source.drain(60)
    assert source.student_statistics.rounds == rounds
    assert threads
    assert threading.main_thread() not in threads


def test_there_is_no_model_before_there_are_enough_labels(make):
    source = make("classification", minimum=5, **FAST)
    source.score(batch(*TRAIN[:4]))
    assert source.drain(60)
    assert not source.score(batch(*TRAIN[:4])).valid.any()
    source.score(batch(*TRAIN[:5]))
    assert source.drain(60)
    assert source.score(batch(*TRAIN[:4])).valid.all()


def test_a_round_that_fails_is_counted_and_the_old_model_stays(make, monkeypatch, caplog):
    from rewardium.rewards.learning.message_model import MessageTrainer

    source = make("classification", **FAST)
    source.score(batch(*TRAIN[:8]))
    assert source.drain(60)
    before = source.score(batch(*TRAIN[:8])).value.tolist()

    def fails(*arguments):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(MessageTrainer, "classify", fails)
    source.score(batch(*TRAIN[:9]))
    assert source.drain(60)
    assert source.student_statistics.failures >= 1
    assert source.score(batch(*TRAIN[:8])).value.tolist() == before
    assert "out of memory" in caplog.text


@pytest.mark.parametrize("student", STUDENTS)
def test_labels_of_an_earlier_run_need_no_judge(make, student):
    first = make(student, **FAST)
    first.score(batch(*TRAIN[:12]))
    assert first.drain(60)
    first.annotator.close()
    second = make(student, max_calls=0, **FAST)
    second.annotator.wait(60)
    second.score(batch(*TRAIN[:12]))
    second.drain(60)
    assert second.score(batch(*TRAIN[:12])).valid.all()
    assert second.statistics.asked == 0


@pytest.mark.parametrize("student", STUDENTS)
def test_pickles_and_copies(make, student):
    source = make(student, **FAST)
    source.score(batch(*TRAIN[:8]))
    assert source.drain(60)
    for twin in (pickle.loads(pickle.dumps(source)), copy.deepcopy(source)):  # noqa: S301  our own bytes
        assert twin == source
        assert hash(twin) == hash(source)
        twin.score(batch(*TRAIN[:8]))
        assert twin.drain(60)
        assert twin.score(batch(*TRAIN[:8])).valid.all()
        twin.close()


@pytest.mark.parametrize(
    "change",
    [
        {"student": "hash"}, {"threshold": 1.5}, {"quantile": -0.1}, {"learning_rate": 0.0}, {"batch_size": 0},
        {"steps": 1.5}, {"rounds": 0}, {"minimum": 0}, {"partners": -1}, {"capacity": 0}, {"judge": 3}, {"cache": None},
        {"max_items": -1}, {"seed": -1}, {"judge": "scripted:nobody"}, {"judge": "nonsense"},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_parameters_are_refused_at_construction(change):
    with pytest.raises(RewardiumError):
        Oni(**{"judge": "scripted:oni_test", **change})


class Room(gym.Env[Any, int]):
    """Look at the key as often as you like; three quiet steps end the episode."""

    observation_space = Box(-1.0, 1.0, (1,), np.float32)
    action_space = Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.quiet, self.said = 0, ""
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.said = ("", "You see a key here.", "You touch a wall.")[int(action)]
        self.quiet += action == 0
        return np.zeros(1, np.float32), float(self.quiet == 3), self.quiet == 3, False, {}

    def caption(self):
        return Caption(self.said, "wait").text()


@pytest.mark.parametrize("student", STUDENTS)
def test_in_a_vector_of_environments_with_the_count(make, student):
    source = make(student, quantile=0.0, **FAST)
    venv = DenseVectorReward(
        SyncVectorEnv([Room] * 3, autoreset_mode=AutoresetMode.NEXT_STEP), rewards.make("extrinsic") + 0.5 * source
    )
    counted = DenseVectorReward(
        SyncVectorEnv([Room] * 3, autoreset_mode=AutoresetMode.NEXT_STEP), rewards.make("count_decay", source)
    )
    venv.reset(seed=0)
    counted.reset(seed=0)
    _, paid, _, _, infos = venv.step(np.array([1, 2, 0]))
    assert infos["reward_terms"]["oni"]["valid"].tolist() == [False, False, True]
    assert paid.tolist() == [0.0, 0.0, 0.0]
    source.score(batch(*TRAIN[:18]))
    assert source.drain(60)
    _, paid, _, _, infos = venv.step(np.array([1, 2, 0]))
    assert infos["reward_terms"]["oni"]["valid"].all()
    np.testing.assert_allclose(paid, 0.5 * infos["reward_terms"]["oni"]["raw"], rtol=1e-5)
    assert paid[0] > max(paid[1], 0.0)
    assert paid[2] == 0.0
    farmed = [counted.step(np.array([1, 1, 1]))[1][0] for _ in range(3)]
    np.testing.assert_allclose(farmed, [farmed[0], farmed[0] / 8, farmed[0] / 27], rtol=1e-5)
