import time

import anthropic
from scenarios import KEY, MODEL, QUESTION, TOO_LONG, TOOL, URL, WRONG_KEY, run

# This version has no parameter for it.
GREEDY = {"temperature": 0}
client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)


def params(content=QUESTION, **options):
    return {
        "model": MODEL,
        "max_tokens": 60,
        "messages": [{"role": "user", "content": content}],
        **options,
    }


def asked(content=QUESTION, **options):
    return params(content, extra_body=GREEDY, **options)


def plain():
    return client.messages.create(**asked()).content[0].text


def stream():
    with client.messages.stream(**asked()) as answer:
        pieces = list(answer.text_stream)
    return {"text": "".join(pieces), "pieces": len(pieces)}


def tools():
    function = TOOL["function"]
    tool = {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }
    answer = client.messages.create(**asked(tools=[tool], tool_choice={"type": "tool", "name": tool["name"]}))
    call = next(block for block in answer.content if block.type == "tool_use")
    return {"name": call.name, "arguments": call.input}


def cancel():
    with client.messages.stream(**asked("Tell me a long story", max_tokens=400)) as answer:
        next(iter(answer.text_stream))
    return plain()


def batch():
    """Two requests as one message batch, and their results."""
    requests = [{"custom_id": name, "params": {**params(max_tokens=8), **GREEDY}} for name in ("one", "two")]
    made = client.messages.batches.create(requests=requests)
    while made.processing_status != "ended":
        time.sleep(0.05)
        made = client.messages.batches.retrieve(made.id)
    results = list(client.messages.batches.results(made.id))
    listed = made.id in [other.id for other in client.messages.batches.list()]
    client.messages.batches.delete(made.id)
    return {
        "status": "completed" if made.request_counts.succeeded == len(requests) else "failed",
        "ids": sorted(result.custom_id for result in results),
        "text": results[0].result.message.content[0].text,
        "listed": listed,
    }


def wrong_key():
    stranger = anthropic.Anthropic(base_url=URL, api_key=WRONG_KEY, max_retries=0)
    return stranger.messages.create(**asked())


run(
    plain=plain,
    stream=stream,
    tools=tools,
    cancel=cancel,
    batch=batch,
    over_context=lambda: client.messages.create(**asked(TOO_LONG)),
    wrong_key=wrong_key,
)
