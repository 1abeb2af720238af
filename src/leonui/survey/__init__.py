"""The path that a script's weights take: the loss around it, and the curvature on it, by branches of the real run."""

from leonui.survey.found import LossLandscape as LossLandscape
from leonui.survey.job import Survey as Survey
from leonui.survey.job import Wishes as Wishes
from leonui.survey.job import draw_landscape as draw_landscape
