"""Compare rewards and credit on tool use, with several seeds, and write the results page.

    python scripts/tool_use_results.py
    python scripts/tool_use_results.py two-turn
    python scripts/tool_use_results.py --seeds 0 --updates 10 --out runs/short --page runs/short/results.md

The first argument names the tasks: ``calculation``, the default, where all settings are compared on single
calculations; or ``two-turn``, where one policy learns all templates of two turns. Each writes its part of the page.

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
TEMPLATES = ("single_calculation", "missing_tool", "python_program")
"""The templates that are solved in at most two turns."""


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
    max_new_tokens: int = 48
    """Largest number of tokens of a response."""
    eval_tasks: int = 500
    """Held-out tasks that all policies are measured on."""
    jobs: int = 2
    """Runs at a time, each with one thread."""
    out: Path = Path("runs/tool_use")
    """The folder of policies and runs."""
    page: Path = Path("docs/results_tool_use.md")
    """The results page, of which each of the two comparisons writes its part."""
    picture: Path = Path("docs/tool_use.png")
    """The learning curves."""
    pretraining: DemonstrationConfig = field(default_factory=DemonstrationConfig)
    """How the policies are pre-trained; the seed is replaced by each of `seeds`."""

    @property
    def chosen(self) -> list[Setting]:
        """The settings to run."""
        return [setting for setting in SETTINGS if setting.name in self.settings]


CONFIGS = {
    "calculation": Config(),
    "two-turn": Config(
        settings=("sparse", "ladder-turn"),
        updates=60,
        prompts_per_update=36,
        max_new_tokens=96,
        eval_tasks=600,
        out=Path("runs/tool_use/two-turn"),
        picture=Path("docs/tool_use_two_turn.png"),
        pretraining=DemonstrationConfig(
            env="rewardium/ToolUse-v0",
            env_arguments={"templates": TEMPLATES, "max_turns": 2, "prompt_style": "compact"},
            emphasis={"python_program, letters": 3},
            growing_steps=300,
            steps=900,
            demonstrations=16_000,
        ),
    ),
}
"""By the name of the tasks. A mixture of three templates needs more demonstrations and more episodes than one."""

TWO_TURN_HEADING = "## All templates of two turns"

Figures = Mapping[str, Any]


def main() -> int:
    """Read the command line, run what is missing, write the page, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    tasks, arguments = chosen_tasks(sys.argv[1:])
    config = tyro.cli(Config, default=CONFIGS[tasks], args=arguments, description=__doc__)
    console = Console()
    try:
        check(config)
        run_all(config, console)
        write_page(config, tasks)
    except RewardiumError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on")
        return 130
    console.print(f"wrote {config.page} and {config.picture}", markup=False, soft_wrap=True)
    return 0


