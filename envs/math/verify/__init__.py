r"""Verifying mathematical answers: exact where it can be, bounded in time and memory, safe from any thread.

Example:
    >>> from rewardium.envs.math.verify import extract, verify
    >>> bool(verify(r"2\sqrt{2}", r"I get $\sqrt{8}$.")), extract(r"so \boxed{6}")
    (True, '6')
"""

from rewardium.envs.math.verify.checker import clear_caches, verify, verify_batch
from rewardium.envs.math.verify.extraction import extract
from rewardium.envs.math.verify.verdict import Status, Verdict

__all__ = ["Status", "Verdict", "clear_caches", "extract", "verify", "verify_batch"]
