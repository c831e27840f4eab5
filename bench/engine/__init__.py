"""The workflow engine's loads, their floors and a peer; `bench/workflow.py` puts them together."""
