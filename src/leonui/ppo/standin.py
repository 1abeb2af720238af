"""Temporary."""
from typing import NamedTuple
import math
import torch
class Stats(NamedTuple):
    kl: object; clip_low: object; clip_high: object; ratio_max: object; ess: object
def _mean(x, mask):
    return x.mean() if mask is None else (x*mask).sum()/mask.sum()
def clipped_objective(old_log_prob, new_log_prob, advantage, epsilon=0.2, dual_clip=None, kind="clip", mask=None, reduce="token"):
    lo, hi = epsilon if isinstance(epsilon, tuple) else (epsilon, epsilon)
    r = (new_log_prob-old_log_prob).exp()
    gain = torch.minimum(r*advantage, r.clamp(1-lo,1+hi)*advantage)
    if dual_clip: gain = torch.where(advantage<0, torch.maximum(gain, dual_clip*advantage), gain)
    if kind=="spo": gain = r*advantage - advantage.abs()*(r-1)**2/(2*hi)
    loss = -gain
    with torch.no_grad():
        s = Stats(_mean(r-1-r.log(), mask), _mean(((r<1-lo)&(advantage<0)).float(),mask), _mean(((r>1+hi)&(advantage>0)).float(),mask), r.max(), _mean(r,mask)**2/_mean(r*r,mask))
    return _mean(loss, mask), s
def gae(rewards, values, next_values, terminated, boundary, gamma, lam, mask=None):
    rewards, values, next_values = rewards.T, values.T, next_values.T
    terminated, boundary = terminated.T, boundary.T
    delta = rewards + gamma*next_values*(~terminated) - values
    out = torch.zeros_like(delta); carry = torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        carry = delta[t] + gamma*lam*carry*(~boundary[t]); out[t]=carry
    out = out.T
    return out if mask is None else out*mask
def value_loss(value, returns, old_value=None, clip=None, mask=None):
    e=(value-returns)**2
    if clip: e=torch.maximum(e,(old_value+(value-old_value).clamp(-clip,clip)-returns)**2)
    return .5*_mean(e, mask)
def kl(log_prob, ref, form):
    d = log_prob-ref
    return {"k1": d, "k2": .5*d*d, "k3": (-d).exp()-1+d}[form]
def exact_kl(logits, ref):
    a,b = logits.log_softmax(-1), ref.log_softmax(-1)
    return (a.exp()*(a-b)).sum(-1)
def normalize(a, mask=None):
    m=_mean(a,mask); v=_mean((a-m)**2,mask)
    out=(a-m)/(v.sqrt()+1e-8)
    return out if mask is None else out*mask
def group_advantage(rewards, group, kind="grpo"):
    n=int(group.max())+1
    c=torch.zeros(n, dtype=rewards.dtype).index_add(0,group,torch.ones_like(rewards)); s=torch.zeros(n, dtype=rewards.dtype).index_add(0,group,rewards)
    d=rewards-(s/c)[group]
    if kind=="rloo": return d*(c/(c-1))[group]
    v=torch.zeros(n, dtype=rewards.dtype).index_add(0,group,d*d)/c
    return d/(v.sqrt()[group]+1e-6)
class KLTarget:
    def __init__(self, delta, beta=.1): self.delta=delta; self.beta=beta
    def update(self, kl): self.beta*=math.exp(.05*max(-1,min(1,kl/self.delta-1)))
    def state_dict(self): return {"beta": self.beta}
    def load_state_dict(self,s): self.beta=s["beta"]
