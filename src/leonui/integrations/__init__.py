"""Callbacks that let a trainer's own run be watched: ``lightning.Watch`` and ``hf.Watch``; each imports its trainer."""
