"""One episode with tools: from responses to observations, and to success.

An episode is its task and the calls made so far. The live world is built when a call needs it, and is left out of
pickles and copies: it is built again by running the calls again, which gives the same because everything is fixed by
the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rewardium.envs.tools.answers import find_answer, judge
from rewardium.envs.tools.calls import ParsedTurn, parse_turn
from rewardium.envs.tools.execution import CallOutcome, execute, outcomes_to_json
from rewardium.envs.tools.observations import write_observation
from rewardium.envs.tools.tasks import Draw, ToolTasks
from rewardium.envs.tools.world import World

_WAS_RUN = ("ok", "tool_error", "timeout")


@dataclass(frozen=True)
class Turn:
    """What a response led to; ``info`` is that of the environment's step."""

    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


class Episode:
    r"""A running episode.

    Args:
        draw: Its task and what it is made of.
        tasks: The environment's rules.

    Example:
        >>> import numpy as np
        >>> tasks = ToolTasks(templates=["no_tool"])
        >>> episode = Episode(tasks.draw(np.random.default_rng(0)), tasks)
        >>> turn = episode.respond(rf"It is \boxed{{{episode.draw.task.reference}}}.")
        >>> turn.reward, turn.terminated, turn.info["num_calls"]
        (1.0, True, 0)
    """

    def __init__(self, draw: Draw, tasks: ToolTasks) -> None:
        self.draw = draw
        self.tasks = tasks
        self.ended = False
        self.messages: list[str] = [draw.prompt]
        self._made: list[ParsedTurn] = []
        self._world: World | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_world": None}

    @property
    def waits(self) -> bool:
        """Whether a response may wait for another process, so that episodes gain from running beside each other."""
        return "python_interpreter" in self.draw.world.services

    @property
    def _live(self) -> World:
        """The world after the calls made so far."""
        if self._world is None:
            self._world = World(self.draw.world)
            for turn in self._made:
                execute(turn, self._world.toolbox)
        return self._world

    def respond(self, action: Any) -> Turn:
        """Run the calls of a response, or take it for the final answer; never raises on what it holds."""
        parsed = parse_turn(action, self.tasks.call_style)
        self.messages.append(action if isinstance(action, str) else repr(action)[:1000])
        return self._act(parsed) if parsed.calls else self._answer(parsed.content)

    def _act(self, parsed: ParsedTurn) -> Turn:
        outcomes = execute(parsed, self._live.toolbox)
        self._made.append(ParsedTurn(parsed.calls, ""))
        observation = write_observation(outcomes)
        self.messages.append(observation)
        truncated = self._turn >= self.tasks.max_turns
        num_ok = sum(outcome.status == "ok" for outcome in outcomes)
        success, reason = False, f"the episode goes on: {num_ok} of {len(outcomes)} calls worked"
        if truncated:
            success, reason = self._judge(None)
        return self._end(observation, success, reason, False, truncated, outcomes)

    def _answer(self, content: str) -> Turn:
        success, reason = self._judge(content)
        return self._end("", success, reason, True, False, ())

    @property
    def _turn(self) -> int:
        """How many responses there were."""
        return len(self.messages) // 2

    def _judge(self, content: str | None) -> tuple[bool, str]:
        """Say whether the task is solved; without content there was no final response."""
        assignment = self.draw.assignment
        if assignment.needs_no_call and self._made:
            return False, "a call was made where none was needed"
        if assignment.reference is not None:
            if content is None:
                return False, f"there is no final answer after {self.tasks.max_turns} turns"
            answer = find_answer(content, self.tasks.answer_from)
            if answer is None:
                return False, f"the response has no answer where one is read ({self.tasks.answer_from})"
            verdict = judge(assignment.reference, answer)
            if not verdict:
                return False, f"the answer is not right: {verdict.reason}"[:500]
        differing = self._differences()
        if differing:
            return False, f"the final state is not right: {', '.join(differing)}"
        return True, "the answer is right" if assignment.reference is not None else "the final state is right"

    def _differences(self) -> list[str]:
        """Return the names of the services that are not as they should be at the end."""
        plan, changes = self.draw.world.stateful(), self.draw.assignment.changes
        if not plan.services or not (self._made or changes):
            return []
        expected = World(plan)
        try:
            expected.apply(changes)
            wanted = expected.contents()
        finally:
            expected.close()
        found = self._live.contents()
        return [name for name, contents in wanted.items() if found.get(name) != contents]

    def _end(
        self,
        observation: str,
        success: bool,
        reason: str,
        terminated: bool,
        truncated: bool,
        outcomes: tuple[CallOutcome, ...],
    ) -> Turn:
        self.ended = terminated or truncated
        if self.ended:
            self.close()
        info = {
            "task": self.draw.task,
            "success": success,
            "reason": reason,
            "outcomes": outcomes_to_json(outcomes),
            "num_calls": len(outcomes),
            "num_valid_calls": sum(outcome.status in _WAS_RUN for outcome in outcomes),
            "turn": self._turn,
        }
        return Turn(observation, float(success), terminated, truncated, info)

    def close(self) -> None:
        """Give back what the world holds; the episode cannot go on as it was, but a copy of it can."""
        if self._world is not None:
            self._world.close()
            self._world = None

    def transcript(self) -> str:
        """Return all that was said, as text that any terminal takes."""
        return "\n".join(self.messages).encode("utf-8", errors="replace").decode("utf-8")
