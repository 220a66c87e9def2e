from typing import Literal

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from scenarios import KEY, MODEL, QUESTION, TOO_LONG, URL, WRONG_KEY, run


class City(BaseModel):
    city: Literal["Paris", "Rome"]
    large: bool


def make(**options):
    return OpenAILike(
        **{
            "model": MODEL,
            "api_base": f"{URL}/v1",
            "api_key": KEY,
            "is_chat_model": True,
            "is_function_calling_model": True,
            "temperature": 0,
            "max_tokens": 60,
            "max_retries": 0,
            **options,
        }
    )


def weather(city: Literal["Paris", "Rome"]) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def ask(text=QUESTION):
    return [ChatMessage(role="user", content=text)]


def stream():
    pieces = [piece.delta or "" for piece in make().stream_chat(ask())]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools():
    model = make(max_tokens=200)
    answer = model.chat_with_tools([FunctionTool.from_defaults(weather)], user_msg=QUESTION, tool_required=True)
    call = model.get_tool_calls_from_response(answer)[0]
    return {"name": call.tool_name, "arguments": call.tool_kwargs}


run(
    plain=lambda: make().chat(ask()).message.content,
    complete=lambda: make(is_chat_model=False).complete("The sea is").text,
    stream=stream,
    tools=tools,
    structured=lambda: make(max_tokens=200, should_use_structured_outputs=True).as_structured_llm(City).chat(ask()).raw.model_dump(),
    over_context=lambda: make().chat(ask(TOO_LONG)).message.content,
    wrong_key=lambda: make(api_key=WRONG_KEY).chat(ask()).message.content,
)
