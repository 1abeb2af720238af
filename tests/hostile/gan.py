"""Two networks, two optimizers, one step of each in turn."""

import torch
import toy  # noqa: F401

torch.manual_seed(0)
generator, critic = torch.nn.Linear(2, 4), torch.nn.Linear(4, 1)
of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3)
of_critic = torch.optim.Adam(critic.parameters(), lr=1e-3)
score = torch.nn.functional.binary_cross_entropy_with_logits
real, fake = torch.ones(16, 1), torch.zeros(16, 1)
for _ in range(40):
    made = generator(torch.randn(16, 2))
    of_critic.zero_grad()
    (score(critic(torch.randn(16, 4) + 1), real) + score(critic(made.detach()), fake)).backward()
    of_critic.step()
    of_generator.zero_grad()
    score(critic(made), real).backward()
    of_generator.step()
