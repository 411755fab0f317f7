"""CALM: a task in subgoals, and a judge that says which step achieves which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Literal, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.milestones import Milestones
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward
from rewardium.rewards.shaping.potential import Potential
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._sentences import sentences
from rewardium.rewards.sources._subgoal_proposals import MOST
from rewardium.rewards.sources._transition_views import View
from rewardium.rewards.sources.achieved import Achieved

Pays = Literal["once", "potential", "always"]


@register("calm", papers=("A19",))
def calm(
    subgoals: Sequence[str] = (),
    judge: str = "",
    cache: str = "",
    view: View = "message",
    pays: Pays = "once",
    gamma: float = 0.99,
    crop: int = 9,
    before: bool = False,
    changed_only: bool = True,
    most: int = 5,
    max_items: int | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    max_seconds: float | None = None,
) -> Reward:
    """Build the reward of CALM: a judge says of each step which subgoals it achieved.

    From "Assessing the Zero-Shot Capabilities of LLMs for Action Evaluation in RL" (2024). With the judge's verdicts
    ``v_k`` in {0, 1} on the subgoals k::

        r = sum_k v_k * 1[k was not achieved before in the episode]    pays="once", the paper's form
        r = gamma * Phi' - Phi,  Phi = number of achieved subgoals     pays="potential"
        r = sum_k v_k                                                  pays="always"

    The paper's coefficient stands outside: ``extrinsic + 0.1 * calm(...)``. The forms and the views are known from a
    digest of the paper; the questions to the judge are ours. In the first two forms a mistake of the judge is paid once
    an episode at most, and in the potential form it only misleads exploration; with ``"always"`` an agent can farm it.

    A verdict that is missing takes part in no sum, as in ``+``: the step is paid for the subgoals with a verdict, and a
    step without any verdict has no score. The subgoal stays open, so that it is paid when the agent comes there again,
    but what was achieved before the judge got to it is not paid later.

    It is built of other rewards, ``achieved`` (one subgoal), ``milestones`` and ``potential``, which can be put
    together in other ways: subgoals of different worth are ``milestones([achieved(...), 2.0 * achieved(...)])``.

    Args:
        subgoals: The subgoals, one sentence each, at most 20. Without them the judge proposes some for the goal of the
            task, once a goal; the proposal is kept in the cache.
        judge: See ``achieved``.
        cache: See ``achieved``.
        view: See ``achieved``.
        pays: The form.
        gamma: The agent's discount, for the potential form.
        crop: See ``achieved``.
        before: See ``achieved``.
        changed_only: See ``achieved``.
        most: The largest number of subgoals that the judge may propose, at most 20.
        max_items: Questions that may be put to the judge, over all subgoals; see ``achieved``.
        max_calls: Limit on prompts.
        max_tokens: Limit on tokens, read and written.
        max_seconds: Limit on the time in which the judge works.

    Returns:
        The reward.

    Raises:
        RewardiumError: When a parameter is out of its range, or the judge's name is no judge.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("0.1 * calm(['find a key', 'open the door'], pays='potential', gamma=0.9)"))
        0.1 * potential(reward=milestones(rewards=[achieved(subgoal='find a key'), \
achieved(subgoal='open the door')], pays='total'), gamma=0.9)
    """
    if pays not in get_args(Pays):
        raise RewardiumError(f"calm: 'pays' must be one of {', '.join(get_args(Pays))}, got {pays!r}")
    require_positive_int("calm: 'most'", most)
    given = sentences("calm: 'subgoals'", subgoals, MOST)
    chosen: list[tuple[str, int]] = [(subgoal, 0) for subgoal in given] or [("", k) for k in range(1, most + 1)]
    parts = tuple(
        Achieved(
            subgoal=subgoal,
            judge=judge,
            cache=cache,
            view=view,
            crop=crop,
            before=before,
            changed_only=changed_only,
            number=number,
            most=most,
            max_items=max_items,
            max_calls=max_calls,
            max_tokens=max_tokens,
            max_seconds=max_seconds,
        )
        for subgoal, number in chosen
    )
    if pays == "always":
        return reduce(add, parts)
    if pays == "potential":
        return Potential(Milestones(parts, pays="total"), gamma)
    return Milestones(parts)
