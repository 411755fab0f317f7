"""Compare rewards and credit on tool use, with several seeds, and write the results page.

    python scripts/tool_use_results.py
    python scripts/tool_use_results.py --seeds 0 --updates 10 --out runs/short --page runs/short/results.md

For each seed: pre-train a small policy (scripts/pretrain_tool_policy.py), train it with every setting
(scripts/train_llm.py), and measure all of them on the same held-out tasks. What is finished is not done again, and a
run that was stopped goes on, so that the same command can be given as often as needed.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import tyro
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rewardium.agents.llm.demonstrations import DemonstrationConfig
from rewardium.agents.report import compare
from rewardium.envs.errors import RewardiumError

SCRIPTS = Path(__file__).resolve().parent
MAX_NEW_TOKENS = 48


class Setting(NamedTuple):
    """A reward, and where it is credited."""

    name: str
    reward: str
    credit: str


FLAT = "extrinsic + 0.5 * valid_calls + 0.2 * tool_rl(think=False)"
SETTINGS = (
    Setting("sparse", "extrinsic", "episode"),
    Setting("flat-episode", FLAT, "episode"),
    Setting("flat-turn", FLAT, "turn"),
    Setting("ladder-episode", "tool_ladder", "episode"),
    Setting("ladder-turn", "delta(tool_ladder(scope='so_far'))", "turn"),
)
"""The sparse baseline first. Both ladders pay an episode the same in sum; the second pays each turn what it climbed."""


@dataclass(frozen=True)
class Config:
    """Compare rewards and credit on tool use, with several seeds, and write the results page."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of pre-training and training."""
    settings: tuple[str, ...] = tuple(setting.name for setting in SETTINGS)
    """Which settings to run."""
    updates: int = 30
    """Updates of each run."""
    prompts_per_update: int = 32
    """Tasks of an update; each is played 8 times."""
    learning_rate: float = 2e-4
    """Learning rate of each run."""
    eval_tasks: int = 500
    """Held-out tasks that all policies are measured on."""
    jobs: int = 2
    """Runs at a time, each with one thread."""
    out: Path = Path("runs/tool_use")
    """The folder of policies and runs."""
    page: Path = Path("docs/results_tool_use.md")
    """The results page; its picture stands beside it."""
    picture: Path = Path("docs/tool_use.png")
    """The learning curves."""
    pretraining: DemonstrationConfig = field(default_factory=DemonstrationConfig)
    """How the policies are pre-trained; the seed is replaced by each of `seeds`."""

    @property
    def chosen(self) -> list[Setting]:
        """The settings to run."""
        return [setting for setting in SETTINGS if setting.name in self.settings]


Figures = Mapping[str, Any]


def main() -> int:
    """Read the command line, run what is missing, write the page, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    config = tyro.cli(Config, description=__doc__)
    console = Console()
    try:
        check(config)
        run_all(config, console)
        write_page(config)
    except RewardiumError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on")
        return 130
    console.print(f"wrote {config.page} and {config.picture}", markup=False, soft_wrap=True)
    return 0


def check(config: Config) -> None:
    """Refuse a config that cannot be run.

    Raises:
        RewardiumError: When a setting is unknown, or a number is out of its range.
    """
    known = [setting.name for setting in SETTINGS]
    for name in config.settings:
        if name not in known:
            raise RewardiumError(f"unknown setting {name!r}; known are {', '.join(known)}")
    if not config.settings or not config.seeds or len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
        raise RewardiumError(f"settings and seeds must be given, seeds different and at least 0, got {config.seeds}")
    if min(config.updates, config.prompts_per_update, config.eval_tasks, config.jobs) < 1:
        raise RewardiumError("updates, prompts_per_update, eval_tasks and jobs must be at least 1")


def run_all(config: Config, console: Console) -> None:
    """Pre-train all policies, then train them, some runs at a time."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(config.jobs) as threads:
        # In this order every policy has begun before a run waits for one.
        policies = {seed: threads.submit(obtain_policy, config, seed) for seed in config.seeds}

        def run(setting: Setting, seed: int) -> None:
            policies[seed].result()
            obtain_run(config, setting, seed)

        runs = [threads.submit(run, setting, seed) for setting in config.chosen for seed in config.seeds]
        everything = [*policies.values(), *runs]
        bar = progress.add_task("policies and runs", total=len(everything))
        try:
            for future in as_completed(everything):
                future.result()
                progress.advance(bar)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)  # what is at work ends; nothing new begins
            raise


