"""What a vision-language reward costs beside its bare encoder: images per second, and memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rewardium.envs.errors import RewardiumError

WARM_UP = 1  # turns that are not counted
BARE, SOURCE = "bare encoder", "vlm_rm"


@dataclass
class Config:
    """Let the source ``vlm_rm`` and its bare encoder take turns, then score a rollout in a process of its own.

    The bare encoder is ``open_clip``'s own ``encode_image`` on images that are ready for it.
    """

    clip: str | None = None
    """The encoder; by default a model of the small size with random weights, which is as fast as a trained one."""
    batch: int = 128
    """Frames that each side gets at once."""
    frame_size: int | None = None
    """Height and width of the frames; by default what the encoder sees, so that nothing is resized."""
    alpha: float = 0.5
    """Strength of the baseline."""
    turns: int = 15
    """How often the sides take turns."""
    batches: int = 4
    """Batches of each turn."""
    rollout: int = 10_000
    """Frames of the rollout whose memory is measured."""
    threads: int = 1
    """Threads of the mathematics."""
    json: Path | None = None
    """Also write what was measured to this file."""


def run(config: Config) -> dict[str, Any]:
    """Measure images per second in turns, and the peak memory of scoring a rollout."""
    if min(config.batch, config.turns, config.batches, config.rollout, config.threads) < 1:
        raise RewardiumError(f"batch, turns, batches, rollout and threads must be at least 1, got {config}")
    with TemporaryDirectory(prefix="rewardium-clip-") as folder:
        clip = config.clip or write_random_clip(folder)
        times = take_turns(config, clip)
        memory = memory_of_a_rollout(config, clip)
    return as_result(config, times, memory)


def write_random_clip(folder: str) -> str:
    """Write a model of the small size that has learned nothing."""
    from rewardium.rewards.learning.small_clip import SIZES, build_clip, save_clip

    save_clip(build_clip(SIZES["small"], seed=0), SIZES["small"], folder)
    return folder


def take_turns(config: Config, clip: str) -> dict[str, list[float]]:
    """Return the seconds of each turn, by side."""
    sides = make_sides(config, clip)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(config.turns + WARM_UP):
        for name, score in sides.items():
            start = time.perf_counter()
            for _ in range(config.batches):
                score()
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    return times


def make_sides(config: Config, clip: str) -> dict[str, Callable[[], Any]]:
    """Return what each side does with one batch."""
    import torch

    torch.set_num_threads(config.threads)
    source = make_source(config, clip)
    encoder = source.encoder
    batch = make_batch(config.batch, config.frame_size or encoder.image_size)
    frames = torch.stack([torch.from_numpy(frame) for frame in batch.frames])
    images = encoder.transform(frames.to(encoder.device), encoder.dtype)

    def bare() -> Any:
        with torch.inference_mode():
            return encoder.model.encode_image(images, normalize=True).float().cpu()

    return {BARE: bare, SOURCE: lambda: source.score(batch)}


def make_source(config: Config, clip: str) -> Any:
    """Build the source."""
    from rewardium.rewards.sources.vlm_rm import VlmRm

    return VlmRm(clip, "a humanoid robot kneeling", "a humanoid robot", config.alpha)


def make_batch(rows: int, size: int) -> Any:
    """Make transitions with frames of noise; what a frame shows takes no longer."""
    import numpy as np

    from rewardium.envs.transition import Transition, TransitionBatch

    frames = np.random.default_rng(0).integers(0, 256, (rows, size, size, 3), dtype=np.uint8)
    return TransitionBatch.from_transitions([Transition(None, None, None, frame=frame) for frame in frames])


def memory_of_a_rollout(config: Config, clip: str) -> float:
    """Return the mebibytes by which the peak of a new process rises while it scores a rollout.

    Model and frames are in memory before, and one small batch has been scored, so that only the scoring counts.
    """
    arguments = [str(Path(__file__).resolve()), clip, str(config.rollout), str(config.frame_size or 0)]
    arguments += [str(config.alpha), str(config.threads)]
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RewardiumError(f"scoring a rollout failed: {result.stderr.strip()[-500:]}")
    return float(result.stdout)


def score_a_rollout(clip: str, rollout: str, frame_size: str, alpha: str, threads: str) -> None:
    """Print how far the peak memory rises; the body of the process of ``memory_of_a_rollout``."""
    import torch

    torch.set_num_threads(int(threads))
    source = make_source(Config(alpha=float(alpha)), clip)
    batch = make_batch(int(rollout), int(frame_size) or source.encoder.image_size)
    source.score(batch[:8])
    before = peak_mebibytes()
    source.score(batch)
    print(peak_mebibytes() - before)


def peak_mebibytes() -> float:
    """Return the most memory that this process ever had, in mebibytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def as_result(config: Config, times: dict[str, list[float]], memory: float) -> dict[str, Any]:
    """Compare each turn of the source with the turn of the bare encoder beside it."""
    images = config.batch * config.batches
    share = statistics.median(bare / own for bare, own in zip(times[BARE], times[SOURCE], strict=True))
    rows = [
        {
            "side": name,
            "images per second (median)": images / statistics.median(measured),
            "slowest turn": images / max(measured),
            "fastest turn": images / min(measured),
        }
        for name, measured in times.items()
    ]
    return {
        "title": f"{config.clip or 'random weights of the small size'}, {config.batch} frames at once",
        "table": rows,
        "summary": {
            "images/s of the source beside the bare encoder (median of paired turns)": share,
            f"MiB for scoring {config.rollout} frames, over model and frames": memory,
        },
        "notes": ["The source also turns bytes into numbers, and resizes where frames have another size."],
    }


if __name__ == "__main__":
    score_a_rollout(*sys.argv[1:])
