"""the functions of these tests: one program, told by its handler what to be"""

import json
import os
import sys

event = json.loads(sys.stdin.buffer.read())
attempt = os.environ["BROKER_ATTEMPT"]
handler = os.environ["_HANDLER"]

if handler == "echo":
    print("seen by echo", file=sys.stderr)
    known = ("BROKER_CLIENT_CONTEXT", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME", "STAGE")
    environment = {name: os.environ[name] for name in known if name in os.environ}
    json.dump({"event": event, "attempt": attempt, "environment": environment}, sys.stdout)
elif handler == "tell":  # writes what it got into a FIFO, in which somebody waits for it
    with open(os.environ["FIFO"], "w") as fifo:
        json.dump(event, fifo)
elif handler == "block":  # says that it runs, and goes on when somebody opens its gate
    with open(os.environ["FIFO"], "w") as fifo:
        fifo.write(attempt)
    with open(os.environ["GATE"]) as gate:
        gate.read()
elif handler == "fail":
    with open(os.environ["FIFO"], "a") as attempts:
        attempts.write(f"{attempt}\n")
    json.dump({"errorType": "Broken", "errorMessage": "it is broken"}, sys.stdout)
    sys.exit(1)
elif handler == "exit":
    sys.exit(7)
elif handler == "nothing":
    pass
