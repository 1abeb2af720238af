"""Lightning: a LightningModule and its Trainer."""

import sys

import lightning as L
import torch
import torch.nn.functional as F
from digits import loaders, network

import leonui


class Digits(L.LightningModule):
    def __init__(self, optimizer):
        super().__init__()
        self.net, self.optimizer = network(), optimizer

    def training_step(self, batch, index):
        images, labels = batch
        loss = F.cross_entropy(self.net(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, index):
        images, labels = batch
        self.log("val_loss", F.cross_entropy(self.net(images), labels))

    def configure_optimizers(self):
        return self.optimizer(self.parameters(), lr=1e-3)


def main(optimizer):
    L.seed_everything(0)
    train, held = loaders()
    trainer = L.Trainer(
        max_epochs=4, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(Digits(optimizer), train, held)
    print("val_loss", float(trainer.callback_metrics["val_loss"]))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
