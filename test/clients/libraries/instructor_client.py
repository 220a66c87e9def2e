from typing import Literal

import instructor
import openai
from pydantic import BaseModel
from scenarios import KEY, MODEL, QUESTION, TOO_LONG, URL, WRONG_KEY, run


class City(BaseModel):
    city: Literal["Paris", "Rome"]
    large: bool


def ask(mode, key=KEY, text=QUESTION):
    client = instructor.from_openai(openai.OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0), mode=mode)
    city = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": text}],
        response_model=City,
        max_tokens=200,
        temperature=0,
        max_retries=1,
    )
    return city.model_dump()


def stream():
    client = instructor.from_openai(openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY), mode=instructor.Mode.JSON_SCHEMA)
    partials = list(
        client.chat.completions.create_partial(
            model=MODEL, messages=[{"role": "user", "content": QUESTION}], response_model=City, max_tokens=200, temperature=0
        )
    )
    return partials[-1].model_dump()


run(
    called_structured=lambda: ask(instructor.Mode.TOOLS),
    strict_structured=lambda: ask(instructor.Mode.TOOLS_STRICT),
    structured=lambda: ask(instructor.Mode.JSON_SCHEMA),
    streamed_structured=stream,
    over_context=lambda: ask(instructor.Mode.JSON_SCHEMA, text=TOO_LONG),
    wrong_key=lambda: ask(instructor.Mode.JSON_SCHEMA, key=WRONG_KEY),
)
