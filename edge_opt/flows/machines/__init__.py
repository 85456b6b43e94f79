"""Where models run: this machine, a board behind SSH, an emulated ARM system.

``doctor`` looks at this machine (``probes``: what is installed), ``runtimes`` makes the environments that some runtimes
need, ``boards`` prepares a board and ``emulator`` the ARM system (``arm_system``: what it is made of). ``wheels``
fetches runtimes for another machine, and ``availability`` proves each of them by a model.
"""
