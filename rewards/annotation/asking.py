"""One batch of questions to a judge: ask, read strictly, ask once more, and count what it cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rewardium.rewards.annotation.budget import Spent
from rewardium.rewards.annotation.cache import LabelRecord
from rewardium.rewards.annotation.question import Item, Question
from rewardium.rewards.models.judge import Completion, Judge, JudgeError


@dataclass(slots=True)
class Answers:
    """What came of a batch.

    Args:
        records: The items that the judge answered; the label is None where no answer could be read.
        unanswered: The items that it did not answer, or not the second time.
        spent: What it cost.
        trouble: Why the judge failed when it was asked the second time; None where it did not.
    """

    records: list[LabelRecord] = field(default_factory=list)
    unanswered: list[Item] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)
    trouble: JudgeError | None = None


def ask_judge(question: Question, judge: Judge, items: Sequence[Item], max_calls: int | None = None) -> Answers:
    """Ask a judge about items; those whose answer cannot be read are asked about once more, with a reminder.

    Args:
        question: What to ask.
        judge: Whom to ask.
        items: Length B.
        max_calls: The most prompts to send, at least B; it limits the second round.

    Returns:
        The answers.

    Raises:
        JudgeError: When no item could be asked about; nothing is counted then.

    Example:
        >>> from rewardium.rewards.annotation.questions import HELPFUL
        >>> from rewardium.rewards.models.scripted import ScriptedJudge
        >>> answers = ask_judge(HELPFUL, ScriptedJudge("keyword"), [("You see here a key.",), ("It's a wall.",)])
        >>> [record.label for record in answers.records], answers.spent.calls
        ([1.0, 0.0], 2)
    """
    answers = Answers(spent=Spent(items=len(items)))
    first = _complete(judge, [question.prompt(item) for item in items], answers.spent)
    unread = _sort(question, items, first, answers)
    room = len(unread) if max_calls is None else max(max_calls - len(items), 0)
    again, too_many = dict(list(unread.items())[:room]), dict(list(unread.items())[room:])
    answers.records += [_record(item, None, *texts) for item, texts in too_many.items()]
    if not again:
        return answers
    try:
        second = _complete(judge, [question.retry_prompt(item) for item in again], answers.spent)
    except JudgeError as error:
        answers.trouble = error
        second = [None] * len(again)
    still_unread = _sort(question, list(again), second, answers, again)
    answers.records += [_record(item, None, *texts) for item, texts in still_unread.items()]
    return answers


def _sort(
    question: Question,
    items: Sequence[Item],
    completions: Sequence[Completion | None],
    answers: Answers,
    earlier: dict[Item, list[Completion]] | None = None,
) -> dict[Item, list[Completion]]:
    """Put the items that were read, and those without an answer, where they belong; return the others."""
    unread = {}
    for item, completion in zip(items, completions, strict=True):
        before = (earlier or {}).get(item, [])
        if completion is None:
            answers.unanswered.append(item)
        elif (label := question.read(completion.text)) is not None:
            answers.records.append(_record(item, label, *before, completion))
        else:
            unread[item] = [*before, completion]
    return unread


def _record(item: Item, label: float | None, *completions: Completion) -> LabelRecord:
    return LabelRecord(
        item,
        label,
        answer=completions[-1].text,
        prompt_tokens=sum(completion.prompt_tokens for completion in completions),
        completion_tokens=sum(completion.completion_tokens for completion in completions),
    )


def _complete(judge: Judge, prompts: Sequence[str], spent: Spent) -> list[Completion | None]:
    """Ask, count, and see to it that a judge of someone's own can do no harm: whatever it raises is a JudgeError."""
    begin = time.monotonic()
    try:
        given = judge.complete(prompts)
        completions = [completion if isinstance(completion, Completion) else None for completion in given]
    except JudgeError:
        raise
    except (Exception, SystemExit) as error:
        raise JudgeError(f"the judge raised {type(error).__name__}: {error}") from error
    if len(completions) != len(prompts):
        raise JudgeError(f"the judge gave {len(completions)} answers to {len(prompts)} prompts")
    spent.calls += len(prompts)
    spent.seconds += time.monotonic() - begin
    spent.tokens += sum(answer.prompt_tokens + answer.completion_tokens for answer in completions if answer)
    return completions
