"""python -m scratch_rnn"""

import sys

from scratch_rnn.cli import main

sys.exit(main())
