"""`python -m pclab`: the same as the command `lab`."""

import sys

from pclab.cli import main

if __name__ == "__main__":
    sys.exit(main())
