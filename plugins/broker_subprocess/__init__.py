"""the subprocess invoker: programs on this host, one process per event or kept warm"""

from broker_subprocess.invoker import SubprocessInvoker

__all__ = ["SubprocessInvoker"]
