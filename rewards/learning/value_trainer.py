"""Training of token-level value models: every token of a response learns what its prefix is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses import Targets
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.prefix_tree import PrefixTree
from rewardium.rewards.learning.reward_trainer import Metrics, RewardTrainer

if TYPE_CHECKING:
    from torch import Tensor

LOSSES = ("outcome_cross_entropy", "regression")
"""The losses that learn from one number and its label."""


@implements("A10", what="class TokenValueTrainer")
class TokenValueTrainer(RewardTrainer):
    """Trains a reward model at every token of the responses, on the values of their prefixes.

    From "Token-Supervised Value Models for Enhancing Mathematical Reasoning Capabilities of Large Language Models"
    (2024; certainty: recalled): the label of a token is the mean score of the responses to its prompt that begin with
    the same tokens up to there (``prefix_tree.prefix_values``), and the paper's loss is the squared distance, here
    ``regression``; ``outcome_cross_entropy`` learns the same values as probabilities. The loss of a comparison is the
    mean over the tokens of its responses. What is held out is measured as in ``RewardTrainer`` by the values of whole
    responses, and by ``token_loss``.

    Args:
        model: What learns, in place; its head must be of the kind ``last``.
        comparisons: Groups of responses to prompts, with scores; the more to a prompt, the more of their prefixes meet.
        config: How, with one of ``LOSSES``.

    Raises:
        RewardiumError: When the head or the loss is another, or a comparison has no scores.
    """

    def __init__(self, model: Any, comparisons: Sequence[Comparison], config: Any = None) -> None:
        super().__init__(model, comparisons, config)
        if model.settings.head.kind != "last":
            raise RewardiumError(
                f"values of prefixes need a head of the kind 'last', which reads nothing behind a token, got "
                f"{model.settings.head.kind!r}"
            )
        if self.config.loss not in LOSSES:
            raise RewardiumError(f"values of prefixes need a loss of {' or '.join(LOSSES)}, got {self.config.loss!r}")
        self._labels: dict[tuple[str, str], NDArray[np.float32]] = {}
        for side in (self.trained, self.kept_back):
            self._labels.update(self._prefix_labels(side))

    def _prefix_labels(self, rows: Sequence[Comparison]) -> dict[tuple[str, str], NDArray[np.float32]]:
        """Return the label of each token of each response, over all rows with its prompt."""
        trees: dict[str, PrefixTree] = {}
        places: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            for prompt, response, item, score in zip(
                row.prompts, row.responses, self._items(row), row.factor("scores"), strict=True
            ):
                path = item.ids[item.start :]
                places[prompt, response] = trees.setdefault(prompt, PrefixTree()).add(path, score)
        return {
            (prompt, response): np.array([trees[prompt].value(node) for node in nodes], dtype=np.float32)
            for (prompt, response), nodes in places.items()
        }

    def loss_of(self, rows: Sequence[Comparison]) -> tuple[Tensor, Mapping[str, float]]:
        """Return the mean over rows of the mean loss of a row's tokens, and what is worth logging."""
        import torch

        values = iter(self.model.prefix_values([item for row in rows for item in self._items(row)]))
        losses, metrics = [], dict[str, list[float]]()
        for row in rows:
            scores = torch.cat([next(values) for _ in row.responses]).float()[:, None]
            labels = np.concatenate([self._labels[pair] for pair in zip(row.prompts, row.responses, strict=True)])
            loss, found = self.loss(scores, _targets(torch.from_numpy(labels).to(scores.device)))
            losses.append(loss)
            for name, value in found.items():
                metrics.setdefault(name, []).append(value)
        return torch.stack(losses).mean(), {name: float(np.mean(column)) for name, column in metrics.items()}

    def evaluate(self) -> Metrics:
        """Measure whole responses, and the loss at the tokens of what was held out."""
        import torch

        found = super().evaluate()
        with torch.inference_mode():
            losses = [len(part) * float(self.loss_of(part)[0]) for part in self._parts(self.kept_back)]
        return {**found, "token_loss": sum(losses) / len(self.kept_back) if losses else None}

    def fingerprint(self) -> str:
        """Return a digest that differs from that of a trainer of whole responses."""
        return f"{super().fingerprint()}-tokens"


def _targets(labels_T: Tensor) -> Targets:
    """Return the targets of T tokens, each a row of its own, so that memory grows with T and not with its square."""
    import torch

    count = len(labels_T)
    nan = labels_T.new_full((count, 1, 1), float("nan"))
    mask = torch.ones(count, 1, dtype=torch.bool, device=labels_T.device)
    return Targets(mask, labels_T[:, None], nan, torch.ones_like(nan))
