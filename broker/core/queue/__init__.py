"""a durable queue: messages indexed by the time at which they next become visible"""
