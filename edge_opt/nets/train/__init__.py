"""The training of networks: distillation from the original, resumed after a kill, told while it lasts."""

from __future__ import annotations

from edge_opt.nets.train.answering import answers
from edge_opt.nets.train.fitting import fit
from edge_opt.nets.train.judging import Likeness, question
from edge_opt.nets.train.looking import augmentation
from edge_opt.nets.train.normalisation import reestimate
from edge_opt.nets.train.recovering import recover
from edge_opt.nets.train.schedule import Schedule

__all__ = ["Likeness", "Schedule", "answers", "augmentation", "fit", "question", "recover", "reestimate"]
