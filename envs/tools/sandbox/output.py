"""Keeping the beginning and the end of what a program writes, however much that is.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import os

_CHUNK = 2**16
_BYTES_PER_CHARACTER = 4


class Output:
    r"""What comes out of a pipe, of which at most ``limit`` characters are kept: half at the front, half at the end.

    Args:
        descriptor: The pipe's end to read from, which does not block.
        limit: Characters to be kept.

    Example:
        >>> near, far = os.pipe()
        >>> os.set_blocking(near, False)
        >>> output = Output(near, limit=10)
        >>> _ = os.write(far, b"0123456789" * 10)
        >>> output.read_all(), output.text()
        (True, '01234\n[... 90 bytes cut ...]\n56789')
    """

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor = descriptor
        self.limit = limit
        self._half = limit // 2 * _BYTES_PER_CHARACTER
        self.clear()

    def clear(self) -> None:
        """Forget what was read."""
        self._front = b""
        self._back = b""
        self._count = 0

    def read(self) -> bool:
        """Read what there is, up to 64 KiB.

        Returns:
            Whether something may still come: False once every writer has closed the pipe.
        """
        try:
            data = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return True
        self._add(data)
        return bool(data)

    def read_all(self, limit: int = 2**21) -> bool:
        """Read what there is, up to about ``limit`` bytes, and return as ``read`` does."""
        before = self._count
        while self._count - before < limit:
            count = self._count
            is_open = self.read()
            if self._count == count:
                return is_open
        return True

    def text(self) -> str:
        """Return what was read, as text; what is no UTF-8 is replaced."""
        if self._count <= 2 * self._half:
            text = (self._front + self._back).decode("utf-8", "replace")
            return text if len(text) <= self.limit else self._cut(text, text)
        return self._cut(self._front.decode("utf-8", "replace"), self._back.decode("utf-8", "replace"))

    def _add(self, data: bytes) -> None:
        self._count += len(data)
        room = self._half - len(self._front)
        if room > 0:
            self._front += data[:room]
            data = data[room:]
        if data:
            self._back = (self._back + data)[-self._half :]

    def _cut(self, front: str, back: str) -> str:
        front, back = front[: self.limit // 2], back[-(self.limit // 2) :]
        kept = len(front.encode("utf-8")) + len(back.encode("utf-8"))
        return f"{front}\n[... {max(self._count - kept, 0)} bytes cut ...]\n{back}"
