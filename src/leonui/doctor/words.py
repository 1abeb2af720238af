"""What is said of a cause that was proved by replay: the message, what to do, lines to paste."""

from __future__ import annotations

from dataclasses import dataclass

from leonui.doctor.fault import About
from leonui.words import mark


@dataclass(frozen=True)
class Words:
    """Templates, filled in from a finding's evidence."""

    message: str
    fix: str
    fixes: tuple[str, ...] = ()


WORDS = {
    "LR-HIGH": Words(
        mark(
            "lr={lr:.3g} is about {factor:.0f}x too high for {optimizer}: with {better:.2g} the whole run gains "
            "{share:.0%} of what can be gained"
        ),
        mark("lower the learning rate to about {better:.2g}; leonui lr finds it"),
        ("{optimizer}(..., lr={better:.2g})",),
    ),
    "LR-LOW": Words(
        mark(
            "lr={lr:.3g} is about {factor:.0f}x too low for {optimizer}: with {better:.2g} the whole run gains "
            "{share:.0%} of what can be gained"
        ),
        mark("raise the learning rate to about {better:.2g}; leonui lr finds it"),
        ("{optimizer}(..., lr={better:.2g})",),
    ),
    "EXPLODING": Words(
        mark(
            "gradients explode: clipped at {clip:.3g}, their usual norm, the whole run gains {share:.0%} of what can "
            "be gained"
        ),
        mark("clip the gradients between backward() and step()"),
        ("torch.nn.utils.clip_grad_norm_(model.parameters(), {clip:.3g})",),
    ),
    "INPUT-SCALE": Words(
        mark(
            "the inputs are badly scaled: standardised, the whole run gains {share:.0%} of what can be gained, more "
            "than by any learning rate"
        ),
        mark("standardise each feature with the mean and deviation of the training data"),
        ("x = (x - x_train.mean(0)) / x_train.std(0)",),
    ),
    "INIT": Words(
        mark(
            "the weights begin badly: begun as torch makes them, the whole run gains {share:.0%} of what can be gained"
        ),
        mark("leave torch's own initialisation, or use torch.nn.init.kaiming_normal_ for weights and zeros for biases"),
        ("torch.nn.init.kaiming_normal_(layer.weight, nonlinearity='relu')",),
    ),
    "DEAD-UNITS": Words(
        mark(
            "{dead} of {units} units of {layer} are dead, the same for all samples: with {change} the whole run gains "
            "{share:.0%} of what can be gained"
        ),
        mark("begin with biases of 0 and weights as torch makes them; a leaky activation keeps units alive"),
        ("nn.LeakyReLU(0.01)",),
    ),
    "VANISHING": Words(
        mark(
            "gradients vanish on their way: {weakest} gets {ratio:.1g} of what {strongest} gets, relative to its "
            "weights; with layers levelled at the start the whole run gains {share:.0%}"
        ),
        mark("use ReLU or GELU instead of sigmoids, normalise between layers, or add residual connections"),
        ("nn.LayerNorm(width)",),
    ),
    "WARMUP": Words(
        mark(
            "the rate needs a warm-up: with one over the first tenth of the steps the whole run gains {share:.0%} of "
            "what can be gained, more than by any lower rate"
        ),
        mark("raise the rate from 0 over the first tenth of the steps"),
        ("torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=steps // 10)",),
    ),
    "ACCUMULATION": Words(
        mark(
            "gradients of several batches are added up and not averaged: divided by their number, the whole run gains"
            " {share:.0%}"
        ),
        mark("divide the loss by the number of batches that are accumulated"),
        ("(loss / accumulation_steps).backward()",),
    ),
    "CLIPPING": Words(
        mark(
            "clipping has become the learning rate: without it, the whole run gains {share:.0%} of what can be gained"
        ),
        mark("clip at about the norm that gradients usually have, or leave it out"),
    ),
    "SCHEDULE": Words(
        mark(
            "the schedule ends the training early: with the first rate kept, the whole run gains {share:.0%} of what "
            "can be gained"
        ),
        mark("step the scheduler as often as its numbers are meant: once an epoch, or with numbers for batches"),
    ),
    "LABELS": Words(
        mark(
            "nothing is learned that holds for other data: with inputs shuffled against their targets the run goes "
            "the same (held-out loss {loss:.4g}, and {shuffled:.4g} shuffled)"
        ),
        mark(
            "check that inputs and targets belong together: sorting or shuffling one without the other, an index that"
            " is off by one, random labels"
        ),
    ),
    "no dropout": Words(
        mark(
            "dropout holds the network back: without it, the validation of the whole run gains {share:.0%} of what "
            "can be gained"
        ),
        mark("lower the dropout; 0.1 to 0.5 are usual"),
        ("nn.Dropout(0.2)",),
    ),
    "UNDERFITTING": Words(
        mark("weight decay holds the network back: without it, the whole run gains {share:.0%} of what can be gained"),
        mark("lower weight_decay; 0.01 is usual for AdamW, 0.0001 for SGD"),
        ("{optimizer}(..., weight_decay=0.0)",),
    ),
}

