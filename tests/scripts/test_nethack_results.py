"""The comparison on NetHack: what it reads from runs and says of figures, and (slow) the whole way at a tiny size."""

from __future__ import annotations

import dataclasses
import io
import json
import shlex
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.programs.check import check_program

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("nethack_results_script", SCRIPTS / "nethack_results.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parts(script) -> ModuleType:
    return sys.modules["_nethack_runs"]


@pytest.fixture(scope="module")
def experiment(script) -> ModuleType:
    return sys.modules["_nethack_experiment"]


@pytest.fixture(scope="module")
def sentences(script) -> ModuleType:
    return sys.modules["_nethack_sentences"]


@pytest.fixture(scope="module")
def pages(script) -> ModuleType:
    return sys.modules["_nethack_page"]


@pytest.fixture
def run(parts, experiment):
    def make(setting="sparse", seed=0, success=0.5, task="KeyRoom-S5", steps=1_000, **others):
        recipe = experiment.setting_named(setting).recipe(task)
        return parts.Run(task, setting, seed, steps, recipe, False, success, 100, **others)

    return make


@pytest.fixture
def several(run):
    """Runs of seeds 0, 1, ... of a setting, from their successes."""
    return lambda setting, *successes, **others: [
        run(setting, seed, success, **others) for seed, success in enumerate(successes)
    ]


# What is compared.


def test_the_baseline_is_first_and_every_reward_can_be_read(experiment, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert experiment.SETTINGS[0].reward == experiment.OUTCOME
    assert len({setting.name for setting in experiment.SETTINGS}) == len(experiment.SETTINGS)
    for setting in experiment.SETTINGS:
        for task in experiment.TASKS:
            expression = setting.expression(task)
            if setting.name != "motif":  # its model is a folder that a run makes
                text = str(rewards.parse(expression))
                assert text.startswith("clip(reward=extrinsic, low=0.0)")
            assert ("judge" in expression) is False  # --judge names it
    assert "count_decay(motif(model='motif/model'))" in experiment.setting_named("motif").expression("KeyHalls")


def test_only_settings_that_ask_a_judge_are_given_one(experiment, parts) -> None:
    asking = {setting.name for setting in experiment.SETTINGS if setting.judged}
    assert asking == {
        "oni-retrieval", "oni-classification", "oni-ranking", "calm-once", "calm-potential", "oni-beta-1",
        "oni-beta-0", "oni-no-count",
    }  # fmt: skip
    for setting in experiment.SETTINGS:
        command = parts.run_command(experiment.Config(), parts.Job("KeyRoom-S5", setting.name, 0))
        assert ("--judge" in command) is ("--cache" in command) is ("--wait-for-labels" in command) is setting.judged


def test_the_count_terms_differ_in_nothing_but_the_exponent(experiment) -> None:
    found = [experiment.setting_named(name).expression("KeyRoom-S5") for name in experiment.COUNT_TERM]
    oni = "oni(student='retrieval')"
    assert found == [
        f"{experiment.OUTCOME} + 0.4 * {inner}"
        for inner in (f"count_decay({oni})", f"count_decay({oni}, beta=1)", f"count_decay({oni}, beta=0)", oni)
    ]


def test_every_task_is_an_environment_with_a_program_that_may_run(experiment) -> None:
    import gymnasium as gym

    import rewardium.envs  # noqa: F401  registers the environments

    for task in experiment.TASKS:
        assert experiment.env_id(task) in gym.registry
        check_program(experiment.program_file(task).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("program", "steps", "paid"),
    [
        (
            "key_door.py",
            [
                ("h - a key.", ["+ h - a key"], "@", False),
                ("h - a key.", ["+ h - a key"], "@", False),
                ("You succeed in unlocking the door. The door opens.", [], "@ >", False),
                ("", [], "@ >", False),
                ("", [], "@", True),
            ],
            [0.1, 0.0, 0.1, 0.0, 1.0],  # two milestones in one step are paid once
        ),
        (
            "stairs.py",
            [
                ("", [], "@   >", False),
                ("", [], " @  >", False),
                ("", [], "@   >", False),
                ("", [], " @  >", False),
                ("You fall into the lava! You burn to a crisp.", [], "", True),
            ],
            [0.0, 0.1, 0.0, 0.0, -1.1],
        ),
        (
            "river.py",
            [
                ("With great effort you move the boulder.", [], "@", False),
                ("You push the boulder into the water. Now you can cross it!", [], "@", False),
                ("", [], "@", True),
            ],
            [0.1, 0.1, 1.0],
        ),
        (
            "key_river.py",
            [("You push the boulder into the water.", [], "@ >", False), ("You drown.", [], "", True)],
            [0.1, 0.0],
        ),
        (
            "quest.py",
            [("The lava cools and solidifies.", [], "@", False), ("You die...", [], "", True)],
            [0.1, -1.1],
        ),
    ],
)
def test_the_programs_pay_milestones_once_and_no_death(program, steps, paid) -> None:
    from rewardium.envs.caption import Caption
    from rewardium.envs.transition import Transition, TransitionBatch

    text = (SCRIPTS / "results" / "programs" / program).read_text(encoding="utf-8")
    reward, state = rewards.make("reward_program", text=text, mode="subprocess"), rewards.RewardState()
    found = []
    for number, (message, inventory, shown, terminated) in enumerate(steps):
        caption = Caption(message, "north", inventory=tuple(inventory), map=shown).text()
        row = Transition("", "", 0, text=caption, step=number, terminated=terminated)
        found.append(float(reward.evaluate(TransitionBatch.from_transitions([row]), state).value[0]))
    assert found == pytest.approx(paid)


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": ("KeyRoom-S6",)}, {"tasks": ()}, {"tasks": ("KeyHalls", "rewardium/MiniHack-KeyHalls-v0")},
        {"settings": ("onni",)}, {"settings": ()}, {"seeds": ()}, {"seeds": (1, 1)}, {"seeds": (-1,)}, {"jobs": 0},
        {"steps": 0}, {"eval_episodes": 0},
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused(experiment, change) -> None:
    with pytest.raises(RewardiumError):
        experiment.check(dataclasses.replace(experiment.Config(), **change))


def test_tasks_may_be_named_by_their_ids(experiment) -> None:
    config = experiment.Config(tasks=("rewardium/MiniHack-KeyRoom-S5-v0", "KeyHalls"), steps=7)
    assert experiment.check(config).tasks == ("KeyRoom-S5", "KeyHalls")
    assert config.steps_of("KeyHalls") == 7


# What is done, and what is not done again.


def test_a_finished_run_is_not_run_again(parts, experiment, run, tmp_path) -> None:
    config, job = experiment.Config(out=tmp_path, steps=1_000), parts.Job("KeyRoom-S5", "sparse", 0)
    assert not parts.is_finished(config, job)
    parts.write_json(parts.run_folder(config, job) / "figures.json", dataclasses.asdict(run()))
    assert parts.is_finished(config, job)
    parts.obtain_run(config, job)  # does nothing
    assert not parts.is_finished(dataclasses.replace(config, steps=2_000), job)
    with pytest.raises(RewardiumError, match="has 1000 steps"):
        parts.is_finished(dataclasses.replace(config, steps=500), job)


def test_a_run_on_another_reward_is_not_taken_for_this_one(parts, experiment, run, tmp_path) -> None:
    config, job = experiment.Config(out=tmp_path, steps=1_000), parts.Job("KeyRoom-S5", "sparse", 0)
    other = dataclasses.replace(run(), recipe="2.0 * extrinsic")
    parts.write_json(parts.run_folder(config, job) / "figures.json", dataclasses.asdict(other))
    with pytest.raises(RewardiumError, match=r"2\.0 \* extrinsic"):
        parts.is_finished(config, job)
    (parts.run_folder(config, job) / "figures.json").write_text("[1]")
    with pytest.raises(RewardiumError, match="no figures"):
        parts.is_finished(config, job)


@pytest.mark.parametrize(("before", "resumed"), [([], False), ([50], True), ([100], False)])
def test_a_run_that_was_stopped_goes_on(parts, experiment, monkeypatch, tmp_path, before, resumed) -> None:
    config, job = experiment.Config(out=tmp_path, steps=100), parts.Job("KeyRoom-S5", "sparse", 0)
    folder = parts.run_folder(config, job)
    folder.mkdir(parents=True)
    write = (folder / "metrics.jsonl").write_text
    write("".join(json.dumps({"step": step}) + "\n" for step in before))
    commands = []

    def execute(command, log):  # what the two scripts leave behind
        commands.append(command)
        write('{"step": 100, "seconds/total": 4.0}\n')
        (folder / "evaluation.json").write_text('{"success": 0.25, "episodes": 4}')

    monkeypatch.setattr(parts, "execute", execute)
    parts.obtain_run(config, job)
    assert [Path(command[0]).name for command in commands] == ["train_control.py", "evaluate_control.py"]
    assert "--resume" in commands[0]
    run = parts.read_run(parts.Run, folder / "figures.json")
    assert (run.success, run.steps_per_second, run.resumed) == (0.25, 25.0, resumed)
    parts.obtain_run(config, job)
    assert len(commands) == 2


def test_runs_below_one_folder_share_judge_and_settings(experiment, script, tmp_path) -> None:
    config = experiment.Config(out=tmp_path, algorithm_kwargs={"n_steps": 64})
    with pytest.raises(RewardiumError, match="no runs"):
        script.as_it_was_run(config)
    script.keep_protocol(config.out, experiment.protocol(config))
    other = dataclasses.replace(config, tasks=("KeyHalls",), seeds=(7,), steps=5, jobs=1)
    script.keep_protocol(config.out, experiment.protocol(other))
    with pytest.raises(RewardiumError, match="judge was 'scripted:keyword"):
        script.keep_protocol(
            config.out, experiment.protocol(dataclasses.replace(config, judge="http://127.0.0.1:8000/v1"))
        )
    assert script.as_it_was_run(experiment.Config(out=tmp_path)) == config


def test_each_judge_has_its_own_labels(parts, experiment) -> None:
    one, two = (
        parts.cache_file(experiment.Config(judge=judge), "KeyHalls").name
        for judge in ("http://a:1/v1#model=x", "http://a:1/v1?model=x")
    )
    assert one != two
    assert {character for character in one if not character.isalnum()} <= set("-.")


def test_commands_are_shown_as_a_shell_reads_them(parts, pages, experiment) -> None:
    config = experiment.Config(algorithm_kwargs={"n_steps": 64, "learning_rate": 1e-3})
    for setting in experiment.SETTINGS:
        command = parts.run_command(config, parts.Job("KeyRiver", setting.name, 3))
        assert shlex.split(pages.shown(command)) == ["python", *command]
    tricky = ["a.py", "it's $HOME", 'say "hi"', "b`c`", "a'b\\"]
    assert shlex.split(pages.shown(tricky))[1:] == tricky


def test_a_failure_is_told_with_its_log(parts, tmp_path) -> None:
    with pytest.raises(RewardiumError, match=r"status 1, see .*log\.txt: error: pairs must be above 0"):
        parts.execute(
            ["scripts/label_offline.py", "--out", str(tmp_path), "--judge", "scripted:dead", "--pairs", "0"],
            tmp_path / "log.txt",
        )
    assert (tmp_path / "log.txt").read_text().startswith("python scripts/label_offline.py --out")


def test_one_failure_keeps_no_other_run_from_running(script, experiment, monkeypatch, tmp_path) -> None:
    done = []

    def fail(config, job):
        done.append(job.setting)
        if job.setting == "sparse":
            raise RewardiumError("broken")

    def no_model(config, task):
        raise RewardiumError("no judge")

    monkeypatch.setattr(script, "obtain_run", fail)
    monkeypatch.setattr(script, "obtain_motif", no_model)
    settings = ("sparse", "motif", "rnd")
    config = experiment.Config(tasks=("KeyHalls",), settings=settings, seeds=(0,), out=tmp_path, jobs=1)
    failures = script.make_all(config, Console(quiet=True))
    assert done == ["sparse", "rnd"]
    assert sorted(failures) == ["KeyHalls motif's model: no judge", "KeyHalls sparse seed 0: broken"]


# What is read from a run.


def test_figures_are_read_from_the_lines_of_metrics(parts, experiment) -> None:
    valid = "terms/oni/valid"
    rows = [
        {"step": 100, valid: 0.5, "terms/extrinsic/valid": 1.0, "farming/steps": 0.9, "farming/reward": 0.8},
        {"step": 300, valid: 1.0, "terms/extrinsic/valid": 1.0, "farming/steps": 0.4, "farming/reward": 0.2},
        {
            "step": 400, valid: 1.0, "farming/steps": 0.1, "farming/reward": None, "seconds/total": 8.0,
            "solved/steps": 250.0, "solved/seconds": 5.0, "recent/success": 0.85, "annotator/oni/asked": 12.0,
            "annotator/oni/unknown": 2.0, "annotator/oni#2/asked": 12.0, "annotator/oni/budget_left/asked": 99.0,
        },
    ]  # fmt: skip
    job = parts.Job("KeyRoom-S5", "oni-retrieval", 1)
    config = experiment.Config(steps=400)
    found = parts.figures_of(config, job, rows, {"success": 0.75, "episodes": 20}, False)
    assert (found.success, found.episodes, found.trained_success) == (0.75, 20, 0.85)
    assert (found.solved_steps, found.solved_seconds, found.steps_per_second) == (250.0, 5.0, 50.0)
    assert found.farmed_steps == pytest.approx((300 * 0.4 + 100 * 0.1) / 400)  # the second half: steps above 200
    assert found.farmed_reward == pytest.approx(0.2)
    assert found.unscored == pytest.approx(100 / 400 * 0.5)
    assert (found.asked, found.unanswered, found.labelled) == (12.0, 2.0, None)
    assert parts.Run(**json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_a_reward_that_does_not_go_by_messages_farms_none(parts, experiment) -> None:
    rows = [{"step": 10, "farming/steps": 0.9, "farming/reward": 0.9}]
    for name, expected in (("code", None), ("count-message", 0.9), ("motif", 0.9), ("count-position", None)):
        job = parts.Job("KeyRoom-S5", name, 0)
        found = parts.figures_of(experiment.Config(), job, rows, {"success": 0.0, "episodes": 1}, False)
        assert found.farmed_steps == expected


# What is said of figures.


def test_runs_are_compared_seed_by_seed(sentences, run) -> None:
    ours = [run("rnd", 2, 0.9), run("rnd", 0, 0.5), run("rnd", 7, 1.0)]
    base = [run("sparse", 0, 0.25), run("sparse", 1, 0.0), run("sparse", 2, 0.75)]
    assert sentences.gaps(ours, base, lambda each: each.success) == pytest.approx([0.25, 0.15])
    assert sentences.gaps(ours, base, lambda each: each.solved_steps) == []


def test_differences_that_the_seeds_do_not_agree_on_are_null_results(sentences, several) -> None:
    runs = {
        "sparse": several("sparse", 0.5, 0.5, 0.5),
        "rnd": several("rnd", 0.6, 0.7, 0.8),
        "motif": several("motif", 0.6, 0.4, 0.5),
        "code": several("code", 0.1, 0.2, 0.3),
        "calm-once": several("calm-once", 0.9),
    }
    said = sentences.against_baseline(runs, lambda run: run.success)
    assert "better in every seed: rnd (+10.0, +20.0, +30.0);" in said
    assert "worse in every seed: code (-40.0, -30.0, -20.0);" in said
    assert "(null results): motif (+10.0, -10.0, +0.0)" in said
    assert "nothing is said: calm-once (+40.0)" in said


def test_a_task_that_nobody_solves_or_everybody_is_said_to_tell_nothing(sentences, several) -> None:
    nobody = {"sparse": several("sparse", 0.0, 0.02), "rnd": several("rnd", 0.04, 0.06)}
    (said,) = sentences.of_task("KeyHalls", nobody)
    assert "tells nothing about the settings: a null result" in said
    assert "the most is 5.0%" in said
    easy = {"sparse": several("sparse", 1.0, 0.98), "rnd": several("rnd", 1.0, 1.0)}
    assert "no room for a higher success" in sentences.of_task("KeyHalls", easy)[0]
    alone = sentences.of_task("KeyHalls", {"sparse": several("sparse", 0.5)})
    assert alone == ["**KeyHalls**: only sparse has been run (50.0%), so that there is nothing to compare."]


def test_the_time_to_80_percent_counts_who_got_there(sentences, run) -> None:
    runs = {
        "sparse": [run("sparse", seed, 0.9, solved_steps=900.0 + seed) for seed in (0, 1)],
        "rnd": [run("rnd", seed, 0.9, solved_steps=500.0) for seed in (0, 1)],
        "motif": [run("motif", 0, 0.9, solved_steps=100.0), run("motif", 1, 0.2)],
        "code": [run("code", seed, 0.1) for seed in (0, 1)],
    }
    said = sentences.reaching(runs)
    assert "in every seed by rnd (500 steps on average), sparse (900 steps on average)" in said.replace("900.5", "900")
    assert "in some by motif (1 of 2); in no seed by code." in said
    assert said.endswith("Against sparse, in steps, sooner in every seed: rnd.")


def test_what_the_count_term_does_is_told_with_its_null_results(sentences, several) -> None:
    runs = {
        "oni-retrieval": several("oni-retrieval", 0.9, 0.8, farmed_steps=0.2),
        "oni-beta-0": several("oni-beta-0", 0.4, 0.9, farmed_steps=0.7),
        "oni-no-count": several("oni-no-count", 0.5, 0.9, farmed_steps=0.8),
    }
    shares, against, same = sentences.of_count_term(runs)
    assert "oni-retrieval 20.0% ± 0.0%, oni-beta-0 70.0% ± 0.0%, oni-no-count 80.0% ± 0.0%" in shares
    assert "farmed more in every seed, and success is not different in a way that the seeds agree on" in against
    assert "differs by up to 10.0 points in a seed" in same
    assert sentences.of_count_term({"oni-retrieval": runs["oni-retrieval"]}) == []
    equal = {**runs, "oni-beta-0": several("oni-beta-0", 0.5, 0.9)}
    assert "is equal in every seed" in sentences.of_count_term(equal)[2]


def test_chance_and_what_methods_knew_are_told(sentences, several) -> None:
    runs = {name: several(name, 0.5, 0.6, 0.7) for name in ("sparse", "rnd", "code", "oni-retrieval", "oni-beta-1")}
    (chance,) = sentences.of_chance({"KeyHalls": runs})
    assert "25% of comparisons with 3 seeds. Of the 3 comparisons with sparse above, up to 0.8 are expected" in chance
    rule, told = sentences.of_knowledge({"KeyHalls": runs}, "scripted:keyword")
    assert "is a rule about words" in rule
    assert told.startswith("code: subgoals and programs were written by hand")
    assert sentences.of_knowledge({"KeyHalls": runs}, "http://127.0.0.1:8000/v1") == [told]
    assert "no difference is claimed" in sentences.of_chance({"KeyHalls": {"rnd": runs["rnd"]}})[0]


def test_the_page_is_about_the_longest_runs_on_the_rewards_of_today(pages, run) -> None:
    runs = [
        run("rnd", 1), run("rnd", 0), run("sparse", 0), run("sparse", 1, steps=500),
        dataclasses.replace(run("code"), recipe="extrinsic + old"), run("sparse", 0, task="Room-5x5", steps=10),
    ]  # fmt: skip
    gathered = pages.gather(runs)
    assert {task: list(found) for task, found in gathered.tasks.items()} == {
        "KeyRoom-S5": ["sparse", "rnd"],
        "Room-5x5": ["sparse"],
    }
    assert [each.seed for each in gathered.tasks["KeyRoom-S5"]["rnd"]] == [0, 1]
    assert gathered.left_out == [
        "1 runs on a reward of the same name that has changed since",
        "1 runs of fewer steps than others of their task",
    ]


def test_the_page_holds_the_figures_the_commands_and_what_is_missing(pages, experiment, run, tmp_path) -> None:
    runs = [run("sparse", seed, success, steps_per_second=900.0) for seed, success in ((0, 0.5), (1, 0.7))]
    runs += [run("oni-retrieval", 0, 0.9, solved_steps=600.0, farmed_steps=0.25, farmed_reward=0.125, unscored=0.01,
                 asked=30.0, labelled=28.0, recalled=4.0, unanswered=2.0)]  # fmt: skip
    config = experiment.Config(out=tmp_path / "runs", page=tmp_path / "page.md", picture=tmp_path / "a" / "p.png")
    text = pages.page(config, pages.gather(runs))
    assert "| sparse | 2 | 60.0% ± 14.1% | - | - | 900 | - | - | - |" in text
    assert "| oni-retrieval | 1 | 90.0% | 600 | - | - | 25.0% | 12.5% | 1.0% |" in text
    assert "| KeyRoom-S5 | oni-retrieval | 30.0 | 28.0 | 4.0 | 2.0 |" in text
    assert "![Learning curves](a/p.png)" in text
    assert "a rule about words in the game's messages and no language model" in " ".join(text.split())
    assert "Of 4 combinations of these tasks, settings and seeds 3 have been run." in " ".join(text.split())
    assert "Settings not run: count-message" in text
    assert "scripts/train_control.py --env rewardium/MiniHack-KeyRoom-S5-v0" in text
    assert "--steps 1000 " in text  # as the runs were, not as the flags are
    assert all(len(line) <= 120 or line.startswith(("|", "python")) for line in text.splitlines())


def test_the_plan_estimates_from_the_nearest_finished_runs(script, run) -> None:
    done = [
        run("sparse", 0, steps_per_second=1_000.0), run("sparse", 1, steps_per_second=500.0),
        run("rnd", 0, task="KeyHalls", steps_per_second=100.0), run("code", 0),
    ]  # fmt: skip
    assert script.estimate(done, "KeyRoom-S5", "sparse", 1_500) == 2.0
    assert script.estimate(done, "KeyRoom-S5", "rnd", 1_000) == 10.0  # of the setting
    assert script.estimate(done, "KeyHalls", "motif", 1_000) == 10.0  # of the task
    assert script.estimate(done, "KeyRiver", "motif", 1_000) == 2.0  # of all
    assert script.estimate([], "KeyRiver", "motif", 1_000) is None
    assert script.total(7_200.0, 3, 2).startswith("about 2.0 hours of training, 1.0 with 2 runs at a time")
    assert "3 runs about which nothing is known" in script.total(7_200.0, 3, 2)


def test_the_plan_names_what_is_missing(script, parts, experiment, run, tmp_path) -> None:
    config = experiment.Config(tasks=("KeyRoom-S5",), settings=("sparse", "motif"), seeds=(0, 1), out=tmp_path, steps=9)
    done = run("sparse", 0, steps=9, steps_per_second=3.0)
    folder = parts.run_folder(config, parts.Job("KeyRoom-S5", "sparse", 0))
    parts.write_json(folder / "figures.json", dataclasses.asdict(done))
    console = Console(record=True, width=120, file=io.StringIO())
    script.show_plan(config, console)
    text = console.export_text()
    assert "3 of 4 runs are to be done" in text
    assert "before them motif's models of KeyRoom-S5" in text
    assert not (tmp_path / "experiment.json").exists()


@pytest.mark.slow
def test_the_whole_way_at_a_tiny_size(script, experiment, monkeypatch, tmp_path) -> None:
    pytest.importorskip("minihack")
    pytest.importorskip("stable_baselines3")
    pytest.importorskip("matplotlib")
    arguments = [
        "--tasks", "Room-5x5", "--settings", "sparse", "oni-retrieval", "--seeds", "0", "--steps", "256", "--jobs", "2",
        "--num-envs", "4", "--algorithm-kwargs", "{n_steps: 32, n_epochs: 1}", "--eval-episodes", "2",
        "--out", "runs", "--page", "page.md", "--picture", "page.png",
    ]  # fmt: skip
    command = [sys.executable, str(SCRIPTS / "nethack_results.py"), *arguments]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert first.returncode == 0, first.stdout + first.stderr
    assert sorted(path.parent.name for path in tmp_path.glob("runs/*/*/figures.json")) == [
        "oni-retrieval-seed0", "sparse-seed0",
    ]  # fmt: skip
    figures = json.loads((tmp_path / "runs/Room-5x5/oni-retrieval-seed0/figures.json").read_text())
    assert figures["asked"] >= 1.0
    assert figures["unanswered"] == 0.0
    assert 0.0 <= figures["success"] <= 1.0
    assert figures["unscored"] is not None
    assert len(list(tmp_path.glob("runs/Room-5x5/labels-*.sqlite"))) == 1
    text = (tmp_path / "page.md").read_text()
    assert "| sparse | 1 |" in text
    assert "| oni-retrieval | 1 |" in text
    assert str(ROOT) not in text
    assert (tmp_path / "page.png").stat().st_size > 5_000
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/*/figures.json")}
    monkeypatch.chdir(tmp_path)
    config = experiment.Config(page_only=True, out=Path("runs"), page=Path("again.md"), picture=Path("page.png"))
    assert script.work(config, Console(quiet=True)) == 0
    assert (tmp_path / "again.md").read_text() == text
    assert before == {path: path.stat().st_mtime_ns for path in before}
