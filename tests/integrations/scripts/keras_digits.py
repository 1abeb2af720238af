"""Keras on the torch backend: a functional model, compiled and fitted; its optimizers are its own."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from digits import BATCH, arrays

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
model.compile(keras.optimizers.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
fitted = model.fit(*arrays(), batch_size=BATCH, epochs=4, validation_split=0.2, verbose=0)
print("val_loss", fitted.history["val_loss"][-1])
