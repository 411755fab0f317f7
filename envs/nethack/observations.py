"""What a policy sees of the game: raw arrays, planes for a convolution, a vector of features, or text."""

from __future__ import annotations

import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.game import Game
from rewardium.envs.nethack.glyphs import CLASSES, PLAYER, class_table
from rewardium.envs.nethack.packages import nethack

Mode = Literal["dict", "features", "image", "map_features", "text"]
"""How an environment shows the game."""

Array = NDArray[Any]

MESSAGE_SIZE = 64
"""Places of the hashed bag of words."""

_NOT_WORDS = re.compile(r"[^a-z']+")
_MOST_WORDS = 200


class Planes:
    """The map as planes, one a semantic class, around the hero.

    uint8 [K, height, width], 255 where a square is of the plane's class and 0 elsewhere; K and the order are those of
    ``glyphs.CLASSES``. What lies beyond the map is "unseen". The hero stands in the middle, on the plane "player";
    what lies under the hero is not seen. Without a crop the planes show the whole map, [K, 21, 79].

    Args:
        crop: Height and width, odd; or None for the whole map.
    """

    def __init__(self, crop: tuple[int, int] | None) -> None:
        height, width = crop or nethack().DUNGEON_SHAPE
        self.crop = crop
        self.space = gym.spaces.Box(0, 255, (len(CLASSES), height, width), np.uint8)
        self._numbers = np.arange(len(CLASSES), dtype=np.uint8)[:, None, None]
        rows, columns = nethack().DUNGEON_SHAPE
        self._margin = (0, 0) if crop is None else (height // 2, width // 2)
        # A border of "unseen" around the map, so that a crop never leaves the array.
        self._padded = np.zeros((rows + 2 * self._margin[0], columns + 2 * self._margin[1]), np.uint8)
        top, left = self._margin
        self._inside = self._padded[top : top + rows, left : left + columns]

    def __call__(self, game: Game) -> NDArray[np.uint8]:
        """Return the planes of the present moment, in an array of their own."""
        blstats = game.buffers["blstats"]
        column, row = int(blstats[0]), int(blstats[1])
        if self.crop is None:
            classes = class_table()[game.buffers["glyphs"]]
            classes[row, column] = PLAYER
        else:
            height, width = self.crop
            np.take(class_table(), game.buffers["glyphs"], out=self._inside)
            classes = self._padded[row : row + height, column : column + width]
            classes[height // 2, width // 2] = PLAYER
        return np.equal(classes, self._numbers).view(np.uint8) * np.uint8(255)


@lru_cache(maxsize=65_536)  # numbers and names are words too
def _words_place(word: str) -> int:
    return zlib.crc32(word.encode("utf-8")) % MESSAGE_SIZE


@lru_cache(maxsize=4096)
def hashed_words(message: str) -> NDArray[np.float32]:
    """Return a message as a bag of words of fixed size.

    Args:
        message: What the game said.

    Returns:
        float32 [64] in {0, 1}: 1 at ``crc32(word) % 64`` of each word. Different words may share a place.

    Example:
        >>> bag = hashed_words("The door opens.")
        >>> bag.shape, int(bag.sum())
        ((64,), 3)
    """
    bag = np.zeros(MESSAGE_SIZE, np.float32)
    for word in _NOT_WORDS.split(message.lower())[:_MOST_WORDS]:
        if word:
            bag[_words_place(word)] = 1.0
    bag.setflags(write=False)
    return bag


class Features:
    """The hero's state, the message, the inventory and the last action as one vector.

    float32 [N] in [-1, 1], in this order:

    - 13 numbers of the bottom line: column / 78, row / 20, HP / HP at most, HP at most / 100, energy / energy at most,
      (10 - armor class) / 30, depth / 50, experience level / 30, log10(1 + gold) / 6, log10(1 + turn) / 6,
      (hunger - 1) / 6, burden / 5, log10(1 + score) / 8;
    - 13 conditions (blind, confused, levitating, ...), 0 or 1;
    - 2 questions: whether the game waits for a character, for a line;
    - 64 places of ``hashed_words`` of all that was said in the step;
    - 18 object classes: how many stacks of the class the hero carries, / 8;
    - one place an action: 1 for the last action, all 0 after a reset.

    Args:
        num_actions: How many actions the game has.
    """

    def __init__(self, num_actions: int) -> None:
        game = nethack()
        self._places = [
            game.NLE_BL_X, game.NLE_BL_Y, game.NLE_BL_HP, game.NLE_BL_HPMAX, game.NLE_BL_ENE, game.NLE_BL_ENEMAX,
            game.NLE_BL_AC, game.NLE_BL_DEPTH, game.NLE_BL_XP, game.NLE_BL_GOLD, game.NLE_BL_TIME, game.NLE_BL_HUNGER,
            game.NLE_BL_CAP, game.NLE_BL_SCORE, game.NLE_BL_CONDITION,
        ]  # fmt: skip
        self._condition_bits = 1 << np.arange(game.BL_MASK_BITS)
        self._num_classes = game.MAXOCLASSES
        self._num_actions = num_actions
        size = 13 + game.BL_MASK_BITS + 2 + MESSAGE_SIZE + game.MAXOCLASSES + num_actions
        self.space = gym.spaces.Box(-1.0, 1.0, (size,), np.float32)

    def __call__(self, game: Game, last_action: int | None) -> NDArray[np.float32]:
        """Return the vector of the present moment."""
        vector = np.zeros(self.space.shape or (), np.float32)
        *numbers, condition = game.buffers["blstats"][self._places].tolist()
        vector[:13] = _scaled(numbers)
        end = 13
        if condition:
            vector[end : end + len(self._condition_bits)] = (condition & self._condition_bits) != 0
        end += len(self._condition_bits)
        internal = game.buffers["internal"]
        vector[end], vector[end + 1] = internal[1] != 0, internal[2] != 0
        end += 2
        vector[end : end + MESSAGE_SIZE] = hashed_words(" ".join(game.messages()))
        end += MESSAGE_SIZE
        classes = game.buffers["inv_oclasses"]
        carried = np.bincount(classes[game.buffers["inv_letters"] != 0], minlength=self._num_classes)
        vector[end : end + self._num_classes] = carried[: self._num_classes] / 8.0
        end += self._num_classes
        if last_action is not None:
            vector[end + last_action] = 1.0
        return np.clip(vector, -1.0, 1.0, out=vector)


def _scaled(numbers: list[int]) -> list[float]:
    x, y, hp, hp_max, energy, energy_max, armor, depth, level, gold, time, hunger, burden, score = numbers
    return [
        x / 78, y / 20, hp / max(hp_max, 1), hp_max / 100, energy / max(energy_max, 1), (10 - armor) / 30, depth / 50,
        level / 30, _decades(gold) / 6, _decades(time) / 6, (hunger - 1) / 6, burden / 5, _decades(score) / 8,
    ]  # fmt: skip


def _decades(number: int) -> float:
    return float(np.log10(1 + max(number, 0)))


class Observer(ABC):
    """Turns the game's arrays into an observation.

    Args:
        space: The observations' space.
    """

    def __init__(self, space: gym.Space[Any]) -> None:
        self.space = space

    @abstractmethod
    def __call__(self, raw: Mapping[str, Array], game: Game, last_action: int | None) -> Any:
        """Return the observation of the present moment; nothing in it changes later."""


class RawObserver(Observer):
    """The raw arrays of the base environment.

    Args:
        game: The game.
        copy: Whether each observation gets arrays of its own. NLE writes every step into the same arrays, so that
            without copies an observation changes when the game is stepped.
    """

    def __init__(self, game: Game, *, copy: bool = True) -> None:
        super().__init__(gym.spaces.Dict(game.observation_spaces))
        self._copy = copy

    def __call__(self, raw: Mapping[str, Array], game: Game, last_action: int | None) -> dict[str, Array]:
        """Return the arrays by key."""
        return {key: array.copy() for key, array in raw.items()} if self._copy else dict(raw)


class PlanesObserver(Observer):
    """``Planes`` alone."""

    def __init__(self, planes: Planes) -> None:
        super().__init__(planes.space)
        self._planes = planes

    def __call__(self, raw: Mapping[str, Array], game: Game, last_action: int | None) -> NDArray[np.uint8]:
        """Return uint8 [K, height, width]."""
        return self._planes(game)


class FeaturesObserver(Observer):
    """``Features`` alone."""

    def __init__(self, features: Features) -> None:
        super().__init__(features.space)
        self._features = features

    def __call__(self, raw: Mapping[str, Array], game: Game, last_action: int | None) -> NDArray[np.float32]:
        """Return float32 [N]."""
        return self._features(game, last_action)


class MapFeaturesObserver(Observer):
    """``Planes`` under ``"image"`` and ``Features`` under ``"features"``."""

    def __init__(self, planes: Planes, features: Features) -> None:
        super().__init__(gym.spaces.Dict({"image": planes.space, "features": features.space}))
        self._planes = planes
        self._features = features

    def __call__(self, raw: Mapping[str, Array], game: Game, last_action: int | None) -> dict[str, Array]:
        """Return both."""
        return {"image": self._planes(game), "features": self._features(game, last_action)}


def read_crop(crop: Any) -> tuple[int, int] | None:
    """Read the ``crop`` argument.

    Args:
        crop: An odd int, two of them (height and width), or None for the whole map.

    Returns:
        Height and width, or None.

    Raises:
        RewardiumError: When it is something else.

    Example:
        >>> read_crop(9), read_crop([5, 7]), read_crop(None)
        ((9, 9), (5, 7), None)
    """
    if crop is None:
        return None
    pair = (crop, crop) if isinstance(crop, int) else tuple(crop) if isinstance(crop, (list, tuple)) else ()
    if len(pair) == 2 and all(
        isinstance(side, int) and not isinstance(side, bool) and side % 2 and 0 < side < 200 for side in pair
    ):
        return pair
    raise RewardiumError(f"crop must be an odd int below 200, two of them, or None for the whole map, got {crop!r}")
