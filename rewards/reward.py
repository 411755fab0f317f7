"""The composed reward: a tree whose leaves are sources and whose inner nodes shape and combine.

A reward is applied in two phases. First every source scores the whole batch at once, which is where a model gets its
efficiency. Then the tree folds the scores of one time step into one number an environment, keeping every term. What a
node remembers between steps lives in a ``RewardState`` that the caller owns, so that one reward object, with one copy
of each model, can serve many wrappers, threads and evaluations, and a checkpoint can save it.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch, unknown_needs
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.state import RewardState

SegmentRows = Sequence[Segments]


@dataclass(frozen=True, slots=True)
class Term:
    """One line of the ledger for a batch.

    Args:
        raw: float32 [B], what the source said; 0 where invalid.
        shaped: float32 [B], after the shaping that stands around the source.
        weight: Factor with which ``shaped`` enters the total; 0 for a term that is only logged, for instance the
            inputs of a gate, whose result is a term of its own.
        valid: bool [B], whether the score could be had.
    """

    raw: NDArray[np.float32]
    shaped: NDArray[np.float32]
    weight: float
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reward pays for a batch.

    Args:
        value: float32 [B]; 0 where invalid. Equals the sum over ``terms`` of ``weight * shaped`` where valid.
        valid: bool [B]: whether any term had a score.
        terms: The ledger's lines by name.
        segments: None, or one tuple of segments a row: the part of ``value`` that belongs to places in the action.
    """

    value: NDArray[np.float32]
    valid: NDArray[np.bool_]
    terms: Mapping[str, Term]
    segments: SegmentRows | None = None


