"""What the scripts that make small policies share: where a policy may go, and how it is taught."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _progress import progress_bars
from rich.console import Console

from rewardium.envs.errors import RewardiumError


def teach(pretrain: Callable[..., None], out: Path, config: Any, *, threads: int, console: Console) -> str:
    """Pre-train a policy with a progress bar.

    Args:
        pretrain: Makes the policy, from its folder, its config and ``on_step``.
        out: The folder; a policy that is there already is replaced.
        config: How it is taught.
        threads: Threads of the mathematics.
        console: Where to tell.

    Returns:
        What was written and how long it took, in words.

    Raises:
        RewardiumError: When the folder holds something else.
    """
    if out.is_dir() and any(out.iterdir()) and not (out / "pretraining.yaml").is_file():
        raise RewardiumError(f"{out} holds something that is no pre-trained policy; choose another --out")
    import torch
    from transformers.utils import logging

    torch.set_num_threads(threads)
    logging.disable_progress_bar()
    start, start_cpu = time.perf_counter(), time.process_time()
    with progress_bars(console, elapsed=True, status="loss {task.fields[loss]:.3f}") as progress:
        bar = progress.add_task("pre-training", total=config.steps, loss=float("nan"))
        pretrain(out, config, on_step=lambda step, loss: progress.update(bar, completed=step, loss=loss))
    seconds, seconds_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return f"wrote {out} in {seconds:.0f} s ({seconds_cpu:.0f} s of CPU)"
