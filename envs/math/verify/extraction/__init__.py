"""Finding the answer in what a policy wrote."""

from rewardium.envs.math.verify.extraction.found import Found
from rewardium.envs.math.verify.extraction.search import extract, find_answer, gold_text

__all__ = ["Found", "extract", "find_answer", "gold_text"]
