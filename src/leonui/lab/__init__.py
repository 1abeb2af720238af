"""The lab: a page on this machine that races the real optimizers on surfaces; the page draws, leonui computes."""

from leonui.lab.answer import answer as answer
from leonui.lab.answer import rates as rates
from leonui.lab.page import export as export
from leonui.lab.page import page as page
from leonui.lab.presets import PRESETS as PRESETS
from leonui.lab.wish import Wish as Wish
