"""Start everything, and stop it with Ctrl-C or SIGTERM."""

import sys

from coreengine.supervise.launcher import main

sys.exit(main())
