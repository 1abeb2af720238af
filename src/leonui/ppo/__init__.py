"""Constrained optimisation: more reward, within a bound on how far a policy moves. PPO, classic and RLHF.

The functions are pure and know masks; ``PPO`` trains on environments, ``RLHF`` trains language models.
"""

from leonui.ppo.advantage import gae as gae
from leonui.ppo.advantage import group_advantage as group_advantage
from leonui.ppo.advantage import normalize as normalize
from leonui.ppo.divergence import KLTarget as KLTarget
from leonui.ppo.divergence import exact_kl as exact_kl
from leonui.ppo.divergence import kl as kl
from leonui.ppo.objective import Stats as Stats
from leonui.ppo.objective import clipped_objective as clipped_objective
from leonui.ppo.objective import value_loss as value_loss
from leonui.ppo.rlhf import RLHF as RLHF
from leonui.ppo.rlhf_settings import Advantage as Advantage
from leonui.ppo.rlhf_settings import KLPenalty as KLPenalty
from leonui.ppo.rlhf_settings import Sampling as Sampling
from leonui.ppo.rlhf_settings import Update as Update
