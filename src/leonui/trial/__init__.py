"""Program x Intervention -> Record: what to run, what to change, the probe inside, snapshots, and the runner."""
