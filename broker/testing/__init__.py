"""shipped kit: conformance checks for stores and invokers, an in-process broker for users' tests"""

from broker.testing.invokers import ConformanceError, check_invoker

__all__ = ["ConformanceError", "check_invoker"]
