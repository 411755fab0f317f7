"""A judge that is killed, restarted, slow, writes nonsense or costs too much, while an agent trains on what it says."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from rewardium.agents.control import attachments
from rewardium.agents.control.attachments import nodes
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.run_folder import read_metrics
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.cache import LabelCache
from rewardium.rewards.annotation.questions import HELPFUL
from rewardium.rewards.annotation.shared import close_shared_annotators
from rewardium.rewards.sources.oni import Oni

pytest.importorskip("openai")
pytest.importorskip("minihack")
pytestmark = pytest.mark.slow

SERVER = Path(__file__).parent / "judge_that_fails.py"
TRAIN = Path(__file__).parents[3] / "scripts" / "train_control.py"
ENV = "rewardium/MiniHack-Quest-Easy-v0"  # a few rooms in which much is said
UPDATE, STEPS, FAULT, REPAIR = 128, 1024, 384, 640
REWARD = "extrinsic + 0.4 * count_decay(oni(student='retrieval'))"


def load_server():
    spec = importlib.util.spec_from_file_location("judge_that_fails", SERVER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verdict, MODEL = load_server().verdict, load_server().MODEL


class JudgeProcess:
    """The server, always on one port."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.file = folder / "behaviour"
        self.behave("well")
        self.start()

    def behave(self, how):
        beside = self.file.with_suffix(".new")
        beside.write_text(how, encoding="utf-8")
        os.replace(beside, self.file)

    def start(self):
        command = [sys.executable, str(SERVER), str(self.port), str(self.file)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.listens)

    def listens(self):
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
            return True
        return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(10) == -signal.SIGKILL


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def judge(tmp_path):
    judge = JudgeProcess(tmp_path)
    yield judge
    judge.process.kill()
    judge.process.wait(10)
    close_shared_annotators()


def config_of(tmp_path, judge, **settings):
    base = {
        "env": ENV, "env_kwargs": {"observation": "features", "max_episode_steps": 100}, "runs": tmp_path / "runs",
        "reward": REWARD, "judge": judge.url, "cache": tmp_path / "labels.sqlite", "steps": STEPS, "num_envs": 8,
        "algorithm_kwargs": {"n_steps": 16, "n_epochs": 1}, "log_every": 1, "checkpoint_every": 512,
        "eval_episodes": 1, "recordings": 1, "device": "cpu", "threads": 1,
    }  # fmt: skip
    return ControlConfig(**{**base, **settings})


