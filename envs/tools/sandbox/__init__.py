r"""Running Python that a policy wrote: fast, bounded, and where it can do no harm.

Example:
    >>> from rewardium.envs.tools.sandbox import SandboxPool
    >>> with SandboxPool(workers=1, mode="subprocess") as pool:
    ...     results = pool.run_batch([("a", "x = 6"), ("a", "x * 7"), (None, "1 / 0")])
    >>> results[1].value, results[2].status, results[2].error
    ('42', 'error', 'ZeroDivisionError: division by zero')
"""

from rewardium.envs.tools.sandbox.launch import Mode, SandboxUnavailableError
from rewardium.envs.tools.sandbox.limits import Limits
from rewardium.envs.tools.sandbox.pool import SandboxPool, shared_sandbox
from rewardium.envs.tools.sandbox.result import Result, Status

__all__ = ["Limits", "Mode", "Result", "SandboxPool", "SandboxUnavailableError", "Status", "shared_sandbox"]
