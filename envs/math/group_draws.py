"""Draws of the environments of a vector: rows with one seed share their draw, and each goes on by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from gymnasium.utils import seeding

T = TypeVar("T")


class GroupDraws(Generic[T]):
    """One generator an environment; what a seed gives is drawn once, however many environments share the seed.

    Args:
        draw: Draws from a generator.
        num_envs: Number of environments N.

    Example:
        >>> draws = GroupDraws(lambda random: int(random.integers(10**6)), 3)
        >>> first, second, third = draws.draw([0, 1, 2], [7, 7, 8])
        >>> again = draws.draw([0, 1], [None, None])
        >>> first == second != third, again[0] == again[1] != first
        (True, True)
    """

    def __init__(self, draw: Callable[[np.random.Generator], T], num_envs: int) -> None:
        self._draw = draw
        # A row that shared another's draw keeps the state after it, and becomes a generator when it draws by itself.
        self._generators: list[np.random.Generator | dict[str, Any] | None] = [None] * num_envs

    def draw(self, rows: Sequence[int], seeds: Sequence[int | None]) -> list[T]:
        """Draw for R rows.

        Args:
            rows: The environments' indices, length R.
            seeds: Length R; None goes on with the row's own generator.

        Returns:
            R draws.
        """
        shared: dict[int, tuple[T, dict[str, Any]]] = {}
        drawn: list[T] = []
        for row, seed in zip(rows, seeds, strict=True):
            if seed is not None and seed in shared:
                value, self._generators[row] = shared[seed]
            else:
                generator = self._generator(row, seed)
                value = self._draw(generator)
                if seed is not None:
                    shared[seed] = value, dict(generator.bit_generator.state)
            drawn.append(value)
        return drawn

    def draw_or_take(self, rows: Sequence[int], seeds: Sequence[int | None], chosen: Sequence[T | None]) -> list[T]:
        """Draw for those of R rows for which nothing is chosen, and seed the others.

        Args:
            rows: The environments' indices, length R.
            seeds: Length R.
            chosen: Length R; None where a row draws.

        Returns:
            R draws, the chosen ones among them.
        """
        own = [(row, seed) for row, seed, choice in zip(rows, seeds, chosen, strict=True) if choice is None]
        drawn = iter(self.draw([row for row, _ in own], [seed for _, seed in own]))
        for row, seed, choice in zip(rows, seeds, chosen, strict=True):
            if choice is not None:
                self.seed(row, seed)
        return [next(drawn) if choice is None else choice for choice in chosen]

    def seed(self, row: int, seed: int | None) -> None:
        """Seed a row that draws nothing now; None leaves it as it is."""
        if seed is not None:
            self._generators[row] = seeding.np_random(seed)[0]

    def _generator(self, row: int, seed: int | None) -> np.random.Generator:
        generator = self._generators[row]
        if seed is not None or generator is None:
            generator = seeding.np_random(seed)[0]
        elif isinstance(generator, dict):
            state, generator = generator, seeding.np_random()[0]
            generator.bit_generator.state = state
        self._generators[row] = generator
        return generator
