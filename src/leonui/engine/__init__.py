"""The engine walks: one torch optimizer that runs any rule over all parameters in one pass."""

from leonui.engine.optimizer import Engine as Engine
from leonui.engine.optimizer import Options as Options
from leonui.engine.optimizer import coupled as coupled
from leonui.engine.optimizer import decoupled as decoupled
from leonui.engine.optimizer import own as own
from leonui.engine.stats import Stats as Stats
