"""Let `python -m openpose_keras` be the command `openpose-keras`."""

import sys

from openpose_keras.cli import main

if __name__ == "__main__":
    sys.exit(main())
