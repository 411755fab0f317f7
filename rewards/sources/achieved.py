"""Did this step achieve this subgoal? A judge says so, in the background."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, partial
from typing import Any, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.questions import ACHIEVED
from rewardium.rewards.annotation.shared import shared_annotator
from rewardium.rewards.annotation.worker import AnnotatorStatistics
from rewardium.rewards.models.spec import make_judge
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._subgoal_proposals import MOST, SubgoalProposer, longer_answers
from rewardium.rewards.sources._transition_views import View, has_change, shown
from rewardium.rewards.state import RewardState

_MAX_SUBGOAL_LENGTH = 300
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


@register("achieved")
@dataclass(frozen=True)
class Achieved(RewardSource):
    """A judge's verdict on whether a step achieved a subgoal: 1 for yes, 0 for no.

    One subgoal of CALM, "Assessing the Zero-Shot Capabilities of LLMs for Action Evaluation in RL" (2024):
    ``v_k(o_t, a_t, o_{t+1})`` in {0, 1}, read from a text of the transition. ``calm`` builds the whole reward from
    several of these; alone, a step that a judge takes for the subgoal is paid each time that it comes.

    The judge is asked in the background, about each pair of subgoal and shown text once; equal arguments share one
    judge, one budget and one cache. What has no verdict yet, or got an answer that was neither yes nor no, is invalid.

    With ``changed_only`` a step in which the game said nothing and the inventory stayed as it was scores 0 without
    asking. That saves questions, and loses whatever happens in silence: in KeyRoom every step through the open door and
    every step onto the stairs (recall 0), but no key that is picked up and no door that is unlocked. For subgoals that
    are places, turn it off and show the map, best with the step ``before``. ``scripts/calm_f1.py`` measures it.

    The subgoal is a sentence, or (with ``number``) one of those that the judge proposes for the task of the row; until
    there is a proposal the row is invalid, and where the proposal has fewer subgoals it is a valid 0.

    Score: value float32 [B], 0 or 1.

    Args:
        subgoal: What is to be achieved, at most 300 characters, e.g. ``"pick up the key"``.
        judge: Who is asked, e.g. ``"http://127.0.0.1:8000/v1"``, ``"transformers:FOLDER"``, ``"scripted:keyword"``. ""
            stands for the judge that a script fills in; scoring with it is an error.
        cache: The file in which verdicts and proposals are kept and found again; "" keeps them in memory.
        view: What the judge is shown of a step: the ``"message"`` with the change of the inventory, which repeats most
            and so costs least; ``"crop"``, with the action and the map around the agent; the whole ``"caption"``.
        crop: Rows and columns of the crop.
        before: Whether the judge is shown the step before, too; it needs the history of the episode.
        changed_only: Whether a step in which nothing was said, gained or lost scores 0 without asking.
        number: Which subgoal of the proposal, from 1; 0 where ``subgoal`` is given. A judge that is a model in this
            process is loaded a second time while it proposes, since it must then be free to write more than a word.
        most: The largest number of subgoals of a proposal.
        max_items: Questions that may be put to the judge in this process; None is no limit. A verdict from the cache
            costs nothing.
        max_calls: Limit on prompts.
        max_tokens: Limit on tokens, read and written.
        max_seconds: Limit on the time in which the judge works.

    Raises:
        RewardiumError: When a parameter is out of its range, or the judge's name is no judge.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> source = Achieved("unlock the door", judge="scripted:keyword")
        >>> texts = [Caption("You unlock the door.").text(), Caption("It's a wall.").text(), Caption().text()]
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "", text=text) for text in texts])
        >>> source.score(batch).valid.tolist()
        [False, False, True]
        >>> source.drain()
        >>> source.score(batch).value.tolist()
        [1.0, 0.0, 0.0]
    """

    subgoal: str = ""
    judge: str = ""
    cache: str = ""
    view: View = "message"
    crop: int = 9
    before: bool = False
    changed_only: bool = True
    number: int = 0
    most: int = 5
    max_items: int | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    _annotator: Annotator | None = field(init=False, repr=False, compare=False)
    _proposer: SubgoalProposer | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("subgoal", "judge", "cache"):
            if not isinstance(getattr(self, name), str):
                raise RewardiumError(f"achieved: {name!r} must be a text, got {getattr(self, name)!r}")
        self._check_subgoal()
        require_choice(self, "view", get_args(View))
        require_positive_int("achieved: 'crop'", self.crop)
        self._connect()

    def _check_subgoal(self) -> None:
        require_positive_int("achieved: 'most'", self.most)
        if self.most > MOST:
            raise RewardiumError(f"achieved: 'most' must be at most {MOST}, got {self.most}")
        whole = isinstance(self.number, int) and not isinstance(self.number, bool)
        if not whole or not 0 <= self.number <= self.most:
            raise RewardiumError(f"achieved: 'number' must be a whole number up to {self.most}, got {self.number!r}")
        if bool(self.subgoal.strip()) == bool(self.number):
            raise RewardiumError(
                "achieved: give either 'subgoal', a sentence, or 'number', that of a subgoal which the judge proposes"
            )
        if len(self.subgoal) > _MAX_SUBGOAL_LENGTH:
            raise RewardiumError(f"achieved: 'subgoal' has more than {_MAX_SUBGOAL_LENGTH} characters")

    def _connect(self) -> None:
        budget = Budget(self.max_items, self.max_calls, self.max_tokens, self.max_seconds)
        annotator = proposer = None
        if self.judge:
            annotator = shared_annotator(ACHIEVED, self.judge, cache=self.cache or None, budget=budget)
            proposer = _shared_proposer(self.judge, self.most, self.cache) if self.number else None
        object.__setattr__(self, "_annotator", annotator)
        object.__setattr__(self, "_proposer", proposer)

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self._connect()

    @classmethod
    def example(cls) -> Achieved:
        """Return a small one, with a judge that is a rule."""
        return cls("find a key", judge="scripted:keyword")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The text; the history where the step before is shown; the task where the subgoal is proposed for it."""
        return frozenset({"text"} | ({"history"} if self.before else set()) | ({"task"} if self.number else set()))

    def score(self, batch: TransitionBatch) -> Score:
        """Return what is known of each row, and ask for the rest in the background."""
        values: list[float | None] = [None] * len(batch)
        reasons: list[str | None] = [None] * len(batch)
        items: dict[int, tuple[str, str]] = {}
        for row, (subgoal, text, past) in enumerate(zip(*self._columns(batch), strict=True)):
            if text is None or past is None:
                reasons[row] = "the step has no text" if text is None else "the step has no history"
            elif subgoal is None:
                reasons[row] = "there are no subgoals for this task yet"
            elif not subgoal:
                values[row], reasons[row] = 0.0, "the task has fewer subgoals"
            elif self.changed_only and not has_change(text):
                values[row], reasons[row] = 0.0, "nothing changed"
            else:
                items[row] = (subgoal, self._shown(text, past))
        for row, verdict in zip(items, self.annotator.labels(list(items.values())), strict=True):
            values[row] = verdict
            reasons[row] = "no verdict yet" if verdict is None else f"the judge says {'yes' if verdict else 'no'}"
        return Score.of(values, reasons=reasons)

    def _columns(self, batch: TransitionBatch) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Return what each row is about: its subgoal ("" where there is none), text and history; None is unknown."""
        unknown = [None] * len(batch)
        texts = unknown if batch.texts is None else batch.texts
        pasts: Sequence[Any] = [()] * len(batch)
        if self.before:
            pasts = unknown if batch.histories is None else batch.histories
        return self._subgoals(batch), texts, pasts

    def _subgoals(self, batch: TransitionBatch) -> list[str | None]:
        if not self.number:
            return [self.subgoal.strip()] * len(batch)
        goals = [None if task is None else task.goal for task in batch.tasks or [None] * len(batch)]
        proposed = {goal: self._proposed(goal) for goal in set(goals) if goal and goal.strip()}
        return [None if goal is None else proposed.get(goal) for goal in goals]

    def _proposed(self, goal: str) -> str | None:
        if self._proposer is None:
            self.annotator  # noqa: B018  says what is missing
            return None
        subgoals = self._proposer.subgoals(goal)
        if subgoals is None:
            return None
        return subgoals[self.number - 1] if self.number <= len(subgoals) else ""

    def _shown(self, text: str, past: tuple[Transition, ...]) -> str:
        now = shown(text, self.view, self.crop)
        if not self.before:
            return now
        last = past[-1].text if past else None
        earlier = "(the game began)" if last is None else shown(last, self.view, self.crop)
        return f"The move:\n{now}\nThe move before it:\n{earlier}"

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Return the verdicts as an outcome of one term, which is named after the subgoal."""
        outcome = super().fold(scores, batch, state)
        (term,) = outcome.terms.values()
        words = _NOT_A_WORD.sub("_", self.subgoal.lower()).strip("_")[:40].rstrip("_")
        return Outcome(outcome.value, outcome.valid, {f"achieved_{words or self.number}": term}, outcome.segments)

    def drain(self) -> None:
        """Wait until the judge has answered all that was asked."""
        if self._proposer is not None:
            self._proposer.wait()
        if self._annotator is not None:
            self._annotator.wait()

    @property
    def statistics(self) -> AnnotatorStatistics:
        """What the judge was asked and has answered, about this and all subgoals that share it."""
        return self.annotator.statistics

    @property
    def annotator(self) -> Annotator:
        """Who asks the judge; all subgoals with the same judge, cache and limits share one."""
        if self._annotator is None:
            raise RewardiumError(
                "achieved has no judge: give judge='http://127.0.0.1:8000/v1', or the script --judge; "
                "judge='scripted:keyword' is a rule that needs no server"
            )
        return self._annotator


@cache
def _shared_proposer(judge: str, most: int, path: str) -> SubgoalProposer:
    """Return one proposer a process, so that the subgoals of one task are proposed once."""
    return SubgoalProposer(partial(make_judge, longer_answers(judge)), most=most, cache=path or None)
