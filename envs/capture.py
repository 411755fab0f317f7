"""Keep what a reward needs to see of a step, also when a vector environment resets within that step."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from rewardium.envs.errors import RewardiumError


class Capture(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Write each step's frame or caption into ``info``.

    Under ``AutoresetMode.SAME_STEP`` a vector environment has already been reset when its caller could render, so
    the terminal frame must be taken inside the sub-environment. Gymnasium then carries it in ``infos["final_info"]``.

    Args:
        env: The environment.
        frame: Whether to put ``env.render()`` (uint8 [height, width, 3]) into ``info["frame"]``.
        text: Whether to put ``env.unwrapped.caption()`` (str) into ``info["text"]``.

    Raises:
        RewardiumError: When frames are asked for and the environment does not render arrays, or text is asked for
            and the environment has no ``caption`` method.

    Example:
        >>> env = Capture(gym.make("CartPole-v1", render_mode="rgb_array"))  # doctest: +SKIP
        >>> env.reset(seed=0)[1]["frame"].shape  # doctest: +SKIP
        (400, 600, 3)
    """

    def __init__(self, env: gym.Env[Any, Any], *, frame: bool = True, text: bool = False) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, frame=frame, text=text)
        super().__init__(env)
        if frame and env.render_mode != "rgb_array":
            raise RewardiumError(f"Capture(frame=True) needs render_mode='rgb_array', the env has {env.render_mode!r}")
        if text and not hasattr(env.unwrapped, "caption"):
            raise RewardiumError(f"Capture(text=True) needs an env with a caption() method, {env.unwrapped} has none")
        self.frame = frame
        self.text = text

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and capture the first frame or caption."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, self._captured(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment and capture the step's frame or caption."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, self._captured(info)

    def _captured(self, info: dict[str, Any]) -> dict[str, Any]:
        captured = dict(info)
        if self.frame:
            captured["frame"] = self.env.render()
        if self.text:
            captured["text"] = self.env.unwrapped.caption()  # type: ignore[attr-defined]
        return captured
