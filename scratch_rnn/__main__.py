"""python -m scratch_rnn"""

import sys

from scratch_rnn.commands.main import main

sys.exit(main())
