"""The measurement of judges of subgoals: its counting on steps that are written down, and the whole way on the game."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from rich.console import Console

from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.shared import close_shared_annotators
from rewardium.rewards.learning.classification_metrics import Confusion

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
KEY, DOOR = "pick up the key", "open the door"
SUBGOALS = (f"{KEY} = key picked up", f"{DOOR} = door opened, door broken")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calm_f1_script", SCRIPTS / "calm_f1.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    yield module
    close_shared_annotators()


@pytest.fixture(scope="module")
def pages(script) -> ModuleType:
    return sys.modules["_calm_f1_page"]


def config(script, tmp_path, **kwargs):
    return script.Config(**{"runs": tmp_path, "subgoals": SUBGOALS, "seeds": (0,), "transitions": 8, **kwargs})


def step(script, message="", events=(), inventory=(), episode=0, seed=0):
    caption = Caption(message, "east", inventory, f"turn {episode}", "|.@.|").text()
    return script.Step("env", seed, episode, "random", caption, tuple(events))


@pytest.fixture
def steps(script):
    return [
        step(script, "k - a key.", ["key picked up", "object picked up"], ("+ k - a key",)),
        step(script, "The door opens.", ["door opened"]),
        step(script, "WHAMM!! The door crashes open!", ["door broken"], episode=1),
        step(script, "", ["door opened"], episode=1),
        step(script, "This door is locked.", episode=1),
        step(script, "You see here a key.", episode=2),
        step(script, "", episode=2),
        step(script, "", ["died"], episode=2),
    ]


def test_the_truth_is_any_of_the_events(script, tmp_path, steps):
    achieved = [script.achieved_events(each, config(script, tmp_path)) for each in steps]
    assert achieved == [[KEY], [DOOR], [DOOR], [DOOR], [], [], [], []]


def test_rewards_see_the_text_and_nothing_else(script, steps):
    batch = script.batch_of(steps)
    assert batch.texts == [each.text for each in steps]
    assert not batch.rewards.any()
    assert batch.tasks is None
    assert batch.histories == [()] * len(steps)
    (row,) = script.batch_of([dataclasses.replace(steps[0], earlier="before")])
    assert [past.text for past in row.history] == ["before"]


@pytest.mark.parametrize(
    ("transitions", "positives", "keys", "doors", "others"),
    [(512, 0.5, 3, 30, 400), (40, 0.5, 3, 17, 20), (40, 0.0, 0, 0, 40), (20, 0.2, 2, 2, 16)],
)
def test_positives_are_drawn_in_turn(script, tmp_path, transitions, positives, keys, doors, others):
    pool = [
        *[step(script, events=["key picked up"], episode=n) for n in range(3)],
        *[step(script, events=["door opened"], episode=n) for n in range(30)],
        *[step(script, str(n), episode=n) for n in range(400)],
    ]
    chosen = script.choose(pool, config(script, tmp_path, transitions=transitions, positives=positives))
    counts = [sum(each.events == (event,) for each in chosen) for event in ("key picked up", "door opened")]
    assert [*counts, sum(not each.events for each in chosen)] == [keys, doors, others]
    assert chosen == script.choose(pool, config(script, tmp_path, transitions=transitions, positives=positives))
    other = script.choose(pool, config(script, tmp_path, transitions=transitions, positives=positives, seeds=(1,)))
    assert chosen != other or transitions >= len(pool)


def test_the_judge_is_asked_through_the_reward(script, tmp_path, steps):
    settings = config(script, tmp_path)
    seen = []
    verdicts = script.ask(
        settings, "scripted:keyword", "message", steps, lambda done, total: seen.append((done, total))
    )
    assert verdicts == {KEY: [1, 0, 0, 0, 0, 0, 0, 0], DOOR: [0, 1, 1, 0, 0, 0, 0, 0]}
    assert seen[-1][0] == seen[-1][1] > 0
    assert (settings.folder / "labels.sqlite").exists()


def test_a_judge_that_answers_nothing_leaves_all_unknown(script, tmp_path, steps):
    settings = config(script, tmp_path, patience=0.3)
    for judge in ("scripted:nonsense", "scripted:dead"):
        verdicts = script.ask(settings, judge, "message", steps, lambda done, total: None)
        assert verdicts == {KEY: [None] * 8, DOOR: [None] * 8}


def test_noise_keeps_its_rates(script):
    rng = np.random.default_rng(0)
    truths = [True] * 5000 + [False] * 5000
    noisy = script.noisy_verdicts(truths, 0.1, 0.3, rng)
    assert np.mean(noisy[:5000]) == pytest.approx(0.7, abs=0.03)
    assert np.mean(noisy[5000:]) == pytest.approx(0.1, abs=0.02)
    assert script.noisy_verdicts(truths, 0.0, 0.0, rng) == truths
    assert script.noisy_verdicts(truths, 1.0, 1.0, rng) == [not truth for truth in truths]
    assert np.mean(script.random_verdicts(10_000, 0.2, rng)) == pytest.approx(0.2, abs=0.02)


def test_rows_by_hand(script, pages, tmp_path, steps):
    truths = {KEY: [True] + [False] * 7, DOOR: [False, True, True, True, False, False, False, False]}
    verdicts = {KEY: [1.0] + [0.0] * 7, DOOR: [0.0, 1.0, 1.0, 0.0, 1.0, None, 0.0, 0.0]}
    key, door, together = script.rows_of(
        config(script, tmp_path, bootstrap=200), "judge", "message", steps, truths, verdicts, {KEY: 0.1, DOOR: 0.1}
    )
    assert (key.counts, key.counts.f1, key.precision_met) == (Confusion(1, 0, 0, 7), 1.0, 1.0)
    assert door.counts == Confusion(2, 1, 1, 3, 0, 1)
    assert door.counts.f1 == pytest.approx(2 / 3)
    # recall 2/3, false positives 1/4, rate 0.1
    assert door.precision_met == pytest.approx((2 / 30) / (2 / 30 + 0.9 / 4))
    assert door.f1_by_seed == (pytest.approx(2 / 3),)
    assert together.subgoal == "all"
    assert together.counts == key.counts + door.counts
    low, high = door.intervals["f1"]
    assert 0.0 <= low <= door.counts.f1 <= high <= 1.0
    assert pages.cells(door)[-1] == "1 of 8"


def test_the_page_says_what_silence_costs(script, pages, tmp_path, steps):
    settings = config(script, tmp_path, bootstrap=50)
    lines = pages.silence(settings, steps, steps)
    assert lines == [[KEY, "1 of 8", "0.1250", "0.0%"], [DOOR, "3 of 8", "0.3750", "33.3%"]]
    page = script.report(settings, steps, steps, [])
    assert "62.5% of all collected steps" in page
    assert "scripted:keyword?error=0.1" in page


def test_texts_that_come_often(script, pages, tmp_path, steps):
    assert pages.repeats(config(script, tmp_path), steps) == [
        ["message", "6", "3"],
        ["crop", "6", "3"],
        ["caption", "7", "2"],
    ]


def test_numbers_that_are_not_defined_are_no_zeros(script, pages, tmp_path, steps):
    rows = script.rows_of(
        config(script, tmp_path, bootstrap=10), "judge", "", steps, {KEY: [False] * 8}, {KEY: [None] * 8}, {KEY: 0.0}
    )
    assert pages.cells(rows[0]) == ["judge", "-", KEY, "-", "-", "-", "-", "-", "8 of 8"]
    assert json.dumps(script.result_of(config(script, tmp_path), steps, steps, rows))


@pytest.mark.parametrize(
    "arguments",
    [
        {"judge": ()},
        {"judge": "scripted:keyword"},
        {"envs": ()},
        {"seeds": ()},
        {"subgoals": ()},
        {"subgoals": ("open the door",)},
        {"subgoals": ("open the door =",)},
        {"subgoals": ("= door opened",)},
        {"subgoals": ("open the door = sesame",)},
        {"transitions": 0},
        {"positives": 1.5},
        {"error_rates": (0.1, -0.1)},
        {"patience": 0.0},
    ],
)
def test_settings(script, arguments):
    with pytest.raises(RewardiumError):
        script.Config(**arguments)


@pytest.mark.slow
def test_the_whole_way_on_the_game(script, tmp_path):
    pytest.importorskip("minihack")
    settings = script.Config(
        judge=("scripted:keyword?error=0.05", "scripted:nonsense"),
        runs=tmp_path,
        envs=("rewardium/MiniHack-KeyRoom-S5-v0",),
        transitions=64,
        pool=400,
        seeds=(0,),
        bootstrap=50,
        error_rates=(0.0, 0.3),
        page=tmp_path / "docs" / "page.md",
    )
    rows = script.run(settings, Console(quiet=True))
    by_name = {(row.annotator, row.view, row.subgoal): row for row in rows}
    exact = by_name["truth, 0% FP, 0% FN", "", "all"]
    assert exact.counts.f1 == 1.0
    assert exact.counts.known == 64 * len(settings.subgoals)
    key = by_name["scripted:keyword", "message", "pick up the key"]
    assert key.counts.true_positives > 0
    assert key.counts.precision == 1.0
    result = json.loads((settings.folder / "result.json").read_text(encoding="utf-8"))
    assert len(result["rows"]) == len(rows)
    report = (settings.folder / "report.md").read_text(encoding="utf-8")
    assert report.count("| scripted:keyword?error=0.05 |") == report.count("| scripted:nonsense |") == 3 * 6
    page = settings.page.read_text(encoding="utf-8")
    assert page.count("| `scripted:nonsense` |") == 3 * 6
    assert "--judge 'scripted:keyword?error=0.05' scripted:nonsense" in page
    assert "None is asked here" in page
    assert len((settings.folder / "episodes.jsonl").read_text(encoding="utf-8").splitlines()) == 64
    with pytest.raises(RewardiumError, match="--resume"):
        script.run(settings, Console(quiet=True))
    assert script.run(dataclasses.replace(settings, resume=True), Console(quiet=True)) == rows
    assert len((settings.folder / "episodes.jsonl").read_text(encoding="utf-8").splitlines()) == 64


def test_the_page_has_its_figures_from_the_rows(script, tmp_path, steps):
    settings = config(
        script, tmp_path, judge=("scripted:a", "scripted:b"), views=("message",), seeds=(0, 1), bootstrap=20,
        error_rates=(0.0, 0.1), transitions=8,
    )  # fmt: skip
    steps = [dataclasses.replace(each, seed=number % 2) for number, each in enumerate(steps)]
    truths = {KEY: [True] + [False] * 7, DOOR: [False, True, True, True, False, False, False, False]}
    given = {
        ("scripted:a", "message"): truths,
        ("scripted:b", "message"): {name: [None] * 8 for name in truths},
        **{(name, ""): verdicts for name, verdicts in script.baselines(settings, truths, {KEY: 0.1, DOOR: 0.1})},
    }
    rows = [
        row
        for (name, view), verdicts in given.items()
        for row in script.rows_of(settings, name, view, steps, truths, verdicts, {KEY: 0.1, DOOR: 0.1})
    ]
    page = script.page(settings, steps, steps, rows)
    lines = [line for line in page.splitlines() if line.startswith("| `scripted:")]
    assert [line.split(" | ")[0] for line in lines] == ["| `scripted:a`", "| `scripted:b`"] * 3
    assert lines[0].endswith("| 1.000 [1.00, 1.00] | 1.000 (1 of 2) | 1.000 | 0 |")
    assert lines[2].endswith("| 1.000 [1.00, 1.00] | 1.000 ± 0.000 | 1.000 | 0 |")
    assert lines[1] == "| `scripted:b` | message | - | - | - | - | - | 8 |"
    assert "| 0% FP | 1.000 / 1.000 |" in page
    assert f"## {KEY.capitalize()}\n\n1 of 8 steps, base rate 0.1250.\n" in page
    assert "- `scripted:a`, shown the message: F1 1.000 where achievements are frequent." in page
    assert "- `scripted:b`, shown the message: no verdict." in page


def test_the_command_on_the_page_holds_what_is_not_the_default(script, pages, tmp_path):
    settings = script.Config(runs=tmp_path, judge=("a", "b?c=1"), resume=True, changed_only=True, seeds=(1, 2))
    assert pages.command_of(settings) == (
        "python scripts/calm_f1.py \\\n    --judge a 'b?c=1' \\\n    --seeds 1 2 \\\n    --changed-only"
    )
    assert pages.command_of(script.Config()) == "python scripts/calm_f1.py"
