"""Loads TensorFlow quietly, and only when it is needed: it takes seconds, and bad input is reported before."""

import contextlib
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scriptmodel_trainer.errors import BadInputError, StoppedError
from scriptmodel_trainer.storage.records import Device

# What /proc/cpuinfo says of a processor: `flags` on x86, `Features` on ARM.
_FLAGS = re.compile(r"^(?:flags|Features)\b.*", re.MULTILINE)

# The limit in a container: microseconds, or `max` for none, and their period.
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")

_CPU_NAME = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def load_tensorflow(seed: int) -> None:
    """Import TensorFlow and make its operations repeatable from `seed`.

    Raises BadInputError if it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    if limit := _cpu_limit():
        # More threads would use up the limit sooner and then stand still, some of them in the middle of an operation.
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(min(limit, len(os.sched_getaffinity(0)))))
    try:
        with _native_stderr_held():
            import tensorflow as tf  # noqa: PLC0415  # loaded here on purpose, see above
    except ImportError as error:
        raise BadInputError(f"TensorFlow cannot be loaded: {error}", "install scriptmodel-trainer[cpu]") from error
    tf.keras.utils.set_random_seed(seed)
    for gpu in gpus():
        with contextlib.suppress(RuntimeError):  # it is in use already, which an earlier call allowed to grow
            tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus():
        tf.config.experimental.enable_op_determinism()


def tensorflow_version() -> str:
    import tensorflow as tf  # noqa: PLC0415  # quietly loaded by then

    version: str = tf.__version__
    return version


def gpus() -> list[Any]:
    import tensorflow as tf  # noqa: PLC0415  # quietly loaded by then

    return list(tf.config.list_physical_devices("GPU"))


def faster_precision() -> str:
    """Return what precision=auto means on this machine."""
    return "bfloat16" if bfloat16_is_faster() else "float32"


def bfloat16_is_faster() -> bool:
    """True unless bfloat16 is known to be slower than float32 here: no GPU, and no instructions that make it faster.

    They are oneDNN's to use, so without it bfloat16 is emulated anywhere. Intel's processors multiply bfloat16 faster
    with AMX alone: with AVX512_BF16 a product takes up to twice the time that it takes in float32.
    """
    if gpus():
        return True
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return False
    described = _described_cpus()
    found = _FLAGS.search(described)
    flags = found[0].split() if found else []
    if "GenuineIntel" in described:
        return "amx_bf16" in flags
    return not described or not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def device() -> Device:
    """Return what training uses: the first GPU, or the processor."""
    import tensorflow as tf  # noqa: PLC0415  # quietly loaded by then

    found = gpus()
    if not found:
        return Device("cpu", _cpu_name())
    name = str(tf.config.experimental.get_device_details(found[0]).get("device_name", "GPU"))
    return Device("gpu", name, _gpu_memory())


def _gpu_memory() -> int | None:
    """Return the bytes of the first GPU's memory as its driver reports them; TensorFlow does not."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        return int(done.stdout.split()[0]) << 20  # MiB
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def _cpu_limit() -> int | None:
    """Return how many processors a container may use, rounded up; None without a limit. TensorFlow counts all."""
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = CPU_LIMIT.read_text().split()
        return -(-int(quota) // int(period))
    return None


def _cpu_name() -> str:
    found = _CPU_NAME.search(_described_cpus())
    return found[1] if found else platform.machine()


def _described_cpus() -> str:
    """Return what Linux says of the processors; empty on another system."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


@contextlib.contextmanager
def _native_stderr_held() -> Iterator[None]:
    """Keep what native code writes to stderr while loading (it cannot be configured); show it only on an error."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except StoppedError:  # a signal: what was written is not why
            raise
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
