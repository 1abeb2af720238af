import sys

import toy

toy.train()
sys.exit(3)
