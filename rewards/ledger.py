"""The ledger: what every term of a reward said, in ``info`` and summed over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.rewards.reward import Outcome


def scalar_entries(outcome: Outcome, extrinsic: float) -> dict[str, Any]:
    """Return what one environment's ``info`` says of its reward.

    Args:
        outcome: The outcome of a batch of one.
        extrinsic: The environment's own reward.

    Returns:
        ``extrinsic_reward``, ``reward_valid``, ``reward_terms`` (for each term raw, shaped, weight, valid) and, where
        some source gave them, ``reward_segments``.
    """
    entries: dict[str, Any] = {
        "extrinsic_reward": extrinsic,
        "reward_valid": bool(outcome.valid[0]),
        "reward_terms": {
            name: {
                "raw": float(term.raw[0]),
                "shaped": float(term.shaped[0]),
                "weight": float(term.weight),
                "valid": bool(term.valid[0]),
            }
            for name, term in outcome.terms.items()
        },
    }
    if outcome.segments is not None:
        entries["reward_segments"] = outcome.segments[0]
    return entries


def vector_entries(
    outcome: Outcome, rows: NDArray[np.int64], num_envs: int, extrinsic: NDArray[np.float64]
) -> dict[str, Any]:
    """Return what the ``infos`` of N environments say of their rewards, in Gymnasium's layout of arrays and masks.

    Args:
        outcome: The outcome of the B rows that had a transition.
        rows: int64 [B], their environments.
        num_envs: N.
        extrinsic: float [N], the environments' own rewards.

    Returns:
        The same entries as ``scalar_entries`` as arrays of length N, each dict with ``_key`` masks: bool [N].
    """
    mask = np.zeros(num_envs, dtype=np.bool_)
    mask[rows] = True
    everywhere = len(rows) == num_envs

    def spread(column: NDArray[Any]) -> NDArray[Any]:
        if everywhere:
            return column
        full = np.zeros(num_envs, dtype=column.dtype)
        full[rows] = column
        return full

    terms: dict[str, Any] = {}
    for name, term in outcome.terms.items():
        terms[name] = {
            "raw": spread(term.raw),
            "_raw": mask,
            "shaped": spread(term.shaped),
            "_shaped": mask,
            "weight": spread(np.full(len(rows), term.weight, dtype=np.float64)),
            "_weight": mask,
            "valid": spread(term.valid),
            "_valid": mask,
        }
        terms[f"_{name}"] = mask
    entries = {
        "extrinsic_reward": extrinsic,
        "_extrinsic_reward": np.ones(num_envs, dtype=np.bool_),
        "reward_valid": spread(outcome.valid),
        "_reward_valid": mask,
        "reward_terms": terms,
        "_reward_terms": mask,
    }
    if outcome.segments is not None:
        segments = np.full(num_envs, None, dtype=object)
        for row, segment_row in zip(rows.tolist(), outcome.segments, strict=True):
            segments[row] = segment_row
        entries["reward_segments"] = segments
        entries["_reward_segments"] = mask
    return entries


class LedgerSummary:
    """Sums of the ledger's lines over many steps, for logging.

    Example:
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> from rewardium.rewards import RewardState, make
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "", reward=r) for r in (1.0, 0.0)])
        >>> summary = LedgerSummary()
        >>> summary.add(make("extrinsic").evaluate(batch, RewardState()))
        >>> summary.metrics()["terms/extrinsic/raw"]
        0.5
    """

    def __init__(self) -> None:
        self._sums: dict[str, NDArray[np.float64]] = {}

    def add(self, outcome: Outcome) -> None:
        """Add the lines of one outcome."""
        for name, term in outcome.terms.items():
            known = float(term.valid.sum())
            line = np.array(
                [
                    float(term.raw[term.valid].sum()),
                    float(term.shaped[term.valid].sum()),
                    float(term.weight * term.shaped[term.valid].sum()),
                    known,
                    float(len(term.valid)),
                ]
            )
            self._sums[name] = self._sums.get(name, np.zeros(5)) + line

    def add_infos(self, infos: Mapping[str, Any]) -> None:
        """Add the ledger that a ``DenseVectorReward`` wrote into ``infos``."""
        terms = infos.get("reward_terms", {})
        for name, term in terms.items():
            if name.startswith("_"):
                continue
            valid = term["valid"] & term["_valid"]
            line = np.array(
                [
                    float(term["raw"][valid].sum()),
                    float(term["shaped"][valid].sum()),
                    float((term["weight"] * term["shaped"])[valid].sum()),
                    float(valid.sum()),
                    float(term["_valid"].sum()),
                ]
            )
            self._sums[name] = self._sums.get(name, np.zeros(5)) + line

    def metrics(self) -> dict[str, float]:
        """Return, for each term, the mean of raw, shaped and contribution over its valid rows, and what had no score.

        Returns:
            ``terms/<name>/raw``, ``/shaped``, ``/contribution`` (weight times shaped), ``/valid``, the share of rows
            with a score, in [0, 1], and ``/unknown``, the number of rows without one. A term without a valid row has
            the last two only: its mean is unknown, not 0.
        """
        metrics: dict[str, float] = {}
        for name, (raw, shaped, contribution, known, total) in self._sums.items():
            metrics[f"terms/{name}/valid"] = float(known / total) if total else 0.0
            metrics[f"terms/{name}/unknown"] = float(total - known)
            if known:
                metrics[f"terms/{name}/raw"] = float(raw / known)
                metrics[f"terms/{name}/shaped"] = float(shaped / known)
                metrics[f"terms/{name}/contribution"] = float(contribution / known)
        return metrics
