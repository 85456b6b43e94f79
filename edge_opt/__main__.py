"""``python -m edge_opt``: the same as ``edge-opt``."""

from edge_opt.cli.main import main

main()
