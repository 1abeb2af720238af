"""Which optimizer is best here: the same tuning for each, fresh seeds, the same batches, and no winner by luck."""

from leonui.race.protocol import Plan as Plan
from leonui.race.protocol import Race as Race
from leonui.race.result import RaceResult as RaceResult
from leonui.race.result import compare as compare
