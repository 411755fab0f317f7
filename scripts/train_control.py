"""Train a control policy with Stable-Baselines3 on any Gymnasium environment and any reward.

    python scripts/train_control.py --env rewardium/MiniHack-KeyRoom-S5-v0 --name sparse
    python scripts/train_control.py --env rewardium/MiniHack-KeyRoom-S5-v0 --name dense \
        --reward "extrinsic + 0.4 * count_decay(oni(student='retrieval'))" --judge http://127.0.0.1:8000/v1
    python scripts/train_control.py --env CartPole-v1 --algorithm dqn --steps 50000

    python scripts/train_control.py --env rewardium/PendulumUpright-v0 --algorithm sac --scoring deferred \
        --reward "vlm_rm()" --clip runs/clip/small

Ctrl-C saves; the same command with --resume goes on.

Vision-language models (--clip) score frames. With --scoring deferred all frames since the last update are scored in one
pass; ppo collects n_steps * num_envs of them, and sac and dqn then collect 256 environment steps between updates, with
as many gradient steps as before. The rewards are the same either way. With --keep-states, sac and dqn can give their
replay buffer another reward: --resume --relabel --reward "...".

Which observation, on NetHack and MiniHack: by default a crop of the map around the agent and a vector of status and
messages (map_features), which small networks learn from fastest. --env-kwargs "{observation: image}" shows the
map only, "{observation: features}" the vector only. On Gymnasium's own environments there is nothing to choose; where
the vectors have very different scales, as in MuJoCo, add --normalize.

MiniHack takes 0.01 for each action that costs the hero no time, which outweighs a success that is still rare: with
--reward "clip(extrinsic, low=0.0)" that penalty is not paid, and sparse tasks such as KeyRoom are learned.

Which memory: none where one look shows what matters, as in a lit room. stack (--stacked 4) where the last moves
matter, such as velocities or where one came from; it costs little. lstm where something seen long ago matters, as in
dark rooms, mazes, or a key that no longer shows; it takes two to four times as long. With none or stack a policy should
draw its actions (--evaluated sampled, the default of ppo): the likeliest action alone walks in circles.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from _command import run_command_line
from _progress import progress_bars
from rich.console import Console
from rich.progress import Progress

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.trainer import ControlTrainer, Metrics
from rewardium.rewards import load_plugin


@dataclass(frozen=True)
class Arguments:
    """Train a control policy with Stable-Baselines3 on any Gymnasium environment and any reward."""

    train: Annotated[ControlConfig, tyro.conf.arg(name="")]
    """What the run is."""
    plugin: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """A Python file with rewards or environments of your own; may be given several times."""
    resume: bool = False
    """Go on from the run's last checkpoint."""
    relabel: bool = False
    """With --resume, for dqn and sac: first give the whole replay buffer the rewards that --reward now pays. Frames are
    rendered from the states that --keep-states kept."""


def main() -> int:
    """Read the command line, train, and return the exit status."""
    return run_command_line(Arguments, run, __doc__, warnings=True)


def run(arguments: Arguments, console: Console) -> int:
    """Train with a progress bar."""
    for path in arguments.plugin:
        load_plugin(path)
    config = arguments.train
    trainer = ControlTrainer(config, resume=arguments.resume, relabel=arguments.relabel)
    with progress_bars(console) as progress:
        if arguments.relabel:
            relabel(trainer, progress)
        bar = progress.add_task(config.name, total=config.steps, completed=trainer.finished_steps, status="")

        def show(step: int, metrics: Metrics) -> None:
            if "eval/return" in metrics:
                progress.console.print(f"step {step}: evaluation, {figures(metrics, 'eval/')}", markup=False)
            speed = metrics["steps_per_second"]
            status = f"{figures(metrics)}  paid {metrics['reward/paid']:.3g}  {speed:.0f} steps/s"
            progress.update(bar, completed=min(step, config.steps), status=status)

        complete = trainer.train(show)
    if not complete:
        console.print(f"stopped after step {trainer.finished_steps}; the same command with --resume goes on")
        return 130
    console.print(f"finished: {config.folder / 'report.html'}", markup=False, soft_wrap=True)
    return 0


def relabel(trainer: ControlTrainer, progress: Progress) -> None:
    """Relabel the replay buffer with a progress bar."""
    bar = progress.add_task("relabel", total=None, status="")
    result = trainer.relabel(lambda done, total: progress.update(bar, completed=done, total=total))
    said = f"relabelled {result.steps} steps: {result.valid:.1%} have a score, {result.mean:.3g} a step on average"
    progress.console.print(said, markup=False)


def figures(metrics: Metrics, prefix: str = "") -> str:
    """Say in words what the task itself says of the episodes."""
    success = metrics[f"{prefix}success"]
    value = metrics["eval/return" if prefix else "reward/extrinsic"]
    known = "" if math.isnan(success) else f"success {success:.3f}, "
    return f"{known}return {value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
