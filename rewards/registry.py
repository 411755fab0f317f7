"""Rewards by name: from Python, from YAML and from a ``--reward`` flag, always the same object."""

from __future__ import annotations

import ast
import inspect
import keyword
import operator
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from rewardium.envs.errors import RewardiumError
from rewardium.envs.name_registry import NameRegistry, require_arguments, run_file
from rewardium.rewards.reward import Reward, RewardSource, Sum, Weighted

Factory = Callable[..., Reward]
F = TypeVar("F", bound=Factory)

_REWARDS: NameRegistry[Reward] = NameRegistry(
    "reward",
    "rewardium.rewards.sources",  # modules that are light by rule: they import models only when something is built
    "rewardium.rewards.shaping",
    "rewardium.rewards.combine",
    several_a_file=True,
)
_MAX_EXPRESSION_LENGTH = 20_000
_CONFIG_KEYS = frozenset({"weight", "reward"})


def register(name: str, *, papers: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Register a reward class, or a function that returns a reward, under a name.

    Args:
        name: What users write in expressions and YAML; a Python identifier, no keyword, and neither ``weight`` nor
            ``reward``, which are keys of the YAML form.
        papers: The keys of the papers whose reward this is, see ``rewardium.envs.catalogue``.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        RewardiumError: When the name is no identifier, or belongs to something else already, or there is no such
            paper.

    Example:
        >>> from dataclasses import dataclass
        >>> from rewardium.rewards.source import Score
        >>> @register("shout")
        ... @dataclass(frozen=True)
        ... class Shout(RewardSource):
        ...     needs = frozenset({"action"})
        ...     def score(self, batch):
        ...         return Score.of([float(action.isupper()) for action in batch.actions])
        >>> print(make("shout"))
        shout
    """
    if not name.isidentifier():
        raise RewardiumError(f"a reward's name must be a Python identifier, got {name!r}")
    if keyword.iskeyword(name) or name in _CONFIG_KEYS:
        raise RewardiumError(f"a reward cannot be named {name!r}: the word has a meaning in expressions or YAML")

    def decorate(factory: F) -> F:
        _REWARDS.register(name, papers)(factory)
        if isinstance(factory, type):
            setattr(factory, "registered_name", name)  # noqa: B010  (a type's attribute, unknown to mypy here)
        return factory

    return decorate


def load_plugin(path: str | Path) -> None:
    """Run a user's Python file, whose ``register`` calls make its rewards known by name.

    Args:
        path: A ``.py`` file of the user's own; it runs with the user's rights, like any import.

    Raises:
        RewardiumError: When there is no such file or it fails to import.
    """
    _REWARDS.load_shipped()  # first, so that a name taken twice is the plugin's mistake
    run_file(path, "reward file", "rewardium_plugin")


def names() -> list[str]:
    """Return every registered name, sorted.

    Example:
        >>> {"verify", "clip_delta", "gate"} <= set(names())
        True
    """
    return _REWARDS.names()


def source_names() -> list[str]:
    """Return the registered names that are sources, sorted.

    Example:
        >>> "verify" in source_names(), "gate" in source_names()
        (True, False)
    """
    return [
        name
        for name in names()
        if isinstance(factory := _REWARDS.entries[name], type) and issubclass(factory, RewardSource)
    ]


def get(name: str) -> Factory:
    """Return the class or function registered under a name.

    Raises:
        RewardiumError: When there is none; the message lists the near names.

    Example:
        >>> get("digit_mach")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unknown reward 'digit_mach'; did you mean 'digit_match'?
    """
    return _REWARDS.get(name)


def make(name: str, *args: Any, **kwargs: Any) -> Reward:
    """Build a registered reward.

    Args:
        name: The registered name.
        *args: Positional arguments of its constructor.
        **kwargs: Keyword arguments of its constructor.

    Returns:
        The reward.

    Raises:
        RewardiumError: When the name is unknown or the arguments do not fit; the message shows the signature.

    Example:
        >>> print(make("gate", make("format"), make("verify")))
        gate(condition=format, reward=verify)
    """
    factory = get(name)
    require_arguments(f"reward {name!r}", factory, *args, **kwargs)
    try:
        return factory(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise RewardiumError(f"reward {name!r}: {error}") from error


def parse(expression: str) -> Reward:
    """Read a reward from an expression such as a ``--reward`` flag.

    The expression knows ``+``, ``-``, ``number * reward``, registered names with or without arguments, numbers,
    strings, booleans, None and lists. It is parsed, never evaluated.

    Args:
        expression: The text, at most 20,000 characters.

    Returns:
        The reward.

    Raises:
        RewardiumError: When the text is not such an expression, with the place of the mistake.

    Example:
        >>> parse("0.2 * clip_delta(repetition) + gate(format, verify)") == (
        ...     0.2 * make("clip_delta", make("repetition")) + make("gate", make("format"), make("verify"))
        ... )
        True
    """
    if len(expression) > _MAX_EXPRESSION_LENGTH:
        raise RewardiumError(
            f"a reward expression has at most {_MAX_EXPRESSION_LENGTH} characters, got {len(expression)}"
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        result = _read(tree.body, expression)
    except SyntaxError as error:
        raise RewardiumError(f"cannot read the reward {expression!r}: {error.msg} at column {error.offset}") from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise RewardiumError(f"cannot read the reward expression: {type(error).__name__}") from None
    if not isinstance(result, Reward):
        raise RewardiumError(f"{expression!r} is {result!r}, not a reward")
    return result


def _read(node: ast.AST, expression: str) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return node.value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_read(item, expression) for item in items]
        case ast.Name(id=name):
            return make(name)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            if any(item.arg is None for item in keywords):
                raise RewardiumError(f"** is not allowed in the reward {expression!r}")
            named = {str(item.arg): _read(item.value, expression) for item in keywords}
            return make(name, *(_read(arg, expression) for arg in args), **named)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _operate("*", -1, _read(operand, expression), expression)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as kind, right=right):
            a, b = _read(left, expression), _read(right, expression)
            symbol = "*" if isinstance(kind, ast.Mult) else "+" if isinstance(kind, ast.Add) else "-"
            return _operate(symbol, a, b, expression)
    place = getattr(node, "col_offset", 0)
    raise RewardiumError(
        f"cannot read the reward {expression!r}: {type(node).__name__} is not allowed, at column {place}"
    )


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def _operate(symbol: str, left: Any, right: Any, expression: str) -> Any:
    try:
        # Only numbers and rewards: a text or a list times a large number would fill the memory.
        if all(isinstance(side, (int, float, Reward)) and not isinstance(side, bool) for side in (left, right)):
            return _OPERATORS[symbol](left, right)
    except (TypeError, OverflowError):
        pass
    hint = "a number times a reward" if symbol == "*" else "two rewards"
    raise RewardiumError(f"cannot read the reward {expression!r}: {symbol!r} takes {hint}")


def build(config: Any) -> Reward:
    """Build a reward from plain values, as YAML gives them.

    A string is an expression; a list is a sum; a mapping of one registered name holds that reward's arguments (a
    mapping of parameters, a list of positional arguments, or null), and ``weight`` beside the name scales it.

    Args:
        config: What ``Reward.config`` returned, or the same written by hand.

    Returns:
        The reward.

    Raises:
        RewardiumError: When the config has another form.

    Example:
        >>> build([{"weight": 0.2, "length": {"target": 0.4}}, {"gate": ["format", "verify"]}]) == parse(
        ...     "0.2 * length(target=0.4) + gate(format, verify)"
        ... )
        True
    """
    if isinstance(config, Reward):
        return config
    if isinstance(config, str):
        return parse(config)
    if isinstance(config, list):
        if not config:
            raise RewardiumError("a reward config must not be an empty list")
        return Sum(tuple(build(item) for item in config)) if len(config) > 1 else build(config[0])
    if not isinstance(config, Mapping) or not all(isinstance(key, str) for key in config):
        raise RewardiumError(f"a reward config is a name, an expression, a list or a mapping, got {config!r}")
    entries = {name: value for name, value in config.items() if name != "weight"}
    if len(entries) != 1:
        raise RewardiumError(f"a reward config names one reward (and maybe its weight), got {sorted(config)}")
    ((name, arguments),) = entries.items()
    reward = build(arguments) if name == "reward" else _build_named(name, arguments)
    return _weighted(config["weight"], reward) if "weight" in config else reward


def _weighted(weight: Any, reward: Reward) -> Reward:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        raise RewardiumError(f"the weight of {reward} must be a number, got {weight!r}")
    return Weighted(float(weight), reward)


def _build_named(name: str, arguments: Any) -> Reward:
    factory = get(name)
    parameters = list(inspect.signature(factory).parameters)
    takes_reward = _reward_parameters(factory)
    if arguments is None:
        return make(name)
    if isinstance(arguments, list):
        arguments = dict(zip(parameters, arguments, strict=False)) if len(arguments) <= len(parameters) else arguments
    if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
        raise RewardiumError(f"the arguments of reward {name!r} are a mapping or a list of at most {len(parameters)}")
    return make(name, **{key: _argument(value, takes_reward.get(key)) for key, value in arguments.items()})


def _argument(value: Any, kind: str | None) -> Any:
    if kind == "reward" and value is not None:
        return build(value)
    if kind == "rewards" and isinstance(value, list):
        return tuple(build(item) for item in value)
    return value


def _reward_parameters(factory: Factory) -> dict[str, str]:
    """Say which parameters are rewards, and which are tuples of rewards, from the annotations."""
    hints = typing.get_type_hints(factory)
    kinds = {}
    for name, hint in hints.items():
        parts = typing.get_args(hint) or (hint,)
        if any(isinstance(part, type) and issubclass(part, Reward) for part in parts):
            kinds[name] = "rewards" if typing.get_origin(hint) in (tuple, list) else "reward"
    return kinds


def from_yaml(text: str) -> Reward:
    """Build a reward from YAML text, with or without a ``reward:`` key around it.

    Raises:
        RewardiumError: When the text is not YAML or no reward config.

    Example:
        >>> print(from_yaml("reward: {weight: 0.5, verify: }"))
        0.5 * verify
    """
    try:
        config = yaml.safe_load(text)
        if isinstance(config, Mapping) and set(config) == {"reward"}:
            config = config["reward"]
        return build(config)
    except yaml.YAMLError as error:
        raise RewardiumError(f"not valid YAML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise RewardiumError(f"cannot read the reward's YAML: {type(error).__name__}: {error}") from None


def to_yaml(reward: Reward) -> str:
    """Write a reward as YAML; ``from_yaml`` builds an equal one.

    Example:
        >>> print(to_yaml(parse("0.5 * verify + format")), end="")
        reward:
        - weight: 0.5
          verify: {}
        - format
    """
    return yaml.safe_dump({"reward": reward.config()}, sort_keys=False)


def load(value: str) -> Reward:
    """Build a reward from a flag: the path of a ``.yaml`` file, or an expression.

    Raises:
        RewardiumError: When the file cannot be read, or the text is no reward.

    Example:
        >>> print(load("verify"))
        verify
    """
    if value.endswith((".yaml", ".yml")):
        try:
            return from_yaml(Path(value).read_text(encoding="utf-8"))
        except OSError as error:
            raise RewardiumError(f"cannot read the reward file {value}: {error.strerror}") from error
    return parse(value)
