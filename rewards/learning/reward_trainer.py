"""Training of reward models on comparisons: one loop for every head and every loss."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses import RewardLoss, Targets, make_loss
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.files import as_row
from rewardium.rewards.learning.preference_pairs import split_pairs
from rewardium.rewards.learning.reward_metrics import measure
from rewardium.rewards.learning.reward_model import TOKEN_BUDGET, RewardModel
from rewardium.rewards.learning.text_encoding import Encoded, batches_by_length

if TYPE_CHECKING:
    from torch import Tensor

Metrics = dict[str, float | None]
STATE_FILE, WEIGHTS_FILE, OPTIMIZER_FILE = "training.json", "weights.safetensors", "optimizer.pt"


@dataclass(frozen=True)
class TrainingConfig:
    """How a reward model is trained."""

    steps: int = 500
    """Gradient steps."""

    batch_size: int = 32
    """Comparisons a step."""

    learning_rate: float = 1e-4
    """Peak of AdamW; for a large pretrained base rather 3e-6 to 1e-5."""

    warmup: float = 0.05
    """Share of the steps in which the learning rate rises; it falls evenly after that."""

    weight_decay: float = 0.0
    """Of AdamW."""

    max_grad_norm: float = 1.0
    """Where the norm of the gradient is cut off."""

    loss: str = "bradley_terry"
    """What is minimised, by its registered name."""

    loss_settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the loss."""

    held_out: float = 0.1
    """Share of prompts on which nothing is trained, in [0, 1)."""

    eval_every: int = 100
    """Steps between measurements on what was held out; 0 for the end only."""

    checkpoint_every: int = 200
    """Steps between checkpoints, where there is a folder for them; 0 for none."""

    token_budget: int = TOKEN_BUDGET
    """Tokens in memory at once, padding included."""

    lora_rank: int = 0
    """Rank of adapters on all linear layers, which are trained in place of the base; 0 trains the base itself."""

    freeze_base: bool = False
    """Train the head alone."""

    meta_rate: float = 0.0
    """Step size of MetaRM, above 0 to use it: the loss is taken after a step that drives scores of responses apart."""

    seed: int = 0
    """Of batches, split, and what the base drops out."""

    def __post_init__(self) -> None:
        counts = {"steps": 1, "batch_size": 1, "token_budget": 1, "eval_every": 0, "checkpoint_every": 0}
        for name, least in {**counts, "lora_rank": 0}.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RewardiumError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if not (self.learning_rate > 0.0 and math.isfinite(self.learning_rate)):
            raise RewardiumError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0.0 <= self.held_out < 1.0 or not 0.0 <= self.warmup <= 1.0:
            raise RewardiumError(f"held_out must be in [0, 1), warmup in [0, 1], got {self.held_out}, {self.warmup}")
        if self.weight_decay < 0.0 or self.meta_rate < 0.0 or not self.max_grad_norm > 0.0:
            raise RewardiumError("weight_decay and meta_rate must be at least 0, max_grad_norm above 0")
        if self.lora_rank and self.freeze_base:
            raise RewardiumError("lora_rank trains adapters of the base, freeze_base nothing of it: choose one")


class _PromptSide(NamedTuple):
    """What ``split_pairs`` looks at: the prompt alone, so that all responses to it are on one side."""

    first: str
    second: str
    preference: float


def split_by_prompt(
    comparisons: Sequence[Comparison], held_out: float, seed: int = 0
) -> tuple[list[Comparison], list[Comparison]]:
    """Split comparisons into those to train on and those held out; no prompt of one row is on both sides.

    A comparison over several prompts goes where the first of them in alphabetical order belongs, and is left out of
    training where another of them is held out.

    Args:
        comparisons: All of them.
        held_out: The share of prompts to hold out, on average.
        seed: Another seed, another split.

    Returns:
        Those to train on and those held out, in their order.

    Example:
        >>> rows = [Comparison.of(str(number), ["a", "b"], 1.0) for number in range(100)]
        >>> trained, kept_back = split_by_prompt(rows, 0.2)
        >>> len(trained) + len(kept_back), 5 < len(kept_back) < 40
        (100, True)
    """
    prompts = sorted({prompt for row in comparisons for prompt in row.prompts})
    sides = [_PromptSide(prompt, "", 1.0) for prompt in prompts]
    kept_back = {side.first for side in split_pairs(sides, held_out, seed)[1]}
    trained = [row for row in comparisons if not kept_back.intersection(row.prompts)]
    return trained, [row for row in comparisons if min(row.prompts) in kept_back]