def policy_folder(config: Config, seed: int) -> Path:
    """Return the folder of a pre-trained policy."""
    return config.out / f"policy-seed{seed}"


def run_folder(config: Config, setting: Setting, seed: int) -> Path:
    """Return the folder of a run."""
    return config.out / f"seed{seed}-{setting.name}"


def policy_command(config: Config, seed: int) -> list[str]:
    """Return the command that pre-trains a policy."""
    settings = asdict(replace(config.pretraining, seed=seed))
    default = asdict(DemonstrationConfig())
    command = ["scripts/pretrain_tool_policy.py", "--out", str(policy_folder(config, seed))]
    for name, value in settings.items():
        if name != "env_arguments" and (value != default[name] or name == "seed"):
            command += [f"--pretraining.{name.replace('_', '-')}", str(value)]
    return command


def run_command(config: Config, setting: Setting, seed: int) -> list[str]:
    """Return the command that trains a policy."""
    return [
        "scripts/train_llm.py", "--env", config.pretraining.env,
        "--env-kwargs", yaml.safe_dump(config.pretraining.env_arguments, default_flow_style=True).strip(),
        "--model", str(policy_folder(config, seed)), "--runs", str(config.out),
        "--name", run_folder(config, setting, seed).name, "--reward", setting.reward, "--credit", setting.credit,
        "--turn-discount", "1.0", "--updates", str(config.updates),
        "--prompts-per-update", str(config.prompts_per_update), "--group-size", "8",
        "--max-new-tokens", str(MAX_NEW_TOKENS), "--learning-rate", str(config.learning_rate),
        "--warmup-updates", "5", "--eval-every", "5", "--eval-tasks", "100", "--device", "cpu", "--seed", str(seed),
    ]  # fmt: skip


def obtain_policy(config: Config, seed: int) -> None:
    """Pre-train a policy and measure it, unless that is done."""
    folder, command = policy_folder(config, seed), policy_command(config, seed)
    if not is_finished(folder, command):
        seconds = execute(command, config.out / "logs" / f"{folder.name}.txt")
        measure(config, folder, folder, command, seconds)


def obtain_run(config: Config, setting: Setting, seed: int) -> None:
    """Train a policy and measure it, unless that is done."""
    folder, command = run_folder(config, setting, seed), run_command(config, setting, seed)
    if is_finished(folder, command):
        return
    resume = ["--resume"] if folder.exists() else []
    seconds = execute([*command, *resume], config.out / "logs" / f"{folder.name}.txt")
    policy = folder / "checkpoints" / f"{config.updates:08d}" / "policy"
    measure(config, folder, policy, command, seconds)


def is_finished(folder: Path, command: Sequence[str]) -> bool:
    """Say whether a folder holds the figures of just this command; a run of fewer updates is one to go on with.

    Raises:
        RewardiumError: When it holds those of another.
    """
    file = folder / "figures.json"
    if not file.is_file():
        return False
    (done, before), (rest, wanted) = (
        without_updates(each) for each in (json.loads(file.read_text(encoding="utf-8"))["command"], command)
    )
    if done != rest or before > wanted:
        raise RewardiumError(f"{folder} was made with other settings; choose another --out, or remove it")
    return before == wanted


def without_updates(command: Sequence[str]) -> tuple[list[str], int]:
    """Take the number of updates out of a command; 0 where it has none.

    Example:
        >>> without_updates(["train", "--updates", "5", "--seed", "0"])
        (['train', '--seed', '0'], 5)
    """
    if "--updates" not in command:
        return list(command), 0
    place = list(command).index("--updates")
    return [*command[:place], *command[place + 2 :]], int(command[place + 1])


