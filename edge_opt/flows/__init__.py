"""Whole jobs, each readable from top to bottom."""
