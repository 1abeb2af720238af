"""Trainers as people use them, by their real packages: make test-integrations."""
