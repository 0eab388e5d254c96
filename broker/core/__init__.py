"""the rules of queues, topics, routing and functions: no I/O, no clock, no async"""
