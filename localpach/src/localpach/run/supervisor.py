"""A script that runs one command of a job and kills all of its processes. It uses the standard library only.

The server starts it with the number of an open file that has its spec (a JSON object). It is the parent of the command.
Where the machine allows, the command gets its own mount and process namespaces, with its file tree at `/pfs` and its
own `/tmp`. When the command ends, when the server sends SIGTERM and when the server is killed, all processes of the
command are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # not imported at run time: the script starts for every command
    from typing import Any, NoReturn

    Job = dict[str, Any]

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
NOT_FOUND, NOT_EXECUTABLE, OUT_OF_MEMORY, CANNOT_ISOLATE = 127, 126, 137, 125
MEMORY_CHECK_SECONDS = 0.2

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, flags: int) -> None:
    check(libc.mount(source.encode(), target.encode(), None, flags, None), f"mount {source} on {target}")


def enter_namespaces(job: Job) -> None:
    """Give this process and its children a file system in which ``job["pfs"]`` is `/pfs`."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID) < 0:  # not permitted without a new user namespace
        check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID), "unshare")
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{user} {user} 1")
        write("/proc/self/gid_map", f"{group} {group} 1")
        job["user_namespace"] = True
    mount("none", "/", MS_REC | MS_PRIVATE)
    if os.path.isdir("/pfs") and not job["mounts"]:
        mount(job["pfs"], "/pfs", MS_BIND)
        bind_tmp(job, "/")
        hide(job, "/")
    else:
        change_root(job)


def change_root(job: Job) -> None:
    """Change to a new root that has the entries of the current one, `/pfs` and the mounts; the old one is unchanged."""
    root = job["root"]
    check(libc.mount(b"none", root.encode(), b"tmpfs", 0, b"mode=755"), "mount the new root")
    for entry in os.scandir("/"):
        target = os.path.join(root, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            os.mkdir(target)
            mount(entry.path, target, MS_BIND | MS_REC)
    for path, folder in {"/pfs": job["pfs"], **job["mounts"]}.items():
        target = os.path.join(root, path.lstrip("/"))
        os.makedirs(target, exist_ok=True)
        mount(folder, target, MS_BIND)
    bind_tmp(job, root)
    hide(job, root)
    os.chroot(root)
    os.chdir("/")


def bind_tmp(job: Job, root: str) -> None:
    """Mount the worker's own `/tmp`, with those entries of the real one that the command needs."""
    if not job["tmp"]:
        return
    for name in job["tmp_keeps"]:
        kept = os.path.join(job["tmp"], name)
        os.makedirs(kept, exist_ok=True)
        mount(os.path.join("/tmp", name), kept, MS_BIND | MS_REC)  # noqa: S108  # the real /tmp
    mount(job["tmp"], os.path.join(root, "tmp"), MS_BIND | MS_REC)


def hide(job: Job, root: str) -> None:
    """Hide the server's store, which has the files of other jobs and secrets, behind an empty folder."""
    target = os.path.join(root, job["store"].lstrip("/"))
    if os.path.isdir(target):
        check(libc.mount(b"none", target.encode(), b"tmpfs", MS_RDONLY, b"mode=700,size=4k"), f"hide {target}")


def mount_proc(job: Job) -> None:
    """Mount a `/proc` with the processes of this job only, since `/proc/PID/root` of another leads to its files.

    A container can forbid the mount. That is accepted in a user namespace, since the kernel denies its processes access
    to those outside.
    """
    check(libc.unshare(CLONE_NEWNS), "unshare")  # the supervisor itself needs the outer /proc
    if libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None) < 0:
        code = ctypes.get_errno()
        if not job.get("user_namespace"):
            raise OSError(code, f"mount /proc: {os.strerror(code)}")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def start(job: Job) -> int:
    """Start the command in its own session; return its process id."""
    child = os.fork()
    if child:
        return child
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if job["isolate"]:
        try:
            mount_proc(job)
        except OSError as error:
            exit_unisolated(error)
        # The first process of a namespace ignores signals from inside it, so it must not be the command.
        command = os.fork()
        if command:
            reap(command)
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        what = f"chdir {job['cwd']}"
        os.chdir(job["cwd"])
        what = job["cmd"][0]
        os.execvpe(what, job["cmd"], job["env"])
    except FileNotFoundError:
        print_error(f"{what}: no such file or directory")
        os._exit(NOT_FOUND)
    except OSError as error:
        print_error(str(error))
        os._exit(NOT_EXECUTABLE)


def reap(command: int) -> NoReturn:
    """Act as the init process of a namespace: reap all processes, exit when the command exits."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        process, status = os.waitpid(-1, 0)
        if process == command:
            os._exit(exit_status(status))


def exit_status(status: int) -> int:
    """Convert a wait status to the exit status of a shell."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def print_error(text: str) -> None:
    os.write(2, f"{text}\n".encode())


def exit_unisolated(error: OSError) -> NoReturn:
    """Exit without running the command, because it could read the files of other jobs."""
    print_error(f"cannot isolate the job: {error}")
    os._exit(CANNOT_ISOLATE)


def processes() -> dict[int, int]:
    """Return the parent of each visible process."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat") as file:
                parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
    return parents


def descendants(top: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for process, parent in processes().items():
        children.setdefault(parent, []).append(process)
    found: list[int] = []
    frontier = [top]
    while frontier:
        below = children.get(frontier.pop(), [])
        found += below
        frontier += below
    return found


def kill_all(child: int) -> None:
    """Kill all remaining processes. Repeats, because a process can start another one in the meantime."""
    for _ in range(100):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        below = descendants(os.getpid())
        for process in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not below:
            return
        time.sleep(0.01)


def memory(top: int) -> int:
    """Return the memory of all descendants of a process in bytes, without pages backed by files on disk.

    Shared memory is divided among the processes that share it: `Pss_Anon` and `Pss_Shmem` of proc(5).
    """
    total = 0
    for process in descendants(top):
        with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith(("Pss_Anon:", "Pss_Shmem:"))) * 1024
    return total


def wait(child: int, limit: int) -> int:
    """Wait for the command; return its exit status as a shell does."""
    while True:
        process, status = os.waitpid(-1, os.WNOHANG if limit else 0)
        if process == child:
            return exit_status(status)
        if not process:
            time.sleep(MEMORY_CHECK_SECONDS)
            if memory(os.getpid()) > limit:
                print_error(f"killed: the command exceeded its memory limit of {limit} bytes")
                return OUT_OF_MEMORY


def main() -> NoReturn:
    with open(int(sys.argv[1])) as file:
        job = json.load(file)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = 0

    def stop(*_: Any) -> None:
        if child:
            kill_all(child)
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != job["server"]:
        os._exit(128 + signal.SIGTERM)  # the server died before PR_SET_PDEATHSIG was set
    if job["isolate"]:
        try:
            enter_namespaces(job)
        except OSError as error:
            exit_unisolated(error)
    # A SIGTERM in between is handled once the child is known that it has to kill.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = start(job)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    status = wait(child, job["memory"])
    kill_all(child)
    os._exit(status)


if __name__ == "__main__":
    main()
