"""What to try next, on what grounds, and what it will cost before it starts.

``existing`` has every candidate there is, ``efforts`` which of them come first, ``knowledge`` what is known of target
and processor, ``bounds`` what cannot win any more, ``ladder`` the answers to a static_int8 that lost too much accuracy,
``cost`` the seconds, and ``promise`` what is worth them.
"""

from edge_opt.stages.plan.cost import outline
from edge_opt.stages.plan.existing import absent, baseline, check, installed, plan, stored, ways

__all__ = ["absent", "baseline", "check", "installed", "outline", "plan", "stored", "ways"]
