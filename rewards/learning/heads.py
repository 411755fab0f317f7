"""How a language model's states become one number a response, and that number's parts at the response's tokens."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    from torch import Tensor

KINDS = ("last", "mean", "log_ratio")


@dataclass(frozen=True)
class HeadSettings:
    """What stands on top of a language model.

    With ``h_t`` the model's last state at token t and ``f`` a small network:

    - ``"last"``: ``r = f(h_n)`` at the response's last token. The value ``f(h_t)`` of each prefix is there too; a
      token's part is what its prefix is worth more than the one before. For models that read from left to right.
    - ``"mean"``: ``r = mean_t f(h_t)`` over the response's tokens; a token's part is ``f(h_t) / n``.
    - ``"log_ratio"``: no ``f``; ``r = beta sum_t log pi(y_t) / pi_ref(y_t)`` with a copy of the language model that
      stays as it was, as in "Free Process Rewards without Process Labels" (2024); a token's part is its term.
      ``beta`` 0.05 is that of the authors' code; certainty: high.

    Two layers with SiLU between are the head of "BaseReward" (2025), certainty: notes; two layers stand in
    "Qwen2.5-Math" (2024) too.

    Args:
        kind: One of the three.
        layers: Of ``f``: 1 is linear, more are linear layers with SiLU between.
        width: Of the layers between; 0 for the width of the model.
        beta: Of ``"log_ratio"``, above 0.

    Raises:
        RewardiumError: When a setting is out of its range.
    """

    kind: Literal["last", "mean", "log_ratio"] = "last"
    layers: int = 2
    width: int = 0
    beta: float = 0.05

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RewardiumError(f"a head's kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        for name, value, least in (("layers", self.layers, 1), ("width", self.width, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise RewardiumError(f"a head's {name} must be a whole number of at least {least}, got {value!r}")
        if isinstance(self.beta, bool) or not isinstance(self.beta, (int, float)) or not 0.0 < self.beta < 1e6:
            raise RewardiumError(f"a head's beta must be above 0, got {self.beta!r}")


def build_head(settings: HeadSettings, hidden_size: int, seed: int) -> Any:
    """Build the network ``f``; the last layer begins at 0, so that all scores begin equal.

    Args:
        settings: The head.
        hidden_size: Of the language model.
        seed: Of the weights; torch's global generator is left as it was.

    Returns:
        A module from float32 [..., D] to [..., 1]; one without parameters for ``"log_ratio"``.

    Example:
        >>> import torch
        >>> build_head(HeadSettings(layers=2), 8, seed=0)(torch.ones(3, 8)).squeeze(-1).tolist()
        [0.0, 0.0, 0.0]
    """
    import torch
    from torch import nn

    if settings.kind == "log_ratio":
        return nn.Identity()
    sizes = [hidden_size] + [settings.width or hidden_size] * (settings.layers - 1) + [1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for size, following in pairwise(sizes):
            layers += [nn.SiLU()] if layers else []
            layers.append(nn.Linear(size, following))
    last = layers[-1]
    nn.init.zeros_(last.weight)  # type: ignore[arg-type]
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers)


def token_log_ratios(logits: Tensor, reference_logits: Tensor, ids: Tensor) -> Tensor:
    """Return the log-ratio of each token under two models.

    Args:
        logits: float [N, T, V]; position t predicts token t + 1.
        reference_logits: float [N, T, V].
        ids: int64 [N, T].

    Returns:
        float [N, T], float32 at least; 0 at the first token, which nothing predicts.
    """
    import torch

    following = ids[:, 1:, None]
    exact = torch.promote_types(logits.dtype, torch.float32)  # half precision is too coarse for a difference
    own = logits[:, :-1].to(exact).log_softmax(-1).gather(2, following)[..., 0]
    other = reference_logits[:, :-1].to(exact).log_softmax(-1).gather(2, following)[..., 0]
    return torch.nn.functional.pad(own - other, (1, 0))


def token_parts(kind: str, values: Tensor, response: Tensor) -> Tensor:
    """Return what each token of a response adds to its score.

    Args:
        kind: Of the head.
        values: float32 [N, T]: ``f(h_t)``, or the terms of the sum of ``"log_ratio"``.
        response: bool [N, T], one run of True in each row.

    Returns:
        float32 [N, T], 0 outside of the responses; a row's sum is the score.

    Example:
        >>> import torch
        >>> values, response = torch.tensor([[9.0, 1.0, 3.0]]), torch.tensor([[False, True, True]])
        >>> token_parts("last", values, response).tolist(), token_parts("mean", values, response).tolist()
        ([[0.0, 1.0, 2.0]], [[0.0, 0.5, 1.5]])
    """
    import torch

    inside = torch.where(response, values, 0.0)
    if kind == "last":
        before = torch.nn.functional.pad(inside[:, :-1], (1, 0))  # 0 before the first token of the response
        return torch.where(response, values - before, 0.0)
    if kind == "mean":
        return inside / response.sum(1, keepdim=True).clamp(min=1)
    return inside
