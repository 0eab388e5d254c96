"""benchmarks: each module answers one written question with rates, latencies and a ceiling"""
