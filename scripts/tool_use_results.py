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
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from _command import run_command_line
from _progress import progress_bars
from rich.console import Console

sys.path.append(str(Path(__file__).resolve().parent / "results"))  # where this script finds its parts

from _runs import SCRIPTS, write_json
from _tool_use_experiment import (
    CONFIGS,
    Config,
    Setting,
    check,
    policy_command,
    policy_folder,
    run_command,
    run_folder,
)
from _tool_use_page import Figures, page, page_parts, two_turn_part

from rewardium.agents.report import compare
from rewardium.envs.errors import RewardiumError


def main() -> int:
    """Read the command line, run what is missing, write the page, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    tasks, arguments = chosen_tasks(sys.argv[1:])
    return run_command_line(
        Config, partial(run, tasks), __doc__, default=CONFIGS[tasks], arguments=arguments,
        stopped="stopped; the same command goes on",
    )  # fmt: skip


def run(tasks: str, config: Config, console: Console) -> None:
    """Run what is missing and write the page."""
    check(config)
    run_all(config, console)
    write_page(config, tasks)
    console.print(f"wrote {config.page} and {config.picture}", markup=False, soft_wrap=True)


def chosen_tasks(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Take the name of the tasks off the command line.

    Example:
        >>> chosen_tasks(["two-turn", "--seeds", "0"]), chosen_tasks(["--seeds", "0"])
        (('two-turn', ['--seeds', '0']), ('calculation', ['--seeds', '0']))
    """
    if arguments and arguments[0] in CONFIGS:
        return arguments[0], list(arguments[1:])
    return "calculation", list(arguments)


def run_all(config: Config, console: Console) -> None:
    """Pre-train all policies, then train them, some runs at a time."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    bars = progress_bars(console, elapsed=True, status=None)
    with bars as progress, ThreadPoolExecutor(config.jobs) as threads:
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
    write_json(folder / "figures.json", {"command": list(command), **seconds, **figures})


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


def read_figures(folder: Path) -> Figures:
    """Read what a run or a policy was measured to."""
    figures: Figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return figures


if __name__ == "__main__":
    sys.exit(main())
