"""The processes that train one policy together, as ``accelerate launch`` starts them; one where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor


class Processes:
    """What processes tell each other.

    Args:
        device: A GPU where there is one (``"auto"``), or the CPU.

    Example:
        >>> alone = Processes("cpu")
        >>> alone.count, alone.gather("x"), alone.share([["a", "b"]])
        (1, ['x'], slice(0, 2, None))
    """

    def __init__(self, device: Literal["auto", "cpu"]) -> None:
        from accelerate import Accelerator

        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.accelerator.num_processes)

    @property
    def index(self) -> int:
        """The number of this one, from 0."""
        return int(self.accelerator.process_index)

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes files."""
        return bool(self.accelerator.is_main_process)

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        device: torch.device = self.accelerator.device
        return device

    def wait(self) -> None:
        """Wait for all others to come here."""
        self.accelerator.wait_for_everyone()

    def gather(self, value: Any) -> list[Any]:
        """Return the value of every process, in their order."""
        from accelerate.utils import gather_object

        return list(gather_object([value]))

    def share(self, parts: Sequence[Any]) -> slice:
        """Return where the own part stands when what ``gather`` returned is put one after the other."""
        start = sum(len(part) for part in parts[: self.index])
        return slice(start, start + len(parts[self.index]))

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Give each parameter the sum of its gradients over all processes; a missing one counts as 0."""
        if self.count == 1:
            return
        parameters = list(parameters)
        flat = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in parameters])
        flat = self.accelerator.reduce(flat, "sum")
        start = 0
        for parameter in parameters:
            parameter.grad = flat[start : start + parameter.numel()].view_as(parameter).clone()
            start += parameter.numel()

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.count == 1:
            return value
        total: Tensor = self.accelerator.reduce(value.to(self.device), "sum").to(value.device)
        return total
