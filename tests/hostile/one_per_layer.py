import torch
import toy

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8), torch.nn.Linear(8, 1))
optimizers = [torch.optim.SGD(layer.parameters(), lr=0.01) for layer in model if list(layer.parameters())]
for _ in range(40):
    for optimizer in optimizers:
        optimizer.zero_grad()
    toy.loss(model).backward()
    for optimizer in optimizers:
        optimizer.step()
