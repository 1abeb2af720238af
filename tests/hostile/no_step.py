import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in []:
    toy.step(model, optimizer)
