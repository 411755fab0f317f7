"""Pay for observations that a network cannot predict yet: random network distillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.caption import message_of
from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.rnd_inputs import Inputs, RowInput, row_input, stack_inputs
from rewardium.rewards.learning.rnd_network import (
    Parameters,
    adam_step,
    gradients_of,
    initial_parameters,
    outputs_of,
)
from rewardium.rewards.learning.rnd_statistics import take_in, whiten
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.leaf import Leaf, require_whole
from rewardium.rewards.shaping.moments import Moments, merge_moments
from rewardium.rewards.shaping.normalize import normalizer
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped
from rewardium.rewards.state import RewardState

if TYPE_CHECKING:
    from torch import Tensor

Seen = Literal["observation", "message", "caption"]

_ENVIRONMENTS = 32  # the predictor learns from as many rows as so many environments give
_WAITING = 4096  # rows that wait for the predictor's next step, at most


def prediction_errors(target: Parameters, predictor: Parameters, inputs: Inputs) -> FloatArray:
    """Return the mean squared difference between the two networks' outputs.

    Args:
        target: The fixed random network.
        predictor: The network that is trained to agree with it.
        inputs: Whitened float32 columns of B rows.

    Returns:
        float64 [B], at least 0.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> target, predictor = (initial_parameters((), 3, (8, 4), rng) for _ in range(2))
        >>> rows = {"vector": np.ones((2, 3), np.float32)}
        >>> prediction_errors(target, target, rows).tolist()
        [0.0, 0.0]
        >>> bool((prediction_errors(target, predictor, rows) > 0).all())
        True
    """
    gap = outputs_of(predictor, inputs).astype(np.float64) - outputs_of(target, inputs)
    return np.asarray(np.square(gap).mean(axis=1), dtype=np.float64)


def distil(target: Parameters, predictor: Parameters, adam: dict[str, Any], inputs: Inputs, rate: float) -> float:
    """Train the predictor for one step of Adam, in place.

    Args:
        target: The fixed random network.
        predictor: The network that is trained; changed.
        adam: The optimiser's memory; changed.
        inputs: Whitened float32 columns of B rows.
        rate: The learning rate.

    Returns:
        The mean squared error before the step.
    """
    wanted = outputs_of(target, inputs)

    def loss(outputs: Tensor) -> Tensor:
        return (outputs - outputs.new_tensor(wanted)).square().mean()

    value, gradients = gradients_of(predictor, inputs, loss)
    adam_step(predictor, gradients, adam, rate)
    return value


@register("rnd")
@dataclass(frozen=True)
class RandomNetworkDistillation(Leaf):
    """Pay the error with which a trained network predicts what a fixed random network makes of an observation.

    Burda et al., "Exploration by Random Network Distillation" (2018). The error is large for what is unlike everything
    trained on. Observations are whitened by their running mean and deviation and clipped to [-5, 5]; the error is
    divided by the running deviation of its discounted return, which does not stop at an episode's end. Certainty: high
    for these rules, for ``gamma`` and ``learning_rate``, for the orthogonal weights, and for a predictor of two layers
    more than its target. Ours are the networks' sizes (the paper's are for 84x84 frames), ``limit``, and one training
    step every ``every`` time steps on what came since (the paper takes 16 steps every 128). The paper also learns the
    value of this reward apart from the task's, with returns that do not end with an episode; a sum such as
    ``extrinsic + 0.1 * rnd`` has one value, so that an episode's end costs what could still be explored.

    The paper lets a random agent run first, to have the statistics; here the first ``warm_up`` transitions are
    invalid, the second half of them training the predictor already. An observation is an array (with planes, where it
    has three dimensions), a number, a text, or a mapping of those. A row whose observation has another shape than the
    first one, or holds a number that is not finite, is invalid.

    All the environments of a vector share both networks, which are computed on the CPU, once a time step for all of
    them. Networks, optimiser and statistics are arrays in the reward's state: a checkpoint that saves the state holds
    them. The seed alone fixes the random numbers; no generator of torch or NumPy is touched.

    Args:
        of: What is to be predicted: the "observation", the "message" of the caption, or the whole "caption".
        seed: Fixes the two networks, and the rows that are left out of training.
        features: The number of outputs.
        hidden: The width of the hidden layers.
        learning_rate: Of Adam, above 0.
        every: Train once in so many time steps.
        proportion: The share of the rows that the predictor learns from, in (0, 1]. By default that of the paper, 32
            of the environments: a quarter of 128, and everything of 32 and fewer.
        gamma: The discount of the returns whose deviation is taken, in [0, 1].
        warm_up: The number of transitions before the first that is paid.
        limit: The largest reward, above 0.

    Raises:
        RewardiumError: When a parameter is out of range; at the first step, when no observation can be read.
        MissingExtraError: When torch is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> from rewardium.rewards import RewardState, parse
        >>> reward, state = parse("0.1 * rnd(warm_up=100, hidden=32, learning_rate=0.01, every=1)"), RewardState()
        >>> paid = {}
        >>> for step in range(200):
        ...     place = 1.0 if step == 199 else -1.0  # always the same, and then something else
        ...     rows = [Transition(np.array([place, env], dtype=np.float32), None, 0, env=env) for env in range(4)]
        ...     outcome = reward.evaluate(TransitionBatch.from_transitions(rows), state)
        ...     paid[step] = float(outcome.terms["rnd"].shaped.max())
        >>> paid[10], paid[199] > 3 * paid[198]
        (0.0, True)
    """

    of: Seen = "observation"
    seed: int = 0
    features: int = 128
    hidden: int = 128
    learning_rate: float = 1e-4
    every: int = 8
    proportion: float | None = None
    gamma: float = 0.99
    warm_up: int = 1000
    limit: float = 10.0

    def __post_init__(self) -> None:
        require_choice(self, "of", get_args(Seen))
        for name in ("features", "hidden", "every"):
            require_whole(self, name)
        for name in ("seed", "warm_up"):
            require_whole(self, name, at_least=0)
        require_number(self, "learning_rate", above=0.0)
        if self.proportion is not None:
            require_number(self, "proportion", above=0.0, at_most=1.0)
        require_number(self, "gamma", at_least=0.0, at_most=1.0)
        require_number(self, "limit", above=0.0)
        if find_spec("torch") is None:
            raise MissingExtraError("torch", "control")

    @property
    def own_needs(self) -> frozenset[str]:
        """What is predicted."""
        return frozenset({"observation" if self.of == "observation" else "text"})

    def pay(self, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Score the observations of one time step, and train the predictor on some of them."""
        value, paid = np.zeros(len(batch), dtype=np.float64), np.zeros(len(batch), dtype=np.bool_)
        memory = state.memory
        found = self._rows(batch)
        self._begin(found, memory)
        rows = [row for row, item in enumerate(found) if item is not None and item.shape == memory["shape"]]
        if not rows:
            return Shaped(value, paid)
        inputs = stack_inputs([item for row in rows if (item := found[row]) is not None])
        seen = int(memory["statistics"].get("number", 0))
        take_in(memory["statistics"], inputs)
        if 2 * seen < self.warm_up:
            return Shaped(value, paid)
        errors = prediction_errors(memory["target"], memory["predictor"], whiten(memory["statistics"], inputs))
        factor = self._normalizer(errors, batch.env[rows], memory)
        value[rows] = np.minimum(errors * factor, self.limit)
        paid[rows] = seen >= self.warm_up
        self._train(inputs, memory)
        return Shaped(value, paid)

    def _rows(self, batch: TransitionBatch) -> list[RowInput | None]:
        column: Sequence[Any] | None = batch.observations if self.of == "observation" else batch.texts
        if column is None:
            return [None] * len(batch)
        if self.of == "message":
            column = [None if text is None else message_of(text) for text in column]
        return [row_input(item) for item in column]

    def _begin(self, found: list[RowInput | None], memory: dict[str, Any]) -> None:
        """Build the networks for the first observation that can be read; there must be one at the first step."""
        if "shape" in memory or not found:
            return
        first = next((item for item in found if item is not None), None)
        if first is None:
            raise RewardiumError(
                f"rnd: nothing to predict at the first step: the environment's {self.of} must be finite numbers or "
                "text of at most 262,144 numbers (for a game of many arrays, observation='features' or 'image')"
            )
        planes, (size,) = first.shape
        rng = np.random.default_rng(self.seed)
        memory["shape"] = first.shape
        memory["target"] = initial_parameters(planes, size, (self.hidden, self.features), rng)
        layers = (self.hidden, self.hidden, self.hidden, self.features)
        memory["predictor"] = initial_parameters(planes, size, layers, rng)
        memory.update(adam={}, statistics={}, returns={}, moments=list(Moments()), waiting={}, steps=0)

    def _normalizer(self, errors: FloatArray, env: NDArray[np.int64], memory: dict[str, Any]) -> float:
        returns = memory["returns"]
        for row, error in zip(env.tolist(), errors.tolist(), strict=True):
            returns[str(row)] = self.gamma * returns.get(str(row), 0.0) + error
        now = np.array([returns[str(row)] for row in env.tolist()], dtype=np.float64)
        moments = merge_moments(Moments(*memory["moments"]), now)
        memory["moments"] = list(moments)
        return normalizer(moments)

    def _train(self, inputs: Inputs, memory: dict[str, Any]) -> None:
        """Keep some rows, and every so many time steps train on those that were kept."""
        rows = len(next(iter(inputs.values())))
        share = min(1.0, _ENVIRONMENTS / rows) if self.proportion is None else self.proportion
        kept = np.random.default_rng((self.seed, memory["steps"])).random(rows) < share
        memory["steps"] += 1
        waiting = memory["waiting"]
        for name, column in inputs.items() if kept.any() else ():
            earlier = [waiting[name]] if name in waiting else []
            waiting[name] = np.concatenate([*earlier, column[kept]])[-_WAITING:]
        if memory["steps"] % self.every == 0 and waiting:
            batch = whiten(memory["statistics"], waiting)
            distil(memory["target"], memory["predictor"], memory["adam"], batch, self.learning_rate)
            waiting.clear()
