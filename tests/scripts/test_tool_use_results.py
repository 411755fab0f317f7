"""The comparison on tool use: what its page says of given figures, and (slow) the whole way at a tiny size."""

from __future__ import annotations

import dataclasses
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("tool_use_results_script", SCRIPTS / "tool_use_results.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def experiment(script) -> ModuleType:
    return sys.modules["_tool_use_experiment"]


@pytest.fixture(scope="module")
def pages(script) -> ModuleType:
    return sys.modules["_tool_use_page"]


def figures(greedy: float, sampled: float | None = None, cost: float | None = 1.5) -> dict:
    sampled = greedy if sampled is None else sampled
    return {
        "command": [],
        "seconds": 10.0,
        "cpu_seconds": 9.0,
        "greedy": {"success": greedy, "valid_call_rate": 0.5, "calls_per_success": cost},
        "sampled": {"success": sampled, "valid_call_rate": 0.5, "calls_per_success": cost},
    }


def test_every_setting_has_a_reward_and_the_sparse_one_is_first(experiment) -> None:
    assert experiment.SETTINGS[0] == ("sparse", "extrinsic", "episode")
    for setting in experiment.SETTINGS:
        assert rewards.parse(setting.reward)
        assert setting.credit in ("episode", "turn")
    flat = {setting.reward for setting in experiment.SETTINGS if setting.name.startswith("flat")}
    assert len(flat) == 1


def test_differences_that_the_seeds_do_not_agree_on_are_null_results(pages) -> None:
    after = {"a": [figures(0.9), figures(0.8)], "b": [figures(0.7), figures(0.9)], "c": [figures(0.6), figures(0.7)]}
    assert "null result" in pages.comparison("a", "b", after)
    assert "better in every seed; by seed +30.0, +10.0" in pages.comparison("a", "c", after)
    assert "worse in every seed" in pages.comparison("c", "a", after)


def test_the_page_names_the_best_what_was_left_out_and_the_commands(script, tmp_path) -> None:
    config = script.Config(seeds=(0, 1), settings=("sparse", "flat-turn"), page=tmp_path / "page.md")
    after = {"sparse": [figures(0.5), figures(0.6)], "flat-turn": [figures(0.8), figures(0.9)]}
    text = " ".join(script.page(config, [figures(0.2, cost=None), figures(0.2)], after).split())
    assert "flat-turn, success goes from 20.0% to 85.0% (4.2 times" in text
    assert "its worst seed reaches 80.0%" in text
    assert "Not run: flat-episode, ladder-episode, ladder-turn." in text
    assert "| sparse | 55.0% ± 7.1% |" in text
    assert "not in all seeds" in text
    assert "scripts/train_llm.py --env rewardium/ToolUseCalculator-v0" in text
    assert "flat-turn against sparse" in text
    assert "ladder-turn against" not in text


def mixed(greedy: float, letters: float) -> dict:
    """Return figures of a mixture: 10 tasks of each kind, two kinds of programs."""
    kinds = {
        name: {"success": success, "episodes": 10}
        for name, success in {
            "single_calculation": greedy,
            "missing_tool, with the tool": greedy,
            "python_program, digit sums": greedy,
            "python_program, letters": letters,
        }.items()
    }
    made = figures(greedy)
    return {**made, "greedy": {**made["greedy"], "kinds": kinds}}


def test_the_part_on_all_templates_says_for_each_whether_it_doubled_and_reached_80_percent(script) -> None:
    config = dataclasses.replace(script.CONFIGS["two-turn"], seeds=(0, 1))
    after = {
        "sparse": [mixed(0.9, 0.5), mixed(0.9, 0.3)],
        "ladder-turn": [mixed(0.8, 0.8), mixed(0.8, 0.8)],
    }
    text = " ".join(script.two_turn_part(config, [mixed(0.4, 0.4), mixed(0.3, 0.3)], after).split())
    assert "| sparse | 90.0% ± 0.0% | 90.0% ± 0.0% | 65.0% ± 7.1% |" in text
    assert "| python_program, letters | 35.0% ± 7.1% | 40.0% ± 14.1% | 80.0% ± 0.0% |" in text
    assert "`missing_tool` under sparse" in text
    assert "35.0% before, 90.0% after (at least doubled), 90.0% in the worst seed. A mean of 80% is reached." in text
    assert "35.0% before, 65.0% after (not doubled), 60.0% in the worst seed. A mean of 80% is not reached." in text
    assert "ladder-turn against sparse" in text
    assert "--env-kwargs '{max_turns: 2, prompt_style: compact, templates: [single_calculation, missing_tool" in text


@pytest.mark.parametrize(("tasks", "kept"), [("calculation", "More."), ("two-turn", "# Old\n")])
def test_each_comparison_leaves_the_part_of_the_other_as_it_is(
    script, tmp_path, monkeypatch, tasks: str, kept: str
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Old\n\nText.\n\n## All templates of two turns\n\nMore.\n")
    monkeypatch.setattr(script, "compare", lambda *_, **__: None)
    monkeypatch.setattr(script, "read_figures", lambda _: mixed(0.5, 0.5))
    config = dataclasses.replace(script.CONFIGS[tasks], page=page, picture=tmp_path / "picture.png")
    script.write_page(config, tasks)
    text = page.read_text()
    assert kept in text
    assert text.count("## All templates of two turns") == 1
    assert ("# Old" in text) == (tasks == "two-turn")
    script.write_page(config, tasks)
    assert page.read_text() == text


def test_every_template_of_two_turns_is_in_the_mixture(script, experiment) -> None:
    from rewardium.agents.llm.pupils import PUPILS

    assert set(experiment.TEMPLATES) == set(PUPILS)
    assert script.chosen_tasks(["two-turn"]) == ("two-turn", [])
    script.check(script.CONFIGS["two-turn"])


@pytest.mark.parametrize(
    "change", [{"settings": ("flat",)}, {"settings": ()}, {"seeds": ()}, {"seeds": (1, 1)}, {"jobs": 0}]
)
def test_what_cannot_be_run_is_refused(script, change: dict) -> None:
    with pytest.raises(RewardiumError):
        script.check(dataclasses.replace(script.Config(), **change))


def test_a_finished_run_is_not_run_again_and_another_one_is_refused(script, experiment, tmp_path) -> None:
    config = script.Config(out=tmp_path)
    folder = script.run_folder(config, experiment.SETTINGS[0], 0)
    command = script.run_command(config, experiment.SETTINGS[0], 0)
    assert not script.is_finished(folder, command)
    folder.mkdir()
    (folder / "figures.json").write_text(json.dumps({"command": command}))
    assert script.is_finished(folder, command)
    script.obtain_run(config, experiment.SETTINGS[0], 0)
    for change in ({"updates": config.updates - 1}, {"prompts_per_update": 8}):
        with pytest.raises(RewardiumError, match="other settings"):
            script.obtain_run(dataclasses.replace(config, **change), experiment.SETTINGS[0], 0)
    more = dataclasses.replace(config, updates=config.updates + 1)
    assert not script.is_finished(folder, script.run_command(more, experiment.SETTINGS[0], 0))


def test_a_failure_is_told_with_its_log(script, tmp_path) -> None:
    with pytest.raises(RewardiumError, match=r"log\.txt.*unknown"):
        script.execute(
            ["scripts/train_llm.py", "--model", "nowhere", "--reward", "unknown_reward"], tmp_path / "log.txt"
        )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("tasks", ["calculation", "two-turn"])
def test_the_whole_way(script, tmp_path, monkeypatch, capsys, tasks: str) -> None:
    tiny = ["--pretraining.steps", "2", "--pretraining.hidden-size", "32", "--pretraining.num-layers", "1"]
    tiny += ["--pretraining.num-heads", "2", "--pretraining.demonstrations", "16"]
    arguments = [
        tasks, "--seeds", "0", "--settings", "sparse", "ladder-turn", "--updates", "2", "--prompts-per-update", "2",
        "--eval-tasks", "4", "--out", str(tmp_path / "runs"), "--page", str(tmp_path / "page.md"),
        "--picture", str(tmp_path / "picture.png"), *tiny,
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["tool_use_results", *arguments])
    assert script.main() == 0, capsys.readouterr().out
    first = (tmp_path / "page.md").read_text()
    assert (tmp_path / "picture.png").stat().st_size > 1000
    assert "(picture.png)" in first
    monkeypatch.setattr(script, "execute", lambda *_: pytest.fail("a finished run was run again"))
    assert script.main() == 0
    assert (tmp_path / "page.md").read_text() == first
