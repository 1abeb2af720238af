"""ignite: a supervised trainer and an evaluator, joined by events."""

import sys

import torch
from digits import loaders, network
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, Loss

import leonui


def main(optimizer):
    torch.manual_seed(0)
    model, loss, (train, held) = network(), torch.nn.CrossEntropyLoss(), loaders()
    trainer = create_supervised_trainer(model, optimizer(model.parameters(), lr=1e-3), loss)
    evaluator = create_supervised_evaluator(model, {"loss": Loss(loss), "accuracy": Accuracy()})

    @trainer.on(Events.EPOCH_COMPLETED)
    def validate(engine):
        evaluator.run(held)
        print("val_loss", evaluator.state.metrics["loss"])

    trainer.run(train, max_epochs=4)


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
