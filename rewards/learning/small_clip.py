"""A small CLIP, trained from nothing on frames with captions: what a vision-language reward needs offline.

It is an ordinary folder of ``open_clip``, so that whatever loads a large model loads this one. It knows the tasks and
the sentences it was trained on, and shows that the machinery works; zero-shot ability it has none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError, unknown_name_message
from rewardium.rewards.learning.clip_examples import Examples
from rewardium.rewards.models.frames import FrameTransform
from rewardium.rewards.models.vision_encoder import CONFIG_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    from torch import Tensor

_VOCABULARY = 49_408
"""Of the tokenizer that comes with open_clip."""
_MEAN = _DEVIATION = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class ClipShape:
    """How large a model is: a residual network over images, a transformer over sentences.

    Args:
        width: Of the image tower's first layers; later ones are up to 32 times as wide.
        text_width: Of the text tower; a multiple of 16.
        text_layers: Of the text tower.
        dimensions: Length of the vectors.
        image_size: Height and width of the images; a multiple of 32.
        context_length: Tokens of a sentence.
    """

    width: int = 16
    text_width: int = 64
    text_layers: int = 2
    dimensions: int = 64
    image_size: int = 64
    context_length: int = 32

    def model_config(self) -> dict[str, Any]:
        """Return the ``model_cfg`` of ``open_clip``."""
        return {
            "embed_dim": self.dimensions,
            "vision_cfg": {
                "image_size": self.image_size, "layers": [1, 1, 1, 1], "width": self.width, "head_width": 64,
            },
            "text_cfg": {
                "context_length": self.context_length, "vocab_size": _VOCABULARY, "width": self.text_width,
                "heads": self.text_width // 16, "layers": self.text_layers,
            },
        }  # fmt: skip

    def preprocess_config(self) -> dict[str, Any]:
        """Return the ``preprocess_cfg`` of ``open_clip``."""
        size = self.image_size
        return {"size": size, "mean": _MEAN, "std": _DEVIATION, "interpolation": "bicubic", "resize_mode": "shortest"}


TINY = ClipShape(width=4, text_width=16, text_layers=1, dimensions=16, image_size=32, context_length=16)
"""For tests and examples."""
SIZES = {
    "tiny": ClipShape(width=8, text_width=48, dimensions=48),
    "small": ClipShape(),
    "medium": ClipShape(width=24, text_width=96, dimensions=96),
    "large": ClipShape(width=32, text_width=128, text_layers=3, dimensions=128),
}


@dataclass(frozen=True)
class ClipConfig:
    """How a small CLIP is built and trained."""

    size: str = "small"
    """Its size: tiny, small, medium or large, by width."""
    steps: int = 600
    """Number of optimizer steps."""
    batch_size: int = 256
    """Number of frames with their captions a step."""
    tasks_a_batch: int = 4
    """Number of tasks among which a batch is divided. Frames of one task are told apart by what they show, frames of
    different tasks by the scene, which teaches little: few tasks make harder batches."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW, after a rise over the first tenth of the steps and before a fall to 0."""
    weight_decay: float = 0.02
    """Of AdamW, on weight matrices."""
    seed: int = 0
    """Seed of weights and batches."""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise RewardiumError(unknown_name_message("size", str(self.size), SIZES))
        if min(self.steps, self.tasks_a_batch) < 1 or self.batch_size < 2 * self.tasks_a_batch:
            raise RewardiumError(f"steps and tasks_a_batch must be at least 1, batch_size twice the latter, got {self}")
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise RewardiumError(f"learning_rate must be above 0 and weight_decay at least 0, got {self}")


def build_clip(shape: ClipShape, seed: int) -> Any:
    """Build an untrained model of ``open_clip``.

    Raises:
        MissingExtraError: When ``open_clip`` is not installed.

    Example:
        >>> model = build_clip(TINY, seed=0)
        >>> model.visual.image_size
        32
    """
    try:
        import torch
        from open_clip import CLIP
    except ImportError as error:
        raise MissingExtraError(error.name or "open_clip", "vision") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIP(**shape.model_config())


