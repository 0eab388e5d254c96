"""the http invoker: functions behind a URL, guarded against private addresses"""

from broker_http.invoker import HttpInvoker

__all__ = ["HttpInvoker"]
