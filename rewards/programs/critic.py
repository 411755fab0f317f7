"""The critic: what is wrong with a program, found on recorded episodes before anyone trains on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import Mode
from rewardium.rewards.programs.bounds import sign_bounded
from rewardium.rewards.programs.check import check_program, refusals_of
from rewardium.rewards.programs.episode import Episode
from rewardium.rewards.programs.runner import Answer, ProgramRunner

MAX_REASONS = 10
"""Reasons that are told."""


@dataclass(frozen=True)
class Review:
    """What the critic says of a program.

    Args:
        reasons: Why it is rejected, in words; none where it is accepted.
        answers: For each recorded episode what the program said of its steps; None where it did not run.
        notes: What could not be looked at, and why.
    """

    reasons: tuple[str, ...]
    answers: tuple[tuple[Answer, ...], ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether nothing speaks against the program."""
        return not self.reasons


@dataclass(frozen=True)
class Critic:
    r"""Checks programs on recorded episodes.

    In this order, and no further than the first that finds something: the check of its text; a dry run, in which every
    step must get two finite numbers within the time; the same run again in another order, which must say the same; and
    what the numbers say. ``dense`` must not have one sign everywhere, since it then tells nothing about what to do.
    Where there are successes and deaths, no success may end on less than a death ends on, nor may an episode of success
    be worth less, on average and discounted, than one of death. What it pays is sign-bounded whatever the program says.

    The loop of "Auto MC-Reward" (2023), where a language model is the critic; certainty: high that code and format are
    checked there before training, none for these rules, which are ours and need no model.

    Args:
        episodes: What was recorded, at least one step; best with successes and deaths among them.
        mode: How programs are kept in.
        seconds: How long a call of the dry run may take.
        discount: Of later steps, for the worth of an episode; in (0, 1].

    Raises:
        RewardiumError: When there is no step, or ``discount`` is out of range.

    Example:
        >>> steps = tuple({"step": i, "message": "", "terminated": i == 2} for i in range(3))
        >>> critic = Critic((Episode(steps, success=True),), mode="subprocess")
        >>> critic.review('def reward(step, memory):\n    return {"sparse": 0, "dense": float("nan")}').reasons
        ('3 of 3 recorded steps have no answer: dense must be finite, and is nan (3 times)',)
    """

    episodes: tuple[Episode, ...]
    mode: Mode = "bubblewrap"
    seconds: float = 5.0
    discount: float = 0.99

    def __post_init__(self) -> None:
        object.__setattr__(self, "episodes", tuple(self.episodes))
        if not any(episode.steps for episode in self.episodes):
            raise RewardiumError("a critic needs at least one recorded step, got none")
        if not 0.0 < self.discount <= 1.0:
            raise RewardiumError(f"discount must be above 0 and at most 1, got {self.discount!r}")

    def review(self, text: str) -> Review:
        """Check a program.

        Args:
            text: What a designer wrote; any text at all.

        Returns:
            The reasons against it, and what it said of the recorded episodes.

        Raises:
            SandboxUnavailableError: When this machine cannot run the sandbox in this mode.
        """
        if refusals := refusals_of(text):
            return Review(tuple(map(str, refusals[:MAX_REASONS])))
        first = self._run(text, self.episodes)
        if reasons := tuple(_unanswered(first)):
            return Review(reasons, first)
        # The other way round, so that what leaks from one episode into the next shows.
        second = self._run(text, self.episodes[::-1])[::-1]
        if first != second:
            return Review(("two runs on the same recorded steps do not say the same",), first)
        return Review(tuple(self._inconsistencies(first)), first, tuple(self._notes()))

    def _run(self, text: str, episodes: Sequence[Episode]) -> tuple[tuple[Answer, ...], ...]:
        runner = ProgramRunner(check_program(text), self.mode, self.seconds)
        return tuple(tuple(played.answers) for played in runner.play([({}, episode.steps) for episode in episodes]))

    def _inconsistencies(self, answers: tuple[tuple[Answer, ...], ...]) -> Iterator[str]:
        signs = {int(np.sign(answer.dense or 0.0)) for episode in answers for answer in episode}
        if len(signs) == 1:
            sign = {0: "zero", 1: "positive", -1: "negative"}[signs.pop()]
            yield f"dense is {sign} on every recorded step, so that it says nothing about what to do"
        paid = [_paid(episode) for episode in answers]
        successes = [row for row, episode in enumerate(self.episodes) if episode.success and episode.steps]
        deaths = [row for row, episode in enumerate(self.episodes) if episode.died]
        if not successes or not deaths:
            return
        worst, best = min(successes, key=lambda row: paid[row][-1]), max(deaths, key=lambda row: paid[row][-1])
        if paid[worst][-1] < paid[best][-1]:
            yield (
                f"a recorded success ends on {paid[worst][-1]:+.1f} and a recorded death on {paid[best][-1]:+.1f}; "
                "the last step of a success must not pay less than that of a death"
            )
        worth = [float(np.mean([self._discounted(paid[row]) for row in rows])) for rows in (successes, deaths)]
        if worth[0] < worth[1]:
            yield (
                f"the recorded successes are worth {worth[0]:+.2f} on average and the recorded deaths {worth[1]:+.2f} "
                f"(discounted by {self.discount:g} a step); dying must not pay more than the task"
            )

    def _discounted(self, paid: np.ndarray) -> float:
        return float(paid @ self.discount ** np.arange(len(paid)))

    def _notes(self) -> Iterator[str]:
        if not any(episode.success for episode in self.episodes):
            yield "no recorded episode is a success, so that successes and deaths were not compared"
        elif not any(episode.died for episode in self.episodes):
            yield "no recorded episode is a death, so that successes and deaths were not compared"


def _paid(answers: Sequence[Answer]) -> np.ndarray:
    """Return what an episode's steps pay, float64 [T]."""
    return sign_bounded([answer.sparse or 0.0 for answer in answers], [answer.dense or 0.0 for answer in answers])


def _unanswered(answers: Sequence[Sequence[Answer]]) -> Iterator[str]:
    steps = [answer for episode in answers for answer in episode]
    reasons: dict[str, int] = {}
    for answer in steps:
        if answer.sparse is None:
            reasons[answer.reason] = reasons.get(answer.reason, 0) + 1
    if reasons:
        common = sorted(reasons.items(), key=lambda item: -item[1])[:MAX_REASONS]
        told = "; ".join(f"{reason} ({count} times)" if count > 1 else reason for reason, count in common)
        yield f"{sum(reasons.values())} of {len(steps)} recorded steps have no answer: {told}"
