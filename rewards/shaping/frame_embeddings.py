"""What a node that remembers frames is given of them: vectors, computed for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.vision_encoder import FloatMatrix
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import ClipSource, encoded_frames, rows_with_frames


@dataclass(frozen=True, slots=True)
class EmbeddedScore(Score):
    """A score that carries a vector a row beside its number, which is 0.

    Args:
        embeddings: float32 [B, D], of unit norm; 0 in rows that are not valid.
    """

    embeddings: FloatMatrix | None = None

    def select(self, rows: NDArray[np.int64]) -> EmbeddedScore:
        """Return the score of the given rows (int64 [B'])."""
        vectors = None if self.embeddings is None else self.embeddings[rows]
        return EmbeddedScore(self.value[rows], self.valid[rows], embeddings=vectors)


@dataclass(frozen=True)
class FrameEmbeddings(ClipSource):
    """The image vectors of a batch, for a node that remembers an episode's frames.

    Such a node must fold one time step after the other, but a model is efficient on many frames at once. The node
    therefore has this source as its child, and the frames of all environments, or of a whole rollout that is scored
    later, go through the model together, as those of any source do. It is not registered: alone it pays 0.

    Args:
        clip: The name or folder of the vision-language model; "" where a flag is to fill it in.
    """

    needs = frozenset({"frame"})
    registered_name = "roboclip"  # whose child it is, for errors

    def score(self, batch: TransitionBatch) -> EmbeddedScore:
        """Embed the frames of B rows; a row without a frame is invalid."""
        rows = rows_with_frames(batch)
        known = np.zeros(len(batch), dtype=np.bool_)
        known[rows] = True
        vectors = np.zeros((len(batch), self.encoder.dimensions), dtype=np.float32)
        vectors[rows] = encoded_frames(self.encoder, batch, rows)
        return EmbeddedScore(np.zeros(len(batch), dtype=np.float32), known, embeddings=vectors)
