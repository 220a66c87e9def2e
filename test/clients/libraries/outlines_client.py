import json
from typing import Literal

import openai
import outlines
from outlines.types import CFG, Regex
from pydantic import BaseModel
from scenarios import KEY, MODEL, QUESTION, TOO_LONG, URL, WRONG_KEY, run


class City(BaseModel):
    city: Literal["Paris", "Rome"]
    large: bool


GRAMMAR = """
start: greeting " " name
greeting: "hello" | "good day"
name: /[A-Z][a-z]{2,5}/
"""


def client(key=KEY):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0)


models = {
    "openai": outlines.from_openai(client(), MODEL),
    "vllm": outlines.from_vllm(client(), MODEL),
    "sglang": outlines.from_sglang(client(), MODEL),
}


def stream(model):
    pieces = list(model.stream(QUESTION, max_tokens=20, temperature=0))
    return {"text": "".join(pieces), "pieces": len(pieces)}


scenarios = {
    "wrong_key": lambda: outlines.from_openai(client(WRONG_KEY), MODEL)(QUESTION),
    "over_context": lambda: models["openai"](TOO_LONG),
}
for name, model in models.items():
    scenarios |= {
        f"{name}_plain": lambda model=model: model(QUESTION, max_tokens=20, temperature=0),
        f"{name}_stream": lambda model=model: stream(model),
        f"{name}_structured": lambda model=model: json.loads(model(QUESTION, City, max_tokens=60)),
    }
for name in ("vllm", "sglang"):
    model = models[name]
    scenarios |= {
        f"{name}_choice": lambda model=model: model(QUESTION, Literal["red", "green"], max_tokens=20),
        f"{name}_regex": lambda model=model: model(QUESTION, Regex(r"[a-c]{3}-\d{2}"), max_tokens=20),
    }
scenarios["vllm_grammar"] = lambda: models["vllm"](QUESTION, CFG(GRAMMAR), max_tokens=30)
run(**scenarios)
