"""A small classifier, healthy or with one fault: the first argument names it."""

import sys

import torch
from torch import nn
from torch.nn import functional as F

FAULT = sys.argv[1] if len(sys.argv) > 1 else "healthy"
if FAULT != "unseeded":
    torch.manual_seed(0)
torch.set_num_threads(1)

centres = 2.0 * torch.randn(6, 10)
labels = torch.arange(6).repeat(120)
points = centres[labels] + 1.2 * torch.randn(len(labels), 10)
order = torch.randperm(len(labels))
points, labels = points[order], labels[order]
held, held_labels = points[560:], labels[560:]
points, labels = points[:560], labels[:560]
if FAULT == "sorted":
    order = labels.argsort()
    points, labels = points[order], labels[order]
if FAULT == "random labels":
    labels, held_labels = labels[torch.randperm(len(labels))], held_labels[torch.randperm(len(held_labels))]
if FAULT == "scale":
    points, held = 300.0 * points + 2000.0, 300.0 * held + 2000.0
if FAULT == "leaks":
    points, labels = torch.cat([points, held]), torch.cat([labels, held_labels])
if FAULT == "nan sample":
    points[100, 3] = float("nan")
if FAULT == "overfits":
    points, labels = points[:40], torch.randint(0, 6, (40,)).where(torch.rand(40) < 0.4, labels[:40])


class Reversed(torch.autograd.Function):
    """The same forward, and a gradient with the wrong sign."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return -grad


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(10, 48), nn.Linear(48, 48), nn.Linear(48, 6)
        self.drop = nn.Dropout(0.0 if FAULT in ("overfits", "collapses") else 0.1)
        layers = [part for _ in range(8) for part in (nn.Linear(48, 48), nn.Sigmoid())]
        self.deep = nn.Sequential(*layers if FAULT == "vanishes" else [])
        self.norm = nn.BatchNorm1d(48, momentum=1e-5) if FAULT == "norm" else nn.Identity()

    def forward(self, x):
        if FAULT == "mixes":
            x = x.reshape(x.shape[1], x.shape[0]).t()
        x = self.deep(self.norm(F.relu(self.first(x)) * (100.0 if FAULT == "norm" else 1.0)))
        if FAULT == "detached":
            x = x.detach()
        if FAULT == "collapses":
            x = F.layer_norm(x.unsqueeze(2), (1,)).squeeze(2)
        x = self.last(self.drop(F.relu(self.second(x))))
        if FAULT == "wrong gradient":
            x = Reversed.apply(x)
        return x.softmax(1) if FAULT in ("softmax", "two faults", "softmax and low") else x


model = Net()
if FAULT == "alike":
    for p in model.parameters():
        nn.init.constant_(p, 0.01)
if FAULT == "zero":
    for p in model.parameters():
        nn.init.zeros_(p)
if FAULT == "large":
    for p in model.parameters():
        nn.init.normal_(p, std=3.0)
if FAULT == "dead":
    nn.init.constant_(model.first.bias, -50.0)
lr = {"high": 3.0, "stale and high": 3.0, "low": 3e-7, "softmax and low": 3e-7, "large": 0.01}.get(FAULT, 3e-3)
optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=10.0 if FAULT == "decay" else 0.0)
if FAULT == "bias only":
    optimizer = torch.optim.Adam([model.last.bias], lr=lr)
if FAULT == "other model":
    model = Net()
if FAULT == "sgd high":
    optimizer = torch.optim.SGD(model.parameters(), lr=40.0)
if FAULT == "breaks late":
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
if FAULT == "accumulates":
    optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
scheduler = None
if FAULT == "idle schedule":
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
if FAULT == "fast schedule":
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5, gamma=0.3)
if FAULT == "rising schedule":
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)


def validate():
    if FAULT != "train mode":
        model.eval()
    with torch.no_grad():
        return F.cross_entropy(model(held), held_labels).item()


batch = 20 if FAULT == "overfits" else 40
count, epochs = len(points) // batch, 400 // (len(points) // batch)
for epoch in range(epochs):
    if FAULT != "eval mode":
        model.train()
    order = torch.arange(len(points)) if FAULT == "sorted" else torch.randperm(len(points))
    for i in range(count):
        chosen = order[i * batch : (i + 1) * batch]
        if FAULT not in ("stale", "two faults", "stale and high", "accumulates"):
            optimizer.zero_grad()
        for part in chosen.chunk(8) if FAULT == "accumulates" else [chosen]:
            loss = F.cross_entropy(model(points[part]), labels[part])
            if FAULT == "logarithm" and epoch == 3:
                loss = loss + torch.log(model(points[part]).detach() - 1e3).mean()
            if FAULT == "breaks late":  # ever steeper, until the rate is too high
                loss = loss + 0.02 * (epoch * count + i) * model.last.bias.square().sum()
            (-loss if FAULT == "sign" else loss).backward()
        if FAULT == "early clear":
            optimizer.zero_grad()
        if FAULT == "tiny clip":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-12)
        optimizer.step()  # the step
        if FAULT == "late clip":
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if FAULT == "twice":
            optimizer.step()
        if FAULT == "accumulates":
            optimizer.zero_grad()
        if scheduler and FAULT != "idle schedule":
            scheduler.step()
    if epoch % 2 == 0:
        print(f"epoch {epoch} train {loss.item():.4f} val {validate():.4f}")
print(f"final {validate():.6f}")
