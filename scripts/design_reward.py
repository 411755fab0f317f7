r"""Have a language model design a reward program in rounds: design, check, train, look at what failed, design again.

    python scripts/design_reward.py --name lava
    python scripts/design_reward.py --env rewardium/MiniHack-KeyRoom-S5-v0 --name key --steps 200000 \
        --designer "http://127.0.0.1:8000/v1#model=Qwen/Qwen3-8B" --reward "extrinsic + {program}"

The default designer is a script, which needs no model and shows the loop on a room with lava: it writes nonsense first,
which the critic rejects, and thinks of lava when the analyser tells it of deaths. In --reward, {program} stands for the
program of the round, which pays 1.0 * sign(sparse) + 0.1 * sign(dense); all other flags of training are those of
scripts/train_control.py. The run folder holds for each round the program, what was rejected and why, the training, the
episodes of the trained policy and the analyser's summary. Train on a finished program with
scripts/train_control.py --reward "reward_program(path='runs/lava/round-02/program.py')".

Ctrl-C saves; the same command with --resume goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import gymnasium as gym
import tyro
from _command import run_command_line
from _progress import progress_bars
from rich.console import Console
from rich.table import Table

import rewardium.envs  # noqa: F401  registers the suite's environments
from rewardium.agents.control.algorithms import acts_greedily
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.evaluation import evaluate, evaluation_env
from rewardium.agents.control.trainer import ControlTrainer, Metrics
from rewardium.agents.run_folder import RunFolder
from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import Mode
from rewardium.rewards.programs import (
    Critic,
    DesignLoop,
    Episode,
    RecordSteps,
    Round,
    make_designer,
    read_episodes,
    record_episodes,
    write_episodes,
)
from rewardium.rewards.programs.designers import Rejected
from rewardium.rewards.programs.round_folder import PROGRAM_FILE, folder_of, read_rounds, write_design, write_round
from rewardium.rewards.programs.runner import program_pool

PLACEHOLDER = "{program}"
RECORDED = "recorded.jsonl"
DEFAULTS = ControlConfig("rewardium/MiniHack-LavaCrossingS9N1-v0", name="design", reward=PLACEHOLDER, recordings=0)


@dataclass(frozen=True)
class Arguments:
    """Have a language model design a reward program in rounds."""

    train: Annotated[ControlConfig, tyro.conf.arg(name="")] = field(default_factory=lambda: DEFAULTS)
    """How a policy is trained in each round; in its reward {program} stands for the program."""
    designer: str = "scripted"
    """Who writes programs: scripted, a server such as http://127.0.0.1:8000/v1, or transformers:FOLDER_OR_NAME."""
    task: str | None = None
    """What the agent is to learn, in words; by default the environment's own."""
    rounds: int = 3
    """How many rounds."""
    retries: int = 4
    """Further proposals in a round after the first, each with the critic's reasons against the last."""
    recorded: int = 20
    """Episodes of random actions on which the critic runs a program before it is trained on."""
    episodes: int = 40
    """Episodes of the trained policy that the analyser looks at."""
    mode: Mode = "bubblewrap"
    """How programs are kept in; subprocess protects less, for where bubblewrap cannot run."""
    resume: bool = False
    """Go on from the run's last complete round, and from the last checkpoint of the one that was begun."""


class StoppedError(KeyboardInterrupt):
    """The training of a round was stopped; it has saved, and the script ends as by Ctrl-C."""


def main() -> int:
    """Read the command line, design, and return the exit status."""
    return run_command_line(
        Arguments, run, __doc__, stopped="stopped; the same command with --resume goes on", warnings=True
    )


def run(arguments: Arguments, console: Console) -> int:
    """Play the rounds, and show what came of them."""
    check(arguments)
    designer = make_designer(arguments.designer)
    task = arguments.task or task_of(arguments)
    folder = arguments.train.folder
    program_pool(arguments.mode)  # so that a machine without a sandbox is told of before the long work
    run_folder = RunFolder(folder, arguments, resume=arguments.resume)
    finished, begun = read_rounds(folder) if arguments.resume else ([], None)
    critic = Critic(tuple(recordings(arguments, console)), arguments.mode)

    def tell(number: int, rejected: Rejected) -> None:
        console.print(f"round {number}: rejected: {'; '.join(rejected.reasons)}", markup=False, soft_wrap=True)

    def train_and_play(turn: Round) -> list[Episode]:
        write_design(folder, turn)
        console.print(f"round {turn.number}: accepted: {folder_of(folder, turn.number) / PROGRAM_FILE}", markup=False)
        return trained(arguments, turn, console)

    loop = DesignLoop(designer, critic, train_and_play, task, arguments.retries, tell)
    turns = list(finished)
    run_folder.truncate(len(finished))
    for turn in loop.rounds(arguments.rounds, finished, begun):
        write_round(folder, turn)
        turns.append(turn)
        if turn.analysis is not None:
            run_folder.log(turn.number, turn.analysis.statistics)
            console.print(turn.analysis.text, markup=False, soft_wrap=True)
    run_folder.finish()
    run_folder.close()
    show(turns, console)
    return 0 if any(turn.program for turn in turns) else 1


