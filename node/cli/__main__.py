# SPDX-License-Identifier: Apache-2.0
"""`python -m node.cli`."""

import sys

from node.cli import main

sys.exit(main())
