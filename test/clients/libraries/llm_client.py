"""The command line `llm`, with its settings in a folder of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scenarios import KEY, MODEL, QUESTION, SCHEMA, TOO_LONG, URL, WRONG_KEY, run

folder = Path(tempfile.mkdtemp(prefix="sluice-llm-"))
(folder / "extra-openai-models.yaml").write_text(
    f"""
- model_id: sluice
  model_name: {MODEL}
  api_base: {URL}/v1
  api_key_name: sluice
  supports_schema: true
  supports_tools: true
"""
)


def llm(*args, key=KEY, text=""):
    done = subprocess.run(
        [str(Path(sys.executable).parent / "llm"), *args],
        input=text,
        env={**os.environ, "LLM_USER_PATH": str(folder), "LLM_LOAD_PLUGINS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def ask(*args, key=KEY, text=""):
    return llm("prompt", "-m", "sluice", "--key", key, "-o", "temperature", "0", "-o", "max_tokens", "60", *args, text=text)


try:
    run(
        plain=lambda: ask("--no-stream", QUESTION),
        streamed_plain=lambda: ask(QUESTION),
        structured=lambda: json.loads(ask("--schema", json.dumps(SCHEMA), QUESTION)),
        over_context=lambda: ask(text=TOO_LONG),
        wrong_key=lambda: ask(QUESTION, key=WRONG_KEY),
        models=lambda: "sluice" in llm("models", "list"),
    )
finally:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
