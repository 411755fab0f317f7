"""Several responses to one prompt in a single pass of a reward model: side by side, or in view of each other."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.heads import token_parts
from rewardium.rewards.learning.losses import Targets
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.reward_model import RewardModel
from rewardium.rewards.learning.reward_trainer import RewardTrainer, TrainingConfig
from rewardium.rewards.learning.text_encoding import Encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class Packed(NamedTuple):
    """A prompt and K responses as one sequence of S tokens.

    Args:
        ids: Length S: the prompt's tokens, then those of each response, which ends with its own ending token.
        block: Length S: 0 for the prompt, k for the k-th response, from 1.
        places: Length S: the position that each token is read at.
    """

    ids: list[int]
    block: list[int]
    places: list[int]


def pack(rows: Sequence[Encoded], *, see_each_other: bool = False) -> Packed:
    """Lay a prompt and K responses out as one sequence.

    Args:
        rows: Each the prompt and one response.
        see_each_other: Whether a response is read behind those before it. If not, each is read as if it stood behind
            the prompt alone, and takes its positions from there.

    Returns:
        The sequence.

    Raises:
        RewardiumError: When there is no response, or the prompts differ, as they do where a long one was cut.

    Example:
        >>> rows = [Encoded((7, 8, 1, 0), 2, ()), Encoded((7, 8, 2, 3, 0), 2, ())]
        >>> pack(rows)
        Packed(ids=[7, 8, 1, 0, 2, 3, 0], block=[0, 0, 1, 1, 2, 2, 2], places=[0, 1, 2, 3, 2, 3, 4])
    """
    prompts = {row.ids[: row.start] for row in rows}
    if len(prompts) != 1:
        raise RewardiumError(
            f"responses are read together with one prompt, got {len(prompts)} prompts in {len(rows)} rows; texts that "
            "are too long are cut and must be read one by one"
        )
    (prompt,) = prompts
    ids, block = list(prompt), [0] * len(prompt)
    places = list(range(len(prompt)))
    for number, row in enumerate(rows, start=1):
        own = row.ids[row.start :]
        start = len(ids) if see_each_other else len(prompt)
        places += range(start, start + len(own))
        ids += own
        block += [number] * len(own)
    return Packed(ids, block, places)


def attention_of(block: Tensor, *, see_each_other: bool = False) -> Tensor:
    """Say which tokens may look at which: those before them, in the prompt or in their own response.

    Args:
        block: int64 [S].
        see_each_other: Whether all tokens before are seen.

    Returns:
        bool [S, S], the first dimension looks at the second.

    Example:
        >>> import torch
        >>> attention_of(torch.tensor([0, 1, 2])).int().tolist()
        [[1, 0, 0], [1, 1, 0], [1, 0, 1]]
    """
    import torch

    before = torch.ones(len(block), len(block), dtype=torch.bool, device=block.device).tril()
    return before if see_each_other else before & ((block[:, None] == block[None, :]) | (block[None, :] == 0))


def packed_scores(model: RewardModel, rows: Sequence[Encoded], *, see_each_other: bool = False) -> Tensor:
    """Score K responses to one prompt in a single pass.

    Without seeing each other, the scores are those of K passes but for rounding, and the prompt is read once.

    Args:
        model: A reward model on a causal language model, with a head of the kind ``"last"`` or ``"mean"``.
        rows: The prompt with each response, see ``RewardModel.encode``.
        see_each_other: Whether a response is read behind those before it.

    Returns:
        float [K], with gradients where they are on.

    Raises:
        RewardiumError: When the prompts differ, the head is of another kind, or all together are longer than the model
            can read.
    """
    import torch

    kind = model.settings.head.kind
    packed = pack(rows, see_each_other=see_each_other)
    require_readable(model, packed)
    ids, block, places = (torch.tensor(column, device=model.device) for column in packed)
    weight = next(model.base.parameters())
    seen = attention_of(block, see_each_other=see_each_other)
    bias = torch.zeros(seen.shape, dtype=weight.dtype, device=model.device)
    bias = bias.masked_fill(~seen, torch.finfo(weight.dtype).min)
    states = model.base(
        input_ids=ids[None], attention_mask=bias[None, None], position_ids=places[None], use_cache=False
    ).last_hidden_state[0]
    values = model.head(states.to(next(model.head.parameters()).dtype))[..., 0]
    own = block[None, :] == torch.arange(1, len(rows) + 1, device=model.device)[:, None]
    return token_parts(kind, values.expand(len(rows), -1), own).sum(1)


def require_readable(model: RewardModel, packed: Packed) -> None:
    """Refuse what a reward model cannot read in one pass.

    Raises:
        RewardiumError: When the head has no states to read, or the model too few positions.
    """
    if model.settings.head.kind == "log_ratio":
        raise RewardiumError("responses are read together by a model with states, not by one with the head 'log_ratio'")
    longest = int(getattr(model.base.config, "max_position_embeddings", None) or 1 << 30)
    if max(packed.places) >= longest:
        raise RewardiumError(f"the responses need {max(packed.places) + 1} positions, and the model has {longest}")


def scores_together(
    model: RewardModel, prompt: str, responses: Sequence[str], *, orders: int = 1, seed: int = 0
) -> NDArray[np.float64]:
    """Score responses to one prompt in view of each other, averaged over orders.

    A response is read behind those before it, so that its score depends on its place; the first order is that given,
    the others are drawn.

    Args:
        model: What ``MultiResponseTrainer`` trained.
        prompt: The prompt.
        responses: K responses.
        orders: Over how many orders the mean is taken.
        seed: Of the orders.

    Returns:
        float64 [K].

    Raises:
        RewardiumError: See ``packed_scores``.
    """
    import torch

    rng = np.random.default_rng(seed)
    rows = [model.encode(prompt, response) for response in responses]
    total = np.zeros(len(rows))
    with torch.inference_mode():
        for number in range(orders):
            order = rng.permutation(len(rows)) if number else np.arange(len(rows))
            found = packed_scores(model, [rows[place] for place in order.tolist()], see_each_other=True)
            total[order] += found.double().cpu().numpy()
    return total / orders


@implements("B22", what="class MultiResponseTrainer")
class MultiResponseTrainer(RewardTrainer):
    """Trains a reward model that reads all responses to a prompt in one pass, each in view of those before it.

    From "You Only Judge Once: Multi-response Reward Modeling in a Single Forward Pass" (2026): the responses stand
    behind the prompt, separated by a token, a response's score is the head's at its last token, and the loss is
    ``listwise``. The head is two layers with SiLU, 1,024 wide in the paper (``HeadSettings(layers=2, width=1024)``).
    Certainty: read in its README; its learning rate is 1e-4 with adapters of rank 128. The separating token is here the
    one that ends each response. Each step shows the responses in a new order, since place matters to a causal model;
    what is held out is measured over ``orders`` of them.

    All arguments are those of ``RewardTrainer``.

    Raises:
        RewardiumError: When the responses of a comparison cannot be read together (several prompts, or too long), the
            head is ``"log_ratio"``, MetaRM is on, which reads them one by one, or as for ``RewardTrainer``.
    """

    orders = 2

    def __init__(
        self, model: RewardModel, comparisons: Sequence[Comparison], config: TrainingConfig | None = None
    ) -> None:
        super().__init__(model, comparisons, config)
        if self.config.meta_rate:
            raise RewardiumError("responses that are read together cannot be moved apart one by one: leave meta_rate")
        for row in comparisons:
            require_readable(model, pack(self._in_order(row), see_each_other=True))

    def loss_of(self, rows: Sequence[Comparison]) -> tuple[Tensor, Mapping[str, float]]:
        """Return the mean loss over rows, each read in one pass and in an order of this step's own."""
        import torch

        scores = []
        for row in rows:
            prompt = zlib.crc32(row.prompts[0].encode("utf-8", "surrogatepass"))
            rng = np.random.default_rng([self.config.seed, self.finished_steps, prompt])
            order = rng.permutation(len(row.responses))
            found = packed_scores(self.model, self._in_order(row, order.tolist()), see_each_other=True).float()
            scores.append(found[torch.from_numpy(np.argsort(order)).to(found.device)])
        padded = torch.nn.utils.rnn.pad_sequence(scores, batch_first=True)
        return self.loss(padded, Targets.of(rows, self.model.device))

    def _in_order(self, row: Comparison, order: Sequence[int] | None = None) -> list[Encoded]:
        places = range(len(row.responses)) if order is None else order
        return [self.model.encode(row.prompts[place], row.responses[place]) for place in places]

    def _scores(self, comparisons: Sequence[Comparison]) -> list[NDArray[np.float64]]:
        return [scores_together(self.model, row.prompts[0], row.responses, orders=self.orders) for row in comparisons]
