"""A conversation as the text that a language model reads, up to the place where the next turn begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardium.envs.errors import RewardiumError

# Stands for a turn while the text before it is looked up; made of letters, so that no template changes it.
_PLACEHOLDER = "REWARDIUMNEXTTURNPLACEHOLDER"


def text_before(tokenizer: Any, turns: Sequence[str], *, chat: bool) -> str:
    r"""Return what stands before the next turn of a conversation.

    Turns alternate and the environment has the first word: after an odd number of turns the next is an answer, after an
    even number it is the environment's.

    Args:
        tokenizer: A ``transformers`` tokenizer.
        turns: What was said so far, at least one turn.
        chat: Whether the tokenizer's chat template marks the turns; otherwise answers follow their prompts directly,
            and the environment's replies stand on lines of their own, as in training without a template.

    Returns:
        The text. Written by a template, it holds the special tokens already.

    Raises:
        RewardiumError: When there is no turn, or the template fails or drops what comes next.

    Example:
        >>> text_before(None, ["2+2=", "4", "sure?"], chat=False)
        '2+2=4\nsure?\n'
        >>> text_before(None, ["2+2=", "4"], chat=False)
        '2+2=4\n'
    """
    if not turns:
        raise RewardiumError("a conversation needs at least one turn")
    return _by_template(tokenizer, turns) if chat else _plain(turns)


def _plain(turns: Sequence[str]) -> str:
    texts = [turns[0]]
    for number, turn in enumerate(turns[1:], start=1):
        texts.append(turn if number % 2 else f"\n{turn}\n")
    return "".join(texts) + ("\n" if len(turns) % 2 == 0 else "")


def _by_template(tokenizer: Any, turns: Sequence[str]) -> str:
    messages = [{"role": ("user", "assistant")[number % 2], "content": turn} for number, turn in enumerate(turns)]
    answers_next = len(turns) % 2 == 1
    if not answers_next:
        messages.append({"role": "user", "content": _PLACEHOLDER})
    try:
        text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answers_next))
    except Exception as error:  # a template is a program of the model's author
        raise RewardiumError(f"the tokenizer's chat template failed: {type(error).__name__}: {error}") from error
    if answers_next:
        return text
    # From the right: what stands behind the place is the template's own, whatever the turns before it say.
    before, found, _ = text.rpartition(_PLACEHOLDER)
    if not found:
        raise RewardiumError("the tokenizer's chat template drops the last turn")
    return before
