"""the rules of queues, topics, routing, functions: no I/O, no clock, no async"""
