"""The learning rate, by real branches: a ramp finds where training breaks, rungs of short trainings the best below."""

from leonui.finder.estimate import Estimate as Estimate
from leonui.finder.rung import Rung as Rung
from leonui.finder.search import Search as Search
from leonui.finder.told import told as told