def save_clip(model: Any, shape: ClipShape, folder: str | Path) -> None:
    """Write a model as ``open_clip`` reads it; each file is there as a whole or not at all.

    Args:
        model: The model.
        shape: What it was built from.
        folder: Created where it is missing; a model in it is replaced.

    Raises:
        RewardiumError: When the folder cannot be written.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    text = json.dumps({"model_cfg": shape.model_config(), "preprocess_cfg": shape.preprocess_config()}, indent=2)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        parts = {name: folder / f".{name}.part" for name in (WEIGHTS_FILE, CONFIG_FILE)}
        save_file(weights, parts[WEIGHTS_FILE])
        parts[CONFIG_FILE].write_text(text + "\n", encoding="utf-8")
        for name, part in parts.items():
            os.replace(part, folder / name)
    except OSError as error:
        raise RewardiumError(f"cannot write the model to {folder}: {error}") from error


def teach_clip(
    model: Any,
    shape: ClipShape,
    examples: Sequence[Examples],
    config: ClipConfig,
    *,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train a model, in place, so that frames and their captions get vectors that are alike.

    The loss is that of CLIP ("Learning Transferable Visual Models From Natural Language Supervision", 2021): among the
    captions of a batch, the frame's own is to be found, and the other way round. Where it is smallest, the similarity
    of a frame and a sentence is, up to scale and a constant, the logarithm of how much likelier the sentence is of this
    frame than of others. It therefore rises with the share of observers who would say the sentence of the frame.

    Args:
        model: The model.
        shape: What it was built from.
        examples: The frames of each task, with sentences to choose from.
        config: How to train.
        on_step: Called after each step with the number of steps done and the loss.

    Raises:
        RewardiumError: When there are no examples.
    """
    import torch
    from open_clip import ClipLoss

    if not examples or not all(len(task) for task in examples):
        raise RewardiumError("a CLIP model needs frames with captions to learn from, got none")
    optimizer = _optimizer(model, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, config.steps))
    loss_of, batches = ClipLoss(), _Batches(examples, shape, config)
    # Frames come with their channels last, which convolutions on a CPU read half as fast again.
    model.visual.to(memory_format=torch.channels_last)
    model.train()
    for step in range(1, config.steps + 1):
        images, tokens, sentence_of = next(batches)
        image_vectors = model.encode_image(images, normalize=True)
        text_vectors = model.encode_text(tokens, normalize=True)[sentence_of]
        loss = loss_of(image_vectors, text_vectors, model.logit_scale.exp())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0.0, float(np.log(100.0)))  # the paper's bound
        if on_step is not None:
            on_step(step, float(loss.detach()))
    model.eval()


def _rate(step: int, steps: int) -> float:
    """Return the share of the peak learning rate: a straight rise, then half a cosine."""
    rise = max(1, steps // 10)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1.0 + float(np.cos(np.pi * (step - rise) / max(1, steps - rise))))


def _optimizer(model: Any, config: ClipConfig) -> Any:
    import torch

    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


class _Batches(Iterator[tuple["Tensor", "Tensor", "Tensor"]]):
    """Draws images, the tokens of the distinct captions, and for each image the number of its caption."""

    def __init__(self, examples: Sequence[Examples], shape: ClipShape, config: ClipConfig) -> None:
        from open_clip import SimpleTokenizer

        self.examples = examples
        self.config = config
        self.transform = FrameTransform.from_config(shape.preprocess_config())
        self.tokenizer = SimpleTokenizer(context_length=shape.context_length)
        self.generator = np.random.default_rng(config.seed)
        self.tokens: dict[str, Tensor] = {}

    def __next__(self) -> tuple[Tensor, Tensor, Tensor]:
        import torch

        count = min(self.config.tasks_a_batch, len(self.examples))
        tasks = self.generator.choice(len(self.examples), size=count, replace=False)
        frames: list[NDArray[np.uint8]] = []
        captions: list[str] = []
        for index, task in enumerate(tasks):
            rows = self.config.batch_size * (index + 1) // count - self.config.batch_size * index // count
            drawn = self.examples[task].draw(rows, self.generator)
            frames.append(drawn[0])
            captions += drawn[1]
        # A sentence that stands there several times goes through the text tower once.
        distinct = {caption: number for number, caption in enumerate(dict.fromkeys(captions))}
        images = torch.cat([self.transform(torch.from_numpy(part)) for part in frames])
        tokens = torch.stack([self._tokens(caption) for caption in distinct])
        return images, tokens, torch.tensor([distinct[caption] for caption in captions])

    def _tokens(self, caption: str) -> Tensor:
        if caption not in self.tokens:
            self.tokens[caption] = self.tokenizer([caption])[0]
        return self.tokens[caption]
