"""Damaged model files of every kind, and a fast way to give them to edge-opt: for benchmarks/mutations.py and tests."""
