import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(1, 41):
    loss = toy.loss(model) * (float("nan") if step == 3 else 1.0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
