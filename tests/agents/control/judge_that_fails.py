"""A judge's server that does as a file says: well, slowly, or nonsense. A process of its own, so that it can be killed.

python judge_that_fails.py PORT FILE
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODEL = "served"
SLOW_SECONDS = 10.0
NONSENSE = ("perhaps", "helpful or unhelpful", "", "\U0001f600" * 3000, '{"answer": "helpful"}', "unhelpfulness \x00")
GARBAGE = (b"<html>Welcome</html>", b'{"choices": [', b"[]", b'{"choices": [{"message": {"content": 1}}]}', b"\xff\xfe")
_ITEM = re.compile(r"^<<<\n(.*?)\n>>>$", re.MULTILINE | re.DOTALL)


def verdict(prompt: str) -> str:
    """Answer by a digest of what the prompt asks about, so that a test knows every right answer."""
    item = _ITEM.search(prompt)
    return "yes" if item is None else ("helpful", "unhelpful")[number_of(item.group(1)) % 2]


def number_of(text: str) -> int:
    """Return a number that depends on the text alone."""
    return hashlib.sha256(text.encode()).digest()[0]


class Server(ThreadingHTTPServer):
    """Takes as many connections at once as there are prompts in a batch."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    parent = os.getppid()

    def service_actions(self) -> None:
        """End with the process that started this one, even if that was killed."""
        if os.getppid() != self.parent:
            os._exit(0)


class Handler(BaseHTTPRequestHandler):
    """Speaks as much of OpenAI's protocol as a judge uses."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """List the model."""
        self.reply(json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode())

    def do_POST(self) -> None:
        """Answer a prompt."""
        prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
        behaviour, answer = Path(sys.argv[2]).read_text(encoding="utf-8"), verdict(prompt)
        if behaviour == "garbage":
            return self.reply(GARBAGE[number_of(prompt) % len(GARBAGE)])
        if behaviour == "slow":
            time.sleep(SLOW_SECONDS)
        if behaviour == "nonsense":
            answer = NONSENSE[number_of(prompt) % len(NONSENSE)]
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
        usage = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
        return self.reply(json.dumps({**body, "usage": usage}).encode())

    def reply(self, body: bytes) -> None:
        """Send a body."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(poll_interval=0.05)
