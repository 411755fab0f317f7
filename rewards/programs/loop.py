"""The loop of reward design: propose, check, try out, look at what failed, propose again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.programs.analysis import Analysis, analyse
from rewardium.rewards.programs.check import check_program
from rewardium.rewards.programs.critic import Critic, Review
from rewardium.rewards.programs.designers import Designer, DesignRequest, Rejected, program_in
from rewardium.rewards.programs.episode import Episode
from rewardium.rewards.programs.runner import Answer, ProgramRunner

logger = logging.getLogger(__name__)


def _ignore(number: int, rejected: Rejected) -> None:
    pass


@dataclass(frozen=True)
class Round:
    """One turn of the loop.

    Args:
        number: From 1.
        program: The program that was accepted; "" where none was.
        rejected: What was proposed before it, with the reasons.
        notes: What the critic could not look at.
        analysis: What came of trying the program out; None where there was none.
        episodes: The episodes of the policy that was trained on it.
    """

    number: int
    program: str
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    analysis: Analysis | None = None
    episodes: tuple[Episode, ...] = ()

    @property
    def success(self) -> float | None:
        """The share of the episodes that succeeded."""
        return None if self.analysis is None else self.analysis.statistics.get("success")


Evaluate = Callable[[Round], Sequence[Episode]]
"""Tries out a round's program: trains a policy on it, for instance, and returns finished episodes of that."""


@dataclass(frozen=True)
class DesignLoop:
    """Designs a reward program in rounds.

    The loop of "Auto MC-Reward" (2023): design, check with at most ``retries`` further proposals, train, summarise the
    trajectories that failed, design again. Certainty: high for the order, none for the number of retries, 4. The
    episodes of a round join those on which the critic looks at the next proposals, since a trained policy comes further
    than whatever was recorded before.

    Args:
        designer: Who writes the programs.
        critic: Who checks them before they are tried out.
        evaluate: Tries a program out, for instance by training a policy on it.
        task: What the agent is to learn, in words.
        retries: Further proposals in a round after the first; a round without an accepted program tries nothing out.
        on_rejected: Told of each rejected proposal, with the number of its round.

    Raises:
        RewardiumError: When ``retries`` is negative.

    Example:
        >>> from rewardium.rewards.programs.scripted import ScriptedDesigner
        >>> step = {"step": 0, "message": "", "map": "@.>", "terminated": False, "truncated": True}
        >>> episode = Episode(({**step, "map": "@..>"}, step), success=False)
        >>> critic = Critic((episode,), mode="subprocess")
        >>> loop = DesignLoop(ScriptedDesigner(), critic, lambda turn: [episode], "Reach the stairs.")
        >>> for turn in loop.rounds(1):
        ...     print(len(turn.rejected), turn.program.splitlines()[0].strip('"')[:15], turn.success)
        3 Find the stairs 0.0
    """

    designer: Designer
    critic: Critic
    evaluate: Evaluate
    task: str
    retries: int = 4
    on_rejected: Callable[[int, Rejected], None] = _ignore

    def __post_init__(self) -> None:
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise RewardiumError(f"retries must be a whole number of at least 0, got {self.retries!r}")

    def rounds(self, count: int, finished: Sequence[Round] = (), begun: Round | None = None) -> Iterator[Round]:
        """Play rounds, one a turn of the iterator.

        Args:
            count: How many rounds there shall be in all.
            finished: Rounds that are over already, after which a resumed run goes on.
            begun: The round after those, where its program has been accepted already.

        Yields:
            Each further round once it is over.
        """
        last = next((turn for turn in reversed(finished) if turn.program), None)
        for number in range(len(finished) + 1, count + 1):
            designed = begun if begun is not None and begun.number == number else self._design(number, last)
            turn = self._tried_out(designed)
            last = turn if turn.program else last
            yield turn

    def _tried_out(self, turn: Round) -> Round:
        if not turn.program:
            logger.warning("round %d: none of %d proposals was accepted", turn.number, len(turn.rejected))
            return turn
        episodes = tuple(self.evaluate(turn))
        analysis = analyse(episodes, answers_on(turn.program, episodes, self.critic))
        return replace(turn, analysis=analysis, episodes=episodes)

    def _design(self, number: int, last: Round | None) -> Round:
        """Return a round with an accepted program that has not been tried out, or with none."""
        request = DesignRequest(self.task)
        critic = self.critic
        if last is not None:
            request = replace(request, previous=last.program, feedback=last.analysis.text if last.analysis else "")
            critic = replace(critic, episodes=(*critic.episodes, *last.episodes))
        for _ in range(self.retries + 1):
            text, review = self._propose(request, critic)
            if review.is_accepted:
                return Round(number, text, request.rejected, review.notes)
            request = replace(request, rejected=(*request.rejected, Rejected(text, review.reasons)))
            self.on_rejected(number, request.rejected[-1])
        return Round(number, "", request.rejected)

    def _propose(self, request: DesignRequest, critic: Critic) -> tuple[str, Review]:
        try:
            completion = self.designer.propose(request)
        except JudgeError as error:
            return "", Review((f"there is no answer: {error}",))
        text, reasons = program_in(completion)
        return text, Review(reasons) if reasons else critic.review(text)


def answers_on(text: str, episodes: Sequence[Episode], critic: Critic) -> list[list[Answer]]:
    """Run an accepted program on episodes, in the sandbox of the critic.

    Args:
        text: The program.
        episodes: Finished episodes.
        critic: Whose mode and time are used.

    Returns:
        For each episode what the program says of its steps.
    """
    runner = ProgramRunner(check_program(text), critic.mode, critic.seconds)
    return [played.answers for played in runner.play([({}, episode.steps) for episode in episodes])]
