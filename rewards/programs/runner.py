"""Running a checked program in the sandbox: whole batches of steps go in as JSON, numbers and memories come back."""

from __future__ import annotations

import itertools
import json
import math
import os
import textwrap
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import Limits, Mode, SandboxPool
from rewardium.rewards.programs.check import CheckedProgram
from rewardium.rewards.programs.driver import MAX_MEMORY_CHARACTERS, MAX_REASON_CHARACTERS
from rewardium.rewards.programs.step import Step

LIMITS = Limits(
    cpu_seconds=10.0,
    wall_seconds=10.0,
    memory_bytes=256 * 2**20,
    file_bytes=0,
    disk_bytes=2**16,
    open_files=16,
    processes=2,
    output_characters=1_000_000,
)
"""What a call may use. Its time is a runner's ``seconds``; a program writes no files and starts no processes."""

MAX_CALL_CHARACTERS = 50_000
"""Steps of one call as JSON; with its escapes that fits into the sandbox's longest program."""

MAX_CALL_EPISODES = 100
"""Memories of one call, so that they fit into the longest output."""

MAX_SECONDS = 10.0
"""The longest that a call may take."""

_pools: dict[Mode, SandboxPool] = {}
_pools_lock = threading.Lock()
_numbers = itertools.count()


class Answer(NamedTuple):
    """What a program said of one step.

    Args:
        sparse: A finite number, or None where there is no answer.
        dense: A finite number, or None where there is no answer.
        reason: "", or why there is no answer.
    """

    sparse: float | None
    dense: float | None
    reason: str = ""


class Played(NamedTuple):
    """What a program said of some steps of an episode.

    Args:
        memory: The memory after the last step that has an answer; plain JSON values.
        answers: One a step.
    """

    memory: dict[str, Any]
    answers: list[Answer]


class ProgramRunner:
    r"""Runs one program. The state of its episodes belongs to the caller, so that a lost session loses nothing.

    Args:
        program: The checked program.
        mode: How programs are kept in; see ``SandboxPool``.
        seconds: How long a call may take, in which all environments of a vector are answered; at most 10.

    Raises:
        SandboxUnavailableError: When this machine cannot run the sandbox in this mode.
        RewardiumError: When ``mode`` or ``seconds`` is out of range.

    Example:
        >>> from rewardium.rewards.programs.check import check_program
        >>> program = check_program('def reward(step, memory):\n    return {"sparse": 0, "dense": step["step"] - 1}')
        >>> runner = ProgramRunner(program, mode="subprocess")
        >>> [answer.dense for answer in runner.play([({}, [{"step": 0}, {"step": 3}])])[0].answers]
        [-1, 2]
    """

    def __init__(self, program: CheckedProgram, mode: Mode = "bubblewrap", seconds: float = 2.0) -> None:
        if mode not in get_args(Mode):
            raise RewardiumError(f"mode must be one of {', '.join(map(repr, get_args(Mode)))}, got {mode!r}")
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not is_number or not 0.0 < seconds <= MAX_SECONDS:
            raise RewardiumError(f"seconds must be above 0 and at most {MAX_SECONDS:g}, got {seconds!r}")
        self.program = program
        self.mode: Mode = mode
        self.seconds = float(seconds)
        self._definition, self._first_line = definition_of(program)
        self._session = f"reward program {os.getpid()}.{next(_numbers)}"
        self._defined_in: SandboxPool | None = None
        self._lock = threading.Lock()
        program_pool(mode)  # so that a machine without a sandbox is told of now
        weakref.finalize(self, _end_session, mode, self._session)

    def play(self, episodes: Sequence[tuple[Mapping[str, Any], Sequence[Step]]]) -> list[Played]:
        """Run the program on some steps of E episodes.

        Args:
            episodes: Length E; the memory before the first of the steps, and the steps in their order.

        Returns:
            Length E. Where a call came to nothing (out of time or memory, or killed), none of its steps has an answer
            and each says why; nothing raises because of what a program does.

        Raises:
            SandboxUnavailableError: When no worker can be started any more.
        """
        played = [Played(dict(memory), []) for memory, _ in episodes]
        with self._lock:
            for part in _calls(episodes):
                self._play_part(part, played)
        return played

    def _play_part(self, part: list[tuple[int, list[Step]]], played: list[Played]) -> None:
        request = json.dumps([[played[episode].memory, steps] for episode, steps in part])
        answered = self._call(request)
        replies = answered if isinstance(answered, list) and len(answered) == len(part) else [None] * len(part)
        failure = answered if isinstance(answered, str) else "the program wrote something that is no answer"
        for (episode, steps), reply in zip(part, replies, strict=True):
            before = played[episode]
            memory, answers = self._read(reply, before.memory, len(steps), failure)
            played[episode] = Played(memory, [*before.answers, *answers])

    def _call(self, request: str) -> Any:
        """Return what the driver wrote, read as JSON, or in words why there is nothing."""
        for _ in range(2):
            pool = program_pool(self.mode)
            was_defined = self._defined_in is pool
            if not was_defined:
                pool.end(self._session)
                defined = pool.run(self._definition, session=self._session)
                if defined.status != "ok":
                    return f"the program cannot be defined: {defined.error}"
                self._defined_in = pool
            result = pool.run(f"print(answer_all(_make, {request!r}))", session=self._session, timeout=self.seconds)
            if result.status == "ok":
                return _read_json(result.output)
            # What a killed program may have left is not looked at: the next call begins with a new session.
            self._defined_in = None
            if not (was_defined and result.status == "killed"):
                break  # else the session may have been ended to make room for others, for which no program can help
        return result.error[:MAX_REASON_CHARACTERS] or result.status

    def _read(self, reply: Any, memory: dict[str, Any], count: int, failure: str) -> Played:
        """Check what the driver says of an episode: it shares its process with the program."""
        match reply:
            case [dict() as after, list() as answers] if len(answers) == count:
                if len(json.dumps(after)) <= MAX_MEMORY_CHARACTERS:
                    return Played(after, [self._answer(answer) for answer in answers])
        return Played(memory, [Answer(None, None, failure)] * count)

    def _answer(self, answer: Any) -> Answer:
        match answer:
            case [int() | float() as sparse, int() | float() as dense, "", 0] if _is_finite(sparse, dense):
                return Answer(sparse, dense)
            case [None, None, str() as reason, int() as line]:
                place = self.program.line_of(line - self._first_line + 1) if line >= self._first_line else 0
                reason = " ".join(reason[:MAX_REASON_CHARACTERS].split())
                return Answer(None, None, f"line {place}: {reason}" if place else reason)
        return Answer(None, None, "the program wrote something that is no answer")


