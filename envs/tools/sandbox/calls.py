"""The system calls that programs are refused, and the filter that refuses them.

Without network, files and privileges most of the kernel is out of reach by itself. What stays, and is refused here, is
what makes sockets (of any kind), keeps memory that no limit counts and that outlives a call (System V and message
queue memory, kernel keys), opens namespaces, looks into other processes, or is a large and rarely needed part of the
kernel. Everything else is allowed: Python and its extension modules need about anything.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import struct
from typing import NamedTuple


class Numbers(NamedTuple):
    """The numbers of a system call; None where the architecture does not have it.

    Args:
        x86_64: Its number there.
        aarch64: Its number there.
    """

    x86_64: int | None
    aarch64: int | None


DENIED = {
    "socket": Numbers(41, 198),
    # Memory and messages between processes that outlive them
    "shmget": Numbers(29, 194), "shmat": Numbers(30, 196), "shmctl": Numbers(31, 195), "shmdt": Numbers(67, 197),
    "semget": Numbers(64, 190), "semop": Numbers(65, 193), "semctl": Numbers(66, 191), "semtimedop": Numbers(220, 192),
    "msgget": Numbers(68, 186), "msgsnd": Numbers(69, 189), "msgrcv": Numbers(70, 188), "msgctl": Numbers(71, 187),
    "mq_open": Numbers(240, 180), "mq_unlink": Numbers(241, 181),
    "add_key": Numbers(248, 217), "request_key": Numbers(249, 218), "keyctl": Numbers(250, 219),
    "memfd_secret": Numbers(447, 447),
    # Other processes
    "ptrace": Numbers(101, 117), "process_vm_readv": Numbers(310, 270), "process_vm_writev": Numbers(311, 271),
    "kcmp": Numbers(312, 272), "migrate_pages": Numbers(256, 238), "move_pages": Numbers(279, 239),
    "ioprio_set": Numbers(251, 30), "pidfd_getfd": Numbers(438, 438), "process_madvise": Numbers(440, 440),
    # Namespaces and mounts
    "unshare": Numbers(272, 97), "setns": Numbers(308, 268), "chroot": Numbers(161, 51),
    "mount": Numbers(165, 40), "umount2": Numbers(166, 39), "pivot_root": Numbers(155, 41),
    "open_tree": Numbers(428, 428), "move_mount": Numbers(429, 429), "fsopen": Numbers(430, 430),
    "fsconfig": Numbers(431, 431), "fsmount": Numbers(432, 432), "fspick": Numbers(433, 433),
    "mount_setattr": Numbers(442, 442), "name_to_handle_at": Numbers(303, 264),
    "open_by_handle_at": Numbers(304, 265),
    # Large parts of the kernel that a calculation has no use for
    "io_uring_setup": Numbers(425, 425), "io_uring_enter": Numbers(426, 426), "io_uring_register": Numbers(427, 427),
    "bpf": Numbers(321, 280), "perf_event_open": Numbers(298, 241), "userfaultfd": Numbers(323, 282),
    "fanotify_init": Numbers(300, 262), "quotactl": Numbers(179, 60), "quotactl_fd": Numbers(443, 443),
    "syslog": Numbers(103, 116), "acct": Numbers(163, 89), "modify_ldt": Numbers(154, None),
    "init_module": Numbers(175, 105), "finit_module": Numbers(313, 273), "delete_module": Numbers(176, 106),
    "kexec_load": Numbers(246, 104), "kexec_file_load": Numbers(320, 294), "reboot": Numbers(169, 142),
    "swapon": Numbers(167, 224), "swapoff": Numbers(168, 225), "iopl": Numbers(172, None), "ioperm": Numbers(173, None),
}  # fmt: skip
"""Refused with EPERM."""


class Restricted(NamedTuple):
    """A system call that a process may make for itself alone.

    Args:
        numbers: Its numbers.
        zeros: The places of the arguments that say for whom; they must be 0.
    """

    numbers: Numbers
    zeros: tuple[int, ...]


FOR_ITSELF = {
    "prlimit64": Restricted(Numbers(302, 261), (0,)),
    "sched_setaffinity": Restricted(Numbers(203, 122), (0,)),
    "sched_setattr": Restricted(Numbers(314, 274), (0,)),
    "sched_setparam": Restricted(Numbers(142, 118), (0,)),
    "sched_setscheduler": Restricted(Numbers(144, 119), (0,)),
    "setpriority": Restricted(Numbers(141, 140), (0, 1)),
}
"""Refused with EPERM for other processes: those that wait for the next program belong to the same user."""

CAPSET = {"x86_64": 126, "aarch64": 91}
"""The number of ``capset``, by machine; its keys are the machines that the sandbox knows."""

CLONE = {"x86_64": 56, "aarch64": 220}
"""The number of ``clone``, by machine."""

_CLONE3 = 435
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NEW_NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_X32_BIT = 0x40000000

# Where the kernel puts what is judged: struct seccomp_data { nr, arch, instruction pointer, six arguments }.
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _FIRST_ARGUMENT_OFFSET = 0, 4, 16
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS = 1, 38


def filter_program(machine: str) -> bytes:
    """Build the filter for the kernel's small virtual machine.

    Args:
        machine: A key of ``CAPSET``.

    Returns:
        Its instructions, 8 bytes each.

    Raises:
        KeyError: When the machine is not known.

    Example:
        >>> len(filter_program("x86_64")) % 8
        0
    """
    column = Numbers._fields.index(machine)
    lines = [
        _instruction(_LOAD, _ARCHITECTURE_OFFSET),
        # Calls by the numbers of another architecture would mean other calls.
        _instruction(_JUMP_EQUAL, _ARCHITECTURES[machine], if_true=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER_OFFSET),
    ]
    if machine == "x86_64":
        lines += _refuse_if(_JUMP_GREATER_EQUAL, _X32_BIT, _EPERM)
    for numbers in DENIED.values():
        if (number := numbers[column]) is not None:
            lines += _refuse_if(_JUMP_EQUAL, number, _EPERM)
    for numbers, zeros in FOR_ITSELF.values():
        if (number := numbers[column]) is not None:
            lines += _refuse_unless_zero(number, zeros)
    # What clone3 is asked for lies in memory, where a filter cannot look; the C library then falls back to clone.
    lines += _refuse_if(_JUMP_EQUAL, _CLONE3, _ENOSYS)
    lines += [
        _instruction(_JUMP_EQUAL, CLONE[machine], if_false=3),
        _instruction(_LOAD, _FIRST_ARGUMENT_OFFSET),
        *_refuse_if(_JUMP_ANY_BIT, _NEW_NAMESPACE_FLAGS, _EPERM),
        _instruction(_RETURN, _ALLOW),
    ]
    return b"".join(lines)


def _refuse_if(condition: int, value: int, error: int) -> list[bytes]:
    return [_instruction(condition, value, if_false=1), _instruction(_RETURN, _ERROR | error)]


def _refuse_unless_zero(number: int, arguments: tuple[int, ...]) -> list[bytes]:
    checks = []
    for argument in arguments:
        checks += [
            _instruction(_LOAD, _FIRST_ARGUMENT_OFFSET + 8 * argument),
            _instruction(_JUMP_EQUAL, 0, if_true=1),
            _instruction(_RETURN, _ERROR | _EPERM),
        ]
    checks.append(_instruction(_LOAD, _NUMBER_OFFSET))
    return [_instruction(_JUMP_EQUAL, number, if_false=len(checks)), *checks]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
