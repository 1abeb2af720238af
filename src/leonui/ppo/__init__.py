"""PPO."""
from leonui.ppo.rlhf import RLHF as RLHF
from leonui.ppo.rlhf_settings import Advantage as Advantage, KLPenalty as KLPenalty, Sampling as Sampling, Update as Update
