"""What limits a model: of one that is given alone, and of the one that a run was given.

``subject`` is what is looked at and what the model answers, ``behaviour`` how it answers in time and under disturbances
(``robustness``), ``whole`` all of it for ``edge-opt diagnose`` (``asked``: in plain words), ``of_run`` the same for the
report of a run. What is collected is judged by :mod:`edge_opt.stages.diagnose`.
"""
