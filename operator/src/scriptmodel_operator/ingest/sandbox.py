"""Limits what this process can do: CPU seconds, memory, files, and by a seccomp filter the system calls it may make.

The filter is an allow-list: reading what is open already, writing to standard output, memory that is not executable,
and the end of the process. Every other call fails with EPERM. An unprivileged process may install it, and so may a
container under the seccomp profile RuntimeDefault. It is built here, since a library for it needs a libseccomp of the
system's own, which the image lacks.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_MODE_FILTER = 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # the second with EPERM
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 32  # offsets in struct seccomp_data
_OTHER_ABI = 0x40000000  # x32 of x86_64; no call of another architecture has such a number
_PROT_EXEC = 4
_UNTIL_KILLED = 5
"""Seconds of CPU after SIGXCPU, which says why a process ended; SIGKILL does not."""

_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The names of the machines in seccomp (AUDIT_ARCH)."""
_FREE = {
    "read": (0, 63),
    "pread64": (17, 67),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "close": (3, 57),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "clock_gettime": (228, 113),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
"""Calls that are allowed with any arguments: the call's number on each of these machines."""
_NOT_EXECUTABLE = {"mmap": (9, 222), "mprotect": (10, 226)}
_WRITE = (1, 64)


def limit(cpu_seconds: int, memory: int) -> None:
    """Bound CPU seconds and bytes of memory beyond what is in use now; allow no new file, process or core dump.

    On another system than Linux memory is not bounded.
    """
    resource.setrlimit(resource.RLIMIT_CPU, _within(resource.RLIMIT_CPU, cpu_seconds, _UNTIL_KILLED))
    for number in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        resource.setrlimit(number, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, _within(resource.RLIMIT_AS, _in_use() + memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def _within(number: int, most: int, more: int = 0) -> tuple[int, int]:
    """Return `most` as soft and `more` than that as hard limit, neither above the hard limit of this process."""
    _, hard = resource.getrlimit(number)
    soft, end = most, most + more
    return (soft, end) if hard == resource.RLIM_INFINITY else (min(soft, hard), min(end, hard))


def _in_use() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def filter_calls() -> str:
    """Install the filter for the rest of this process. Return why that was not possible, or an empty text."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _MACHINES:
        return f"no filter is known for {sys.platform} on {machine}"
    library = ctypes.CDLL(None, use_errno=True)
    instructions = _program(machine)
    code = ctypes.create_string_buffer(instructions)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(code)))
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or library.prctl(_PR_SET_SECCOMP, _MODE_FILTER, program, 0, 0):
        return os.strerror(ctypes.get_errno())
    return ""


def _program(machine: str) -> bytes:
    """Return the filter as instructions of classic BPF: `struct sock_filter`, eight bytes each."""
    column = list(_MACHINES).index(machine)
    found = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _MACHINES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _OTHER_ABI),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for numbers in _FREE.values():
        found += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _ALLOW)]
    for numbers in _NOT_EXECUTABLE.values():
        found += [
            (_EQUAL, 0, 4, numbers[column]),
            (_LOAD, 0, 0, _THIRD_ARGUMENT),
            (_ANY_BIT, 1, 0, _PROT_EXEC),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        ]
    found += [
        (_EQUAL, 0, 3, _WRITE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, 1),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in found)
