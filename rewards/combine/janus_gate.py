"""The hierarchical gate of Janus-Q, from the hard and the soft gate."""

from __future__ import annotations

from rewardium.rewards.combine.gate import Gate
from rewardium.rewards.combine.soft_gate import SoftGate
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward


@register("janus_gate", papers=("B4",))
def janus_gate(
    hard: Reward,
    soft: Reward,
    reward: Reward,
    beside: Reward | None = None,
    penalty: float = -1.0,
    kappa: float = 0.5,
    threshold: float = 0.5,
) -> Reward:
    """Build ``penalty`` where the hard condition fails, else ``g * reward + beside``, with ``g = 1`` or ``kappa``.

    The gates of "Janus-Q: End-to-End Event-Driven Trading via Hierarchical-Gated Reward Modeling" (2026): the direction
    must be right, or nothing else counts (hard gate); the type of event should be right, or what follows is scaled down
    (soft gate). What the gates do is known from notes; ``penalty``, ``kappa`` and thresholds are reconstructed, and so
    is that the reward for reasoning stands beside the soft gate. With tools the hard condition may be that the right
    tool was called, the soft one that its arguments are right, and the reward how near the answer is.

    Args:
        hard: The condition that must hold.
        soft: The condition that should hold.
        reward: What is paid where they hold.
        beside: What is paid behind the hard gate alone, or None.
        penalty: What is paid where the hard condition fails.
        kappa: The factor where the soft condition fails, in [0, 1].
        threshold: The value from which on either condition holds.

    Returns:
        The reward: a ``gate`` around a ``soft_gate``.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("janus_gate(extrinsic, tool_decision, graded, beside=0.2 * length, kappa=0.25)"))
        gate(condition=extrinsic, reward=soft_gate(condition=tool_decision, reward=graded, kappa=0.25) + 0.2 * length, \
otherwise=-1.0)
    """
    inner: Reward = SoftGate(soft, reward, threshold, kappa)
    return Gate(hard, inner if beside is None else inner + beside, threshold, penalty)
