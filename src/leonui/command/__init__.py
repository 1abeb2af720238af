"""What each command does once its words are parsed: make a run's folder, run, judge, draw, print."""
