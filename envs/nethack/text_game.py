"""NetHack and MiniHack for language models: a text in, the name of an action out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium.error import ResetNeeded

from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.action_names import find_action
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_ACTION_LENGTH, MAX_OBSERVATION_LENGTH

_SHOWN = 60


class NetHackTextEnv(gym.Env[str, str]):
    r"""A game of NetHack, or a task of MiniHack, that is played in words.

    ## Description
    The same games as ``NetHackEnv`` plays, one action a response.

    ## Action Space
    A ``Utf8Text``: the name of an action, in any case, e.g. ``north`` or ``pick up``. Other words may stand around it
    as long as the last line names exactly one action. While the game asks a question, a response of one character
    answers it with that key, if the task has it. Any other response is no step of the game: the observation says which
    names there are, the reward is 0.0, and the response counts as a turn. No response raises.

    ## Observation Space
    A ``Utf8Text``: the caption of the step (``Caption.text``); after ``reset`` the goal and the names of the actions
    before it.

    ## Rewards
    Those of the underlying task.

    ## Starting State
    That of ``NetHackEnv``: the same seed begins the same game. ``options={"task": ...}`` takes the task of an earlier
    episode.

    ## Episode End
    ``terminated`` where the task is solved, the hero dies or leaves the game; ``truncated`` with turn ``max_turns``.

    ## Information
    ``reset``: ``task``; its reference holds the game's seeds. ``step``: ``task``, ``success`` (bool), ``reason`` (str),
    ``end_status`` (str), ``action`` (str: the action that was read, "" where there was none), and, with
    ``track_events``, ``events``.

    ## Version History
    * v0: the first version.

    Args:
        game: Name of a game in ``games.GAMES``.
        max_turns: Responses of an episode, at least 1.
        caption_map: (height, width) of the map in captions, odd; None for captions without a map.
        track_events: Whether to read ``info["events"]`` from the game's state.
        render_mode: "ansi": all that was said; or None.

    Raises:
        MissingExtraError: When NLE or MiniHack is not installed.
        RewardiumError: When an argument is wrong.

    Example:
        >>> env = NetHackTextEnv("MiniHack-KeyRoom-S5")  # doctest: +SKIP
        >>> observation, info = env.reset(seed=1)  # doctest: +SKIP
        >>> print(env.step("I will go\nNorth.")[0])  # doctest: +SKIP
        Action: north
        Message: (none)
        ...
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own shape

    def __init__(
        self,
        game: str,
        max_turns: int = 1000,
        *,
        caption_map: Sequence[int] | None = (9, 17),
        track_events: bool = False,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise RewardiumError(f"render_mode must be 'ansi' or None, got {render_mode!r}")
        if isinstance(max_turns, bool) or not isinstance(max_turns, int) or max_turns < 1:
            raise RewardiumError(f"max_turns must be an int of at least 1, got {max_turns!r}")
        self.render_mode = render_mode
        self.max_turns = max_turns
        self.env = NetHackEnv(game, "text", caption_map=caption_map, track_events=track_events)
        self.action_names = self.env.action_names
        self.observation_space = Utf8Text(MAX_OBSERVATION_LENGTH)
        self.action_space = Utf8Text(MAX_ACTION_LENGTH)
        self._task: Task | None = None
        self._said: list[str] = []
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin the game of a seed, a new one, or that of ``options["task"]``."""
        super().reset(seed=seed)
        observation, info = self.env.reset(seed=seed, options=options)
        self._task = info["task"]
        self._said = [observation]
        self._ended = False
        return observation, info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take the action that the response names.

        Raises:
            gymnasium.error.ResetNeeded: When there is no game to step.
        """
        if self._task is None or self._ended:
            raise ResetNeeded("the episode has ended, or none has begun: call reset first")
        number = self._read(action)
        turn = len(self._said) // 2 + 1
        truncated = turn >= self.max_turns
        if number is None:
            observation, reward, terminated = self._unknown(action), 0.0, False
            info = {
                "task": self._task,
                "success": False,
                "reason": "the response names no action, or more than one",
                "end_status": "running",
            }
            if self.env.tracks_events:
                info["events"] = ()
        else:
            observation, reward, terminated, _, info = self.env.step(number)
        info["action"] = "" if number is None else self.action_names[number]
        truncated = truncated and not terminated
        if truncated:
            info["reason"] = f"the task is not solved after {self.max_turns} turns"
        self._ended = terminated or truncated
        self._said += [_shortened(action, 1000), observation]
        return observation, reward, terminated, truncated, info

    def _read(self, action: Any) -> int | None:
        if not isinstance(action, str):
            return None
        number = find_action(action, self.action_names)
        if number is None and len(key := action.strip()) == 1 and self.env.game_asks:
            keys = [int(key_code) for key_code in self.env.game.actions]
            number = keys.index(ord(key)) if ord(key) in keys else None
        return number

    def _unknown(self, action: Any) -> str:
        shown = " ".join(_shortened(action, _SHOWN).split())
        return f"There is no action {shown!r}. Answer with one of: {', '.join(self.action_names)}."

    def caption(self) -> str:
        """Return what the last turn said."""
        if not self._said:
            raise ResetNeeded("there is nothing to tell before the first reset")
        return self._said[-1]

    def render(self) -> str | None:  # type: ignore[override]
        """Return all that was said, where ``render_mode`` is ``"ansi"``."""
        return "\n\n".join(self._said) if self.render_mode == "ansi" and self._said else None

    def close(self) -> None:
        """End the game and remove what it keeps on disk."""
        self.env.close()


def _shortened(action: Any, length: int) -> str:
    """Return the beginning of a response as text that any terminal takes."""
    text = action if isinstance(action, str) else repr(action)
    return text[:length].encode("utf-8", errors="replace").decode("utf-8")
