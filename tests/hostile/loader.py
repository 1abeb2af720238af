"""A DataLoader with two worker processes that live through the whole training."""

import torch
import toy  # noqa: F401

if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(640, 4)
    pairs = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True) + 0.1 * torch.randn(640, 1))
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for x, y in torch.utils.data.DataLoader(pairs, batch_size=16, shuffle=True, num_workers=2):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
