from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from rewardium import rewards
from rewardium.agents.report import band, compare, final_values, write_report
from rewardium.agents.run_folder import RunFolder, describe_environment, plain, read_metrics
from rewardium.envs.errors import RewardiumError


@dataclass
class Inner:
    rate: float = 0.5
    sizes: tuple[int, ...] = (1, 2)


@dataclass
class Config:
    seed: int = 3
    output: Path = Path("runs/a")
    inner: Inner = field(default_factory=Inner)


def logged(path: Path, count: int = 3) -> RunFolder:
    run = RunFolder(path, Config(), reward=0.5 * rewards.make("format"))
    for step in range(1, count + 1):
        run.log(step, {"success": step / 10, "reward/mean": step / 5, "terms/verify/shaped": step / 20})
    return run


def test_config_and_reward_are_stored_so_that_they_read_back(tmp_path):
    logged(tmp_path / "run").close()
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert config == {"seed": 3, "output": "runs/a", "inner": {"rate": 0.5, "sizes": [1, 2]}}
    assert rewards.load(str(tmp_path / "run/reward.yaml")) == 0.5 * rewards.make("format")


def test_environment_names_versions_but_no_paths_and_no_user(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/home/someone/train.py", "--model", "/home/someone/m", "--out=~/x", "runs/a"])
    described = describe_environment({"seed": 3})
    assert described["command"] == ["train.py", "--model", "m", "--out=x", "runs/a"]
    assert described["seed"] == 3
    assert described["versions"]["numpy"] == np.__version__
    assert "someone" not in json.dumps(described)


def test_metrics_come_back_as_logged_and_what_could_not_be_had_is_null(tmp_path):
    run = RunFolder(tmp_path / "run", {})
    run.log(1, {"a": np.float32(0.5), "b": float("nan"), "c": None})
    assert read_metrics(run.path) == [{"step": 1, "a": 0.5, "b": None, "c": None}]
    run.close()
    assert list((run.path / "tensorboard").glob("events*"))


def test_a_folder_that_holds_something_is_refused_once_clearly(tmp_path):
    logged(tmp_path / "run").close()
    with pytest.raises(RewardiumError, match=r"not empty.*--resume.*another name"):
        RunFolder(tmp_path / "run", Config())
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardiumError, match="is a file"):
        RunFolder(tmp_path / "file", Config(), resume=True)
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty", Config()).close()


def test_resume_drops_a_half_written_line_and_what_is_after_the_checkpoint(tmp_path):
    run = logged(tmp_path / "run")
    run.write_episodes(1, [{"prompt": "a"}])
    run.write_episodes(3, [{"prompt": "b"}])
    run.close()
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 4, "succ' + "é".encode()[:1])
    assert [row["step"] for row in read_metrics(run.path)] == [1, 2, 3]
    resumed = RunFolder(run.path, Config(), resume=True)
    resumed.truncate(2)
    resumed.log(3, {"success": 0.9})
    resumed.close()
    assert [(row["step"], row["success"]) for row in read_metrics(run.path)] == [(1, 0.1), (2, 0.2), (3, 0.9)]
    episodes = [json.loads(line) for line in (run.path / "episodes.jsonl").read_text().splitlines()]
    assert episodes == [{"step": 1, "prompt": "a"}]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(RewardiumError, match="line 2"):
        read_metrics(tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"success": 1}\n')
    with pytest.raises(RewardiumError, match=r"line 1.*step"):
        read_metrics(tmp_path)


@pytest.mark.slow
def test_every_logged_line_survives_a_kill(tmp_path):
    program = (
        "import sys; from pathlib import Path; from rewardium.agents.run_folder import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1]), {})\n"
        "for step in range(10**9):\n"
        "    run.log(step, {'x': step / 2}); print(step, flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    last = int(process.stdout.read().rsplit("\n", 2)[-2])
    process.wait()
    steps = [row["step"] for row in read_metrics(tmp_path / "run")]
    assert steps == list(range(len(steps)))
    assert steps[-1] >= last


def test_checkpoint_folders_sort_by_step(tmp_path):
    run = RunFolder(tmp_path / "run", {})
    folders = [run.checkpoint_dir(step) for step in (5, 40, 300)]
    run.close()
    assert all(folder.is_dir() and folder.parent == run.path / "checkpoints" for folder in folders)
    assert sorted(folders) == folders


def test_plain_keeps_numbers_and_writes_the_rest_as_text():
    assert plain({"a": np.float32(0.5), 2: np.array([1, 2]), "r": rewards.make("format")}) == {
        "a": 0.5,
        "2": [1, 2],
        "r": "format",
    }


class Page(HTMLParser):
    """Collect the tags and the visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.visible = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.visible += data


def test_report_is_one_self_contained_page_that_shows_but_never_runs_text(tmp_path):
    run = logged(tmp_path / "run")
    run.write_episodes(3, [{"prompt": "<script>alert(1)</script>", "response": "4 < 5", "success": True}])
    run.finish()
    run.close()
    for name in ("learning_curve.png", "terms.png"):
        assert (run.path / "plots" / name).read_bytes().startswith(b"\x89PNG")
    page = Page()
    page.feed((run.path / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert page.tags.count("img") == 2
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "<script>alert(1)</script>" in page.visible
    assert "0.5 * format" in page.visible
    assert re.search(r"success\s*0\.3", page.visible)


def test_report_of_a_run_without_terms_or_metrics(tmp_path):
    run = RunFolder(tmp_path / "run", {})
    with pytest.raises(RewardiumError, match="no metrics"):
        run.finish()
    run.log(1, {"loss": 0.25, "odd $name_{": 1.0, "success": 0.0})
    run.close()
    write_report(run.path)
    assert not (run.path / "plots/terms.png").exists()


def test_compare_draws_every_run_and_names_a_missing_metric(tmp_path):
    for name in ("sparse", "dense"):
        logged(tmp_path / name).close()
    runs = {name: tmp_path / name for name in ("sparse", "dense")}
    assert compare(runs, "success", tmp_path / "plots/both.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(RewardiumError, match=r"'sucess'.*success"):
        compare(runs, "sucess", tmp_path / "x.png")


def test_final_values_are_the_last_that_could_be_had():
    assert final_values([{"step": 1, "a": 1.0}, {"step": 2, "a": None, "b": 2}]) == {"a": (1, 1.0), "b": (2, 2.0)}


def test_a_band_keeps_the_steps_that_every_seed_has():
    joined = band([([1, 2, 3], [0.0, 0.5, 1.0]), ([1, 3], [1.0, 0.5])])
    assert joined == ([1, 3], [0.5, 0.75], [0.0, 0.5], [1.0, 1.0])


def test_compare_draws_several_seeds_and_several_metrics(tmp_path):
    folders = [tmp_path / str(seed) for seed in range(3)]
    for folder in folders:
        logged(folder).close()
    file = compare(
        {"verify": folders}, {"truth": "success", "paid": "reward/mean"}, tmp_path / "all.png", unit="update"
    )
    assert file.read_bytes().startswith(b"\x89PNG")
