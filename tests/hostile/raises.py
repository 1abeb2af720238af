import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(1, 41):
    toy.step(model, optimizer)
    if step == 7:
        raise ValueError("batch 7 is [bold]broken[/] {so} <b>it is</b>")
