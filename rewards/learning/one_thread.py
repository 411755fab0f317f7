"""Small networks on one thread, beside a policy that has the cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch compute on the calling thread alone; other threads keep theirs.

    A small network gains nothing by several threads. Beside a policy that uses all cores it loses nearly everything,
    since the threads of each operation wait for each other, and the policy waits with them.

    Yields:
        Nothing.

    Example:
        >>> import torch
        >>> before = torch.get_num_threads()
        >>> with one_thread():
        ...     print(torch.get_num_threads())
        1
        >>> torch.get_num_threads() == before
        True
    """
    import torch

    threads = torch.get_num_threads()
    if threads == 1:  # also where another thread is in here just now: it puts back what it found
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
