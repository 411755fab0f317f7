"""The trajectory analyser: what came of some episodes, in words that a designer of rewards can use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from rewardium.rewards.programs.episode import Episode
from rewardium.rewards.programs.runner import Answer

MAX_MESSAGES = 8
"""Messages that are told."""

MAX_SHOWN_CHARACTERS = 160
"""Characters of a message that are told."""

UNKNOWN = "an unknown cause"
"""The cause of a death of which nothing says anything."""

_STEPS_BEFORE_THE_END = 3
_CAUSES = (
    ("lava", re.compile(r"\blava\b|burn(?:ed|t)? to a crisp", re.IGNORECASE)),
    ("drowning", re.compile(r"\bdrown", re.IGNORECASE)),
    ("starvation", re.compile(r"\bstarv|\bfaint", re.IGNORECASE)),
    ("poison", re.compile(r"\bpoison", re.IGNORECASE)),
    ("being turned to stone", re.compile(r"turned to stone|petrifi|\bstoned\b", re.IGNORECASE)),
)
_KILLER = re.compile(r"\b(?:killed|slain) by (?:an? |the )?([A-Za-z][A-Za-z' -]{0,40})", re.IGNORECASE)
_ATTACKER = re.compile(
    r"\bThe ([a-z][a-z' -]{0,40}?) (?:bites|hits|stings|kicks|claws|butts|touches|explodes|shoots|swings|thrusts)\b"
)


@dataclass(frozen=True)
class Analysis:
    """What came of some episodes.

    Args:
        text: In words.
        statistics: In numbers: shares of the episodes in [0, 1], and mean lengths.
    """

    text: str
    statistics: dict[str, float]


def cause_of_death(episode: Episode) -> str:
    """Say what an episode that ended without success died of.

    The last message is asked first, then the environment's words on the end, then the messages just before.

    Args:
        episode: The episode.

    Returns:
        A few words; ``UNKNOWN`` where nothing tells.

    Example:
        >>> cause_of_death(Episode(({"message": "Burned by molten lava."},), success=False))
        'lava'
        >>> cause_of_death(Episode(({"message": "The jackal bites!"}, {"message": ""}), success=False))
        'a jackal'
    """
    messages = [str(step.get("message", "")) for step in episode.steps[-1 - _STEPS_BEFORE_THE_END :]]
    texts = [*messages[-1:], episode.reason, *reversed(messages[:-1])]
    return next((cause for text in texts if (cause := _cause_in(text[:2000]))), UNKNOWN)


def _cause_in(text: str) -> str:
    for name, pattern in _CAUSES:
        if pattern.search(text):
            return name
    killer = _KILLER.search(text) or _ATTACKER.search(text)
    if killer is None:
        return ""
    name = killer.group(1).strip().lower()
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def analyse(episodes: Sequence[Episode], answers: Sequence[Sequence[Answer]] | None = None) -> Analysis:
    """Summarise episodes: how they ended and of what, how far the failed ones came, and what the program paid.

    Args:
        episodes: Finished episodes.
        answers: For each episode what the program said of its steps, where that is to be told too.

    Returns:
        The summary; of no episodes, one that says so.

    Example:
        >>> steps = ({"message": "You see a door.", "terminated": False}, {"message": "Killed by a fox."})
        >>> died = Episode((*steps[:1], {**steps[1], "terminated": True}), success=False)
        >>> print(analyse([died]).text)
        1 episode: 0 succeeded (0%), 1 died (100%), 0 ran into the time limit (0%).
        Deaths by cause: a fox 1 (100% of the deaths).
        The failed episodes took 2.0 steps on average.
        Most common messages of failed episodes: "You see a door." (in 100%), "Killed by a fox." (in 100%).
    """
    if not episodes:
        return Analysis("There are no episodes to look at.", {"episodes": 0.0})
    failed = [episode for episode in episodes if not episode.success]
    solved = [episode for episode in episodes if episode.success]
    deaths = Counter(cause_of_death(episode) for episode in failed if episode.died)
    statistics = _statistics(episodes, failed, solved, deaths)
    lines = [_endings(episodes, statistics), *_causes(deaths), *_lengths(statistics), *_messages(failed, solved)]
    if answers is not None:
        paid = _paid(answers)
        statistics.update(paid)
        lines.append(
            f"The program: sparse is positive in {_percent(paid['program/sparse_positive'])} of the episodes and "
            f"negative in {_percent(paid['program/sparse_negative'])}; dense is positive on "
            f"{_percent(paid['program/dense_positive'])} of the steps and negative on "
            f"{_percent(paid['program/dense_negative'])}; {_percent(paid['program/unanswered'])} have no answer."
        )
    return Analysis("\n".join(lines), statistics)


def _statistics(
    episodes: Sequence[Episode], failed: Sequence[Episode], solved: Sequence[Episode], deaths: Counter[str]
) -> dict[str, float]:
    total = len(episodes)
    statistics = {
        "episodes": float(total),
        "success": len(solved) / total,
        "died": sum(deaths.values()) / total,
        "limit": (len(failed) - sum(deaths.values())) / total,
    }
    statistics |= {f"died/{cause}": count / total for cause, count in sorted(deaths.items())}
    for name, group in (("failed", failed), ("solved", solved)):
        if group:
            statistics[f"steps/{name}"] = fmean(len(episode.steps) for episode in group)
    return statistics


def _endings(episodes: Sequence[Episode], statistics: dict[str, float]) -> str:
    total = len(episodes)
    words = {"success": "succeeded", "died": "died", "limit": "ran into the time limit"}
    parts = [f"{round(statistics[name] * total)} {word} ({_percent(statistics[name])})" for name, word in words.items()]
    return f"{total} episode{'s' * (total != 1)}: {', '.join(parts)}."


def _causes(deaths: Counter[str]) -> list[str]:
    if not deaths:
        return []
    total = sum(deaths.values())
    parts = [f"{cause} {count} ({_percent(count / total)} of the deaths)" for cause, count in _ranked(deaths)]
    return [f"Deaths by cause: {', '.join(parts[:MAX_MESSAGES])}."]


def _lengths(statistics: dict[str, float]) -> list[str]:
    words = {"steps/failed": "The failed episodes", "steps/solved": "The successful episodes"}
    known = [(word, statistics[name]) for name, word in words.items() if name in statistics]
    return [f"{word} took {length:.1f} steps on average." for word, length in known]


def _messages(failed: Sequence[Episode], solved: Sequence[Episode]) -> list[str]:
    """Tell how far the failed episodes came, as far as the game's messages show it."""
    lines = []
    in_failed, in_solved = _shares(failed), _shares(solved)
    if in_failed:
        parts = [f"{_quoted(text)} (in {_percent(share)})" for text, share in _ranked(in_failed)[:MAX_MESSAGES]]
        lines.append(f"Most common messages of failed episodes: {', '.join(parts)}.")
    gaps = {text: share - in_failed.get(text, 0.0) for text, share in in_solved.items()}
    wider = [(text, gap) for text, gap in _ranked(gaps) if gap > 0.0][:MAX_MESSAGES]
    if failed and wider:
        parts = [
            f"{_quoted(text)} ({_percent(in_solved[text])} against {_percent(in_failed.get(text, 0.0))})"
            for text, _ in wider
        ]
        lines.append(f"Messages more common in successful than in failed episodes: {', '.join(parts)}.")
    return lines


