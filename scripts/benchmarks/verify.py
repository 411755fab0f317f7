"""The verifier of this project beside Math-Verify, on the same pairs: speed, worst case and right verdicts."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from _verify_pairs import ADVERSARIAL, Pair, make_pairs, read_pairs, shortened
from _verify_peer import WARM_UP, GuardedMathVerify, Judgement, MathVerify, prepared

from rewardium.envs.errors import MissingExtraError, RewardiumError

OURS, PEER = "rewardium", "Math-Verify"
Judge = Callable[[Pair], Judgement]
STOPPED = ("timeout", "killed", "died")


@dataclass
class Config:
    """Verify pairs of answers with this project and with Math-Verify, in turn, and compare speed and verdicts."""

    pairs: Path | None = None
    """A file with one JSON object a line: gold, answer, and where wanted expected (true or false), kind, wrap (false
    gives Math-Verify the texts as they are), precision, strict and allow_set_relation_comp (passed on to Math-Verify).
    Without it, pairs are made from the seed."""
    num_pairs: int = 46
    """Pairs of each kind to make; with 46, each of the 23 families of expressions is drawn twice."""
    seed: int = 0
    """Seed of the pairs that are made."""
    turns: int = 1
    """How often all pairs are measured. Whatever the verifiers remember of answers is forgotten before each pair."""
    timeout: float = 1.0
    """Seconds that our verifier may take for a pair. Math-Verify keeps its own time-outs of 5 seconds."""
    peer: bool = True
    """Whether to measure Math-Verify too."""
    isolate: bool = False
    """Guard Math-Verify with a process of its own for every kind, not only for the adversarial one."""
    peer_limit: float = 12.0
    """Seconds after which the guarded Math-Verify is killed; its own time-outs may add up to 10 for such a pair."""
    peer_memory: float = 4.0
    """Memory of the guarded Math-Verify, in GiB."""
    threads: int = 0
    """Also verify all pairs from so many threads at once and compare the verdicts; Math-Verify knows no threads."""
    shown: int = 40
    """How many disagreements to print. The JSON file holds all of them."""
    json: Path | None = None
    """Also write what was measured to this file."""


@dataclass
class Measured:
    """A pair with what each verifier said in each turn."""

    pair: Pair
    said: dict[str, list[Judgement]] = field(default_factory=dict)

    def first(self, name: str) -> Judgement:
        """Return what a verifier said in the first turn."""
        return self.said[name][0]

    def median_seconds(self, name: str) -> float:
        """Return how long a verifier took in the turn in the middle."""
        return statistics.median(judgement.seconds for judgement in self.said[name])

    def wrong(self, name: str) -> bool:
        """Whether the expected verdict is known and this is another one."""
        return self.pair.expected is not None and self.first(name).equal != self.pair.expected


def run(config: Config) -> dict[str, Any]:
    """Measure both sides and compare them kind by kind."""
    check(config)
    pairs, repeated = read_pairs(config.pairs) if config.pairs else (make_pairs(config.num_pairs, config.seed), 0)
    ours = Rewardium(config.timeout)
    with contextlib.ExitStack() as stack:
        sides: dict[str, Judge] = {OURS: ours.judge}
        if config.peer:
            sides[PEER] = stack.enter_context(contextlib.closing(Peer(config, pairs))).judge
        measured = measure(pairs, sides, config.turns)
    threads = in_threads(config, ours, measured) if config.threads else {}
    return compared(config, list(sides), measured, repeated, threads)


def measure(pairs: Sequence[Pair], sides: dict[str, Judge], turns: int) -> list[Measured]:
    """Let the sides judge pair after pair, now one first and now the other."""
    measured = [Measured(pair, {name: [] for name in sides}) for pair in pairs]
    gc.collect()
    for turn in range(turns):
        for number, item in enumerate(measured):
            for name in list(sides)[:: 1 if (turn + number) % 2 == 0 else -1]:
                item.said[name].append(sides[name](item.pair))
    return measured


def check(config: Config) -> None:
    """Refuse what cannot be measured, before long work starts."""
    for name, least in (("num_pairs", 1), ("turns", 1), ("threads", 0), ("shown", 0)):
        if getattr(config, name) < least:
            raise RewardiumError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(config, name)}")
    for name in ("timeout", "peer_limit", "peer_memory"):
        if getattr(config, name) <= 0:
            raise RewardiumError(f"--{name.replace('_', '-')} must be more than 0, got {getattr(config, name)}")
    if config.peer and importlib.util.find_spec("math_verify") is None:
        raise MissingExtraError("math-verify", "benchmark")


# ---------------------------------------------------------------------------------------------------- measuring


class Rewardium:
    """Our verifier, as a user calls it, with its worker processes started."""

    def __init__(self, timeout: float) -> None:
        from rewardium.envs.math.verify import clear_caches, verify
        from rewardium.envs.math.verify.isolation.workers import shared_pool

        self.verify, self.forget, self.timeout = verify, clear_caches, timeout
        shared_pool().warm_up()
        for pair in WARM_UP:
            verify(*pair)

    def judge(self, pair: Pair) -> Judgement:
        """Verify a pair of which nothing is remembered."""
        self.forget()
        return self.timed(pair)

    def timed(self, pair: Pair) -> Judgement:
        """Verify a pair; an exception would be a defect, and is shown as one."""
        start = time.perf_counter()
        try:
            verdict = self.verify(pair.gold, pair.answer, timeout=self.timeout)
        except Exception as error:
            return Judgement(False, time.perf_counter() - start, f"raised {type(error).__name__}", str(error))
        return Judgement(bool(verdict), time.perf_counter() - start, verdict.status, verdict.reason)


class Peer:
    """Math-Verify, in this process or, where it may not come back, in one of its own.

    Args:
        config: The benchmark's settings.
        pairs: What will be judged.
    """

    def __init__(self, config: Config, pairs: Sequence[Pair]) -> None:
        self.isolate = config.isolate
        self.inside = MathVerify()
        self.guarded = GuardedMathVerify(config.peer_limit, config.peer_memory)
        if any(self.guards(pair) for pair in pairs):
            self.guarded.start()

    def guards(self, pair: Pair) -> bool:
        """Whether it judges this pair in a process of its own."""
        return self.isolate or pair.kind == ADVERSARIAL

    def judge(self, pair: Pair) -> Judgement:
        """Judge a pair of which nothing is remembered."""
        texts = (prepared(pair.gold), prepared(pair.answer)) if pair.wrap else (pair.gold, pair.answer)
        return (self.guarded if self.guards(pair) else self.inside).judge(*texts, pair.options)

    def close(self) -> None:
        """End its process, and give its log back."""
        self.guarded.close()
        self.inside.close()


def in_threads(config: Config, ours: Rewardium, measured: Sequence[Measured]) -> dict[str, Any]:
    """Have several threads verify all pairs, each from another pair on, and compare with what one thread got."""
    ours.forget()
    said: list[list[tuple[Measured, Judgement]]] = [[] for _ in range(config.threads)]
    together = threading.Barrier(config.threads + 1)

    def work(number: int) -> None:
        offset = number * len(measured) // config.threads
        together.wait()
        said[number] = [(item, ours.timed(item.pair)) for item in [*measured[offset:], *measured[:offset]]]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(config.threads)]
    for thread in threads:
        thread.start()
    together.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    joined = [both for of_thread in said for both in of_thread]
    different = [(item, new) for item, new in joined if new.status != item.first(OURS).status]
    name = f"{config.threads} threads"
    return {
        f"{name}: pairs per second": len(joined) / seconds,
        f"{name}: verdicts that differ": sum(new.equal != item.first(OURS).equal for item, new in different),
        f"{name}: statuses that differ": len(different),
        "notes": [thread_note(item, new) for item, new in different],
    }


def thread_note(item: Measured, new: Judgement) -> str:
    """Write a pair of which a thread got another verdict as one line."""
    texts = f"gold {shortened(item.pair.gold)} | answer {shortened(item.pair.answer)}"
    said = f"alone: {words_of(item.first(OURS))} | among threads: {words_of(new)}"
    return f"threads, {item.pair.kind}: {texts} | {said}"


# ---------------------------------------------------------------------------------------------------- comparing


def compared(
    config: Config, names: Sequence[str], measured: Sequence[Measured], repeated: int, threads: dict[str, Any]
) -> dict[str, Any]:
    """Return a row for each kind and verifier, what follows from them, and where someone was wrong."""
    kinds = {kind: [item for item in measured if item.pair.kind == kind] for kind in kinds_of(measured)}
    disagreements = [item for item in measured if is_disagreement(item, names)]
    summary: dict[str, Any] = {}
    for kind, items in kinds.items():
        summary |= speed_ratios(kind, items) if PEER in names else {}
    for name in names:
        summary |= right_and_wrong(name, measured)
    if PEER in names:
        summary["pairs on which the two differ"] = sum(differ(item) for item in measured)
    if config.turns > 1:
        summary["pairs with another verdict in another turn"] = sum(changes(item) for item in measured)
    if repeated:
        summary["rows that repeat a pair, left out"] = repeated
    notes = [*threads.pop("notes", []), *(note(item, names) for item in disagreements)]
    return {
        "title": f"{' and '.join(names)} on {len(measured)} pairs",
        "table": [row(kind, name, items) for kind, items in kinds.items() for name in names],
        "summary": summary | threads,
        "notes": first_of(notes, config.shown),
        "disagreements": [disagreement(item, names) for item in disagreements],
    }


def first_of(lines: Sequence[str], count: int) -> list[str]:
    """Return so many lines, and one that says how many are left."""
    return [*lines[:count], *([f"and {len(lines) - count} more"] if len(lines) > count else [])]


def kinds_of(measured: Sequence[Measured]) -> list[str]:
    """Return the kinds in the order in which they come."""
    return list(dict.fromkeys(item.pair.kind for item in measured))


def row(kind: str, name: str, items: Sequence[Measured]) -> dict[str, Any]:
    """Summarise what a verifier did with the pairs of a kind: seconds of all turns, verdicts of the first."""
    seconds = sorted(one.seconds for item in items for one in item.said[name])
    known = [item for item in items if item.pair.expected is not None]
    wrong = [item for item in known if item.wrong(name)]
    positives = sum(item.first(name).equal for item in wrong)
    return {
        "kind": kind,
        "verifier": name,
        "pairs": len(items),
        "pairs per second": len(seconds) / sum(seconds),
        "median ms": 1e3 * statistics.median(seconds),
        "p99 ms": 1e3 * percentile(seconds, 99),
        "worst ms": 1e3 * seconds[-1],
        "accuracy": 1 - len(wrong) / len(known) if known else None,
        "false positives": positives if known else None,
        "false negatives": len(wrong) - positives if known else None,
        "stopped": sum(item.first(name).status in STOPPED for item in items),
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile that is no less than the smallest and no more than the largest value."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def speed_ratios(kind: str, items: Sequence[Measured]) -> dict[str, float]:
    """Return how much longer Math-Verify takes: for all pairs of a kind, and for the one in the middle."""
    ours, theirs = ([item.median_seconds(name) for item in items] for name in (OURS, PEER))
    ratios = [slower / faster for faster, slower in zip(ours, theirs, strict=True)]
    return {
        f"times as fast, {kind} (all pairs)": sum(theirs) / sum(ours),
        f"times as fast, {kind} (median of the pairs)": statistics.median(ratios),
    }


def right_and_wrong(name: str, measured: Sequence[Measured]) -> dict[str, Any]:
    """Return a verifier's accuracy over all pairs, and how often it gave no verdict, and why."""
    known = [item for item in measured if item.pair.expected is not None]
    statuses = Counter(item.first(name).status for item in measured)
    without = {status: count for status, count in sorted(statuses.items()) if status not in ("equal", "different")}
    lines: dict[str, Any] = {}
    if known:
        lines[f"accuracy, {name}"] = 1 - sum(item.wrong(name) for item in known) / len(known)
    lines[f"without a verdict, {name}"] = ", ".join(f"{count} {status}" for status, count in without.items()) or "none"
    return lines


