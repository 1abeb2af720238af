"""The shelf: every optimizer is the engine, a rule and its defaults.

All take ``params`` as torch's do (tensors, named tensors, groups), and beside their own hyper-parameters the keywords
of ``leonui.engine.Options``: clip_norm, schedule, decay, state, rounding, maximize, guard.
"""

from leonui.optim.adam import Adam as Adam
from leonui.optim.adam import Adamax as Adamax
from leonui.optim.adam import AdamW as AdamW
from leonui.optim.adam import NAdam as NAdam
from leonui.optim.adam import RAdam as RAdam
from leonui.optim.advice import advice as advice
from leonui.optim.descent import LARS as LARS
from leonui.optim.descent import SGD as SGD
from leonui.optim.descent import Lion as Lion
from leonui.optim.descent import Momentum as Momentum
from leonui.optim.descent import SignSGD as SignSGD
from leonui.optim.free import Prodigy as Prodigy
from leonui.optim.free import ScheduleFreeAdamW as ScheduleFreeAdamW
from leonui.optim.free import ScheduleFreeSGD as ScheduleFreeSGD
from leonui.optim.grouping import groups as groups
from leonui.optim.in_backward import in_backward as in_backward
from leonui.optim.matrices import SOAP as SOAP
from leonui.optim.matrices import Adafactor as Adafactor
from leonui.optim.matrices import Muon as Muon
from leonui.optim.sam import SAM as SAM
from leonui.optim.scaled import LAMB as LAMB
from leonui.optim.scaled import Adadelta as Adadelta
from leonui.optim.scaled import Adagrad as Adagrad
from leonui.optim.scaled import Adan as Adan
from leonui.optim.scaled import RMSprop as RMSprop
