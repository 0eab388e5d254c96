"""the subprocess invoker: functions as programs on this host, one process per event"""

from broker_subprocess.invoker import SubprocessInvoker

__all__ = ["SubprocessInvoker"]
