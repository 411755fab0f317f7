"""The script around the server. Its processes are a stand-in's; test_vllm_judge.py has the real server."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "serve_judge.py"
STAND_IN = """
import http.server, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            import os
            print("ValueError: out of luck", file=sys.stderr, flush=True)
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(" ".join(sys.argv).encode())
    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer((arguments["--host"], int(arguments["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def flags(tmp_path):
    packages = tmp_path / "venv/lib/python3/site-packages"
    (packages / "vllm/entrypoints/openai").mkdir(parents=True)
    (packages / "vllm-0.0.0.dist-info").mkdir()
    (packages / "vllm/entrypoints/openai/api_server.py").write_text(STAND_IN)
    (tmp_path / "venv/bin").mkdir()
    python = tmp_path / "venv/bin/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return ["--model", tmp_path / "model", "--venv", tmp_path / "venv", "--port", port, "--log", tmp_path / "log"]


def start(*arguments) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", SCRIPT, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )


def url_of(process: subprocess.Popen[str]) -> str:
    for line in process.stdout:
        if found := re.search(r"--judge (http\S+)", line):
            return found[1]
    raise AssertionError("the script never said where it serves")


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_leaves_nothing_behind(flags, number):
    process = start(*flags, "--", "--max-model-len", "64")
    url = url_of(process)
    assert get(f"{url}/models").endswith("--max-model-len 64")
    process.send_signal(number)
    assert process.wait(timeout=60) == 128 + number
    assert "stopped" in process.stdout.read()
    with pytest.raises(OSError, match="refused"):
        get(f"{url}/models")


def test_a_server_that_ends_by_itself_is_an_error(flags):
    process = start(*flags)
    url = url_of(process)
    with pytest.raises((OSError, http.client.HTTPException)):
        get(url.replace("/v1", "/crash"))
    assert process.wait(timeout=60) == 1
    assert "vLLM ended with status 3: ValueError: out of luck" in process.stdout.read()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--model", "./nowhere"], "error: there is no model folder"),
        (["--venv", "./nowhere"], ".ci/setup_vllm"),
        (["--port", "99999"], "error: a port must be in 1..65535"),
    ],
)
def test_wrong_input_is_one_line(flags, change, said):
    result = subprocess.run(
        [sys.executable, SCRIPT, *map(str, [*flags, *change])], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 1
    assert said in " ".join(result.stdout.split())
    assert "Traceback" not in result.stdout + result.stderr
