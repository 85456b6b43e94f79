"""``edge-opt gate``: whether a candidate is worse than a baseline, decided on this machine, in this job."""
