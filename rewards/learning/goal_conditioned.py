"""Reward models whose states say, in the middle of a response, where it is going."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses import Targets
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.reward_model import TOKEN_BUDGET, RewardModel
from rewardium.rewards.learning.reward_trainer import RewardTrainer, TrainingConfig
from rewardium.rewards.learning.text_encoding import batches_by_length

if TYPE_CHECKING:
    from torch import Tensor

GOAL = "goal"
"""Where the notes of a reward model keep the goal."""


@dataclass(frozen=True)
class GoalSettings:
    """How states learn where a response goes.

    Args:
        weight: Of the contrast beside the loss of the scores, at least 0; between 0.1 and 1 in the paper, recalled.
        temperature: What cosines are divided by, above 0; reconstructed.
        draws: Positions that are drawn in each pair of responses and step, at least 1.

    Raises:
        RewardiumError: When a setting is out of its range.
    """

    weight: float = 0.5
    temperature: float = 0.2
    draws: int = 4

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight < 1e6 or not 0.0 < self.temperature < 1e6:
            raise RewardiumError(
                f"weight must be at least 0 and temperature above 0, got {self.weight} and {self.temperature}"
            )
        if isinstance(self.draws, bool) or not isinstance(self.draws, int) or self.draws < 1:
            raise RewardiumError(f"draws must be a whole number of at least 1, got {self.draws!r}")


def goal_contrast(source: Tensor, reached: Tensor, missed: Tensor, temperature: float) -> Tensor:
    """Return ``-log sigmoid(cos(s, g+) / tau) - log(1 - sigmoid(cos(s, g-) / tau))`` for each of N states.

    Args:
        source: float [N, D], states within good responses.
        reached: float [N, D], later states of the same responses.
        missed: float [N, D], states of worse responses to the same prompts.
        temperature: tau.

    Returns:
        float [N].

    Example:
        >>> import torch
        >>> ahead, aside = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> round(float(goal_contrast(ahead, 3.0 * ahead, aside, 1.0)), 4)  # log(1 + e^-1) + log 2
        1.0064
    """
    from torch.nn.functional import cosine_similarity, logsigmoid

    toward, away = (cosine_similarity(source, goal, dim=-1) / temperature for goal in (reached, missed))
    return -logsigmoid(toward) - logsigmoid(-away)


@implements("B74", what="class GoalTrainer")
class GoalTrainer(RewardTrainer):
    """Trains a reward model with a contrast of states: within a good response, the present is near what comes later.

    From "Learning Goal-Conditioned Representations for Language Reward Models", arXiv 2407.13887 (2024). In each pair
    of a better and a worse response a position of the better one is drawn, a later position of it as a goal that was
    reached, and a position of the worse one as a goal that was not; ``goal_contrast`` is added to the loss of the
    scores. After it the state of a prefix tells how the response will end, by its cosine with the mean last state of
    good responses (``goal_of``): see ``goal_values``. Certainty: the loss recalled, its constants reconstructed.

    Args:
        model: What learns, in place; its head must be of the kind ``last``.
        comparisons: All data; those without a decided pair have no contrast.
        config: How; ``token_budget`` bounds the responses of a pass.
        settings: Of the contrast.

    Raises:
        RewardiumError: When the head is of another kind, or as for ``RewardTrainer``.
    """

    def __init__(
        self,
        model: RewardModel,
        comparisons: Sequence[Comparison],
        config: TrainingConfig | None = None,
        *,
        settings: GoalSettings | None = None,
    ) -> None:
        super().__init__(model, comparisons, config)
        if model.settings.head.kind != "last":
            raise RewardiumError(f"goals need a head of the kind 'last', got {model.settings.head.kind!r}")
        self.settings = settings or GoalSettings()

    def loss_of(self, rows: Sequence[Comparison]) -> tuple[Tensor, Mapping[str, float]]:
        """Return the mean loss over rows of scores and contrast, from one pass."""
        import torch

        items = [self.model.encode(*pair) for row in rows for pair in zip(row.prompts, row.responses, strict=True)]
        states = self.model.response_states(items)
        weight = next(self.model.head.parameters())
        flat = self.model.head(torch.stack([own[-1] for own in states]).to(weight.dtype))[:, 0].float()
        sizes = [len(row.responses) for row in rows]
        scores = torch.nn.utils.rnn.pad_sequence(list(flat.split(sizes)), batch_first=True)
        loss, metrics = self.loss(scores, Targets.of(rows, self.model.device))
        ends = np.cumsum([0, *sizes]).tolist()
        contrasts = [
            self._contrast(row, states[start:end]) for row, start, end in zip(rows, ends[:-1], ends[1:], strict=True)
        ]
        contrast = torch.stack(contrasts).mean()
        return loss + self.settings.weight * contrast, {**metrics, "contrast": float(contrast.detach())}

    def _contrast(self, row: Comparison, states: Sequence[Tensor]) -> Tensor:
        """Draw a pair of responses and positions in them; 0 where there is no pair or no later position."""
        prompt = zlib.crc32(row.prompts[0].encode("utf-8", "surrogatepass"))
        rng = np.random.default_rng([self.config.seed, self.finished_steps, prompt])
        pairs = np.argwhere(row.wins() > 0.5)
        pairs = pairs[[len(states[better]) > 1 for better, _ in pairs.tolist()]] if len(pairs) else pairs
        if not len(pairs):
            return states[0].new_zeros(())
        better, worse = (states[place] for place in pairs[rng.integers(len(pairs))].tolist())
        source = rng.integers(len(better) - 1, size=self.settings.draws)
        reached = rng.integers(source + 1, len(better))
        missed = rng.integers(len(worse), size=self.settings.draws)
        drawn = (better[source.tolist()], better[reached.tolist()], worse[missed.tolist()])
        return goal_contrast(*drawn, self.settings.temperature).mean()


def goal_of(model: RewardModel, prompts: Sequence[str], responses: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean last state of good responses, and note it in the model, where ``save`` keeps it.

    Args:
        model: What ``GoalTrainer`` trained.
        prompts: Length N, at least 1.
        responses: Length N, good ones.

    Returns:
        float64 [D].

    Raises:
        RewardiumError: When there is no response.
    """
    if not responses:
        raise RewardiumError("a goal is the mean of good responses, and there is none")
    goal = np.mean([states[-1] for states in _states(model, prompts, responses)], axis=0)
    model.notes[GOAL] = goal.tolist()
    return np.asarray(goal, dtype=np.float64)


