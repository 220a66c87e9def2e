"""What a library's scenarios made of a gateway, as one JSON object on stdout: for each its value, or its error."""

import contextlib
import json
import sys

URL, KEY, MODEL = sys.argv[1:4]
# Only scenarios whose names end so; all where none is given.
ENDINGS = tuple(sys.argv[4:]) or ("",)
WRONG_KEY = "sk-wrong-key-of-nobody"
QUESTION = "Say hi"
# More tokens than the gateway's slots have.
TOO_LONG = "hello " * 12_000
SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def run(**scenarios):
    results = {}
    for name, scenario in scenarios.items():
        if not name.endswith(ENDINGS):
            continue
        # Some libraries print what they do.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                results[name] = {"value": scenario()}
            except Exception as error:  # What a library raises is what it tells its user.
                results[name] = {"error": type(error).__name__, "message": str(error)[:2000]}
    print(json.dumps(results), flush=True)
