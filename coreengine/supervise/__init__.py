"""Runs all of Core Engine's processes on one machine: `python -m coreengine.supervise`, by `script/server`."""
