"""Messages between the caller's process and a worker: JSON objects in ASCII after their length in four bytes."""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from typing import Any

MAX_PACKET_BYTES = 2**17
"""Length of an encoded program, and of what its process reports of it; both travel in one piece."""

_LENGTH = struct.Struct("!I")
_CHUNK = 2**18


class ChannelClosedError(Exception):
    """The other end is gone, does not answer in time, or says something that is no message."""


def encode(message: dict[str, Any]) -> bytes:
    """Encode a message without its length; JSON in ASCII carries every Python string.

    Example:
        >>> encode({"code": "1 + 1"})
        b'{"code": "1 + 1"}'
    """
    return json.dumps(message).encode("ascii")


def decode(body: bytes) -> dict[str, Any]:
    """Decode a message, which may come from anyone.

    Args:
        body: What was received, of bounded length.

    Returns:
        The message.

    Raises:
        ValueError: When it is no JSON object.

    Example:
        >>> decode(b'{"call": 1}')
        {'call': 1}
        >>> decode(b"[1]")
        Traceback (most recent call last):
        ValueError: a message that is no object
    """
    try:
        message = json.loads(body)
    except RecursionError:
        raise ValueError("a message that is nested too deep") from None
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")
    return message


class Channel:
    """One end of a stream socket on which messages travel.

    Args:
        end: The socket; the channel owns it.
        limit: The longest message in bytes.

    Example:
        >>> near, far = map(Channel, socket.socketpair(), (100, 100))
        >>> near.send({"call": 1})
        >>> far.receive()
        {'call': 1}
    """

    def __init__(self, end: socket.socket, limit: int) -> None:
        self.socket = end
        self.limit = limit
        self._received = bytearray()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; this blocks until the other end has room for it.

        Raises:
            ChannelClosedError: When the other end is gone.
        """
        body = encode(message)
        try:
            self.socket.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise ChannelClosedError(_words(error)) from None

    def receive(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message.

        Args:
            timeout: Seconds to wait for it; None waits for ever.

        Raises:
            ChannelClosedError: When the other end is gone, is silent for so long, or sends something else.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        head = self._take(_LENGTH.size, deadline)
        (length,) = _LENGTH.unpack(head)
        if length > self.limit:
            raise ChannelClosedError(f"a message of {length} bytes")
        try:
            return decode(self._take(length, deadline))
        except ValueError as error:
            raise ChannelClosedError(str(error)) from None

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _take(self, size: int, deadline: float | None) -> bytes:
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        while len(self._received) < size:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            if not poller.poll(wait):
                raise ChannelClosedError("it does not answer")
            try:
                data = self.socket.recv(_CHUNK)
            except OSError as error:
                raise ChannelClosedError(_words(error)) from None
            if not data:
                raise ChannelClosedError("it has ended")
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


def _words(error: OSError) -> str:
    return "it has ended" if isinstance(error, ConnectionError) else str(error)
