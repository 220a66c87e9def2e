import asyncio
from typing import Literal

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from scenarios import KEY, MODEL, QUESTION, TOO_LONG, URL, WRONG_KEY, run

SETTINGS = {"temperature": 0, "max_tokens": 60}


class City(BaseModel):
    city: Literal["Paris", "Rome"]
    large: bool


def chat(key=KEY):
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=key))


def responses():
    return OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=f"{URL}/v1", api_key=KEY))


def messages():
    return AnthropicModel(MODEL, provider=AnthropicProvider(base_url=URL, api_key=KEY))


def plain(model):
    return Agent(model, model_settings=SETTINGS).run_sync(QUESTION).output


def stream():
    async def pieces():
        async with Agent(chat(), model_settings=SETTINGS).run_stream(QUESTION) as answer:
            return [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]

    found = asyncio.run(pieces())
    return {"text": "".join(found), "pieces": len(found)}


def structured(model, kind):
    answer = Agent(model, output_type=kind(City), model_settings={**SETTINGS, "max_tokens": 200}).run_sync(QUESTION)
    return answer.output.model_dump()


run(
    plain=lambda: plain(chat()),
    stream=stream,
    responses_plain=lambda: plain(responses()),
    messages_plain=lambda: plain(messages()),
    called_structured=lambda: structured(chat(), lambda kind: kind),
    messages_structured=lambda: structured(messages(), lambda kind: kind),
    structured=lambda: structured(chat(), NativeOutput),
    over_context=lambda: Agent(chat(), model_settings=SETTINGS).run_sync(TOO_LONG).output,
    wrong_key=lambda: plain(chat(WRONG_KEY)),
)
