"""A policy that goes on from the beginning of a response, and an environment that says whether a response is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.credit import answer_text
from rewardium.agents.llm.sampling import Sampler, SamplingSettings
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec
from rewardium.rewards.learning.step_completion import Written


class PolicyCompletions:
    """Goes on from beginnings of responses with a policy: the ``Complete`` of ``rewards.learning.step_completion``.

    A beginning is tokenised for itself and put behind the prompt's tokens; it may be cut into other tokens than a
    policy would have written. Equal beginnings are read once, and the draws do not depend on the batch.

    Args:
        sampler: Draws the answers.
        chat: Turns text into tokens.
        prompts: The prompt of each task.
        settings: How answers are drawn; ``max_new_tokens`` counts the beginning.
        context_length: The largest number of tokens of a conversation.
    """

    def __init__(
        self, sampler: Sampler, chat: Chat, prompts: Sequence[str], settings: SamplingSettings, context_length: int
    ) -> None:
        self.sampler, self.chat, self.settings = sampler, chat, settings
        self._prompt_ids = [chat.prompt_ids(prompt) for prompt in prompts]
        self._context_length = context_length

    def __call__(self, beginnings: Sequence[Written], seeds: Sequence[int]) -> list[str]:
        """Return what was written behind each beginning; nothing where there is no room."""
        begun = {start: self._ids(start) for start in dict.fromkeys(beginnings)}
        rows = [row for row, start in enumerate(beginnings) if begun[start][1] > 0]
        completions = self.sampler.generate(
            [begun[beginnings[row]][0] for row in rows],
            self.settings,
            seeds=[seeds[row] for row in rows],
            limits=[begun[beginnings[row]][1] for row in rows],
        )
        found = [""] * len(beginnings)
        for row, completion in zip(rows, completions, strict=True):
            found[row] = answer_text(self.chat.tokenizer, completion.token_ids)
        return found

    def _ids(self, start: Written) -> tuple[list[int], int]:
        """Return the tokens of prompt and beginning, and how many may follow."""
        prompt = self._prompt_ids[start.task]
        said = list(self.chat.tokenizer(start.text, add_special_tokens=False).input_ids)
        room = min(self._context_length - len(prompt), self.settings.max_new_tokens) - len(said)
        return prompt + said, room


class EpisodeCheck:
    """Says whether responses are right by playing them: the ``Check`` of ``rewards.learning.step_completion``.

    Args:
        env: The id of a text environment whose episodes are one response long.
        env_kwargs: Its arguments.
        task_seeds: The seed of each task.
        at_once: Environments at a time.

    Raises:
        RewardiumError: When the environment is unknown or an argument is wrong.
    """

    def __init__(
        self, env: str, env_kwargs: Mapping[str, Any], task_seeds: Sequence[int], *, at_once: int = 1024
    ) -> None:
        self.env, self.env_kwargs = env, dict(env_kwargs)
        self.task_seeds, self.at_once = [int(seed) for seed in task_seeds], at_once

    def prompts(self) -> list[str]:
        """Return what each task asks."""
        return [
            prompt
            for first in range(0, len(self.task_seeds), self.at_once)
            for prompt in self._begun(self.task_seeds[first : first + self.at_once])[1]
        ]

    def __call__(self, responses: Sequence[Written]) -> list[float | None]:
        """Return 1 for a success and 0 otherwise.

        Raises:
            RewardiumError: When an episode goes on after a response.
        """
        found: list[float | None] = []
        for first in range(0, len(responses), self.at_once):
            part = responses[first : first + self.at_once]
            venv, _ = self._begun([self.task_seeds[response.task] for response in part], close=False)
            _, _, terminated, truncated, infos = venv.step(tuple(response.text for response in part))
            venv.close()
            if not (np.asarray(terminated) | np.asarray(truncated)).all():
                raise RewardiumError(f"{self.env} goes on after a response, and steps are labelled in one response")
            found += [float(bool(success)) for success in infos["success"]]
        return found

    def _begun(self, seeds: list[int], *, close: bool = True) -> tuple[Any, Sequence[str]]:
        venv: Any = make_text_vec(self.env, len(seeds), autoreset_mode=AutoresetMode.DISABLED, **self.env_kwargs)
        prompts, _ = venv.reset(seed=seeds)
        if close:
            venv.close()
        return venv, prompts