def _shares(episodes: Sequence[Episode]) -> dict[str, float]:
    """Return in which share of the episodes each message came, in the order in which they came first."""
    counts: Counter[str] = Counter()
    for episode in episodes:
        messages = (str(step.get("message", "")) for step in episode.steps)
        counts.update(list(dict.fromkeys(message for message in messages if message)))
    return {message: count / len(episodes) for message, count in counts.items()}


def _paid(answers: Sequence[Sequence[Answer]]) -> dict[str, float]:
    steps = [answer for episode in answers for answer in episode]
    known = [answer for answer in steps if answer.sparse is not None and answer.dense is not None]
    return {
        "program/sparse_positive": _share(any((a.sparse or 0) > 0 for a in episode) for episode in answers),
        "program/sparse_negative": _share(any((a.sparse or 0) < 0 for a in episode) for episode in answers),
        "program/dense_positive": _share((a.dense or 0) > 0 for a in known),
        "program/dense_negative": _share((a.dense or 0) < 0 for a in known),
        "program/unanswered": 1.0 - len(known) / len(steps) if steps else 0.0,
    }


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known) if known else 0.0


def _ranked(shares: dict[str, float] | Counter[str]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line[:MAX_SHOWN_CHARACTERS]}..."' if len(line) > MAX_SHOWN_CHARACTERS else f'"{line}"'


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
