"""Watch a small language model learn sums from a verifiable reward: from nothing, offline, on two cores.

    python scripts/quickstart.py
    python scripts/quickstart.py --seeds 0 1 2

1. Pre-train a 0.87M-parameter policy that mostly forgets to carry (kept in runs/quickstart/policy for the next time).
2. Train it twice with GRPO, side by side: on the sparse reward `verify`, and on a dense one with credit for each digit.
3. Show both, on held-out sums, before and after.

The exit status is 0 if the sparse run got from at most 40% to at least 90% held-out success.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import queue
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from _command import run_command_line
from _progress import progress_bars
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rewardium.agents.llm.pretraining import PretrainingConfig, pretrain_policy
from rewardium.agents.run_folder import read_metrics
from rewardium.envs.errors import RewardiumError

EVALUATE_EVERY = 5


@dataclass(frozen=True)
class Variant:
    """One of the runs that are compared."""

    name: str
    reward: str
    credit: str


# Seed, budget, learning rate and every other setting are shared; only the reward and where it is credited differ.
SPARSE = Variant("sparse", "verify", "episode")
DENSE = Variant("dense", "0.5 * verify + 0.5 * digit_match", "reward_to_go")


@dataclass(frozen=True)
class Config:
    """Watch a small language model learn sums from a verifiable reward."""

    seeds: tuple[int, ...] = (0,)
    """Repeat everything for these seeds, and show mean and spread."""

    updates: int = 40
    """GRPO updates of each run."""

    learning_rate: float = 2e-4
    """Learning rate of each run."""

    prompts_per_update: int = 64
    """Sums of one update; each is answered 8 times."""

    eval_tasks: int = 500
    """Held-out sums that success is measured on."""

    out: Path = Path("runs/quickstart")
    """The folder of policies, runs and pictures; the runs of an earlier quickstart are replaced."""

    fresh: bool = False
    """Pre-train again, even if the policy is there."""

    start: float = 0.4
    """The largest held-out success to start from."""

    target: float = 0.9
    """The smallest held-out success to reach."""

    pretraining: PretrainingConfig = field(default_factory=PretrainingConfig)
    """How the policy is pre-trained; its seed is replaced by each of `seeds`."""


@dataclass(frozen=True)
class Result:
    """What one run came to."""

    variant: str
    seed: int
    before: float
    after: float
    updates_to_target: int | None
    seconds: float
    folder: Path


def main() -> int:
    """Read the command line, run everything, and return the exit status."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_command_line(Config, run, __doc__, stopped="stopped")


def run(config: Config, console: Console) -> int:
    """Pre-train, train and report."""
    check(config)
    start = time.perf_counter()
    results = [result for seed in config.seeds for result in run_seed(config, seed, console)]
    return report(config, results, time.perf_counter() - start, console)


def check(config: Config) -> None:
    """Refuse a config that cannot be run.

    Raises:
        RewardiumError: When a number is out of its range, or something else stands where the runs shall go.
    """
    if not config.seeds or len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
        raise RewardiumError(f"seeds must be different whole numbers of at least 0, got {config.seeds}")
    if min(config.updates, config.prompts_per_update, config.eval_tasks) < 1:
        raise RewardiumError("updates, prompts_per_update and eval_tasks must be at least 1")
    if not config.learning_rate > 0.0:
        raise RewardiumError(f"learning_rate must be positive, got {config.learning_rate}")
    if config.out.exists() and not config.out.is_dir():
        raise RewardiumError(f"--out must be a folder, but {config.out} is a file")
    for folder in (run_folder(config, variant, seed) for variant in (SPARSE, DENSE) for seed in config.seeds):
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "config.yaml").is_file():
            raise RewardiumError(f"{folder} holds something that is no run of the quickstart; choose another --out")


def run_seed(config: Config, seed: int, console: Console) -> list[Result]:
    """Pre-train one policy and train it with both rewards."""
    console.rule(f"seed {seed}")
    with progress_bars(console, elapsed=True, bar_width=24) as progress:
        policy = obtain_policy(config, seed, progress)
        return train_side_by_side(config, policy, seed, (SPARSE, DENSE), progress)


