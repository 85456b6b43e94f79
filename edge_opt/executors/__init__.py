"""Where other heavy work runs, each call in a process of its own: each file is an executor."""
