import torch
import torch._dynamo
import toy

torch.distributed.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(toy.line())
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
torch.manual_seed(torch.distributed.get_rank())
for _ in range(40):
    toy.step(model, optimizer)
torch.distributed.destroy_process_group()
