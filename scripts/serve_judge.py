"""Serve a judge with vLLM, and give the URL to any script's --judge.

    python scripts/serve_judge.py --model runs/judges/game --port 8000
    python scripts/serve_judge.py --model Qwen/Qwen3-4B-Instruct-2507 --venv my/gpu/env -- --max-model-len 4096

What follows after -- goes to vLLM as it is. Ctrl-C (or SIGTERM) ends the server with all of its processes. vLLM has an
environment of its own: .ci/setup_vllm makes .venv-vllm, in which it runs on the CPU.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from _command import run_command_line
from rich.console import Console

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.vllm_server import start_server


@dataclass(frozen=True)
class Config:
    """Serve a judge with vLLM."""

    model: str = "runs/judges/game"
    """Folder or hub name of the model."""
    port: int = 8000
    """Where to listen."""
    host: str = "127.0.0.1"
    """What to listen on; 0.0.0.0 lets other machines in, without any password."""
    venv: Path | None = None
    """The environment that has vLLM; by default .venv-vllm, and else the one that runs this script."""
    nice: int = 0
    """How much the server gives way to other processes, 0 to 19; 19 suits a policy that trains on the same cores. From
    1 on, a server on the CPU also waits asleep, not in loops."""
    cores: tuple[int, ...] = ()
    """Numbers of the cores that the server may use; by default all."""
    timeout: float = 600.0
    """Seconds that the start may take; a large model must be downloaded and loaded."""
    log: Path | None = None
    """File for what vLLM writes; by default a temporary one."""


class Ended(Exception):  # noqa: N818  (not an error: someone asked for it)
    """A signal asked this script to end."""


def main() -> int:
    """Read the command line, serve, and return the exit status."""
    own, passed_on = split_arguments(sys.argv[1:])
    return run_command_line(
        Config, lambda config, console: serve_until_ended(config, passed_on, console), __doc__, arguments=own,
        warnings=True,
    )  # fmt: skip


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments before and after the first ``--``."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def end(number: int, frame: FrameType | None) -> None:
    """End the script at once; further signals are ignored while the server is being ended."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Ended(str(number))


def serve_until_ended(config: Config, arguments: list[str], console: Console) -> int:
    """Serve until a signal asks for the end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        return serve(config, arguments, console)
    except Ended as ended:
        console.print("stopped")
        return 128 + int(str(ended))


def serve(config: Config, arguments: list[str], console: Console) -> int:
    """Serve until the server ends."""
    console.print(f"starting vLLM for {config.model}", markup=False, soft_wrap=True)
    with start_server(
        config.model, port=config.port, host=config.host, venv=config.venv, arguments=arguments, nice=config.nice,
        cores=config.cores, timeout=config.timeout, log=config.log,
    ) as server:  # fmt: skip
        console.print(f"ready: --judge {server.url}", markup=False, soft_wrap=True, highlight=False)
        status = server.process.wait()
        raise RewardiumError(f"vLLM ended with status {status}: {server.complaint()}")


if __name__ == "__main__":
    sys.exit(main())
