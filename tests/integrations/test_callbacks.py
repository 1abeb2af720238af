"""The callbacks: a fault of the loop is told during a fit, a sound fit is let alone, and nothing is left behind."""

import lightning
import pytest
import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from leonui.integrations import hf
from leonui.integrations.lightning import Watch
from leonui.record import Record

pytestmark = pytest.mark.filterwarnings("default")  # the trainers' own


class Small(lightning.LightningModule):
    """Learns sums of four numbers; with ``stale`` its gradients are never cleared."""

    def __init__(self, stale=False, breaks=False):
        super().__init__()
        self.net, self.stale, self.breaks = torch.nn.Linear(4, 1), stale, breaks

    def training_step(self, batch, index):
        if self.breaks and index == 5:
            raise RuntimeError("broken")
        return F.mse_loss(self.net(batch), batch.sum(1, keepdim=True))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-3)

    def optimizer_zero_grad(self, epoch, index, optimizer):
        if not self.stale:
            optimizer.zero_grad()


def fit(model, callback):
    torch.manual_seed(0)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=4, callbacks=[callback], enable_model_summary=False, **quiet)
    trainer.fit(model, torch.utils.data.DataLoader(torch.randn(64, 4), 8))


@pytest.mark.parametrize(("stale", "codes"), [(True, ["STALE-GRADIENT"]), (False, [])])
def test_lightning(stale, codes, tmp_path, capsys):
    callback = Watch(tmp_path)
    backward = torch.Tensor.backward
    fit(Small(stale), callback)
    assert [finding.code for finding in callback.findings] == codes
    assert ("STALE-GRADIENT" in capsys.readouterr().err) == stale
    assert Record.read(tmp_path).steps == 32
    assert torch.Tensor.backward is backward


def test_lightning_that_breaks_leaves_torch_as_it_was(tmp_path):
    callback = Watch(tmp_path, tell=False)
    backward = torch.Tensor.backward
    with pytest.raises(RuntimeError, match="broken"):
        fit(Small(breaks=True), callback)
    assert torch.Tensor.backward is backward
    assert Record.read(tmp_path).steps == 5


class Stale(torch.optim.SGD):
    """Never clears a gradient."""

    def zero_grad(self, set_to_none=True):
        pass


@pytest.mark.parametrize(("optimizer", "codes"), [(Stale, ["STALE-GRADIENT"]), (torch.optim.SGD, [])])
def test_hf(optimizer, codes, tmp_path, capsys):
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=8, n_positions=8, n_embd=8, n_layer=1, n_head=2))
    if optimizer is Stale:
        model.zero_grad = lambda *args: None  # HF's Trainer clears by the model
    data = [{"input_ids": ids, "labels": ids} for ids in torch.randint(8, (64, 8))]
    arguments = TrainingArguments(str(tmp_path / "out"), report_to="none", disable_tqdm=True, use_cpu=True)
    callback = hf.Watch(tmp_path / "seen")
    chosen = (optimizer, {"lr": 1e-3})
    Trainer(model, arguments, train_dataset=data, callbacks=[callback], optimizer_cls_and_kwargs=chosen).train()
    assert [finding.code for finding in callback.findings] == codes
    assert ("STALE-GRADIENT" in capsys.readouterr().err) == bool(codes)
    assert Record.read(tmp_path / "seen").steps == 24
