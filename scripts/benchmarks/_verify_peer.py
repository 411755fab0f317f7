r"""Math-Verify as its documentation has it used: ``verify(parse(gold), parse(answer))`` with the default arguments.

Its README asks for LaTeX inside a LaTeX environment. Completions are left as they are; a gold answer or an answer that
stands bare is put into dollar signs, unless it is a plain number, fraction or percentage, which needs none.

Its own time-out is a signal, which interrupts Python between two instructions and not the arithmetic of a huge number.
``GuardedMathVerify`` therefore has it run in a process of its own, which is killed when it exceeds its time or memory.
This file is also that process: it reads pairs from its standard input and answers each with a line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from typing import Any

# A plain number, a fraction of two, either with per cent: what its ExprExtractionConfig is for.
PLAIN = re.compile(r"\s*[-+]?[\d.,]++(?:\s*/\s*[\d.,]++)?\s*(?:\\?%|percent|pct)?\s*")
ENVIRONMENT = re.compile(r"\$|\\boxed|\\\(|\\\[|answer", re.IGNORECASE)
# What each side judges before it is timed, so that it has imported what it imports late.
WARM_UP = (
    ("1/2", "so it is $\\boxed{0.5}$"),
    ("$\\sin(x)^{2} + \\sqrt{2}$", "$1 - \\cos(x)^{2} + \\sqrt{2}$"),
    ("$\\ln(x) + e^{y}$", "$\\ln(x) - e^{y}$"),
    ("$[0, 1) \\cup (2, \\infty)$", "$[0, 1]$"),
    ("$\\begin{pmatrix} 1 & 2 \\end{pmatrix}$", "$\\begin{pmatrix} 1 & 3 \\end{pmatrix}$"),
)
START_LIMIT = 120.0  # seconds that importing it may take on a busy machine


@dataclass(frozen=True)
class Judgement:
    """What a verifier said of a pair.

    Args:
        equal: Its verdict.
        seconds: How long it took.
        status: "equal", "different", "unparsed", "timeout", "killed", "died", or "raised" and the name of an exception.
        reason: Why, if it says so.
    """

    equal: bool
    seconds: float
    status: str
    reason: str = ""


def prepared(text: str) -> str:
    """Put LaTeX that stands bare into dollar signs."""
    return text if ENVIRONMENT.search(text) or PLAIN.fullmatch(text) else f"${text}$"


class MathVerify:
    """Math-Verify in this process."""

    def __init__(self) -> None:
        import math_verify

        self.parse, self.verify = math_verify.parse, math_verify.verify
        parser = math_verify.parser
        self.caches = [parser.parse_latex_cached, parser.parse_expr_cached, parser.extract_latex]
        self.stopped = StoppedWork()
        logger = logging.getLogger("math_verify")
        logger.addHandler(self.stopped)
        logger.propagate = False
        for pair in WARM_UP:
            self.judge(*pair, {})

    def judge(self, gold: str, answer: str, options: dict[str, Any]) -> Judgement:
        """Parse both and compare them; what it raises is a no."""
        from math_verify.errors import TimeoutException

        arguments = {"float_rounding" if name == "precision" else name: value for name, value in options.items()}
        for cache in self.caches:
            cache.cache_clear()
        self.stopped.count = 0
        equal, status = False, ""
        start = time.perf_counter()
        try:
            parsed = self.parse(gold), self.parse(answer)
            equal = bool(self.verify(*parsed, **arguments))
        except TimeoutException:
            status = "timeout"
        except Exception as error:
            status = f"raised {type(error).__name__}"
        seconds = time.perf_counter() - start
        if not status and self.stopped.count:
            status = "timeout"
        elif not status:
            status = "equal" if equal else "different" if all(parsed) else "unparsed"
        return Judgement(equal, seconds, status)

    def close(self) -> None:
        """Leave the logging of Math-Verify as it was."""
        logger = logging.getLogger("math_verify")
        logger.removeHandler(self.stopped)
        logger.propagate = True


class StoppedWork(logging.Handler):
    """Count the time-outs, which Math-Verify tells of in its log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record that tells of a time-out."""
        self.count += str(record.msg).startswith("Timeout during")


class GuardedMathVerify:
    """Math-Verify in a process that is killed when it takes too long, and that gets no more than so much memory.

    Args:
        limit: Seconds for one pair.
        memory: GiB of address space.
    """

    def __init__(self, limit: float, memory: float) -> None:
        self.limit, self.memory = limit, memory
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Return the process; start it and wait until it has warmed up where there is none."""
        from rewardium.envs.errors import RewardiumError

        if self.process is None:
            command = [sys.executable, "-P", __file__, str(int(self.memory * 2**30))]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            if read_line(self.process, START_LIMIT) is None:
                self.close()
                raise RewardiumError(f"Math-Verify did not start with {self.memory:g} GiB of memory (--peer-memory)")
        return self.process

    def judge(self, gold: str, answer: str, options: dict[str, Any]) -> Judgement:
        """Have the process judge a pair; kill it where it does not answer in time."""
        process = self.start()
        start = time.perf_counter()
        line = None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps([gold, answer, options]).encode() + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            line = read_line(process, self.limit)
        seconds = time.perf_counter() - start
        if line is not None:
            return Judgement(*json.loads(line))
        self.close()
        return Judgement(False, seconds, "killed" if seconds >= self.limit else "died")

    def close(self) -> None:
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            with contextlib.suppress(BrokenPipeError):
                self.process.communicate()
            self.process = None


def read_line(process: subprocess.Popen[bytes], limit: float) -> bytes | None:
    """Read what a process prints up to the end of a line; return None when there is none in time, or never will be."""
    output = process.stdout.fileno()  # type: ignore[union-attr]
    deadline, line = time.monotonic() + limit, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([output], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(output, 4096) if ready else b""
        if not piece:
            return None
        line += piece
    return line


def serve(memory: int) -> None:
    """Judge the pairs of the standard input, with a line for each and one before them."""
    import resource

    answers = os.fdopen(os.dup(1), "w")  # what the library prints does not get between the answers
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    peer = MathVerify()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        gold, answer, options = json.loads(line)
        judgement = peer.judge(gold, answer, options)
        print(json.dumps(astuple(judgement)), file=answers, flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