def execute(command: Sequence[str], log: Path) -> dict[str, float]:
    """Run a script with one thread, and return its seconds on the clock and of CPU.

    Raises:
        RewardiumError: When it fails; its output is in the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    timed = (
        "import resource, subprocess, sys, time; start = time.perf_counter(); status = subprocess.call(sys.argv[1:]); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print('seconds', time.perf_counter() - start, used.ru_utime + used.ru_stime); sys.exit(status)"
    )
    script = [sys.executable, str(SCRIPTS / Path(command[0]).name), *command[1:]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [sys.executable, "-c", timed, *script], stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    lines = log.read_text(encoding="utf-8").splitlines()
    if done.returncode != 0:
        said = " ".join(lines[-3:])
        said = said[said.rfind("error:") :][:500] if "error:" in said else said[-500:]
        raise RewardiumError(f"{shlex.join(command)} failed, see {log}: {said}")
    _, seconds, cpu = next(line for line in reversed(lines) if line.startswith("seconds ")).split()
    return {"seconds": float(seconds), "cpu_seconds": float(cpu)}


def measure(config: Config, folder: Path, policy: Path, command: Sequence[str], seconds: Mapping[str, float]) -> None:
    """Measure a policy on the held-out tasks, which are the same for all, and write what came out beside it."""
    from rewardium.agents.llm.tool_evaluation import evaluate_policy_folder

    env, arguments = config.pretraining.env, {**config.pretraining.env_arguments, "split": "test"}
    figures = {
        name: evaluate_policy_folder(
            policy, env, arguments, temperature=temperature, max_new_tokens=MAX_NEW_TOKENS, tasks=config.eval_tasks
        ).summary()
        for name, temperature in (("greedy", 0.0), ("sampled", 1.0))
    }
    text = json.dumps({"command": list(command), **seconds, **figures}, indent=2)
    unfinished = folder / "figures.json.unfinished"
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(folder / "figures.json")


def write_page(config: Config) -> None:
    """Write the results page and its picture out of the runs' figures."""
    before = [read_figures(policy_folder(config, seed)) for seed in config.seeds]
    after = {
        setting.name: [read_figures(run_folder(config, setting, seed)) for seed in config.seeds]
        for setting in config.chosen
    }
    curves = {setting.name: [run_folder(config, setting, seed) for seed in config.seeds] for setting in config.chosen}
    config.picture.parent.mkdir(parents=True, exist_ok=True)
    panels = {"success on held-out tasks, greedy": "eval/success", "success in training, sampled": "success"}
    compare(curves, panels, config.picture, unit="update")
    config.page.parent.mkdir(parents=True, exist_ok=True)
    config.page.write_text(page(config, before, after), encoding="utf-8")


def read_figures(folder: Path) -> Figures:
    """Read what a run or a policy was measured to."""
    figures: Figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return figures


