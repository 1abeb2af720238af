"""What a person sees in the terminal: progress with time left, then the verdict first."""
