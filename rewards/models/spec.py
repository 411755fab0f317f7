"""A judge from a flag: a server, a model in this process, or a scripted rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.rewards.models.judge import Judge

_MAX_SPEC_LENGTH = 4_000
_FORMS = "'http://HOST:PORT/v1', 'transformers:FOLDER_OR_NAME' or 'scripted:NAME'"


def make_judge(spec: str) -> Judge:
    """Build a judge from a text such as a ``--judge`` flag.

    ============================================  =====================================================================
    ``http://HOST:PORT/v1`` (or ``https``)        an OpenAI-compatible server: vLLM, SGLang, llama.cpp, OpenAI itself
    ``transformers:FOLDER_OR_NAME``               a model in this process
    ``scripted:NAME``                             a rule; see ``rewards/models/scripted.py``
    ============================================  =====================================================================

    Options follow after ``#`` (after ``?`` for a scripted one), separated by ``&``; ``%26`` stands for a literal ``&``
    and ``%23`` for ``#``.

    - server: ``model=NAME`` (default: the first that the server lists), ``chat`` or ``completions`` (default: chat
      where the model has a chat template, else completions), ``choice=yes|no`` (the server lets the model write only
      these words; vLLM), ``timeout=60`` seconds a request, ``concurrency=32`` requests at once, ``max_tokens=8``.
    - transformers: ``chat`` or ``completions`` (default: chat where the tokenizer has a template), ``device=cuda:0``,
      ``dtype=bfloat16``, ``batch=16`` prompts at once, ``max_tokens=8``.
    - scripted: ``error=0.1`` share of wrong answers, ``delay=0.5`` seconds a batch, ``seed=0``.

    Args:
        spec: The text, at most 4,000 characters.

    Returns:
        The judge. A model in this process is loaded at once; a server is not contacted yet, it may come later.

    Raises:
        RewardiumError: When the text is no such spec, an option is unknown or wrong, or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.

    Example:
        >>> make_judge("scripted:keyword?error=0.1").name
        'scripted:keyword/1?error=0.1&seed=0'
        >>> make_judge("http://localhost:8000/v1#modle=judge")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: judge 'http://localhost:8000/v1#modle=judge': unknown option 'modle'; ...
    """
    if not isinstance(spec, str) or not spec.strip() or len(spec) > _MAX_SPEC_LENGTH:
        raise RewardiumError(f"a judge must be {_FORMS}, got {str(spec)[:100]!r}")
    spec = spec.strip()
    if spec.startswith(("http://", "https://")):
        from rewardium.rewards.models.openai_server import OpenAIServerJudge

        url, options = split_options(spec, "#", _SERVER_OPTIONS)
        return OpenAIServerJudge(url, **options)
    if spec.startswith("transformers:"):
        from rewardium.rewards.models.transformers_judge import TransformersJudge

        model, options = split_options(spec, "#", _TRANSFORMERS_OPTIONS)
        return TransformersJudge(model.removeprefix("transformers:"), **options)
    if spec.startswith("scripted:"):
        from rewardium.rewards.models.scripted import ScriptedJudge

        name, options = split_options(spec, "?", _SCRIPTED_OPTIONS)
        return ScriptedJudge(name.removeprefix("scripted:"), **options)
    raise RewardiumError(f"a judge must be {_FORMS}, got {spec!r}")


Option = Callable[[str], tuple[str, Any]]
"""Turns the text of an option's value into a parameter of the judge and its value; raises ValueError."""


def split_options(spec: str, mark: str, known: dict[str, Option]) -> tuple[str, dict[str, Any]]:
    """Split ``address#name=value&flag`` into the address and the parameters that the options stand for.

    Args:
        spec: The text.
        mark: The character that begins the options.
        known: The options that there are, by name.

    Returns:
        The address, and the parameters by name.

    Raises:
        RewardiumError: When an option is unknown, comes twice, or has a wrong value.

    Example:
        >>> split_options("scripted:keyword?delay=0.5", "?", {"delay": number("delay")})
        ('scripted:keyword', {'delay': 0.5})
    """
    address, _, text = spec.partition(mark)
    options: dict[str, Any] = {}
    for option in filter(None, text.split("&")):
        name, _, value = option.partition("=")
        if name not in known:
            raise RewardiumError(f"judge {spec!r}: {unknown_name_message('option', name, known)}")
        try:
            parameter, read = known[name](unquote(value))
        except ValueError as error:
            raise RewardiumError(f"judge {spec!r}: option {name!r} {error}, got {value!r}") from None
        if parameter in options:
            raise RewardiumError(f"judge {spec!r}: {parameter!r} is set twice")
        options[parameter] = read
    return address, options


def number(parameter: str) -> Option:
    """Return an option that is a finite number."""

    def read(text: str) -> tuple[str, Any]:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError("must be a number")
        return parameter, value

    return read


def whole_number(parameter: str) -> Option:
    """Return an option that is a whole number."""

    def read(text: str) -> tuple[str, Any]:
        if not text.removeprefix("-").isdecimal() or len(text) > 18:
            raise ValueError("must be a whole number")
        return parameter, int(text)

    return read


def words(parameter: str, separator: str | None = None) -> Option:
    """Return an option that is a text, or several between separators."""

    def read(text: str) -> tuple[str, Any]:
        if not text or (separator and not all(text.split(separator))):
            raise ValueError("must not be empty")
        return parameter, tuple(text.split(separator)) if separator else text

    return read


def flag(parameter: str, value: object) -> Option:
    """Return an option that stands alone."""

    def read(text: str) -> tuple[str, Any]:
        if text:
            raise ValueError("takes no value")
        return parameter, value

    return read


_ENDPOINTS: dict[str, Option] = {
    "chat": flag("endpoint", "chat"),
    "completions": flag("endpoint", "completions"),
}
_SERVER_OPTIONS: dict[str, Option] = {
    **_ENDPOINTS,
    "model": words("model"),
    "choice": words("choice", "|"),
    "no_thinking": flag("thinking", False),
    "timeout": number("timeout"),
    "concurrency": whole_number("concurrency"),
    "max_tokens": whole_number("max_tokens"),
}
_TRANSFORMERS_OPTIONS: dict[str, Option] = {
    **_ENDPOINTS,
    "device": words("device"),
    "dtype": words("dtype"),
    "batch": whole_number("batch_size"),
    "max_tokens": whole_number("max_tokens"),
}
_SCRIPTED_OPTIONS: dict[str, Option] = {
    "error": number("error"),
    "delay": number("delay"),
    "seed": whole_number("seed"),
}
