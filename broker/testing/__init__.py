"""shipped kit: conformance checks for stores and invokers, an in-process broker for users' tests"""

from broker.testing.invokers import ConformanceError, check_invoker
from broker.testing.stores import OpenStore, StoreConformance

__all__ = ["ConformanceError", "OpenStore", "StoreConformance", "check_invoker"]