def obtain_policy(config: Config, seed: int, progress: Progress) -> Path:
    """Return the folder of the pre-trained policy, built unless one with this very config is there."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    settings = replace(config.pretraining, seed=seed)
    folder = config.out / "policy" / policy_key(settings)
    bar = progress.add_task("pre-training", total=settings.steps, status="")
    if folder.is_dir() and not config.fresh:
        progress.update(bar, completed=settings.steps, status=f"kept from an earlier time: {folder}")
        return folder
    # More threads gain little on so small a model, and lose much where the cores are shared.
    torch.set_num_threads(1)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    pretrain_policy(
        unfinished,
        settings,
        on_step=lambda step, loss: progress.update(bar, completed=step, status=f"loss {loss:.3f}"),
    )
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    return folder


def policy_key(settings: PretrainingConfig) -> str:
    """Return a name that changes with every setting."""
    text = json.dumps(asdict(settings), sort_keys=True)
    return f"seed{settings.seed}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def train_side_by_side(
    config: Config, policy: Path, seed: int, variants: Sequence[Variant], progress: Progress
) -> list[Result]:
    """Train each variant in a process of its own with one thread, and show how they come along.

    Raises:
        RewardiumError: When a run failed.
    """
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    bars = {v.name: progress.add_task(f"{v.name:<12}", total=config.updates, status="loading") for v in variants}
    processes = {v.name: context.Process(target=train, args=(config, policy, seed, v, messages)) for v in variants}
    for process in processes.values():
        process.start()
    seconds: dict[str, float] = {}
    held_out: dict[str, str] = {}
    try:
        while len(seconds) < len(processes):
            name, kind, value = receive(messages, processes, seconds)
            if kind == "failed":
                raise RewardiumError(f"the {name} run failed: {value}")
            if kind == "finished":
                seconds[name] = value
                continue
            update, metrics = value
            status = f"reward {metrics['reward/mean']:.2f}  solved {metrics['success']:.0%}"
            if "eval/success" in metrics:
                held_out[name] = f"  held-out {metrics['eval/success']:.0%}"
            status += held_out.get(name, "")
            progress.update(bars[name], completed=update, status=status)
    finally:
        for process in processes.values():
            if len(seconds) < len(processes):
                process.terminate()
            process.join()
    return [result_of(config, variant, seed, seconds[variant.name]) for variant in variants]


def receive(messages: Any, processes: dict[str, Any], finished: dict[str, float]) -> tuple[str, str, Any]:
    """Wait for the next message; a process that died without one is a failure."""
    while True:
        try:
            message: tuple[str, str, Any] = messages.get(timeout=1.0)
            return message
        except queue.Empty:
            for name, process in processes.items():
                if name not in finished and process.exitcode is not None:
                    return name, "failed", f"its process ended with exit status {process.exitcode}"


def train(config: Config, policy: Path, seed: int, variant: Variant, messages: Any) -> None:
    """Train one variant, in a process of its own, and report by message."""
    try:
        import torch
        from transformers.utils import logging

        from rewardium.agents.llm.config import TrainConfig
        from rewardium.agents.llm.trainer import Trainer

        logging.disable_progress_bar()
        torch.set_num_threads(1)
        folder = run_folder(config, variant, seed)
        if (folder / "config.yaml").is_file():  # an earlier quickstart's
            shutil.rmtree(folder)
        settings = TrainConfig(
            model=str(policy),
            name=folder.name,
            runs=folder.parent,
            env=config.pretraining.env,
            env_kwargs=config.pretraining.env_arguments,
            reward=variant.reward,
            credit=variant.credit,  # type: ignore[arg-type]
            updates=config.updates,
            prompts_per_update=config.prompts_per_update,
            max_new_tokens=16,
            learning_rate=config.learning_rate,
            warmup_updates=5,
            eval_every=EVALUATE_EVERY,
            eval_tasks=config.eval_tasks,
            checkpoint_every=config.updates,
            device="cpu",
            seed=seed,
        )
        start = time.perf_counter()
        complete = Trainer(settings).train(
            lambda update, metrics: messages.put((variant.name, "progress", (update, metrics)))
        )
        if complete:
            messages.put((variant.name, "finished", time.perf_counter() - start))
        else:
            messages.put((variant.name, "failed", "it was stopped"))
    except RewardiumError as error:
        messages.put((variant.name, "failed", str(error)))
    except Exception:
        messages.put((variant.name, "failed", traceback.format_exc()))


def run_folder(config: Config, variant: Variant, seed: int) -> Path:
    """Return the folder of one run."""
    return config.out / f"seed{seed}-{variant.name}"


def result_of(config: Config, variant: Variant, seed: int, seconds: float) -> Result:
    """Read what a finished run came to."""
    folder = run_folder(config, variant, seed)
    curve = [(row["step"], row["eval/success"]) for row in read_metrics(folder) if row.get("eval/success") is not None]
    return Result(
        variant=variant.name,
        seed=seed,
        before=curve[0][1],
        after=curve[-1][1],
        updates_to_target=next((step for step, success in curve if success >= config.target), None),
        seconds=seconds,
        folder=folder,
    )


def report(config: Config, results: Sequence[Result], seconds: float, console: Console) -> int:
    """Show the table, draw the picture, and return the exit status."""
    from rewardium.agents.report import compare

    console.print(table(config, results))
    curves = {
        f"{variant.name}: {variant.reward}": [result.folder for result in results if result.variant == variant.name]
        for variant in (SPARSE, DENSE)
    }
    panels = {"success on held-out sums, greedy": "eval/success", "success in training, sampled": "success"}
    picture = compare(curves, panels, config.out / "learning_curve.png", unit="GRPO update")
    console.print(f"{seconds:.0f} s in all; learning curves: {picture}", markup=False, soft_wrap=True)
    console.print("A policy this small shows that training works; it says nothing about what language models can do.")
    missed = [result for result in results if result.variant == SPARSE.name and not reached(config, result)]
    for result in missed:
        console.print(
            f"error: seed {result.seed}, sparse: held-out success went from {result.before:.1%} to {result.after:.1%}; "
            f"it should go from at most {config.start:.0%} to at least {config.target:.0%}",
            style="red",
            soft_wrap=True,
        )
    return 1 if missed else 0


def reached(config: Config, result: Result) -> bool:
    """Say whether a run went from at most the start to at least the target."""
    return result.before <= config.start and result.after >= config.target


def table(config: Config, results: Sequence[Result]) -> Table:
    """Lay out the results: one row a run and, for several seeds, mean and spread."""
    shown = Table(title=f"Held-out greedy success on {config.eval_tasks} sums")
    shown.caption = "; ".join(f"{variant.name}: {variant.reward}" for variant in (SPARSE, DENSE))
    for heading in ("reward", "seed", "before", "after", f"updates to {config.target:.0%}", "seconds"):
        shown.add_column(heading, justify="left" if heading == "reward" else "right")
    for variant in (SPARSE, DENSE):
        own = [result for result in results if result.variant == variant.name]
        for result in own:
            steps = "not reached" if result.updates_to_target is None else str(result.updates_to_target)
            shown.add_row(
                variant.name, str(result.seed), f"{result.before:.1%}", f"{result.after:.1%}", steps,
                f"{result.seconds:.0f}",
            )  # fmt: skip
        if len(own) > 1:
            hits = [result.updates_to_target for result in own if result.updates_to_target is not None]
            shown.add_row(
                f"{variant.name}, mean ± sd", str(len(own)),
                spread([100 * result.before for result in own], "%"),
                spread([100 * result.after for result in own], "%"),
                spread(hits) if len(hits) == len(own) else f"{len(hits)} of {len(own)} reached it",
                spread([result.seconds for result in own]), style="bold",
            )  # fmt: skip
    return shown


def spread(values: Sequence[float], unit: str = "") -> str:
    """Write mean and standard deviation, the latter with n - 1.

    Example:
        >>> spread([1.0, 3.0])
        '2.0 ± 1.4'
    """
    return f"{mean(values):.1f}{unit} ± {stdev(values):.1f}{unit}"


if __name__ == "__main__":
    sys.exit(main())
