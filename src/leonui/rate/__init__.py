"""The learning rate of a program: found by branches, told as an LRFinding."""

from leonui.rate.found import LRFinding as LRFinding
from leonui.rate.job import Job as Job
from leonui.rate.job import Wishes as Wishes
from leonui.rate.job import find_lr as find_lr
from leonui.rate.ramp import Ramp as Ramp
from leonui.rate.space import Contender as Contender
from leonui.rate.space import need_optuna as need_optuna
