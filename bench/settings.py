"""how long and how often everything is measured"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """`quick` is for tests of the benchmarks themselves: its figures mean nothing."""

    repeats: int = 3
    seconds: float = 2.0
    backlog_messages: int = 2_000_000
    quick: bool = False


QUICK = Settings(repeats=1, seconds=0.2, backlog_messages=8_000, quick=True)
