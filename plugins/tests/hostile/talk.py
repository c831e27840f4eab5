"""Breaking the protocol: R15 and S09."""

import json
import os
import sys
import time

FOR_EVER = 600


def never_answers(line, given):
    time.sleep(FOR_EVER)


def answers_too_late(line, given):
    time.sleep(given["seconds"])
    line.answer("late")
    time.sleep(FOR_EVER)


def stops_in_the_middle_of_a_line(line, given):
    line.write('{"jsonrpc": "2.0", "id": 1, "resu')
    time.sleep(FOR_EVER)


def floods_its_output_with_one_line(line, given):
    while True:
        line.write(b"x" * 65536)


def floods_its_output_with_lines(line, given):
    filling = "x" * 60_000
    while True:
        line.say(method="progress", params={"message": filling})


def floods_its_log(line, given):
    while True:
        sys.stderr.write("noise " * 10_000)


def floods_its_log_with_lines(line, given):
    while True:
        sys.stderr.write("noise\n" * 10_000)


def answers_another_call(line, given):
    line.say(id=2, result={"data": 1})


def answers_nobody(line, given):
    line.say(id="never-asked", result={"data": 1})


def asks_twice_under_one_id(line, given):
    for _ in range(2):
        line.say(id="a", method="http.request", params={"url": "/"})
    time.sleep(FOR_EVER)


def answers_twice(line, given):
    line.answer("first")
    line.answer("second")
    time.sleep(FOR_EVER)


def sends_a_batch(line, given):
    line.write('[{"jsonrpc": "2.0", "id": 1, "result": {"data": 1}}]\n')
    time.sleep(FOR_EVER)


def floods_notifications(line, given):
    note = (
        json.dumps({"jsonrpc": "2.0", "method": "log", "params": {"level": "info", "message": "x"}}) + "\n"
    ).encode()
    while True:
        line.write(note * 100)


def ends_without_an_answer(line, given):
    os._exit(0)


def ends_with_137(line, given):
    os._exit(137)


def sends_64_mb(line, given):
    line.write(b'{"jsonrpc": "2.0", "id": 1, "result": {"data": "')
    for _ in range(64 * 16):
        line.write(b"y" * 65536)
    line.write(b'"}}\n')
    time.sleep(FOR_EVER)


def sends_millions_of_values(line, given):
    line.write('{"jsonrpc": "2.0", "id": 1, "result": {"data": [' + "[]," * 2_500_000 + "[]]}}\n")
    time.sleep(FOR_EVER)


def nests_deeply(line, given):
    line.write('{"jsonrpc": "2.0", "id": 1, "result": {"data": ' + "[" * 100_000 + "]" * 100_000 + "}}\n")
    time.sleep(FOR_EVER)


def asks_and_never_reads(line, given):
    for number in range(400):
        line.say(id=f"q{number}", method="http.request", params={"url": "/large"})
    time.sleep(FOR_EVER)


def says(line, given):
    """Say exactly this, whatever it is, then wait."""
    line.write(given["text"] + "\n")
    time.sleep(FOR_EVER)


def asks_for_methods_of_the_host(line, given):
    """Ask for everything that a host might have; give back the codes of the refusals."""
    answers = [line.ask(id=f"m{number}", method=method, params={}) for number, method in enumerate(given["methods"])]
    line.answer([answer.get("error", {}).get("code") for answer in answers])


def answers_with_odd_keys(line, given):
    line.answer(
        {"__proto__": {"is_admin": True}, "__class__": "x", "constructor": {"prototype": 1}, "": 0, "$ref": "#"}
    )


def speaks_for_another_call(line, given):
    """Name another execution, call, connection and owner wherever there is room for it."""
    forged = {"execution_id": 1, "call_id": 1, "connection": given["other"], "owner": 1, "idempotency_key": "k"}
    answer = line.ask(id="a", method="http.request", params={"url": "/", **forged}, context=forged, **forged)
    line.say(method="log", params={"level": "info", "message": "hello", **forged}, **forged)
    line.say(method="progress", params={"done": 1, **forged}, context=forged)
    line.say(id=1, result={"data": answer.get("error", {}).get("data", {}).get("code"), **forged}, **forged)


def paints_the_log(line, given):
    text = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnihtyna\u2066\r\nINFO forged line\0"
    line.say(method="log", params={"level": "critical\n", "message": text})
    sys.stderr.buffer.write(text.encode() + b"\xff\n")
    sys.stderr.flush()
    time.sleep(0.2)
    line.answer("painted")
