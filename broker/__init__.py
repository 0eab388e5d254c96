"""A durable, self-hosted event broker."""

__version__ = "0.1.0"