def chosen_tasks(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Take the name of the tasks off the command line.

    Example:
        >>> chosen_tasks(["two-turn", "--seeds", "0"]), chosen_tasks(["--seeds", "0"])
        (('two-turn', ['--seeds', '0']), ('calculation', ['--seeds', '0']))
    """
    if arguments and arguments[0] in CONFIGS:
        return arguments[0], list(arguments[1:])
    return "calculation", list(arguments)


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
    numbers = (config.updates, config.prompts_per_update, config.max_new_tokens, config.eval_tasks, config.jobs)
    if min(numbers) < 1:
        raise RewardiumError("updates, prompts_per_update, max_new_tokens, eval_tasks and jobs must be at least 1")


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
        if value != default[name] or name == "seed":
            text = one_line(value) if isinstance(value, dict) else str(value)
            command += [f"--pretraining.{name.replace('_', '-')}", text]
    if config.max_new_tokens != Config.max_new_tokens:
        command += ["--max-new-tokens", str(config.max_new_tokens)]
    return command


def one_line(arguments: Mapping[str, Any]) -> str:
    """Write an environment's arguments as a flag takes them.

    Example:
        >>> one_line({"templates": ("no_tool",), "max_turns": 2})
        '{max_turns: 2, templates: [no_tool]}'
    """
    return yaml.safe_dump(dict(arguments), default_flow_style=True, width=1000).strip()


def run_command(config: Config, setting: Setting, seed: int) -> list[str]:
    """Return the command that trains a policy."""
    return [
        "scripts/train_llm.py", "--env", config.pretraining.env,
        "--env-kwargs", one_line(config.pretraining.env_arguments),
        "--model", str(policy_folder(config, seed)), "--runs", str(config.out),
        "--name", run_folder(config, setting, seed).name, "--reward", setting.reward, "--credit", setting.credit,
        "--turn-discount", "1.0", "--updates", str(config.updates),
        "--prompts-per-update", str(config.prompts_per_update), "--group-size", "8",
        "--max-new-tokens", str(config.max_new_tokens), "--learning-rate", str(config.learning_rate),
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
    from rewardium.agents.llm.tool_kinds import evaluate_kinds, join

    env, arguments = config.pretraining.env, {**config.pretraining.env_arguments, "split": "test"}
    figures: dict[str, Any] = {}
    for name, temperature in (("greedy", 0.0), ("sampled", 1.0)):
        kinds = evaluate_kinds(
            policy,
            env,
            arguments,
            temperature=temperature,
            max_new_tokens=config.max_new_tokens,
            tasks=config.eval_tasks,
        )
        by_kind = {kind: each.summary() for kind, each in kinds.items()}
        figures[name] = {**join(list(kinds.values())).summary(), "kinds": by_kind}
    text = json.dumps({"command": list(command), **seconds, **figures}, indent=2)
    unfinished = folder / "figures.json.unfinished"
    unfinished.write_text(text + "\n", encoding="utf-8")
    unfinished.replace(folder / "figures.json")


def write_page(config: Config, tasks: str = "calculation") -> None:
    """Write a part of the results page and its picture out of the runs' figures; the other part stays."""
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
    first, second = page_parts(config.page.read_text(encoding="utf-8") if config.page.is_file() else "")
    if tasks == "calculation":
        first = page(config, before, after)
    else:
        second = two_turn_part(config, before, after)
    config.page.write_text(f"{first.rstrip()}\n\n{second.strip()}".strip() + "\n", encoding="utf-8")


def page_parts(text: str) -> tuple[str, str]:
    r"""Divide a page before the heading of its second part.

    Example:
        >>> page_parts("# Tool use\n\n## All templates of two turns\nMore.\n")
        ('# Tool use\n\n', '## All templates of two turns\nMore.\n')
    """
    first, heading, rest = text.partition(TWO_TURN_HEADING)
    return first, heading + rest


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
    episodes, tokens = config.prompts_per_update * 8, config.max_new_tokens
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
5 warm-up updates, temperature 1, turn discount 1, at most {tokens} tokens a response and 2 responses. Nothing
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


def two_turn_part(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Write the part on all templates of two turns."""
    picture = os.path.relpath(config.picture, config.page.parent)
    pretraining, training = (
        shlex.join(["python", *command])
        for command in (policy_command(config, config.seeds[0]), run_command(config, config.chosen[0], config.seeds[0]))
    )
    return f"""{TWO_TURN_HEADING}

One policy learns all three templates that are solved in at most two turns, mixed in each update: `single_calculation`,
`missing_tool` (an address is looked up, or the tool for it is missing) and `python_program` (a program is written, and
run in the sandbox). `{config.pretraining.env}` asks with `{one_line(config.pretraining.env_arguments)}`, so that the
prompt lists the tools. The policy starts from demonstrations of careless pupils, one for each template. All numbers
are means and standard deviations (n - 1) over {len(config.seeds)} seeds, on {config.eval_tasks} held-out tasks, about a
third of them of each template.

{template_table(config, before, after)}

The same by kind of task, greedy:

{kind_table(before, after)}

- The three templates, and the kinds, are those of the greedy policy; *sampled* draws at temperature 1.
- *CPU seconds* are those of a whole run with one thread, with loading, the programs in their sandboxes, and
  evaluations.

![Learning curves on all templates]({picture})

### What the mixture shows

{template_findings(before, after)}

### What the pupils do wrong

Each slip is made with probability {config.pretraining.carelessness:g} where there is an occasion, and so is the copying
of a result's last digit of 6 to 9 as 0.

| template | occasion | slip |
|---|---|---|
| `single_calculation` | `a * b - c`; `(c - a) * d`; `a ** 2 - b * d` | no call; an operand reversed; an unclosed call |
| `missing_tool` | no tool for contacts | invents an address |
| `missing_tool` | a given name that ends in s | searches with the surname first, and finds nobody |
| `python_program` | digit sums, for a divisor above 7 | runs nothing, and answers with a number of the question |
| `python_program` | a recurrence | `range(1, n)`, one time too few |
| `python_program` | two different letters in a text | goes on by two letters, so that places are missed |

The fixed parts of calls, results and questions are one token each, and so are a tool of the prompt and three letters
of the long texts, which grow to their length in the first {config.pretraining.growing_steps} of
{config.pretraining.steps} steps of pre-training; names, addresses and numbers are written in characters.

**Held fixed:** as above, with {config.updates} updates of {config.prompts_per_update * 8} episodes
({config.prompts_per_update} tasks of the mixture, 8 each) and at most {config.max_new_tokens} tokens a response.

### Run the mixture

```bash
python scripts/tool_use_results.py two-turn     # what is finished is not done again
```

One policy and one run alone:

```bash
{pretraining}
{training}
```
"""


def template_success(run: Figures, template: str) -> float | None:
    """Return the greedy success in a template, over its kinds; None where none of its tasks came up."""
    kinds = [each for kind, each in run["greedy"]["kinds"].items() if kind.partition(",")[0] == template]
    episodes = sum(each["episodes"] for each in kinds)
    return float(sum(each["success"] * each["episodes"] for each in kinds) / episodes) if episodes else None


def template_table(config: Config, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Lay out success by template: the pre-trained policy, then a row a setting."""
    rows = {"before (pre-trained)": before, **{setting.name: after[setting.name] for setting in config.chosen}}
    lines = [
        f"| setting | {' | '.join(f'`{template}`' for template in TEMPLATES)} | all, greedy | all, sampled "
        "| valid calls | CPU seconds |",
        f"|---|{'---|' * (len(TEMPLATES) + 4)}",
    ]
    for name, runs in rows.items():
        cells = [
            *[spread([template_success(run, template) for run in runs], percent=True) for template in TEMPLATES],
            *[spread([run[way]["success"] for run in runs], percent=True) for way in ("greedy", "sampled")],
            spread([run["sampled"]["valid_call_rate"] for run in runs], percent=True),
            f"{mean(run['cpu_seconds'] for run in runs):.0f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def kind_table(before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Lay out greedy success by kind, a row a kind."""
    columns = {"before": before, **after}
    kinds = sorted({kind for run in before for kind in run["greedy"]["kinds"]})
    lines = [f"| kind | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for kind in kinds:
        cells = [
            spread([run["greedy"]["kinds"][kind]["success"] for run in runs], percent=True) for runs in columns.values()
        ]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def template_findings(before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Say what holds of the mixture, out of the numbers alone."""
    means = {name: mean(run["greedy"]["success"] for run in runs) for name, runs in after.items()}
    best = max(means, key=lambda name: means[name])
    lines = [template_line(template, best, before, after) for template in TEMPLATES]
    lines += [f"- {comparison(name, 'sparse', after)}" for name in after if name != "sparse" and "sparse" in after]
    lines.append(
        "- The rules of the comparison above hold here too: few seeds, one small policy, slips that were taught to it. "
        "The best setting is chosen on the numbers that are shown."
    )
    return "\n".join(textwrap.fill(line, 120, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def template_line(template: str, best: str, before: Sequence[Figures], after: Mapping[str, Sequence[Figures]]) -> str:
    """Say how far a template came under the best setting."""
    known = [[template_success(run, template) for run in runs] for runs in (before, after[best])]
    started, reached = ([each for each in successes if each is not None] for successes in known)
    if not started or not reached:
        return f"- `{template}`: none of its tasks came up."
    start = mean(started)
    doubled = "at least doubled" if mean(reached) >= 2.0 * start else "not doubled"
    return (
        f"- `{template}` under {best}, the best setting by greedy success over all: {start:.1%} before, "
        f"{mean(reached):.1%} after ({doubled}), {min(reached):.1%} in the worst seed. A mean of 80% is "
        f"{'reached' if mean(reached) >= 0.8 else 'not reached'}."
    )


if __name__ == "__main__":
    sys.exit(main())