class Reward(ABC):
    """A node of the reward tree.

    Concrete nodes are frozen dataclasses whose fields are the constructor's parameters, so that every reward can be
    compared, printed as the expression that builds it, and written to YAML. Nodes compose with ``+``, ``-`` and
    multiplication by a number.

    Example:
        >>> from rewardium.rewards import make
        >>> print(0.2 * make("format") + make("verify"))
        0.2 * format + verify
    """

    registered_name: ClassVar[str] = ""

    def children(self) -> Iterator[Reward]:
        """Yield the rewards that this node is built from, in the order of its fields."""
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            for child in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(child, Reward):
                    yield child

    def sources(self) -> Iterator[RewardSource]:
        """Yield the sources below this node, left to right; equal ones each time they stand there."""
        for child in self.children():
            yield from child.sources()

    @property
    def needs(self) -> frozenset[str]:
        """The parts of a transition that this reward reads."""
        return frozenset().union(*(child.needs for child in self.children()), self.own_needs)

    @property
    def own_needs(self) -> frozenset[str]:
        """The parts of a transition that this node itself reads, beside its sources."""
        return frozenset()

    @abstractmethod
    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Turn the sources' scores for one time step into the reward.

        Args:
            scores: The score of each source, by ``source.key``.
            batch: The transitions, at most one an environment.
            state: What this node remembers; changed in place.

        Returns:
            Value, validity and ledger for the batch.
        """

    def score_sources(self, batch: TransitionBatch) -> dict[str, Score]:
        """Let every source score the batch; equal sources score once.

        Args:
            batch: Any transitions, also of several time steps.

        Returns:
            One score a source, by ``source.key``.

        Raises:
            RewardiumError: When a source returns a score of the wrong length.
        """
        scores: dict[str, Score] = {}
        for source in self.sources():
            if source.key not in scores:
                # A step on which every environment resets has no transition, and no source need think of that.
                score = source.score(batch) if len(batch) else Score.of([])
                if len(score) != len(batch) or len(score.valid) != len(batch):
                    raise RewardiumError(f"{source} returned {len(score)} scores for {len(batch)} transitions")
                scores[source.key] = score
        return scores

    def evaluate(self, batch: TransitionBatch, state: RewardState) -> Outcome:
        """Score and fold the transitions of one time step.

        Args:
            batch: The transitions, at most one an environment.
            state: What the tree remembers; changed in place.

        Returns:
            Value, validity and ledger for the batch.
        """
        return self.fold(self.score_sources(batch), batch, state)

    def evaluate_rollout(self, batches: Sequence[TransitionBatch], state: RewardState) -> list[Outcome]:
        """Score a finished rollout in one pass: deferred scoring.

        Args:
            batches: The transitions of each time step, in order.
            state: What the tree remembers; changed in place.

        Returns:
            One outcome a time step, equal to what ``evaluate`` would have returned step by step.
        """
        batches = list(batches)
        if not batches:
            return []
        scores = self.score_sources(TransitionBatch.concatenate(batches))
        outcomes, start = [], 0
        for batch in batches:
            rows = np.arange(start, start + len(batch))
            outcomes.append(self.fold({key: score.select(rows) for key, score in scores.items()}, batch, state))
            start += len(batch)
        return outcomes

    def config(self) -> Any:
        """Return this reward as nested plain values, which ``rewardium.rewards.build`` turns back into it.

        Example:
            >>> from rewardium.rewards import make
            >>> make("length", target=0.4).config()
            {'length': {'target': 0.4}}
        """
        arguments = {}
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, item.name)
            if item.init and not _is_default(item, value):
                arguments[item.name] = _plain(value)
        return {self.registered_name: arguments} if arguments else self.registered_name

    def __str__(self) -> str:
        config = self.config()
        if isinstance(config, str):
            return config
        arguments = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)  # type: ignore[arg-type]
            if item.name in config[self.registered_name]
        }
        return f"{self.registered_name}({', '.join(f'{name}={_literal(value)}' for name, value in arguments.items())})"

    def __add__(self, other: Reward) -> Reward:
        if not isinstance(other, Reward):
            return NotImplemented
        return Sum((self, other))

    def __sub__(self, other: Reward) -> Reward:
        return self + -1.0 * other if isinstance(other, Reward) else NotImplemented

    def __mul__(self, weight: float) -> Reward:
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            return NotImplemented
        return Weighted(float(weight), self)

    __rmul__ = __mul__

    def __neg__(self) -> Reward:
        return -1.0 * self


class RewardSource(Reward):
    """A leaf: scores a batch of transitions, e.g. with a verifier, a program or a model.

    A subclass is a frozen dataclass, sets ``needs`` and writes ``score``. Scoring keeps no memory of episodes: the
    same transitions always get the same scores, in any order and in any batch. A source that holds a model builds it
    at construction, so that a wrong name fails before the long work starts.
    """

    needs: ClassVar[frozenset[str]]  # type: ignore[misc]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared = cls.__dict__.get("needs")
        if isinstance(declared, (set, frozenset)):
            unknown_needs(frozenset(declared))
            cls.needs = frozenset(declared)

    @abstractmethod
    def score(self, batch: TransitionBatch) -> Score:
        """Score transitions.

        Args:
            batch: B transitions, of one or several environments and time steps.

        Returns:
            The score of B rows.
        """

    @property
    def key(self) -> str:
        """The text that tells this source from one of another class or with other parameters."""
        return f"{type(self).__module__}.{type(self).__qualname__}:{self}"

    def sources(self) -> Iterator[RewardSource]:
        """Yield this source."""
        yield self

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Return the source's score as an outcome of one term."""
        score = scores[self.key]
        term = Term(score.value, score.value, 1.0, score.valid)
        return Outcome(score.value, score.valid, {self.registered_name: term}, score.segments)


@dataclass(frozen=True)
class Weighted(Reward):
    """A reward times a constant; with weight 0 it is logged and not added.

    Args:
        weight: The constant, finite.
        reward: What is weighted.
    """

    weight: float
    reward: Reward

    def __post_init__(self) -> None:
        if not abs(self.weight) <= np.finfo(np.float32).max:
            raise RewardiumError(f"the weight of {self.reward} must be finite in float32, got {self.weight}")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Scale value, segments and the terms' weights."""
        inner = self.reward.fold(scores, batch, state.child(0))
        terms = {
            name: Term(term.raw, term.shaped, term.weight * self.weight, term.valid)
            for name, term in inner.terms.items()
        }
        if self.weight == 0.0:
            return Outcome(np.zeros_like(inner.value), np.zeros_like(inner.valid), terms)
        return Outcome(
            inner.value * np.float32(self.weight), inner.valid, terms, scale_segments(inner.segments, self.weight)
        )

    def config(self) -> Any:
        """Return ``{"weight": w, ...the reward's config}``."""
        inner = self.reward.config()
        if isinstance(inner, str):
            return {"weight": self.weight, inner: {}}
        if isinstance(inner, dict) and "weight" not in inner:
            return {"weight": self.weight, **inner}
        return {"weight": self.weight, "reward": inner}

    def __str__(self) -> str:
        inner = f"({self.reward})" if isinstance(self.reward, (Sum, Weighted)) else str(self.reward)
        return f"{self.weight!r} * {inner}"