def definition_of(program: CheckedProgram) -> tuple[str, int]:
    """Return the text that defines a program in a session, and on which of its lines the program's body begins."""
    driver = Path(__file__).with_name("driver.py").read_text(encoding="utf-8")
    head = f"{driver}\n\ndef _make():\n"
    body = textwrap.indent(program.body, "    ", lambda line: True)
    return f"{head}{body}\n    return reward\n", head.count("\n") + 1


def program_pool(mode: Mode = "bubblewrap") -> SandboxPool:
    """Return the pool in which this process runs its reward programs; a new one where the last was closed.

    Args:
        mode: How programs are kept in; each mode has a pool of its own.

    Raises:
        SandboxUnavailableError: When this machine cannot run the sandbox in this mode.
    """
    with _pools_lock:
        if mode not in _pools or _pools[mode].is_closed:
            _pools[mode] = SandboxPool(workers=1, limits=LIMITS, mode=mode)
        return _pools[mode]


def _end_session(mode: Mode, session: str) -> None:
    pool = _pools.get(mode)
    if pool is not None and not pool.is_closed:
        pool.end(session)


def _calls(
    episodes: Sequence[tuple[Mapping[str, Any], Sequence[Step]]],
) -> Iterator[list[tuple[int, list[Step]]]]:
    """Share out the steps of episodes among calls that are not too large, each episode's in their order."""
    part: list[tuple[int, list[Step]]] = []
    size = 0
    for index, (_, steps) in enumerate(episodes):
        part_of_episode: list[Step] = []
        size += MAX_MEMORY_CHARACTERS if steps else 0
        for step in steps:
            length = len(json.dumps(step))
            if part_of_episode == [] and (size + length > MAX_CALL_CHARACTERS or len(part) >= MAX_CALL_EPISODES):
                if part:
                    yield part
                part, size = [], MAX_MEMORY_CHARACTERS
            elif size + length > MAX_CALL_CHARACTERS:
                yield [*part, (index, part_of_episode)]
                part, part_of_episode, size = [], [], MAX_MEMORY_CHARACTERS
            part_of_episode.append(step)
            size += length
        if part_of_episode:
            part.append((index, part_of_episode))
    if part:
        yield part


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return "the program wrote something that is no answer"


def _is_finite(*numbers: float) -> bool:
    try:
        return all(math.isfinite(number) and type(number) is not bool for number in numbers)
    except OverflowError:
        return False
