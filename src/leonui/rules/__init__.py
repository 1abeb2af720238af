"""WHERE: each rule is an equation, written once, a pure function from gradient and state to a direction and new state.

A rule knows no learning rate of its own, no loop and no device; the engine walks, on any of its machines.
"""

from leonui.rules.adam import adam as adam
from leonui.rules.adam import adamax as adamax
from leonui.rules.adam import adan as adan
from leonui.rules.adam import amsgrad as amsgrad
from leonui.rules.adam import nadam as nadam
from leonui.rules.adam import radam as radam
from leonui.rules.adaptive import adadelta as adadelta
from leonui.rules.adaptive import adagrad as adagrad
from leonui.rules.adaptive import rmsprop as rmsprop
from leonui.rules.adaptive import rmsprop_centered as rmsprop_centered
from leonui.rules.adaptive import rmsprop_centered_momentum as rmsprop_centered_momentum
from leonui.rules.adaptive import rmsprop_momentum as rmsprop_momentum
from leonui.rules.free import prodigy as prodigy
from leonui.rules.free import schedule_free_adamw as schedule_free_adamw
from leonui.rules.free import schedule_free_sgd as schedule_free_sgd
from leonui.rules.layerwise import lamb as lamb
from leonui.rules.layerwise import lars as lars
from leonui.rules.matrix import adafactor as adafactor
from leonui.rules.matrix import muon as muon
from leonui.rules.matrix import soap as soap
from leonui.rules.momentum import averaged_gradient as averaged_gradient
from leonui.rules.momentum import heavy_ball as heavy_ball
from leonui.rules.momentum import nesterov as nesterov
from leonui.rules.momentum import sgd as sgd
from leonui.rules.rule import Rule as Rule
from leonui.rules.rule import Slot as Slot
from leonui.rules.sign import lion as lion
from leonui.rules.sign import sign_sgd as sign_sgd
