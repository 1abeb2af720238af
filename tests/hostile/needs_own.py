"""Cannot run where the sitecustomize of its environment has not."""

import sitecustomize
import toy

assert sitecustomize.HAS_RUN
toy.train(steps=5)