class RewardTrainer:
    """Trains a reward model on comparisons.

    Equal models, comparisons and configs give equal weights on one machine with one number of threads, also where a
    run goes on from a checkpoint. A batch is computed in parts that fit the token budget.

    MetaRM ("Secrets of RLHF in Large Language Models Part II", 2024; certainty: recalled) is on with ``meta_rate``:
    with the responses of ``unlabelled`` comparisons, the spread ``J = (2 / k^2) sum_{i<j} sigmoid(|r_i - r_j|)`` of
    the scores is raised by a step ``theta' = theta + rate * grad J``, and ``theta`` is moved along the gradient of
    the loss at ``theta'``. Give it responses of the policy as it is now; without any, those of the batch are taken.

    Args:
        model: What learns, in place.
        comparisons: All data; a share of the prompts is held out.
        config: How.
        unlabelled: Responses for MetaRM; their scores are not read.

    Raises:
        RewardiumError: When there is nothing to learn from, the loss needs what a comparison does not have, or a
            setting is wrong.
    """

    def __init__(
        self,
        model: RewardModel,
        comparisons: Sequence[Comparison],
        config: TrainingConfig | None = None,
        *,
        unlabelled: Sequence[Comparison] = (),
    ) -> None:
        import torch

        self.model = model
        self.config = config or TrainingConfig()
        self.loss: RewardLoss = make_loss(self.config.loss, self.config.loss_settings)
        self.trained, self.kept_back = split_by_prompt(comparisons, self.config.held_out, self.config.seed)
        check_usable(self.trained, self.loss, self.config.loss)
        self.unlabelled = [row for row in unlabelled if len(row.responses) > 1]
        self.finished_steps = 0
        self._encoded: dict[tuple[str, str], Encoded] = {}
        self._prepare(model)
        self.parameters = model.parameters()
        self.optimizer = torch.optim.AdamW(
            list(self.parameters.values()), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )

    def _prepare(self, model: RewardModel) -> None:
        import torch

        model.head.requires_grad_(True)
        model.base.requires_grad_(not self.config.freeze_base)
        if self.config.freeze_base and model.settings.head.kind == "log_ratio":
            raise RewardiumError("the head 'log_ratio' has no parameters of its own: do not freeze the base")
        if self.config.lora_rank:
            from peft import LoraConfig, get_peft_model

            rank = self.config.lora_rank
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.config.seed)
                adapters = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
                model.base = get_peft_model(model.base, adapters).to(model.device)

    def train(
        self,
        progress: Callable[[int, Metrics], None] | None = None,
        *,
        checkpoints: str | Path | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Metrics:
        """Train up to the config's number of steps.

        Args:
            progress: Called after each step with the steps done and the metrics; those of what was held out have
                ``eval/`` before their names.
            checkpoints: The folder of the checkpoint, written now and then and at the end.
            stop: Asked after each step; True ends the training, and leaves a checkpoint.

        Returns:
            The metrics of the last measurement.
        """
        config = self.config
        measured: Metrics = {}
        stopped = False
        while self.finished_steps < config.steps and not stopped:
            metrics = self._step(self.finished_steps)
            self.finished_steps += 1
            stopped = stop is not None and stop()
            last = self.finished_steps == config.steps
            if last or (config.eval_every and self.finished_steps % config.eval_every == 0):
                measured = self.evaluate()
                metrics |= {f"eval/{name}": value for name, value in measured.items()}
            due = config.checkpoint_every and self.finished_steps % config.checkpoint_every == 0
            if checkpoints is not None and (due or last or stopped):
                self.save_checkpoint(checkpoints)
            if progress is not None:
                progress(self.finished_steps, metrics)
        if self.finished_steps == config.steps:
            self.model.base.eval()
            self.model.scale = self._scale()
        return measured or self.evaluate()

    def evaluate(self) -> Metrics:
        """Measure the model on what was held out; see ``reward_metrics.measure``."""
        self.model.base.eval()
        found = measure(self.kept_back, self._scores(self.kept_back))
        return {**found, "comparisons": float(len(self.kept_back))}

    def _scores(self, comparisons: Sequence[Comparison]) -> list[NDArray[np.float64]]:
        prompts = [prompt for row in comparisons for prompt in row.prompts]
        responses = [response for row in comparisons for response in row.responses]
        flat = self.model.scores(prompts, responses, self.config.token_budget)
        ends = np.cumsum([len(row.responses) for row in comparisons])[:-1]
        return np.split(flat, ends) if comparisons else []

    def _scale(self) -> tuple[float, float]:
        some = self.trained[:: max(1, len(self.trained) // 1000)]
        scores = np.concatenate(self._scores(some))
        return float(scores.mean()), max(float(scores.std()), 1e-6)

    def _step(self, step: int) -> Metrics:
        import torch

        rate = self.config.learning_rate * learning_rate_factor(step, self.config.steps, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        rows = [self.trained[index] for index in self._batch(step)]
        self.model.base.train()
        devices = [self.model.device] if self.model.device.startswith("cuda") else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.config.seed * 1_000_003 + step)  # dropout is that of the step, also after a resume
            with self._moved_apart(rows, step):
                self.optimizer.zero_grad(set_to_none=True)
                loss, metrics = self._gradients(rows)
        norm = torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), self.config.max_grad_norm)
        if not (math.isfinite(loss) and bool(torch.isfinite(norm))):
            raise RewardiumError(f"the loss is {loss} at step {step + 1}: take a smaller learning_rate")
        self.optimizer.step()
        return {"loss": loss, "grad_norm": float(norm), "learning_rate": rate, **metrics}

    def _batch(self, step: int) -> list[int]:
        """Return the rows of a step: one permutation of all after the other."""
        size, number = self.config.batch_size, len(self.trained)
        places = range(step * size, (step + 1) * size)
        orders = {
            epoch: np.random.default_rng([self.config.seed, epoch]).permutation(number)
            for epoch in {place // number for place in places}
        }
        return [int(orders[place // number][place % number]) for place in places]

    def _gradients(self, rows: Sequence[Comparison]) -> tuple[float, Metrics]:
        """Add up the gradients of the mean loss over rows, in parts that fit the token budget."""
        total, sums, counts = 0.0, dict[str, float](), dict[str, float]()
        for part in self._parts(rows):
            share = len(part) / len(rows)
            loss, metrics = self.loss_of(part)
            if loss.requires_grad:
                (share * loss).backward()  # type: ignore[no-untyped-call]
            total += share * float(loss.detach())
            for name, value in metrics.items():
                sums[name], counts[name] = sums.get(name, 0.0) + share * value, counts.get(name, 0.0) + share
        return total, {name: value / counts[name] for name, value in sums.items()}

    def loss_of(self, rows: Sequence[Comparison]) -> tuple[Tensor, Mapping[str, float]]:
        """Return the mean loss over rows that are computed in one pass, with gradients, and what is worth logging."""
        return self.loss(self._scored(rows), Targets.of(rows, self.model.device))

    def _parts(self, rows: Sequence[Comparison]) -> Iterator[list[Comparison]]:
        """Yield rows together whose responses, all padded to the longest, fit the token budget."""
        tokens = [len(row.responses) * max(len(item.ids) for item in self._items(row)) for row in rows]
        for part in batches_by_length(tokens, self.config.token_budget):
            yield [rows[index] for index in part]

    def _items(self, row: Comparison) -> list[Encoded]:
        found = []
        for pair in zip(row.prompts, row.responses, strict=True):
            if pair not in self._encoded:
                self._encoded[pair] = self.model.encode(*pair)
            found.append(self._encoded[pair])
        return found

    def _scored(self, rows: Sequence[Comparison]) -> Tensor:
        """Return the scores of B rows of up to K responses, computed in one pass: [B, K], 0 where there is none."""
        import torch

        flat = self.model([item for row in rows for item in self._items(row)]).float()
        parts = torch.split(flat, [len(row.responses) for row in rows])
        return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)

    @contextmanager
    def _moved_apart(self, rows: Sequence[Comparison], step: int) -> Iterator[None]:
        """Move the weights to where MetaRM takes the gradient, and put them back."""
        import torch

        if not self.config.meta_rate:
            yield
            return
        others = self.unlabelled or [row for row in rows if len(row.responses) > 1]
        drawn = np.random.default_rng([self.config.seed, step, 1]).permutation(len(others))[: len(rows)]
        self.optimizer.zero_grad(set_to_none=True)
        chosen = [others[index] for index in drawn]
        for part in self._parts(chosen):
            scores, sizes = self._scored(part), [len(row.responses) for row in part]
            apart = torch.stack([spread(own[:k]) for own, k in zip(scores, sizes, strict=True)]).sum() / len(chosen)
            apart.backward()  # type: ignore[no-untyped-call]
        before = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        with torch.no_grad():
            for parameter in self.parameters.values():
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=self.config.meta_rate)
        yield
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(before[name])

    def fingerprint(self) -> str:
        """Return a digest of data and config, by which a checkpoint knows what it belongs to."""
        settings = {**asdict(self.config), "eval_every": 0, "checkpoint_every": 0}
        digest = hashlib.blake2b(json.dumps(settings, sort_keys=True, default=str).encode(), digest_size=8)
        digest.update(json.dumps(asdict(self.model.settings), sort_keys=True).encode())
        for row in self.trained:
            digest.update(json.dumps(as_row(row)).encode())
        return digest.hexdigest()

    def save_checkpoint(self, folder: str | Path) -> None:
        """Write weights, optimizer and step; the file with the step comes last and makes the checkpoint valid.

        Raises:
            RewardiumError: When it cannot be written.
        """
        import torch
        from safetensors.torch import save_file

        folder = Path(folder)
        name = f"{self.finished_steps:08d}"
        weights = {key: value.detach().contiguous().cpu() for key, value in self.parameters.items()}
        state = {"step": self.finished_steps, "fingerprint": self.fingerprint(), "name": name}
        try:
            own = folder / name
            own.mkdir(parents=True, exist_ok=True)
            save_file(weights, own / WEIGHTS_FILE)
            torch.save(self.optimizer.state_dict(), own / OPTIMIZER_FILE)
            part = folder / f".{STATE_FILE}.part"
            part.write_text(json.dumps(state) + "\n", encoding="utf-8")
            os.replace(part, folder / STATE_FILE)
            for other in folder.glob("[0-9]" * 8):
                if other.name != name:
                    _remove(other)
        except OSError as error:
            raise RewardiumError(f"cannot write a checkpoint to {folder}: {error}") from error

    def load_checkpoint(self, folder: str | Path) -> bool:
        """Go on from a checkpoint.

        Args:
            folder: Where ``save_checkpoint`` wrote.

        Returns:
            False where there is none.

        Raises:
            RewardiumError: When it is damaged, or belongs to other data or another config.
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        folder = Path(folder)
        if not (folder / STATE_FILE).is_file():
            return False
        try:
            state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
            if state["fingerprint"] != self.fingerprint():
                raise RewardiumError(
                    f"the checkpoint in {folder} belongs to other data or another config; train into another folder"
                )
            own = folder / str(state["name"])
            weights = load_file(own / WEIGHTS_FILE)
            if {key: value.shape for key, value in weights.items()} != {
                key: value.shape for key, value in self.parameters.items()
            }:
                raise RewardiumError(f"the checkpoint in {folder} belongs to another model")
            with torch.no_grad():
                for key, parameter in self.parameters.items():
                    parameter.copy_(weights[key])
            self.optimizer.load_state_dict(torch.load(own / OPTIMIZER_FILE, weights_only=True))
            self.finished_steps = int(state["step"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise RewardiumError(f"the checkpoint in {folder} is damaged: {error!r}") from error
        return True


def _remove(folder: Path) -> None:
    for name in (WEIGHTS_FILE, OPTIMIZER_FILE):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def spread(scores: Tensor) -> Tensor:
    """Return ``(2 / k^2) sum_{i<j} sigmoid(|r_i - r_j|)``, how far k scores lie apart.

    Example:
        >>> import torch
        >>> spread(torch.zeros(2)).item()
        0.25
    """
    distance = (scores[:, None] - scores[None, :]).abs().sigmoid()
    return 2.0 / len(scores) ** 2 * distance.triu(diagonal=1).sum()


def learning_rate_factor(step: int, steps: int, warmup: float, floor: float = 0.05) -> float:
    """Return what the peak learning rate is multiplied by: a rise over a share of the steps, then an even fall.

    Example:
        >>> [round(learning_rate_factor(step, 100, 0.1), 2) for step in (0, 9, 55, 99)]
        [0.1, 1.0, 0.5, 0.05]
    """
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return max(floor, 1.0 - (step - rising) / max(1, steps - rising))


def check_usable(comparisons: Sequence[Comparison], loss: RewardLoss, name: str) -> None:
    """Refuse to train where a loss finds nothing to learn.

    Raises:
        RewardiumError: Naming the first comparison that lacks what the loss needs, or saying that there is none.
    """
    if not comparisons:
        raise RewardiumError("there are no comparisons to train on: give more data, or hold out less")
    if loss.needs == "scores":
        for number, row in enumerate(comparisons, start=1):
            if row.scores is None:
                raise RewardiumError(
                    f"the loss {name!r} needs a score of each response; comparison {number}, of the prompt "
                    f"{row.prompts[0][:60]!r}, has a preference only"
                )
    elif not any(row.pairs for row in comparisons):
        raise RewardiumError(
            f"the loss {name!r} needs pairs of which one is better; all {len(comparisons)} comparisons are ties or "
            "single responses"
        )


def label_counts(comparisons: Sequence[Comparison]) -> Mapping[str, int]:
    """Return what a data set consists of, for a model card.

    Example:
        >>> label_counts([Comparison.of("?", ["a", "b", "c"], scores=[1, 0, 0])])["pairs"]
        2
    """
    return {
        "comparisons": len(comparisons),
        "prompts": len({prompt for row in comparisons for prompt in row.prompts}),
        "responses": sum(len(row.responses) for row in comparisons),
        "pairs": sum(row.pairs for row in comparisons),
        "ties": sum(not row.pairs for row in comparisons if len(row.responses) > 1),
    }
