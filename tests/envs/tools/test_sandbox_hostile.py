"""Programs that try to get out of the sandbox, to take the machine down, or to spoil what others do next.

Each is really run. Then nothing on the machine may have changed, and other sessions, on the same worker and on another,
must work as before.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from rewardium.envs.tools.sandbox import Limits, Result, SandboxPool, SandboxUnavailableError

LIMITS = Limits(cpu_seconds=2.0, wall_seconds=30.0, memory_bytes=256 * 2**20, output_characters=2000)
SECRET = "canary-4711"
ABSTRACT = f"rewardium-canary-{os.getpid()}"
BRIEF = 0.3
"""Seconds for programs that never end."""


class Case(NamedTuple):
    """A program, how it may end, what its output and value (or, in ``error``, its error) must and must not hold."""

    name: str
    program: str
    status: str
    shows: str = ""
    error: str = ""
    timeout: float | None = None
    before: str | None = None


def forever(name: str, program: str, status: str = "timeout", **more: str) -> Case:
    return Case(name, program, status, timeout=BRIEF, **more)


def refused(name: str, program: str, error: str) -> Case:
    """A program that ends with an exception, because what it tries is refused."""
    return Case(name, program, "error", error=error)


CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) == -1:
        return os.strerror(ctypes.get_errno())
    return "done"
"""
"""What makes system calls by number; the numbers of the tests are those of x86_64."""

FORGE = """
import json, socket
def send(**report):
    channel = socket.socket(fileno=4)
    for call in range(1, 2000):
        channel.send(json.dumps({"call": call} | report).encode())
    while True: pass
"""
"""What sends the supervisor a report under every number that the call may have."""

