from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from scenarios import KEY, MODEL, QUESTION, SCHEMA, TOO_LONG, URL, WRONG_KEY, run


def make(**options):
    return ChatOpenAI(
        **{
            "model": MODEL,
            "base_url": f"{URL}/v1",
            "api_key": KEY,
            "temperature": 0,
            "max_tokens": 60,
            "max_retries": 0,
            **options,
        }
    )


@tool
def weather(city: str) -> str:
    """The weather of a city"""
    return f"sunny in {city}"


def stream(**options):
    pieces = [piece.text for piece in make(**options).stream(QUESTION)]
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools():
    call = make(max_tokens=200).bind_tools([weather], tool_choice="weather").invoke(QUESTION).tool_calls[0]
    return {"name": call["name"], "arguments": call["args"]}


def structured():
    return make().with_structured_output({"title": "city", **SCHEMA}, method="json_schema", strict=True).invoke(QUESTION)


def cancel():
    answer = make(max_tokens=400).stream("Tell me a long story")
    next(answer)
    answer.close()
    return make().invoke(QUESTION).text


run(
    plain=lambda: make().invoke(QUESTION).text,
    stream=stream,
    responses_stream=lambda: stream(use_responses_api=True),
    tools=tools,
    structured=structured,
    cancel=cancel,
    over_context=lambda: make().invoke(TOO_LONG).text,
    wrong_key=lambda: make(api_key=WRONG_KEY).invoke(QUESTION).text,
)
