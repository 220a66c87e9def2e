import json

from scenarios import KEY, MODEL, QUESTION, SCHEMA, TOO_LONG, URL, WRONG_KEY, run
from smolagents import OpenAIModel, ToolCallingAgent, tool
from smolagents.models import ChatMessage, MessageRole


def make(key=KEY, **options):
    return OpenAIModel(
        MODEL,
        api_base=f"{URL}/v1",
        api_key=key,
        temperature=0,
        client_kwargs={"max_retries": 0},
        **{"max_tokens": 60, **options},
    )


def ask(content=QUESTION):
    return [ChatMessage(role=MessageRole.USER, content=content)]


@tool
def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: which
    """
    return f"sunny in {city}"


def stream():
    pieces = [delta.content or "" for delta in make().generate_stream(ask())]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools():
    # Its own prompt is longer than the slots; what a step sends is the same.
    answer = make(max_tokens=200).generate(ask(), tools_to_call_from=[weather])
    call = answer.tool_calls[0]
    return {"name": call.function.name, "arguments": call.function.arguments}


def structured():
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    return json.loads(make().generate(ask(), response_format=form).content)


run(
    plain=lambda: make().generate(ask()).content,
    stream=stream,
    tools=tools,
    structured=structured,
    over_context=lambda: ToolCallingAgent(tools=[weather], model=make(), max_steps=1, verbosity_level=0).run(TOO_LONG),
    wrong_key=lambda: make(WRONG_KEY).generate(ask()).content,
)
