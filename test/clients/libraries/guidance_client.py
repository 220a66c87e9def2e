import json

import guidance
from guidance import assistant, gen, select, user
from guidance import json as as_json
from guidance.models.experimental import SglangModel, VLLMModel
from scenarios import KEY, MODEL, QUESTION, SCHEMA, TOO_LONG, URL, WRONG_KEY, run

BASE = f"{URL}/v1"


def openai_model(key=KEY):
    return guidance.models.OpenAI(MODEL, base_url=BASE, api_key=key, echo=False, max_retries=0)


def vllm():
    return VLLMModel(MODEL, base_url=BASE, api_key=KEY, echo=False)


def sglang():
    return SglangModel(MODEL, base_url=BASE, api_key=KEY, echo=False)


def answer(model, what, question=QUESTION):
    with user():
        model += question
    with assistant():
        model += what
    return model["answer"]


run(
    openai_plain=lambda: answer(openai_model(), gen("answer", max_tokens=20)),
    openai_structured=lambda: json.loads(answer(openai_model(), as_json("answer", schema=SCHEMA))),
    openai_wrong_key=lambda: answer(openai_model(WRONG_KEY), gen("answer", max_tokens=5)),
    openai_over_context=lambda: answer(openai_model(), gen("answer", max_tokens=5), TOO_LONG),
    vllm_choice=lambda: answer(vllm(), select(["red", "green"], name="answer")),
    vllm_regex=lambda: answer(vllm(), gen("answer", regex=r"[a-c]{3}-\d{2}")),
    # What the grammar says besides of the answer's length, and JSON within it, is refused by name.
    vllm_length_refused=lambda: answer(vllm(), gen("answer", max_tokens=20)),
    vllm_json_refused=lambda: answer(vllm(), as_json("answer", schema=SCHEMA)),
    sglang_plain=lambda: answer(sglang(), gen("answer", max_tokens=20)),
    sglang_regex=lambda: answer(sglang(), gen("answer", regex=r"[a-c]{3}-\d{2}")),
    sglang_structured=lambda: json.loads(answer(sglang(), as_json("answer", schema=SCHEMA))),
)