def check(arguments: Arguments) -> None:
    """Refuse what cannot work, before long work starts."""
    if PLACEHOLDER not in arguments.train.reward:
        raise RewardiumError(f"--reward must name the program as {PLACEHOLDER}, got {arguments.train.reward!r}")
    for name in ("rounds", "recorded", "episodes"):
        if getattr(arguments, name) < 1:
            raise RewardiumError(f"--{name} must be at least 1, got {getattr(arguments, name)}")


def task_of(arguments: Arguments) -> str:
    """Return what the environment says of its task."""
    env = make_env(arguments)
    _, info = env.reset(seed=arguments.train.seed)
    env.close()
    if "task" not in info:
        raise RewardiumError(f"{arguments.train.env} does not say what its task is: give it with --task")
    return str(info["task"].goal)


def recordings(arguments: Arguments, console: Console) -> list[Episode]:
    """Return the episodes of random actions, which are recorded once a run."""
    path = arguments.train.folder / RECORDED
    if path.exists():
        return read_episodes(path)
    env = make_env(arguments)
    try:
        with progress_bar(console, "recording", arguments.recorded) as update:
            episodes = record_episodes(env, arguments.recorded, seed=arguments.train.seed, finished=update)
    finally:
        env.close()
    write_episodes(path, episodes)
    return episodes


def make_env(arguments: Arguments) -> gym.Env[Any, Any]:
    """Make the environment of the run, alone."""
    try:
        return gym.make(arguments.train.env, **arguments.train.env_kwargs)
    except (gym.error.Error, ImportError, TypeError) as error:
        raise RewardiumError(f"cannot make the environment {arguments.train.env!r}: {error}") from error


def trained(arguments: Arguments, turn: Round, console: Console) -> list[Episode]:
    """Train a policy on a round's program, and play with it."""
    folder = folder_of(arguments.train.folder, turn.number)
    program = f"reward_program(path={str(folder / PROGRAM_FILE)!r}, mode={arguments.mode!r})"
    reward = arguments.train.reward.replace(PLACEHOLDER, program)
    config = replace(arguments.train, runs=folder, name="training", reward=reward)
    trainer = ControlTrainer(config, resume=arguments.resume and config.folder.exists())
    with progress_bar(console, f"round {turn.number}", config.steps) as update:

        def on_log(step: int, metrics: Metrics) -> None:
            update(min(step, config.steps), f"success {metrics['success']:.3f}  paid {metrics['reward/paid']:.3g}")

        if not trainer.train(on_log):
            raise StoppedError
    return played(trainer, config, arguments.episodes)


def played(trainer: ControlTrainer, config: ControlConfig, count: int) -> list[Episode]:
    """Play a trained policy, without the trained reward, and keep what a program would be shown."""
    num_envs = min(config.num_envs, count)
    env = evaluation_env(config, num_envs, like=trainer.env, wrappers=[RecordSteps])
    try:
        evaluate(
            trainer.model, env, episodes=count, greedy=acts_greedily(config), seed=config.seed + 1,
            success_return=config.success_return,
        )  # fmt: skip
        shares = [len(range(row, count, num_envs)) for row in range(num_envs)]
        rows = env.get_attr("episodes")
        return [episode for episodes, share in zip(rows, shares, strict=True) for episode in episodes[:share]]
    finally:
        env.close()


@contextmanager
def progress_bar(console: Console, name: str, total: int) -> Iterator[Callable[..., None]]:
    """Show a bar; gives a function that moves it."""
    with progress_bars(console) as progress:
        bar = progress.add_task(name, total=total, status="")

        def update(completed: int, status: str = "") -> None:
            progress.update(bar, completed=completed, status=status)

        yield update


def show(turns: list[Round], console: Console) -> None:
    """Print one line a round."""
    table = Table("round", "rejected", "success", "died", "time limit", title="the rounds")
    for turn in turns:
        statistics = {} if turn.analysis is None else turn.analysis.statistics
        shares = [f"{statistics[name]:.2f}" if name in statistics else "-" for name in ("success", "died", "limit")]
        table.add_row(str(turn.number), str(len(turn.rejected)), *shares)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
