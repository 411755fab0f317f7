"""Goals and states as objects with attributes; the leading underscore says that this file is no source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Table = Callable[[Sequence[str], Sequence[str]], NDArray[np.float64]]
"""How alike texts (length T) and goals (length G) are: float64 [T, G] in [0, 1]."""

_MOST_CHARACTERS = 20_000
_MOST_OBJECTS = 200
_MOST_ATTRIBUTES = 50
_IS = "is"
_BETWEEN = re.compile(r"[;\n]|\.(?=\s|$)|,? and then |, and ")


class Factor(NamedTuple):
    """An object and what is, or should be, true of it.

    Args:
        name: What the object is called.
        attributes: Pairs of key and value.
    """

    name: str
    attributes: tuple[tuple[str, str], ...] = ()

    def sentences(self) -> list[str]:
        """Return one sentence an attribute; of an object without any, its name.

        Example:
            >>> Factor("door", (("is", "open"), ("colour", "red"))).sentences(), Factor("a key").sentences()
            (['door is open', 'door, colour red'], ['a key'])
        """
        if not self.attributes:
            return [self.name]
        return [
            f"{self.name} is {value}" if key == _IS else f"{self.name}, {key} {value}" for key, value in self.attributes
        ]


def read_factors(text: str) -> list[Factor]:
    r"""Read objects and attributes from a text; anything is read as something, and nothing raises.

    Either one JSON object of objects, ``{"door": {"state": "open"}}``, or pieces that newlines, semicolons and full
    stops separate. A piece ``name: key=value, key=value`` has attributes; what stands there without ``=`` has the key
    "is"; a piece without a colon is a name alone.

    Args:
        text: Any text; read up to 20,000 characters, 200 objects and 50 attributes of each.

    Returns:
        The objects, in their order.

    Example:
        >>> [tuple(factor) for factor in read_factors("door: state=open, red\nThe key lies on the table.")]
        [('door', (('state', 'open'), ('is', 'red'))), ('The key lies on the table', ())]
        >>> read_factors('{"lamp": {"on": true}}')
        [Factor(name='lamp', attributes=(('on', 'true'),))]
    """
    text = text[:_MOST_CHARACTERS]
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return [_of_json(str(name), value) for name, value in list(found.items())[:_MOST_OBJECTS]]
    pieces = (piece.strip() for piece in _BETWEEN.split(text))
    return [_of_piece(piece) for piece in pieces if piece][:_MOST_OBJECTS]


def _of_json(name: str, value: Any) -> Factor:
    items = value.items() if isinstance(value, dict) else [(_IS, value)]
    return Factor(name, tuple((str(key), _plain(item)) for key, item in list(items)[:_MOST_ATTRIBUTES]))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)[:200]


def _of_piece(piece: str) -> Factor:
    name, colon, rest = piece.partition(":")
    if not colon or not name.strip():
        return Factor(piece)
    attributes = []
    for part in rest.split(",")[:_MOST_ATTRIBUTES]:
        key, equals, value = part.partition("=")
        if part.strip():
            attributes.append((key.strip(), value.strip()) if equals else (_IS, part.strip()))
    return Factor(name.strip(), tuple(attributes))


def factor_similarities(goal: Sequence[Factor], state: Sequence[Factor], table: Table) -> NDArray[np.float64]:
    """Return how well each wanted object is found in a state.

    ``max_o sim(name_g, name_o) * (1/|K_g|) * sum_k sim(value_g[k], value_o[k*])`` with ``k*`` the key of o that is most
    like k. An object that is wanted without attributes needs to be there only; one that has none fits no attribute.

    Args:
        goal: G wanted objects.
        state: The objects that there are.
        table: The similarity of texts.

    Returns:
        float64 [G] in [0, 1]; 0 where the state has no objects.

    Example:
        >>> def same(texts, goals):
        ...     return np.array([[float(text == goal) for goal in goals] for text in texts])
        >>> goal = [Factor("door", (("state", "open"), ("colour", "red"))), Factor("key")]
        >>> state = [Factor("door", (("state", "open"), ("colour", "blue"))), Factor("chest")]
        >>> factor_similarities(goal, state, same).tolist()
        [0.5, 0.0]
    """
    if not goal or not state:
        return np.zeros(len(goal))
    names = table([item.name for item in state], [item.name for item in goal])
    found = np.zeros((len(state), len(goal)))
    for column, wanted in enumerate(goal):
        for row in np.flatnonzero(names[:, column] > 0.0).tolist():
            found[row, column] = names[row, column] * _attributes(wanted, state[row], table)
    return np.asarray(found.max(axis=0), dtype=np.float64)


def _attributes(wanted: Factor, item: Factor, table: Table) -> float:
    if not wanted.attributes:
        return 1.0
    if not item.attributes:
        return 0.0
    keys, values = zip(*wanted.attributes, strict=True)
    own_keys, own_values = zip(*item.attributes, strict=True)
    nearest = table(own_keys, keys).argmax(axis=0)
    alike = table(own_values, values)
    return float(np.mean([alike[place, column] for column, place in enumerate(nearest.tolist())]))
