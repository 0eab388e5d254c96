"""trio: routing of a publish, waiters, dispatchers, timekeeper, invoker host"""