@dataclass(frozen=True)
class Sum(Reward):
    """The sum of rewards; a reward without a score drops out and changes nothing.

    Args:
        rewards: The summands, at least one; a sum among them is taken apart, so that equal sums are equal.
    """

    rewards: tuple[Reward, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rewards", tuple(part for reward in self.rewards for part in _summands(reward)))
        if not self.rewards:
            raise RewardiumError("a sum needs at least one reward")

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Add up the summands that have a score."""
        value = np.zeros(len(batch), dtype=np.float32)
        valid = np.zeros(len(batch), dtype=np.bool_)
        terms: dict[str, Term] = {}
        segments: SegmentRows | None = None
        for index, reward in enumerate(self.rewards):
            outcome = reward.fold(scores, batch, state.child(index))
            value = value + np.where(outcome.valid, outcome.value, np.float32(0))
            valid = valid | outcome.valid
            merge_terms(terms, outcome.terms)
            segments = add_segments(segments, outcome.segments, outcome.valid)
        return Outcome(value, valid, terms, segments)

    def config(self) -> Any:
        """Return the list of the summands' configs."""
        return [reward.config() for reward in self.rewards]

    def __str__(self) -> str:
        return " + ".join(str(reward) for reward in self.rewards)


def merge_terms(terms: dict[str, Term], more: Mapping[str, Term]) -> None:
    """Add ledger lines, numbering a name that is already there: ``verify``, ``verify#2``, ...

    Args:
        terms: The lines so far; changed in place.
        more: The lines to add.
    """
    for name, term in more.items():
        base, number = name.split("#")[0], 2
        while name in terms:
            name, number = f"{base}#{number}", number + 1
        terms[name] = term


def only_logged(*outcomes: Outcome) -> dict[str, Term]:
    """Return the terms of outcomes with weight 0: the inputs of a node whose result is a term of its own."""
    terms: dict[str, Term] = {}
    for outcome in outcomes:
        merge_terms(terms, {name: Term(term.raw, term.shaped, 0.0, term.valid) for name, term in outcome.terms.items()})
    return terms


def scale_segments(segments: SegmentRows | None, factors: float | NDArray[Any]) -> SegmentRows | None:
    """Multiply the values of every row's segments.

    Args:
        segments: None, or one tuple of segments a row.
        factors: One factor, or float [B].

    Returns:
        The scaled segments, or None.

    Example:
        >>> scale_segments([(Segment(0, 1, 2.0),), ()], 0.5)
        [(Segment(start=0, end=1, value=1.0),), ()]
    """
    if segments is None:
        return None
    row_factors = np.broadcast_to(np.asarray(factors, dtype=np.float64), (len(segments),)).tolist()
    return [
        tuple(Segment(start, end, value * factor) for start, end, value in row)
        for row, factor in zip(segments, row_factors, strict=True)
    ]


def add_segments(
    left: SegmentRows | None, right: SegmentRows | None, right_valid: NDArray[np.bool_]
) -> SegmentRows | None:
    """Join two columns of segments; rows of ``right`` that are not valid add nothing."""
    if right is None:
        return left
    kept = [row if valid else () for row, valid in zip(right, right_valid.tolist(), strict=True)]
    return kept if left is None else [(*a, *b) for a, b in zip(left, kept, strict=True)]


def _summands(reward: Reward) -> tuple[Reward, ...]:
    return reward.rewards if isinstance(reward, Sum) else (reward,)


def _is_default(item: dataclasses.Field[Any], value: Any) -> bool:
    if item.default is not dataclasses.MISSING:
        return bool(value == item.default)
    if item.default_factory is not dataclasses.MISSING:
        return bool(value == item.default_factory())
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, Reward):
        return value.config()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _literal(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return str(value) if isinstance(value, Reward) else repr(value)
