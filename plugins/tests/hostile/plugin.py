"""A plugin that means harm. It speaks the protocol by itself; the mode of a call says what it does wrong."""

import importlib
import json
import os
import sys


class Line:
    """The line to the host, and everything that ever came over it."""

    def __init__(self):
        self.heard = []

    def hear(self):
        text = sys.stdin.readline()
        self.heard.append(text)
        return json.loads(text)

    def write(self, data):
        sys.stdout.buffer.write(data if isinstance(data, bytes) else data.encode())
        sys.stdout.buffer.flush()

    def say(self, **message):
        self.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def ask(self, **message):
        self.say(**message)
        return self.hear()

    def answer(self, data):
        self.say(id=1, result={"data": data})


line = Line()
request = line.hear()
params = request["params"]["params"]
module, _, name = params["mode"].partition(".")
if module not in {"talk", "greed", "escapes", "spying", "honest"}:
    os._exit(2)
getattr(importlib.import_module(module), name)(line, json.loads(params.get("given") or "{}"))
