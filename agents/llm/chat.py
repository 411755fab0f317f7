"""From a conversation to tokens, and never back: what was sampled is not tokenised a second time."""

from __future__ import annotations

from typing import Any

from rewardium.envs.errors import RewardiumError

# Stands for an answer while the text around it is looked up; made of letters, so that no template changes it.
_ANSWER = "REWARDIUMANSWERPLACEHOLDER"
_QUESTION = "REWARDIUMQUESTIONPLACEHOLDER"


class Chat:
    r"""The tokens that stand before and between the answers of a conversation.

    With a chat template, the environment speaks as the user and the template marks the turns. Without one, a prompt is
    its plain text, and a reply stands on lines of its own.

    Args:
        tokenizer: A ``transformers`` tokenizer.
        system: A system message before the first prompt, or None.

    Raises:
        RewardiumError: When there is a system message and no template that could carry it, or the template hides the
            answer of an earlier turn.

    Example:
        >>> from rewardium.agents.llm.character import character_tokenizer
        >>> chat = Chat(character_tokenizer())
        >>> chat.tokenizer.decode(chat.reply_ids("42", ended_with=None))
        '\n42\n'
    """

    def __init__(self, tokenizer: Any, *, system: str | None = None) -> None:
        self.tokenizer = tokenizer
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        if system is not None and not self.has_template:
            raise RewardiumError(
                "a system message needs a tokenizer with a chat template; put it into the env's prompt"
            )
        self._opening = [] if system is None else [{"role": "system", "content": system}]

    def prompt_ids(self, prompt: str) -> list[int]:
        """Return the tokens up to the place where the first answer begins.

        Raises:
            RewardiumError: When that is no token at all, or the template fails.
        """
        if self.has_template:
            ids = self._encode(self._render([*self._opening, {"role": "user", "content": prompt}]))
        else:
            ids = list(self.tokenizer(prompt).input_ids)
            while ids and ids[-1] == self.tokenizer.eos_token_id:  # some tokenizers end every text
                ids.pop()
        if not ids:
            raise RewardiumError(f"the prompt {prompt!r} has no tokens; there is nothing to answer")
        return ids

    def reply_ids(self, reply: str, *, ended_with: int | None) -> list[int]:
        """Return the tokens between the end of an answer and the place where the next begins.

        Args:
            reply: What the environment says.
            ended_with: The token that the answer ended itself with, or None where a limit cut it. If the template ends
                a turn with this token, it does not stand there twice; many models end turns with another token than
                their tokenizer's end of text.

        Returns:
            The tokens, at least one.

        Raises:
            RewardiumError: When the template does not show the answer before the reply.
        """
        if not self.has_template:
            return self._encode(f"\n{reply}\n")
        turns = [{"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER}]
        rendered = self._render([*self._opening, *turns, {"role": "user", "content": reply}])
        _, found, between = rendered.partition(_ANSWER)
        if not found:
            raise RewardiumError("the tokenizer's chat template drops earlier answers; it cannot hold a conversation")
        ids = self._encode(between)
        return ids[1:] if ids[:1] == [ended_with] else ids

    def _render(self, messages: list[dict[str, str]]) -> str:
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program of the model's author
            raise RewardiumError(f"the tokenizer's chat template failed: {type(error).__name__}: {error}") from error

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)