def differ(item: Measured) -> bool:
    """Whether the two say different things of a pair."""
    return PEER in item.said and item.first(OURS).equal != item.first(PEER).equal


def changes(item: Measured) -> bool:
    """Whether someone says different things of a pair in different turns."""
    return any(len({judgement.equal for judgement in judgements}) > 1 for judgements in item.said.values())


def is_disagreement(item: Measured, names: Sequence[str]) -> bool:
    """Whether someone is wrong, or, where the expected verdict is not known, the two differ."""
    return any(item.wrong(name) for name in names) or (item.pair.expected is None and differ(item))


def disagreement(item: Measured, names: Sequence[str]) -> dict[str, Any]:
    """Return a pair and what was said of it."""
    said = {name: asdict(item.first(name)) for name in names}
    pair = item.pair
    texts = {"gold": shortened(pair.gold, 2000), "answer": shortened(pair.answer, 2000)}
    wrong = [name for name in names if item.wrong(name)]
    return {"kind": pair.kind, **texts, "expected": pair.expected, "wrong": wrong, "said": said}


def note(item: Measured, names: Sequence[str]) -> str:
    """Write a disagreement as one line."""
    expected = {True: "equal", False: "different", None: "unknown"}[item.pair.expected]
    texts = f"gold {shortened(item.pair.gold)} | answer {shortened(item.pair.answer)} | expected: {expected}"
    said = " | ".join(f"{name}: {words_of(item.first(name))}" for name in names)
    return f"{item.pair.kind}: {texts} | {said}"


def words_of(judgement: Judgement) -> str:
    """Write what one side said."""
    return judgement.status + (f" ({shortened(judgement.reason)})" if judgement.reason else "")
