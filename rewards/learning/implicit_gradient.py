"""How a learned blend of rewards should change: the gradient of what is wanted through what the policy converges to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    from torch import Tensor

FloatArray = NDArray[np.float64]


@implements("A52")
def implicit_gradient(
    update: Callable[[Tensor, Tensor], Tensor],
    policy: Tensor,
    blend: Tensor,
    outer: Tensor,
    *,
    rate: float = 0.1,
    terms: int = 5,
) -> Tensor:
    """Return how an objective changes with a reward's parameters, when the policy follows the reward.

    The policy theta has converged where its update ``Delta(theta, phi)`` is 0. With ``H = d Delta / d theta`` and ``A =
    d Delta / d phi``::

        dJ / dphi = -(dJ / dtheta) H^-1 A        -H^-1 = rate * sum_{i=0}^{terms} (I + rate * H)^i

    H itself is never built: each term is one product of a vector with it. The sum approaches the inverse where ``rate``
    is below 2 over the largest eigenvalue of ``-H``; few terms give a smaller step in about the same direction. From
    "Behavior Alignment via Reward Function Optimization" (BARFI, 2023), where about 5 terms are taken; certainty:
    recalled. A penalty ``-lambda * theta`` in the update keeps H invertible.

    Args:
        update: Maps theta and phi to the update of theta, of theta's shape: the gradient of the blended return, say.
        policy: theta, at or near its fixed point.
        blend: phi, the parameters of the reward.
        outer: dJ / dtheta of the return that is wanted, of theta's shape.
        rate: Above 0.
        terms: How many terms after the first, at least 0.

    Returns:
        Of the shape of ``blend``.

    Raises:
        RewardiumError: When a number is out of its range, or the update does not depend on the blend.

    Example:
        >>> import torch
        >>> update = lambda theta, phi: phi - 2.0 * theta  # converges to theta = phi / 2
        >>> wanted = torch.tensor([3.0])  # dJ / dtheta
        >>> implicit_gradient(update, torch.tensor([0.5]), torch.tensor([1.0]), wanted, rate=0.5, terms=0).tolist()
        [1.5]
    """
    import torch

    if not rate > 0.0 or isinstance(terms, bool) or terms < 0:
        raise RewardiumError(f"rate must be above 0 and terms at least 0, got {rate} and {terms}")
    theta, phi = policy.detach().requires_grad_(), blend.detach().requires_grad_()
    with torch.enable_grad():
        change = update(theta, phi)
        if not change.requires_grad:
            raise RewardiumError("the update depends neither on the policy nor on the blend")
        vector = total = outer.detach()
        for _ in range(terms):
            product = torch.autograd.grad(change, theta, vector, retain_graph=True, allow_unused=True)[0]
            vector = vector if product is None else vector + rate * product
            total = total + vector
        found = torch.autograd.grad(change, phi, rate * total, allow_unused=True)[0]
    if found is None:
        raise RewardiumError("the update does not depend on the blend")
    return found


def group_implicit_gradient(
    primary: FloatArray, auxiliary: FloatArray, blend: FloatArray, temperature: float = 1.0
) -> FloatArray:
    """Return ``implicit_gradient`` in closed form for a policy that chooses freely among the answers to one prompt.

    The policy that maximises ``E[r_p + sum_k phi_k r_k] - temperature * KL(pi || sampled)`` weighs the G sampled
    answers by ``w = softmax((r_p + sum_k phi_k r_k) / temperature)``, and the return that is wanted changes with the
    blend by the covariance under it::

        dJ / dphi_k = Cov_w(r_p, r_k) / temperature

    Args:
        primary: float64 [G], what is wanted.
        auxiliary: float64 [K, G], what is to help.
        blend: float64 [K], phi.
        temperature: Above 0: how far the policy goes from the one that sampled.

    Returns:
        float64 [K]: above 0 for a term that goes along with what is wanted, below 0 for one that misleads.

    Example:
        >>> primary, helpful, useless = [1.0, 0.0], [2.0, 0.0], [3.0, 3.0]
        >>> rows = np.array([helpful, [-1.0, 0.0], useless])
        >>> group_implicit_gradient(np.array(primary), rows, np.array([-0.5, 0.0, 0.0])).tolist()
        [0.5, -0.25, 0.0]
    """
    logits = (primary + blend @ auxiliary) / temperature
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    distance = auxiliary - (auxiliary @ weights)[:, None]
    return np.asarray(distance @ (weights * (primary - primary @ weights)) / temperature, dtype=np.float64)
