"""The mountain: surfaces and the climbs of real optimizers on them; slices, curvature and noise of real networks."""

from leonui.landscape.atlas import SURFACES as SURFACES
from leonui.landscape.climb import Climber as Climber
from leonui.landscape.climb import Conditions as Conditions
from leonui.landscape.climb import Path as Path
from leonui.landscape.climb import climb as climb
from leonui.landscape.lanczos import lanczos as lanczos
from leonui.landscape.lanczos import products as products
from leonui.landscape.limit import limit as limit
from leonui.landscape.limit import reach as reach
from leonui.landscape.noise import NoiseScale as NoiseScale
from leonui.landscape.noise import noise_scale as noise_scale
from leonui.landscape.own import own as own
from leonui.landscape.own import owned as owned
from leonui.landscape.regression import Epochs as Epochs
from leonui.landscape.regression import train as train
from leonui.landscape.shape import Shape as Shape
from leonui.landscape.shape import shape as shape
from leonui.landscape.slices import Plane as Plane
from leonui.landscape.slices import between as between
from leonui.landscape.slices import losses_at as losses_at
from leonui.landscape.slices import principal as principal
from leonui.landscape.slices import random_direction as random_direction
from leonui.landscape.slices import slice_line as slice_line
from leonui.landscape.slices import slice_plane as slice_plane
from leonui.landscape.surface import Surface as Surface
from leonui.landscape.verdict import Verdict as Verdict
