"""Commands that measure. Each writes a JSON result that names machine and commit into benchmarks/results."""