def page(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Write the results page."""
    picture = os.path.relpath(config.picture, config.page.parent)
    seeds = len(config.seeds)
    pretraining, training = (
        shlex.join(["python", *command])
        for command in (policy_command(config, config.seeds[0]), run_command(config, config.chosen[0], config.seeds[0]))
    )
    episodes = config.prompts_per_update * 8
    left_out = [setting.name for setting in SETTINGS if setting.name not in config.settings]
    return f"""# Tool use: rewards and credit

A small policy learns to use a calculator: one call, then the answer (`{config.pretraining.env}`, the template
`single_calculation`). It starts from demonstrations of a careless pupil. All numbers are means and standard deviations
(n - 1) over {seeds} seeds, on {config.eval_tasks} held-out tasks that share no expression with those of pre-training
and training.

{table(config, before, after)}

- *Greedy* takes the most likely token; *sampled* draws at temperature 1, as in training.
- *Valid calls*: the share of calls that a tool was run for. *Calls a success*: all calls, also those of failed
  episodes, divided by the number of solved tasks. Both sampled.
- *CPU seconds* are those of a whole run with one thread, with loading and {config.updates // 5 + 1} evaluations.

![Learning curves]({picture})

Mean over seeds, in a band from the smallest to the largest value.

## What this shows

{findings(before, after)}

## Settings

| setting | reward | credit |
|---|---|---|
{chr(10).join(f"| {each.name} | `{each.reward}` | {each.credit} |" for each in config.chosen)}

The two flat settings differ in the credit only. The two ladders pay an episode the same in sum; with credit by turn,
each turn is paid the rungs that it climbed. {"Not run: " + ", ".join(left_out) + "." if left_out else ""}

**Held fixed:** the policy that a seed starts from, the tasks of each update, {config.updates} updates of {episodes}
episodes ({config.prompts_per_update} tasks, 8 each), the objective (grpo), learning rate {config.learning_rate:g},
5 warm-up updates, temperature 1, turn discount 1, at most {MAX_NEW_TOKENS} tokens a response and 2 responses. Nothing
was tuned for one setting: the learning rate and the number of updates were chosen once, on a run of the sparse one.

## Run it

```bash
python scripts/tool_use_results.py     # all of it; what is finished is not done again
```

One policy and one run alone:

```bash
{pretraining}
{training}
```
"""


def table(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Lay out the figures: the pre-trained policy, then a row a setting."""
    lines = [
        "| setting | greedy success | sampled success | valid calls | calls a success | CPU seconds |",
        "|---|---|---|---|---|---|",
        row("before (pre-trained)", before),
        *[row(setting.name, after[setting.name]) for setting in config.chosen],
    ]
    return "\n".join(lines)


def row(name: str, runs: Sequence[Figures]) -> str:
    """Write a row of the table."""
    cells = [
        spread([run["greedy"]["success"] for run in runs], percent=True),
        spread([run["sampled"]["success"] for run in runs], percent=True),
        spread([run["sampled"]["valid_call_rate"] for run in runs], percent=True),
        spread([run["sampled"]["calls_per_success"] for run in runs]),
        f"{mean(run['cpu_seconds'] for run in runs):.0f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def spread(values: Sequence[float | None], *, percent: bool = False) -> str:
    """Write mean and standard deviation, the latter with n - 1.

    Example:
        >>> spread([0.5, 0.7], percent=True), spread([1.0]), spread([1.0, None])
        ('60.0% ± 14.1%', '1.00', 'not in all seeds')
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "not in all seeds"
    form = "{:.1%}" if percent else "{:.2f}"
    return form.format(mean(known)) + (f" ± {form.format(stdev(known))}" if len(known) > 1 else "")


def findings(before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Say what holds, out of the numbers alone."""
    start = mean(run["greedy"]["success"] for run in before)
    means = {name: mean(run["greedy"]["success"] for run in runs) for name, runs in after.items()}
    best = max(means, key=lambda name: means[name])
    worst_seed = min(run["greedy"]["success"] for run in after[best])
    factor = f"{means[best] / start:.1f} times" if start else "from none to"
    lines = [
        f"- Under the best setting by greedy success, {best}, success goes from {start:.1%} to {means[best]:.1%} "
        f"({factor} that of the pre-trained policy); its worst seed reaches {worst_seed:.1%}. A mean of "
        f"80% is {'reached' if means[best] >= 0.8 else 'not reached'} in these updates. The best of several "
        "settings is chosen on the numbers that are shown, so that its number flatters a little.",
    ]
    pairs = [(name, "sparse") for name in after if name != "sparse"] if "sparse" in after else []
    pairs += [(f"{kind}-turn", f"{kind}-episode") for kind in ("flat", "ladder")]
    lines += [f"- {comparison(*pair, after)}" for pair in pairs if all(name in after for name in pair)]
    lines.append(
        f"- {len(before)} seeds are few: only a difference of the same sign in all of them is called one here, and "
        f"even that happens by chance in {2 ** (1 - len(before)):.0%} of comparisons of equals. One template, one "
        "small policy with slips that were taught to it: this shows that training with tools works, and says nothing "
        "about what language models can do, nor which reward suits them."
    )
    return "\n".join(textwrap.fill(line, 120, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def comparison(name: str, other: str, after: Mapping[str, Sequence[Figures]]) -> str:
    """Compare two settings seed by seed, by sampled success."""
    gaps = [
        run["sampled"]["success"] - base["sampled"]["success"]
        for run, base in zip(after[name], after[other], strict=True)
    ]
    told = ", ".join(f"{100 * gap:+.1f}" for gap in gaps)
    if all(gap > 0 for gap in gaps):
        verdict = "better in every seed"
    elif all(gap < 0 for gap in gaps):
        verdict = "worse in every seed"
    else:
        verdict = "no difference that the seeds agree on (a null result)"
    return f"{name} against {other}, sampled success: {verdict}; by seed {told} points."


if __name__ == "__main__":
    sys.exit(main())
