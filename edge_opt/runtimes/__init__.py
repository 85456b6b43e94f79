"""What runs on a device: the worker and the runtimes it drives. The only folder that is copied to one.

It stands alone: the standard library, numpy and one runtime; no other part of edge-opt. ``python worker.py`` finds its
siblings beside it as plain modules, so no file here may bear the name of a package that it imports. The code keeps to
what Python 3.9 understands, as boards run older systems than laptops do.
"""