SHORT = "https://arxiv.org/abs/1803.02021"  # Wu et al., ICLR 2018: short horizons favour small rates
ABOUT = {
    "LR-HIGH": About(
        mark("The learning rate is so high that the training breaks, or ends far above what it could reach."),
        mark(
            "The run is replayed from its first step, on the same batches, with other rates: first short, then whole "
            "with the best one, which must gain a tenth of the achievable progress."
        ),
        mark(
            "The edge of stability, noise of small batches, warm restarts: a lower rate looks better for some steps "
            "there, and not at the end."
        ),
        mark(
            "Lower the rate; a warm-up or clipped gradients may allow the one that you have. leonui lr finds the best"
            " one."
        ),
        (SHORT,),
    ),
    "LR-LOW": About(
        mark("The learning rate is so low that the run ends long before it has learned what it could."),
        mark(
            "The run is replayed from its first step with rates up to a hundred times higher: first short, then whole"
            " with the best one."
        ),
        mark("A long warm-up, a fine-tuning that begins at its optimum, the last part of a schedule."),
        mark("Raise the rate. leonui lr finds the best one."),
        (SHORT,),
    ),
    "EXPLODING": About(
        mark(
            "Single gradients are many times larger than usual, and a step along one of them undoes what was learned."
        ),
        mark(
            "The run is replayed with gradients clipped at their usual norm; they must stand out at a lower rate, "
            "too, else it is the rate that is too high."
        ),
        mark("A norm that is large throughout: of a summed loss, or of a large network; Adam does not mind."),
        mark("Clip the gradients between backward() and step()."),
        ("https://arxiv.org/abs/1211.5063",),
    ),
    "INPUT-SCALE": About(
        mark(
            "Inputs are far from zero mean and unit deviation, so that no single rate suits all weights of the first "
            "layer."
        ),
        mark(
            "The run is replayed with standardised inputs; that must help more than any learning rate, or the inputs'"
            " scale must speak for it."
        ),
        mark("Inputs of embeddings; networks that normalise their input themselves."),
        mark("Standardise each feature with the mean and deviation of the training data."),
    ),
    "DEAD-UNITS": About(
        mark("Units give the same whatever the network is given, and no gradient reaches them any more."),
        mark(
            "The values of every unit behind an activation function are followed over some batches; where nearly a "
            "whole layer never changes, the run is replayed with fresh weights, or with levelled layers."
        ),
        mark("ReLU units that are 0 for many samples: half of all values are, in a healthy network; gates; experts."),
        mark("Begin with biases of 0 and torch's own weights; lower the rate if units die on the way."),
        ("https://arxiv.org/abs/1903.06733",),
    ),
    "VANISHING": About(
        mark("Gradients get smaller from layer to layer, so that the first layers hardly learn."),
        mark(
            "Each matrix's gradient is compared with its weights; where they differ a thousandfold, the run is "
            "replayed with layers whose outputs have unit deviation at the start, which must gain clearly."
        ),
        mark("Frozen layers, adapters and residual blocks that begin at zero, a network that has converged."),
        mark("Use other activations, normalisation between layers, residual connections, or a better start."),
        ("https://proceedings.mlr.press/v9/glorot10a.html", "https://arxiv.org/abs/1511.06422"),
    ),
    "WARMUP": About(
        mark("The first steps at the full rate do harm that the rest of the run does not mend."),
        mark("The run is replayed with a warm-up at the same peak; it must gain clearly more than any lower rate."),
        mark("A spike at the beginning that heals by itself."),
        mark("Raise the rate from 0 over the first tenth of the steps."),
        ("https://arxiv.org/abs/1706.02677",),
    ),
    "ACCUMULATION": About(
        mark(
            "The gradients of several batches are added up without being divided by their number: the rate is as many"
            " times higher."
        ),
        mark("The run is replayed with gradients divided by the number of backward passes."),
        mark("A sum on purpose with a rate that was tuned for it; Adam does not mind."),
        mark("Divide the loss by the number of batches that are accumulated."),
        ("https://github.com/huggingface/transformers/issues/34191",),
    ),
    "LABELS": About(
        mark("Targets have nothing to do with their inputs: they were shuffled, shifted or are random."),
        mark(
            "Validation never gets better than at the beginning, and the whole run with inputs shuffled against their"
            " targets goes the same."
        ),
        mark(
            "A task that is hard, or a run that is too short: with its rate tuned it would begin to learn. So few "
            "samples that all of them are known by heart."
        ),
        mark("Look at some pairs of input and target just before the loss."),
    ),
    "UNDERFITTING": About(
        mark("Weight decay is so strong that the network cannot learn its training data."),
        mark("The run is replayed without weight decay; training and validation must gain."),
        mark("The beginning of a training; a task that is hard."),
        mark("Lower weight_decay."),
    ),
    "NOT-MOVING": About(
        mark("No weight is changed by any step."),
        mark("The weights' distance from where they were before a step is measured."),
        mark("A rate of 0 at the start of a warm-up."),
        mark("Check that the optimizer holds the parameters of the model that is trained, and its rate."),
    ),
}