PROCESSES = [
    forever("fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "timeout|killed"),
    forever("fork bomb whose processes end", "import os\nwhile True:\n    if os.fork(): os._exit(0)", "timeout|killed"),
    forever(
        "fork bomb of new sessions",
        "import os\nwhile True:\n    try: os.fork() or os.setsid()\n    except OSError: pass",
        "timeout|killed",
    ),
    Case(
        "thread bomb",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()",
        "error|killed",
        error="can't start new thread|threads",
    ),
    forever("stops itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)"),
    forever(
        "ignores all signals",
        "import signal\nfor number in set(signal.valid_signals()) - {9, 19}:\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n    except OSError: pass\nwhile True: pass",
    ),
    Case(
        "ignores the signal at the end of its processor time",
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
        "timeout",
        error="processor time",
    ),
    Case(
        "shares its processor time with others",
        "import os\nfor _ in range(2): os.fork()\nwhile True: pass",
        "timeout",
        error="processor time",
    ),
    refused("kills all", "import os\nos.kill(-1, 9)", "No such process"),
    Case("kills all, later", "import os\nos.kill(-1, 9)\n'alone'", "ok", "alone", before="x = 1"),
    Case(
        "kills the first process",
        "import os, signal\nfor number in range(1, 65):\n    if number not in (32, 33): os.kill(1, number)\n"
        "import time; time.sleep(0.1); 'on'",
        "ok",
        "on",
    ),
    Case("kills its parent", "import os\nos.kill(os.getppid(), 9)\n'orphan'", "ok", "orphan", before="x = 1"),
    forever(
        "kills its parent and itself",
        "import os\nos.kill(os.getppid(), 9)\nos.kill(os.getpid(), 9)",
        "killed",
        before="x = 1",
        error="lost",
    ),
    Case("kills itself", "import os\nos.kill(os.getpid(), 9)", "killed", error="SIGKILL"),
    Case("kills its group", "import os\nos.killpg(0, 9)", "killed", before="x = 1"),
    Case(
        "kills processes of the machine",
        "import os\nfor number in (@PROCESS@, @WORKER@):\n    try: os.kill(number, 9)\n"
        "    except ProcessLookupError: print('none')",
        "ok",
        "none\nnone",
    ),
    Case("aborts", "import os\nos.abort()", "killed", error="SIGABRT"),
    Case("reads from nowhere", "import ctypes\nctypes.string_at(0)", "killed", error="SIGSEGV"),
    Case("ends its process", "import os\nos._exit(0)", "killed", error="exit status 0"),
    forever(
        "becomes another program", "import os, sys\nos.execv(sys.executable, ['python', '-c', 'while True: pass'])"
    ),
    Case(
        "looks for descriptors",
        "import os\nfor number in range(99):\n    try: os.fstat(number)\n    except OSError: continue\n"
        "    print(number, end=' ')",
        "ok",
        "^0 1 2 4 $",
    ),
    Case(
        "leaves a process behind",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        while True: print('still here', flush=True); time.sleep(0.001)\n    os._exit(0)\n'left'",
        "ok",
        "left",
    ),
    Case(
        "leaves a thread behind",
        "import threading, time\ndef run():\n    while True: print('still here', flush=True); time.sleep(0.001)\n"
        "threading.Thread(target=run, daemon=True).start()\n'left'",
        "ok",
        "left",
    ),
    forever(
        "ends its first thread alone",
        CALL + "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\ncall(60, 0)",
    ),
    Case(
        "limits the first process",
        "import resource\nresource.prlimit(1, resource.RLIMIT_NPROC, (0, 0))\n'limited'",
        "ok|error",
    ),
    Case(
        "lifts its limits",
        "import resource\nfor limit in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_CPU):\n"
        "    try: resource.setrlimit(limit, (-1, -1))\n    except ValueError: print('no')",
        "ok",
        "no\nno\nno",
    ),
]

MEMORY = [
    Case("10 GB at once", "x = bytearray(10 * 2**30)", "memory"),
    Case("10 GB bit by bit", "x = []\nwhile True: x.append(bytearray(2**20))", "memory"),
    Case(
        "10 GB in mappings",
        "import mmap\nx = [mmap.mmap(-1, 2**26) for _ in range(160)]",
        "error",
        error="Cannot allocate",
    ),
    Case(
        "memory of many processes",
        "import os, time\nfor _ in range(6):\n    if os.fork() == 0: break\n"
        "x = bytearray(b'x') * (200 * 2**20)\ntime.sleep(20)",
        "memory",
    ),
    Case(
        "a file in memory",
        "import os\nx = os.memfd_create('x')\nwhile True: os.write(x, bytes(2**20))",
        "error",
        error="File too large",
    ),
    Case("shared memory", CALL + "call(29, 0, 2**30, 0o1600)", "ok", "not permitted"),
    Case("a huge number", "x = 10 ** (10**10)", "memory|timeout", timeout=1.0),
    Case("a huge repr", "class A:\n    def __repr__(self): return 'x' * 10**11\nA()", "memory"),
    Case("a long repr", "class A:\n    def __repr__(self): return 'x' * 10**6\nA()", "ok", "characters cut"),
    Case(
        "endless recursion",
        "import sys\nsys.setrecursionlimit(2**31 - 1)\ndef f(): f()\nf()",
        "killed|memory|error|timeout",
        timeout=1.0,
    ),
    Case(
        "endless recursion in C",
        "import sys\nsys.setrecursionlimit(2**31 - 1)\nclass A:\n    def __repr__(self): return repr(self)\nA()",
        "killed|memory|error|timeout",
        timeout=1.0,
    ),
    Case("deep source", "(" * 50_000, "error|memory|killed"),
    Case("deep expression", "-" * 100_000 + "1", "error|memory|killed"),
    Case(
        "an unpacked bomb",
        "import zlib\nx = zlib.compress(bytes(2**27))\nzlib.decompress(x) + zlib.decompress(x)",
        "memory",
    ),
]

TIME = [
    forever("loops", "while True: pass"),
    forever("sleeps", "import time\ntime.sleep(10**6)"),
    forever("searches", "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')"),
    forever("catches everything", "while True:\n    try:\n        while True: pass\n    except BaseException: pass"),
    forever("loops in repr", "class A:\n    def __repr__(self):\n        while True: pass\nA()"),
    forever("loops in an exception", "class A(Exception):\n    def __str__(self):\n        while True: pass\nraise A"),
    forever("waits for a thread", "import threading, time\nthreading.Thread(target=time.sleep, args=(10**6,)).start()"),
    forever("locks itself", "import threading\nlock = threading.Lock()\nlock.acquire(); lock.acquire()"),
    Case("reads its input", "input()", "error", error="EOFError"),
]

OUTPUT = [
    forever("floods standard output", "while True: print('flood' * 1000)", shows="bytes cut"),
    forever("floods standard error", "import os\nwhile True: os.write(2, b'flood' * 1000)", shows="bytes cut"),
    forever(
        "floods from processes",
        "import os\nfor _ in range(3): os.fork()\nwhile True: os.write(1, b'flood' * 1000)",
        "timeout|killed",
    ),
    Case("a long line", "print('x' * 10**7)", "ok", "bytes cut"),
    Case(
        "bytes that are no text",
        "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 9)\nchr(0xD800) + chr(0)",
        "ok",
    ),
    Case("text that is no text", "print(chr(0xD800), chr(0xDFFF))", "ok", "udfff"),
    Case("an error that is no text", "raise ValueError(chr(0xD800) * 1000)", "error", error="ValueError"),
    Case(
        "writes to all descriptors",
        "import os\nwhile True:\n    for end in range(64):\n        try: os.write(end, b'\\xff' * 999)\n"
        "        except OSError: pass",
        "killed",
        error="own socket",
    ),
    Case("closes all descriptors", "import os\nos.closerange(0, 99)", "killed"),
    Case(
        "replaces all descriptors", "import os\nfor end in range(1, 9): os.dup2(0, end)", "killed|timeout", timeout=1.0
    ),
    Case("closes its streams", "import sys\nfor stream in (sys.stdin, sys.stdout, sys.stderr): stream.close()", "ok"),
    Case(
        "forges a report and goes on",
        FORGE + "send(status='ok', value='forged', error='')",
        "ok",
        "forged",
    ),
    Case(
        "forges nonsense",
        FORGE + "send(status=[], value={}, error=1)",
        "killed",
        error="own socket",
    ),
    Case(
        "forges its death",
        FORGE + "send(exit=0, cpu_seconds=0.0)",
        "killed",
        error="own socket",
        before="x = 1",
    ),
    Case("nests a report deep", "import socket\nsocket.socket(fileno=4).send(b'[' * 9999)\nwhile True: pass", "killed"),
    Case(
        "sends its descriptors to the supervisor",
        "import socket\nend = socket.socket(fileno=4)\nfor _ in range(200):\n"
        "    try: socket.send_fds(end, [b'{\"call\": 0}'], [0, 1, 2] * 80, socket.MSG_DONTWAIT)\n"
        "    except OSError: pass\n'sent'",
        "ok|killed|timeout",
        timeout=2.0,
    ),
    Case("shuts the socket", "import socket\nsocket.socket(fileno=4).shutdown(2)", "killed"),
    Case("shuts the socket, later", "import socket\nsocket.socket(fileno=4).shutdown(2)", "killed", before="x = 1"),
]

FILES = [
    refused("reads the users", "open('/etc/passwd').read()", "No such file"),
    refused("reads the shadow file", "open('/etc/shadow').read()", "No such file"),
    refused("reads a file of the machine", "open('@FILE@').read()", "No such file"),
    refused("writes a file of the machine", "open('@FILE@', 'a').write('spoiled')", "No such file"),
    refused("removes a file of the machine", "import os\nos.remove('@FILE@')", "No such file"),
    Case(
        "lists the machine",
        "import os\n[os.path.exists(p) for p in ('/etc', '/home', '/var', '/work', '/sys', '/run', '/bin/sh')]",
        "ok",
        r"^\[(False, )+False\]$",
    ),
    Case(
        "finds the machine",
        "import os\nfor top, folders, names in os.walk('/'):\n    for name in names:\n"
        "        if name == '@NAME@': print('found')\n'sought'",
        "ok",
        "^'sought'$",
    ),
    Case(
        "links to the machine",
        "import os\nos.symlink('@FILE@', 'link')\nos.symlink('/', 'root')\nos.symlink('/proc/1/root', 'first')\n"
        "[os.path.exists(p) for p in ('link', 'root@FILE@', 'first@FILE@', '../../../../@FILE@')]",
        "ok",
        r"^\[(False, )+False\]$",
    ),
    Case(
        "hard links",
        "import os\nos.link(os.__file__, 'link')",
        "error",
        error="Invalid cross-device|not permitted|Read-only",
    ),
    refused("writes the root", "open('/x', 'w')", "Read-only"),
    refused("writes the standard library", "import os\nopen(os.__file__, 'a')", "Read-only|denied"),
    refused("writes the sandbox", "import os\nopen('/sandbox/inside.py', 'a')", "Read-only|denied"),
    refused("writes the interpreter", "import sys\nopen(sys.executable, 'a')", "Read-only|denied|busy"),
    refused(
        "removes the standard library",
        "import os, shutil\nshutil.rmtree(os.path.dirname(os.__file__))",
        "Read-only|denied",
    ),
    Case("sees no processes", "import os\nos.listdir('/proc')", "ok", r"^\[\]$"),
    refused("reads a process", "open('/proc/1/environ').read()", "No such file"),
    refused("reads its own memory", "open('/proc/self/mem', 'rb')", "No such file"),
    Case("reads the environment", "import os\ndict(os.environ)", "ok", "PYTHONHASHSEED"),
    Case(
        "reads the environment in C",
        CALL + "libc.getenv.restype = ctypes.c_char_p\nlibc.getenv(b'REWARDIUM_CANARY')",
        "ok",
        "^$",
    ),
    Case("other packages", "import sys\nsys.path", "ok", "lib-dynload"),
    refused("imports what is installed", "import psutil", "ModuleNotFoundError"),
    Case(
        "looks for what is installed",
        "import os\nsum(name == 'psutil' for top, names, _ in os.walk('/') for name in names)",
        "ok",
        "^0$",
    ),
    refused("fills the disk", "for i in range(100): open(str(i), 'wb').write(bytes(2**20))", "No space"),
    refused("writes a large file", "file = open('x', 'wb')\nwhile True: file.write(bytes(2**16))", "File too large"),
    refused("extends a file", "import os\nfile = open('x', 'w')\nos.truncate(file.fileno(), 2**40)", "File too large"),
    refused("makes files without end", "i = 0\nwhile True:\n    i += 1\n    open(str(i), 'w').close()", "No space"),
    refused("nests folders without end", "import os\nwhile True: os.mkdir('x'); os.chdir('x')", "No space"),
    refused("opens files without end", "x = []\nwhile True: x.append(open('/dev/null'))", "Too many open files"),
    refused(
        "makes a device", "import os, stat\nos.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(8, 0))", "not permitted"
    ),
    Case(
        "sees no devices",
        "import os\nsorted(os.listdir('/dev'))",
        "ok",
        r"^\['full', 'null', 'random', 'urandom', 'zero'\]$",
    ),
    Case(
        "runs a program of its own",
        "import os\nopen('x', 'w').write('#!/usr/bin/env python\\n')\nos.chmod('x', 0o700)\n"
        "try: os.execv('./x', ['x'])\nexcept OSError as error: print(error.strerror)",
        "ok",
        "denied",
    ),
]

NETWORK = [
    refused(
        "connects to this machine", "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1)", "not permitted"
    ),
    refused("asks for a name", "import socket\nsocket.getaddrinfo('example.com', 80)", "gaierror|not permitted"),
    refused(
        "fetches a page",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=1)",
        "URLError|not permitted",
    ),
    refused(
        "connects to a Unix socket", "import socket\nsocket.socket(socket.AF_UNIX).connect('@SOCKET@')", "not permitted"
    ),
    refused(
        "connects to an abstract socket",
        "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0@ABSTRACT@')",
        "not permitted",
    ),
    refused("listens", "import socket\nsocket.create_server(('', 0))", "not permitted"),
    refused("sends raw packets", "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "not permitted"),
    refused("talks to the kernel", "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "not permitted"),
    Case(
        "connects by another way",
        CALL + "[call(425, 8, 0), call(41, 2, 1, 0), call(0x40000000 | 41, 2, 1, 0)]",
        "ok",
        r"^\['Operation not permitted', 'Operation not permitted', 'Operation not permitted'\]$",
    ),
    Case("asks who the machine is", "import socket\nsocket.gethostname()", "ok", "^'sandbox'$"),
]

KERNEL = [
    Case("is not root", "import os\n0 in os.getresuid() + os.getresgid() + tuple(os.getgroups())", "ok", "^False$"),
    refused("becomes root", "import os\nos.setuid(0)", "not permitted|Invalid argument"),
    Case(
        "has no privileges",
        CALL + "libc.prctl.restype = int\n[libc.prctl(23, n) for n in range(41)], libc.prctl(39, 0, 0, 0, 0)\n"
        "header = (ctypes.c_uint32 * 2)(0x20080522, 0); data = (ctypes.c_uint32 * 6)()\n"
        "libc.syscall(125, header, data), list(data)",
        "ok",
        r"^\(0, \[0, 0, 0, 0, 0, 0\]\)$",
    ),
    Case(
        "opens namespaces",
        CALL + "[call(272, flag) for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000)]",
        "ok",
        r"^\[('Operation not permitted'(, )?){4}\]$",
    ),
    Case(
        "forks into namespaces",
        CALL + "[call(56, flag | 17, 0, 0, 0, 0) for flag in (0x10000000, 0x50000000)], call(435, 0, 0)",
        "ok",
        r"^\(\['Operation not permitted', 'Operation not permitted'\], 'Function not implemented'\)$",
    ),
    Case("enters a namespace", CALL + "call(308, 0, 0)", "ok", "not permitted"),
    refused("changes its root", "import os\nos.chroot('/tmp')", "not permitted"),
    Case(
        "mounts",
        CALL + "[call(n, 0, 0, 0, 0, 0) for n in (165, 166, 155, 428, 430, 442)]",
        "ok",
        r"^\[('Operation not permitted'(, )?){6}\]$",
    ),
    Case(
        "traces its parent",
        CALL
        + "[call(n, os.getppid(), 0, 0, 0, 0, 0) for n in (101, 310, 311, 438)], call(101, 16, os.getppid(), 0, 0)",
        "ok",
        r"^\(\[('Operation not permitted'(, )?){4}\], 'Operation not permitted'\)$",
    ),
    Case(
        "keeps keys",
        CALL + "[call(n, 0, 0, 0, 0, 0) for n in (248, 249, 250)]",
        "ok",
        r"^\[('Operation not permitted'(, )?){3}\]$",
    ),
    Case(
        "loads code into the kernel",
        CALL + "[call(n, 0, 0, 0, 0, 0) for n in (321, 175, 313, 246, 298, 323)]",
        "ok",
        r"^\[('Operation not permitted'(, )?){6}\]$",
    ),
    Case("reads the log of the kernel", CALL + "call(103, 3, 0, 0)", "ok", "not permitted"),
    Case(
        "sets the clock",
        "import time\ntry: time.clock_settime(time.CLOCK_REALTIME, 0)\nexcept PermissionError: print('no')",
        "ok",
        "no",
    ),
    Case(
        "takes off the filter", CALL + "[call(157, 22, mode, 0) for mode in (0, 1, 2)], call(41, 1, 1, 0)", "ok|killed"
    ),
]

PYTHON = [
    Case(
        "a pickle that kills",
        "import os, pickle\nclass A:\n    def __reduce__(self): return os.kill, (os.getppid(), 9)\n"
        "pickle.loads(pickle.dumps(A()))\npickle.dumps(A())",
        "ok",
        before="x = 1",
    ),
    Case("a value that is a pickle", "import pickle\npickle.dumps(print, 0).decode()", "ok", "builtin"),
    Case(
        "a value that is a message",
        'class A:\n    def __repr__(self): return \'"}\' + \'{"status": "ok"}\' * 9\nA()',
        "ok",
        "status",
    ),
    Case(
        "breaks the interpreter",
        "import builtins, json, os, socket, sys\njson.dumps = socket.socket.send = os.fork = builtins.repr = None\n"
        "sys.modules.clear()",
        "killed|error|ok|timeout",
        timeout=2.0,
    ),
    Case(
        "breaks the interpreter, later", "import os\nos.fork = os.wait4 = lambda *_: (0, 0, None)", "ok", before="x = 1"
    ),
    Case(
        "closes all sockets",
        "import gc, socket\nfor o in gc.get_objects():\n    if isinstance(o, socket.socket): o.close()",
        "killed|timeout",
        timeout=1.0,
    ),
    Case(
        "traces the interpreter",
        "import sys\ndef trace(*_): raise SystemExit\nsys.settrace(trace)\nsys.setprofile(trace)\nx = len('x')",
        "ok|error|killed",
    ),
    Case(
        "an exception that cannot be shown",
        "class A(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\nraise A",
        "error",
    ),
    Case(
        "an exception of exceptions",
        "def f(n):\n    try: f(n - 1) if n else 1 / 0\n    except Exception as e: raise ValueError('x' * 999) from e\n"
        "f(200)",
        "error",
        error="ValueError",
    ),
    Case(
        "an exception at the end",
        "import atexit, sys\natexit.register(print, 'end')\n"
        "class A:\n    def __del__(self): 1 / 0\na = A()\nsys.exit(3)",
        "error",
        error="SystemExit: 3",
    ),
    Case(
        "a value whose type lies",
        "class A(str):\n    def __str__(self): raise ValueError\n    __len__ = __str__\n"
        "class B:\n    def __repr__(self): return A('x')\nB()",
        "ok|error|killed",
    ),
    Case("changes what is main", "import sys\nsys.modules['__main__'] = None\n__builtins__ = {}\n1", "ok|error|killed"),
    Case(
        "looks for other programs",
        "import gc\n[o for o in gc.get_objects() if isinstance(o, dict) and 'neigh' + 'bour' in o]",
        "ok",
        r"^\[\]$",
    ),
    Case("a program that is no program", "\x00\ud800def", "error"),
]

NEXT = [
    Case("shuts its folder", "import os\nos.chmod('.', 0)\n'shut'", "ok", "shut"),
    Case("leaves a file", "open('left', 'w').write('x')", "ok"),
    Case("leaves a folder that cannot be read", "import os\nos.makedirs('a/b')\nos.chmod('a', 0)", "ok"),
    Case("marks its folder", "import os\nos.setxattr('.', 'user.x', b'x')", "ok|error"),
    Case(
        "spoils its streams",
        "import fcntl, os\nfor n in (0, 1, 2):\n    fcntl.fcntl(n, fcntl.F_SETFL, os.O_NONBLOCK)\n"
        "fcntl.fcntl(1, 1031, 4096)\n'spoilt'",
        "ok",
        "spoilt",
    ),
    Case(
        "shuts its sockets",
        "import os, socket\nfor n in range(3, 32):\n"
        "    try: socket.socket(fileno=os.dup(n)).shutdown(socket.SHUT_RDWR)\n    except OSError: pass",
        "ok|killed|timeout",
    ),
    Case(
        "slows the processes of its user",
        CALL + "[call(141, which, 0, 19) for which in (1, 2)] + [call(141, 0, 1, 19), call(251, 1, 1, 0x6000),"
        " call(203, 1, 8, 0), call(144, 1, 5, 0), call(142, 1, 0), call(314, 1, 0, 0), call(302, 1, 7, 0, 0)]",
        "ok",
        r"^\[('Operation not permitted'(, )?){9}\]$",
    ),
    Case(
        "slows itself",
        "import os, resource\nos.nice(19)\nresource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))\n'slow'",
        "ok",
        "slow",
    ),
    Case(
        "rings for the first process",
        "import os, signal\nfor _ in range(5000): os.kill(1, signal.SIGCHLD)\n'rung'",
        "ok",
        "rung",
    ),
    Case(
        "leaves many orphans",
        "import os, time\nfor _ in range(6):\n    if os.fork() == 0: time.sleep(9)\n'left'",
        "ok",
        "left",
    ),
]
"""What would spoil the next program where processes serve several."""

CASES = NEXT + PROCESSES + MEMORY + TIME + OUTPUT + FILES + NETWORK + KERNEL + PYTHON


class Machine:
    """What is outside: a file, a variable, sockets on which nobody may connect, a process, and sessions of others."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "canary.txt"
        self.file.write_text(SECRET, encoding="utf-8")
        self.file.chmod(0o666)
        folder.chmod(0o777)
        self.listeners = [
            socket.create_server(("127.0.0.1", 0)),
            socket.socket(socket.AF_UNIX),
            socket.socket(socket.AF_UNIX),
        ]
        self.listeners[1].bind(str(folder / "socket"))
        self.listeners[2].bind(f"\0{ABSTRACT}")
        for listener in self.listeners:
            listener.listen()
            listener.setblocking(False)
        self.process = subprocess.Popen(["sleep", "3600"])
        self.before = self.look()

    def look(self) -> dict[str, object]:
        places = sorted(self.file.parent.iterdir())
        states = {path.name: (path.stat().st_mode, path.stat().st_size, path.stat().st_mtime_ns) for path in places}
        return {"files": states, "text": self.file.read_text(encoding="utf-8"), "process": self.process.poll()}

    def is_left_alone(self) -> bool:
        for listener in self.listeners:
            with pytest.raises(BlockingIOError):
                listener.accept()
        return self.look() == self.before

    def fill_in(self, program: str, worker: int) -> str:
        values = {
            "FILE": str(self.file), "NAME": self.file.name, "PORT": str(self.listeners[0].getsockname()[1]),
            "SOCKET": str(self.file.parent / "socket"), "PROCESS": str(self.process.pid), "WORKER": str(worker),
            "ABSTRACT": ABSTRACT,
        }  # fmt: skip
        return re.sub("@([A-Z]+)@", lambda found: values[found[1]], program)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for listener in self.listeners:
            listener.close()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("outside"))
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def pool():
    os.environ["REWARDIUM_CANARY"] = SECRET
    try:
        with SandboxPool(workers=2, limits=LIMITS) as pool:
            for name in ("first", "second"):  # one on each worker
                assert (
                    pool.run(f"neighbour = '{name}'\nopen('file', 'w').write(neighbour)", session=name).status == "ok"
                )
            time.sleep(0.5)
            pool.processes = processes_of(pool)  # when all that is made ahead has been made
            yield pool
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    finally:
        del os.environ["REWARDIUM_CANARY"]


def workers_of(pool: SandboxPool) -> list[int]:
    return [slot.worker.process for slot in pool._slots]


def processes_of(pool: SandboxPool) -> int:
    return sum(len(psutil.Process(worker).children(recursive=True)) for worker in workers_of(pool))


def eventually(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def check_neighbours(pool: SandboxPool) -> None:
    program = "import math\nprint(open('file').read())\nneighbour, math.comb(10, 3)"
    for result, name in zip(
        pool.run_batch([("first", program), ("second", program)]), ("first", "second"), strict=True
    ):
        assert (result.status, result.output, result.value) == ("ok", f"{name}\n", f"('{name}', 120)"), result
    for result in pool.run_batch([(None, "import os\nos.listdir(), sum(range(10)), 'neighbour' in globals()")] * 4):
        assert (result.status, result.value) == ("ok", "([], 45, False)"), result


def check_result(result: Result, case: Case) -> None:
    assert re.fullmatch(case.status, result.status), result
    assert re.search(case.error, result.error), result
    assert re.search(case.shows, result.output + (result.value or "")), result
    assert bool(result.error) == (result.status != "ok")
    assert len(result.output) <= LIMITS.output_characters + 100
    assert len(result.value or "") <= LIMITS.output_characters + 100
    json.dumps(result, ensure_ascii=False).encode("utf-8")
    assert SECRET not in result.output + (result.value or "") + result.error


SLOW = {"an unpacked bomb", "memory of many processes", "shares its processor time with others"}


def as_parameter(case: Case):
    is_slow = case.timeout is not None or case.name in SLOW or "processor time" in case.error
    return pytest.param(case, id=case.name, marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.parametrize("case", [as_parameter(case) for case in CASES])
def test_a_hostile_program_harms_nobody(pool, machine, case):
    session = f"hostile: {case.name}"
    workers = workers_of(pool)
    try:
        if case.before is not None:
            assert pool.run(case.before, session=session).status == "ok"
        begin = time.monotonic()
        result = pool.run(machine.fill_in(case.program, workers[0]), session=session, timeout=case.timeout)
        assert time.monotonic() - begin < (case.timeout or LIMITS.wall_seconds) + 15
        check_result(result, case)
        check_neighbours(pool)
    finally:
        pool.end(session)
    assert machine.is_left_alone()
    assert workers_of(pool) == workers, "a worker was lost"
    assert eventually(lambda: processes_of(pool) <= pool.processes), "processes were left behind"


@pytest.mark.parametrize("case", [as_parameter(case) for case in CASES if case.before is None])
def test_a_hostile_program_without_a_session_harms_no_next_one(pool, machine, case):
    workers = workers_of(pool)
    programs = [(None, machine.fill_in(case.program, workers[0]))] * len(workers)
    for result in pool.run_batch(programs, timeout=case.timeout):
        assert re.fullmatch(case.status, result.status), result
    check_neighbours(pool)
    for result in pool.run_batch([(None, STATE)] * 4):
        assert (result.status, result.value, result.output) == ("ok", EXPECTED_STATE, "out\n"), result
    assert machine.is_left_alone()
    assert workers_of(pool) == workers, "a worker was lost"
    assert eventually(lambda: processes_of(pool) <= pool.processes), "processes were left behind"


STATE = """
import fcntl, os, resource, threading
print("out")
open("own", "w").write("x")
(os.listdir("."), os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_NOFILE)[0],
 fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK, threading.active_count(), sorted(os.sched_getaffinity(0)) != [])
"""
EXPECTED_STATE = f"(['own'], {os.getpriority(os.PRIO_PROCESS, 0)}, {LIMITS.open_files}, 0, 1, True)"


@pytest.mark.parametrize("name", ["leaves a process behind", "leaves a thread behind"])
def test_what_a_program_leaves_behind_does_not_run_on(pool, name):
    (case,) = [case for case in PROCESSES if case.name == name]
    assert pool.run(case.program, session=name).value == "'left'"
    for _ in range(2):
        result = pool.run("import threading, time\ntime.sleep(0.1)\nthreading.active_count()", session=name)
        assert (result.output, result.value) == ("", "1")
    pool.end(name)