def artefacts(folder):
    """The files of a run; what the name of TensorBoard's file holds of time and process does not count."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return sorted(re.sub(r"(tfevents)\..*", r"\1", name) for name in names)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    judge = JudgeProcess(folder)
    config = config_of(folder, judge)
    assert ControlTrainer(config).train()
    judge.kill()
    close_shared_annotators()
    found = artefacts(config.folder)
    assert {"report.html", "metrics.jsonl", "checkpoints/00001024/policy.safetensors"} <= set(found)
    return found


def labels_in(file):
    records, _ = LabelCache(file).read(f"{MODEL}#chat", HELPFUL.key)
    return {record.item: record.label for record in records if record.label is not None}


def right(labels):
    return {item: HELPFUL.answers[verdict(HELPFUL.prompt(item))] for item in labels}


class Trial:
    """A training run, and what happens to it after some steps."""

    def __init__(self, config):
        self.config = config
        self.trainer = ControlTrainer(config)
        self.annotator = next(node for node in nodes(self.trainer.reward) if isinstance(node, Oni)).annotator
        self.before = {}

    def run(self, happenings):
        """Train to the end, and return the lines of metrics after the first happening."""
        left = dict(happenings)

        def watch(step, metrics):
            for due in [due for due in left if step >= due]:
                left.pop(due)()

        assert self.trainer.train(watch)
        assert not left
        rows = read_metrics(self.config.folder)
        assert [row["step"] for row in rows] == list(range(UPDATE, STEPS + 1, UPDATE))
        assert all(math.isfinite(row["train/loss"]) for row in rows)
        return [row for row in rows if row["step"] > min(happenings)]

    def remember(self):
        """Wait until all that was met has its label, and note the labels on disk."""
        assert self.annotator.wait(60)
        self.before = self.labels()
        assert len(self.before) >= 5

    def labels(self):
        return labels_in(self.config.cache)

    def check(self, undisturbed, rows):
        """What holds whatever happened."""
        assert artefacts(self.config.folder) == undisturbed
        after = self.labels()
        assert self.before.items() <= after.items()
        assert after == right(after)
        assert sum(row["terms/oni/unknown"] for row in rows) > 0
        for row in rows:
            assert row["terms/oni/unknown"] == pytest.approx((1.0 - row["terms/oni/valid"]) * UPDATE)
            assert row["terms/extrinsic/unknown"] == 0.0
        return after


def read_without_a_judge(config, url):
    """What a run that cannot ask anybody finds in the file of labels."""
    with Annotator(HELPFUL, f"{url}#model={MODEL}&chat", cache=config.cache, budget=Budget(items=0)) as annotator:
        wait_until(lambda: len(annotator.known()) >= len(labels_in(config.cache)))
        return annotator.known()


def test_a_judge_that_is_killed_for_good(tmp_path, judge, undisturbed):
    trial = Trial(config_of(tmp_path, judge))

    def kill():
        trial.remember()
        judge.kill()

    rows = trial.run({FAULT: kill})
    assert trial.check(undisturbed, rows) == trial.before
    assert rows[-1]["annotator/oni/queued"] + rows[-1]["annotator/oni/in_flight"] > 0
    assert rows[-1]["annotator/oni/failures"] >= 1
    assert rows[-1]["annotator/oni/unknown"] == 0  # nobody has said anything about what waits
    assert read_without_a_judge(trial.config, judge.url) == trial.before


def test_a_judge_that_is_killed_in_the_middle_of_a_batch_and_restarted(tmp_path, judge, undisturbed):
    trial = Trial(config_of(tmp_path, judge))

    def kill():
        trial.remember()
        judge.behave("slow")
        trial.annotator.ask([("The one that the judge thinks about.",)])
        wait_until(lambda: trial.annotator.statistics.in_flight)
        judge.kill()

    def restart():
        judge.behave("well")
        judge.start()

    rows = trial.run({FAULT: kill, REPAIR: restart})
    assert trial.annotator.wait(60)  # nothing that was met meanwhile is forgotten
    after = trial.check(undisturbed, rows)
    assert len(after) > len(trial.before)
    assert ("The one that the judge thinks about.",) in after
    statistics = trial.annotator.statistics
    assert (statistics.labelled, statistics.unknown, statistics.queued) == (len(after), 0, 0)
    assert statistics.failures >= 1


def test_a_run_that_waits_for_labels_goes_on_without_a_judge(tmp_path, judge, undisturbed, monkeypatch):
    monkeypatch.setattr(attachments, "PATIENCE", 0.5)
    trial = Trial(config_of(tmp_path, judge, wait_for_labels=True))

    def kill():
        trial.remember()
        judge.kill()

    rows = trial.run({FAULT: kill})
    assert trial.check(undisturbed, rows) == trial.before
    assert rows[-1]["annotator/oni/failures"] >= 1


def test_a_judge_that_takes_ten_seconds(tmp_path, judge, undisturbed):
    trial = Trial(config_of(tmp_path, judge))

    def slow():
        trial.remember()
        judge.behave("slow")

    rows = trial.run({FAULT: slow})
    assert sum(row["annotator/oni/in_flight"] > 0 for row in rows) >= 2  # trained on while the judge was thinking
    judge.behave("well")
    assert trial.annotator.wait(60)
    after = trial.check(undisturbed, rows)
    assert len(after) > len(trial.before)
    assert trial.annotator.statistics.failures == 0


@pytest.mark.parametrize("behaviour", ["nonsense", "garbage"])
def test_a_judge_that_answers_nonsense(tmp_path, judge, undisturbed, behaviour):
    """Words that it was not to say, or bodies that are not of the protocol."""
    trial = Trial(config_of(tmp_path, judge))

    def corrupt():
        trial.remember()
        judge.behave(behaviour)

    rows = trial.run({FAULT: corrupt})
    assert trial.check(undisturbed, rows) == trial.before
    assert rows[-1]["annotator/oni/labelled"] == len(trial.before)
    if behaviour == "nonsense":
        wait_until(lambda: trial.annotator.statistics.unknown > 0)
        assert trial.annotator.statistics.failures == 0
    else:
        wait_until(lambda: trial.annotator.statistics.failures > 0)


def test_a_budget_that_is_used_up(tmp_path, judge, undisturbed):
    most = 8
    trial = Trial(config_of(tmp_path, judge, reward=REWARD.replace("')", f"', max_items={most})")))

    def wait_for_the_end():
        trial.annotator.ask([(f"Message {number}.",) for number in range(most)])
        wait_until(lambda: trial.annotator.statistics.budget_left.exhausted)
        wait_until(lambda: len(trial.labels()) == most)
        trial.before = trial.labels()

    rows = trial.run({FAULT: wait_for_the_end})
    assert trial.check(undisturbed, rows) == trial.before
    assert rows[-1]["annotator/oni/budget_left/items"] == 0
    assert rows[-1]["annotator/oni/asked"] == rows[-1]["annotator/oni/labelled"] == most


def test_the_script_ends_in_time_though_the_judge_is_busy(tmp_path, judge, undisturbed):
    judge.behave("slow")
    config = config_of(tmp_path, judge)
    command = [
        sys.executable, TRAIN, "--env", ENV, "--env-kwargs", "{observation: features, max_episode_steps: 100}",
        "--runs", config.runs, "--name", config.name, "--reward", REWARD, "--judge", judge.url,
        "--cache", config.cache, "--steps", STEPS, "--num-envs", 8, "--algorithm-kwargs", "{n_steps: 16, n_epochs: 1}",
        "--log-every", 1, "--checkpoint-every", 512, "--eval-episodes", 1, "--recordings", 1, "--device", "cpu",
        "--threads", 1,
    ]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert artefacts(config.folder) == undisturbed
    assert sum(row["terms/oni/unknown"] for row in read_metrics(config.folder)) > 0
    assert labels_in(config.cache) == right(labels_in(config.cache))
