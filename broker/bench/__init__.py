"""load generation and measuring, for `broker bench` and for the project's own benchmarks"""
