"""``python -m relocchoice``."""

from __future__ import annotations

import sys

from relocchoice.cli import main

if __name__ == "__main__":
    sys.exit(main())