def goal_values(model: RewardModel, prompts: Sequence[str], responses: Sequence[str]) -> list[NDArray[np.float64]]:
    """Return how near each prefix of a response is to the goal: ``Q = cos(h_t, goal)``.

    The paper drops responses whose Q falls below a threshold half way, before a vote among the rest, and weighs the
    tokens to come by Q.

    Args:
        model: With a goal, see ``goal_of``.
        prompts: Length N.
        responses: Length N.

    Returns:
        Of each response float64 [T] in [-1, 1], T its tokens, the one that ends it included.

    Raises:
        RewardiumError: When the model has no goal.
    """
    goal = np.array(model.notes.get(GOAL) or [], dtype=np.float64)
    if not goal.size:
        raise RewardiumError("the reward model has no goal: GoalTrainer trains one for it, and goal_of notes it")
    length = max(float(np.linalg.norm(goal)), 1e-12)
    found = []
    for states in _states(model, prompts, responses):
        lengths = np.linalg.norm(states, axis=1).clip(min=1e-12)
        found.append(np.asarray(states @ goal / (lengths * length), dtype=np.float64))
    return found


def _states(model: RewardModel, prompts: Sequence[str], responses: Sequence[str]) -> list[NDArray[np.float64]]:
    import torch

    rows = [model.encode(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
    found: list[NDArray[np.float64]] = [np.zeros((0, 0))] * len(rows)
    with torch.inference_mode():
        for batch in batches_by_length([len(row.ids) for row in rows], TOKEN_BUDGET):
            states = model.response_states([rows[index] for index in batch])
            for index, own in zip(batch, states, strict=True):
                found[index] = own.double().cpu().numpy()
    return found
